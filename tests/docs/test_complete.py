"""No example of the documentation is left to itself."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest
from tests.docs.blocks import (
    ROOT,
    SEED,
    SEED_KINDO,
    SEED_PYWATT,
    SEED_PYWATT_STATUS,
    Block,
    blocks,
    unclaimed,
)

CLAIMANTS = [
    *(f"tests.docs.{file.stem}" for file in sorted(Path(__file__).parent.glob("test_*.py"))),
    "tests.acceptance.test_documented",
    "tests.kiket_console.commands.test_secrets",
]
SEEDS = (SEED, SEED_KINDO, SEED_PYWATT, SEED_PYWATT_STATUS)
ELSEWHERE = {
    "reference.md": "shows signatures, not programs",
    "extensions.md": "is one project, and run as such by tests/kiket_sdk/test_docs.py",
}


@pytest.mark.parametrize(
    "page",
    [
        SEED,
        SEED_KINDO,
        SEED_PYWATT,
        SEED_PYWATT_STATUS,
        ROOT / "README.md",
        *sorted((ROOT / "docs").glob("**/*.md")),
    ],
    ids=lambda page: str(page.name),
)
def test_every_block_is_run_by_a_test(page: Path) -> None:
    for module in CLAIMANTS:
        importlib.import_module(module)
    if page.name not in ELSEWHERE:
        assert unclaimed(page) == []


@pytest.mark.parametrize("name", CLAIMANTS)
def test_what_a_test_takes_from_a_page_it_uses(name: str) -> None:
    module = importlib.import_module(name)
    source = Path(module.__file__ or "").read_text("utf-8")
    taken = [key for key, value in vars(module).items() if key.isupper() and _holds_block(value)]
    assert [key for key in taken if len(re.findall(rf"\b{key}\b", source)) < 2] == []


def _holds_block(value: object) -> bool:
    return isinstance(value, Block) or (
        isinstance(value, tuple) and any(isinstance(each, Block) for each in value)
    )


def test_a_block_that_nobody_runs_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Title\n\n```python\nprint()\n```\n\nProse.\n\n  ```shell\n  ls\n  ```\n")
    assert [(each.heading, each.language, each.text) for each in blocks(page)] == [
        ("Title", "python", "print()\n"),
        ("Title", "shell", "ls\n"),
    ]
    assert unclaimed(page) == ["page.md:4", "page.md:10"]


def slug(heading: str) -> str:
    """Return what a heading is linked to by, as forges make it."""
    words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").strip().lower()
    return re.sub(r"[^\w\- ]", "", words).replace(" ", "-")


def test_every_link_into_a_page_leads_to_a_heading() -> None:
    assert slug("`kiket_sdk.testing`, and [more](x.md)") == "kiket_sdktesting-and-more"
    pages = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
    prose = {page.resolve(): _without_code(page.read_text("utf-8")) for page in pages}
    headings = {
        page: {slug(each) for each in re.findall(r"^#{1,6} (.+)$", text, re.MULTILINE)}
        for page, text in prose.items()
    }
    broken = [
        f"{page.name}: {target}#{fragment}"
        for page, text in prose.items()
        for target, fragment in re.findall(r"\]\(([^)#\s:]*)#([^)\s]+)\)", text)
        if fragment not in headings.get((page.parent / target).resolve() if target else page, set())
    ]
    assert broken == []


def _without_code(text: str) -> str:
    return re.sub(r"^ *```.*?^ *```$", "", text, flags=re.DOTALL | re.MULTILINE)
