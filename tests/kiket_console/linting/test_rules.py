"""The rules have names, and the page about manifests has them all."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.kiket_console.linting.test_lint import SPOILED

from kiket_console.linting.lint import lint
from kiket_console.linting.rules import RULES
from kiket_console.setup_wizard import read_setup
from kiket_sdk.manifest import load_manifest, load_module_schemas

if TYPE_CHECKING:
    from collections.abc import Callable

PAGE = Path(__file__).parents[3] / "docs" / "manifest.md"
BLOCKS = re.findall(r"```yaml\n# (\S+)\n(.*?)```", PAGE.read_text(), re.DOTALL)


def test_every_rule_that_finds_something_has_a_name() -> None:
    assert {each[3] for each in SPOILED} <= set(RULES)


def test_every_rule_is_used() -> None:
    linting = PAGE.parents[1] / "app" / "kiket_console" / "linting"
    sdk = PAGE.parents[1] / "sdk" / "kiket_sdk"
    sources = [path for path in linting.glob("*.py") if path.name != "rules.py"]
    texts = [path.read_text() for path in (*sources, *sdk.glob("_manifest_*.py"))]
    unused = [name for name in RULES if not any(f'"{name}"' in text for text in texts)]
    assert unused == []


def test_the_page_has_the_rules_as_they_are() -> None:
    table = PAGE.read_text().partition("| rule | wants |\n| --- | --- |\n")[2].partition("\n\n")[0]
    assert table.splitlines() == [f"| `{name}` | {wants} |" for name, wants in RULES.items()]


@pytest.mark.parametrize(("name", "text"), BLOCKS, ids=[each[0] for each in BLOCKS])
def test_its_examples_have_nothing_to_correct(
    tmp_path: Path, write: Callable[..., Path], name: str, text: str
) -> None:
    path = write(text, name)
    if "modules" in name:
        assert [each.module for each in load_module_schemas(tmp_path)] == [
            "com.example.pager.pages"
        ]
        assert [each for each in lint(tmp_path).findings if each.path == path] == []
        return
    assert lint(tmp_path).findings == ()
    manifest = load_manifest(path)
    assert manifest is not None
    assert manifest.secret_keys()


def test_its_wizard_can_be_drawn(tmp_path: Path, write: Callable[..., Path]) -> None:
    ((name, text),) = (each for each in BLOCKS if "setup:" in each[1])
    write(text, name)
    assert [each.kind for each in read_setup(tmp_path).steps] == [
        "secrets",
        "configure",
        "test",
        "info",
    ]


def test_its_code_runs(
    tmp_path: Path,
    write: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, text in BLOCKS:
        if ".kiket" in name:
            write(text, name)
    monkeypatch.chdir(tmp_path)
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    exec(code, {})  # noqa: S102 - our own page
    assert capsys.readouterr().out == (
        "platform com.example.pager 1.4.0\n"
        "15000 ['workflow.sla_status', 'workflow.before_transition', 'pager.testConnection']\n"
        "com.example.pager.pages ['pages']\n"
    )
