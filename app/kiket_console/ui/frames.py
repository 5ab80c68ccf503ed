"""Places in code that a logged text names: the frames of tracebacks, and `file.py:12`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kiket_console.ui.paint.line import Line

_PYTHON = re.compile(r'^\s*(?:\|\s*)*File "([^"]+)", line (\d{1,7})')
_OTHERS = re.compile(r"""(?:^|[\s("'\[=])(\.{0,2}/?[\w.@+-][\w./@+-]*\.\w{1,5}):(\d{1,7})""")
"""Of Node, Ruby, Go and most compilers; a time of day has no dot before its colon."""
_FOREIGN = re.compile("/(?:site-packages|dist-packages|node_modules|[.]venv|gems)/|/lib/python|^<")
_MOST_LINE = 20_000
"""In longer lines nobody looks for places."""


class Frame(NamedTuple):
    """A place in code."""

    file: str
    line: int
    row: int
    """Which line of the text names it, from 0."""


def frames(text: str) -> list[Frame]:
    """Return the places that *text* names, from top to bottom."""
    found: list[Frame] = []
    for row, written in enumerate(text.split("\n")):
        if len(written) > _MOST_LINE:
            continue
        named = _PYTHON.match(written) or _OTHERS.search(written)
        if named is not None:
            found.append(Frame(named[1], int(named[2]), row))
    return found


def targets(lines: Sequence[Line]) -> dict[int, str]:
    """Return the place that each of some drawn lines names, as `file:line`, by its number.

    A path that was cut to fit leads nowhere.
    """
    found: dict[int, str] = {}
    for number, line in enumerate(lines):
        named = frames("".join(text for text, _ in line))
        if named and not named[0].file.startswith("…"):
            found[number] = f"{named[0].file}:{named[0].line}"
    return found


def is_own(file: str, folder: str) -> bool:
    """Tell whether *file* is the code of the project in *folder*, not a library's."""
    if _FOREIGN.search(file):
        return False
    return not file.startswith("/") or file.startswith(folder.rstrip("/") + "/")


def to_open(text: str, folder: str, row: int = 0) -> Frame | None:
    """Return the place that a person wants to see who looks at *row* of *text*.

    That is the one that the row names, else the nearest above it; from the first row, the innermost
    of the project's own code.
    """
    found = frames(text)
    if row:
        above = [each for each in found if each.row <= row]
        return above[-1] if above else next(iter(found), None)
    return innermost(found, folder)


def innermost(found: Sequence[Frame], folder: str) -> Frame | None:
    """Return the last place in the project's own code, else the last one."""
    own = [each for each in found if is_own(each.file, folder)]
    wanted = own or list(found)
    return wanted[-1] if wanted else None
