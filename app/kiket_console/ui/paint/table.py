"""Rows of JSON objects as a table: one column for each name, as many as there is room for.

    id  email                 name             score  created_at
     1  ada@example.com       Ada Lovelace        42  2026-11-20 14:05:07
     2  -                     {"first": "Al…       -  2026-11-20 14:06:11

Numbers stand right; times are written as everywhere on screen. What has no room is left out from
the right, and said; a row's details have all of it.
"""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from kiket_console.text import cell_width, fit, fit_right, visible

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kiket_console.ui.paint.line import Line, Piece

MARGIN = " "
GAP = "  "
NOTHING = "-"
MEASURED = 500
"""Of so many rows the values are looked at for the widths of columns."""
_USUAL = 28
"""So many cells a column gets at first; what is left over goes to those that need more."""
_LEAST = 6
_SAYS_MORE = 30
"""In fewer cells it is not said how many columns are missing."""
_LONGEST = 300
"""More characters of a value are in no column."""
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)?")


class Column(Struct, frozen=True):
    """One column: the member that it shows, its width in cells, and on which side values stand."""

    name: str
    cells: int
    right: bool


class Table:
    """The columns for some rows; *names*: the columns in their order, where they are known."""

    def __init__(self, rows: Sequence[Mapping[str, Any]], names: Sequence[str] = ()) -> None:
        found = dict.fromkeys(["id", *names])
        for row in rows[:MEASURED]:
            found.update(dict.fromkeys(row))
        self._names = [name for name in found if any(name in row for row in rows) or name in names]
        self._needs = {name: _need(name, rows[:MEASURED]) for name in self._names}
        self._numeric = {name for name in self._names if _is_numeric(name, rows[:MEASURED])}
        self._laid: tuple[int, list[Column]] = (-1, [])

    def columns(self, width: int) -> list[Column]:
        """Return the columns for a table of *width* cells."""
        if self._laid[0] != width:
            self._laid = (width, self._lay_out(width))
        return self._laid[1]

    def header(self, width: int) -> Line:
        """Return the names of the columns, and how many have no room."""
        columns = self.columns(width)
        cells = [_aligned(visible(each.name), each) for each in columns]
        missing = len(self._names) - len(columns)
        more = f"{GAP}+{missing}" if missing else ""
        said = MARGIN + " " + GAP.join(cells)
        return [(said, "muted"), (more if cell_width(said + more) <= width else "", "faint")]

    def line(self, row: Mapping[str, Any], width: int) -> Line:
        """Return a row."""
        pieces: list[Piece] = [(MARGIN + " ", "")]
        for position, column in enumerate(self.columns(width)):
            text, role = cell(row.get(column.name))
            if column.name == "id" and role != "muted":
                role = "muted"
            gap = GAP if position else ""
            pieces.append((gap + _aligned(text, column), role))
        return pieces

    def _lay_out(self, width: int) -> list[Column]:
        room = width - len(MARGIN) - 2
        chosen: dict[str, int] = {}
        for name in self._names:
            cells = min(self._needs[name], _USUAL)
            gap = len(GAP) if chosen else 0
            if cells + gap > room and room - gap < _LEAST:
                break
            chosen[name] = min(cells, room - gap)
            room -= chosen[name] + gap
        if len(chosen) < len(self._names) and width >= _SAYS_MORE:
            room -= len(GAP) + 2  # for how many are missing
            last = list(chosen)[-1]
            chosen[last] += min(0, room)
        for name, cells in chosen.items():
            more = max(0, min(room, self._needs[name] - cells))
            chosen[name] += more
            room -= more
        return [Column(name, cells, name in self._numeric) for name, cells in chosen.items()]


def cell(value: object) -> Piece:
    """Return a value as one visible line, and its role."""
    if value is None:
        return NOTHING, "muted"
    if isinstance(value, bool):
        return ("true" if value else "false"), "word"
    if isinstance(value, int | float):
        return json.dumps(value), "number"
    if isinstance(value, str):
        return (_moment(value), "muted") if _TIME.fullmatch(value) else (_text(value), "")
    return _text(json.dumps(value, ensure_ascii=False, default=str)), "muted"


def _text(text: str) -> str:
    return visible(text if len(text) <= _LONGEST else text[:_LONGEST] + "…")


def _moment(text: str) -> str:
    """Write an ISO time as local wall time."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return visible(text)
    local = at.astimezone() if at.tzinfo is not None else at
    return local.strftime("%Y-%m-%d %H:%M:%S")


def _aligned(text: str, column: Column) -> str:
    return fit_right(text, column.cells) if column.right else fit(text, column.cells)


def _need(name: str, rows: Sequence[Mapping[str, Any]]) -> int:
    widest = max((cell_width(cell(row.get(name))[0]) for row in rows), default=0)
    return max(1, widest, cell_width(visible(name)))


def _is_numeric(name: str, rows: Sequence[Mapping[str, Any]]) -> bool:
    values = [row.get(name) for row in rows if row.get(name) is not None]
    return bool(values) and all(
        isinstance(each, int | float) and not isinstance(each, bool) for each in values
    )
