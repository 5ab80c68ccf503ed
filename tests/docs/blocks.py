"""Take the code out of a page of documentation, and run it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SEED = Path(__file__).with_name("seed.md")
SEED_PYWATT = Path(__file__).with_name("seed_pywatt.md")
SEED_KINDO = Path(__file__).with_name("seed_kindo.md")
SEED_PYWATT_STATUS = Path(__file__).with_name("seed_pywatt_status.md")
PAGES = ROOT / "docs" / "sdk"

_FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\w+)[^\n]*$")
_HEADING = re.compile(r"^#{1,6} (?P<text>.+)$")
_FILE = re.compile(r"^(?:#|--|//) (?P<name>[\w./-]*[\w-]\.?[\w-]+)$")

_claimed: set[tuple[str, str, int]] = set()


@dataclass(frozen=True)
class Block:
    """One fenced block: `number` counts those below one heading, `line` is its first line."""

    page: str
    heading: str
    number: int
    language: str
    text: str
    line: int

    @property
    def key(self) -> tuple[str, str, int]:
        """Return what a claim names the block by."""
        return self.page, self.heading, self.number

    @property
    def file(self) -> str:
        """Return the file that the block's first line names, empty when it names none."""
        found = _FILE.match(self.text.partition("\n")[0])
        return found["name"] if found else ""

    def run(self, prelude: str = "", **names: Any) -> dict[str, Any]:
        """Run it as a module of its own; `prelude` and `names` are what the prose leaves out.

        A traceback shows the page and the line in it.
        """
        namespace: dict[str, Any] = {"__name__": "main", **names}
        exec(compile(prelude, f"<prelude of {self.page}>", "exec", dont_inherit=True), namespace)  # noqa: S102
        padded = "\n" * (self.line - 1) + self.text
        exec(compile(padded, self.page, "exec", dont_inherit=True), namespace)  # noqa: S102 (our own documentation)
        return namespace


@cache
def blocks(page: Path) -> tuple[Block, ...]:
    """Return every block of a page that says which language it is in."""
    found: list[Block] = []
    heading, counts = "", dict[str, int]()
    opened: tuple[str, str, int] | None = None
    inside: list[str] = []
    for number, line in enumerate(page.read_text("utf-8").splitlines(), 1):
        if opened is not None:
            indent, language, first = opened
            if line.strip() == "```":
                count = counts[heading] = counts.get(heading, -1) + 1
                text = "\n".join(each.removeprefix(indent) for each in inside) + "\n"
                found.append(Block(_place(page), heading, count, language, text, first))
                opened, inside = None, []
            else:
                inside.append(line)
        elif fence := _FENCE.match(line):
            opened = fence["indent"], fence["language"], number + 1
        elif title := _HEADING.match(line):
            heading = title["text"]
    if opened is not None:
        raise ValueError(f"{page.name}: the block at line {opened[2]} is never closed.")
    return tuple(found)


def _place(page: Path) -> str:
    """Return what names a page: pages of two packages are called the same."""
    return str(page.relative_to(ROOT)) if page.is_relative_to(ROOT) else page.name


def block(page: Path | str, heading: str, number: int = 0) -> Block:
    """Return one block, and take note that there is a test for it."""
    path = page if isinstance(page, Path) else PAGES / page
    key = _place(path), heading, number
    for each in blocks(path):
        if each.key == key:
            _claimed.add(key)
            return each
    raise LookupError(
        f"{path.name} has no block {number} below {heading!r}; "
        f"there are {[each.key[1:] for each in blocks(path)]}."
    )


def unclaimed(page: Path) -> list[str]:
    """Return where the blocks are that no test asked for."""
    return [f"{page.name}:{each.line}" for each in blocks(page) if each.key not in _claimed]


def write(folder: Path, *parts: Block) -> None:
    """Write blocks to the files that their first lines name; a later one replaces an earlier."""
    for part in parts:
        if not part.file:
            raise LookupError(f"{part.page}:{part.line} names no file in its first line.")
        target = folder / part.file
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(part.text, "utf-8")
