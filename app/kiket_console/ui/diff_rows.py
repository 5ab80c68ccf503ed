"""The rows of a comparison as a list with a cursor: what is compared, which tab, which line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kiket_console import json_path
from kiket_console.comparing.rows import Row
from kiket_console.comparing.structure import DIFFERENCES, Kind
from kiket_console.ui.paint import diff
from kiket_console.ui.paint.line import cut

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from kiket_console.comparing.exchanges import Comparison, Side
    from kiket_console.comparing.headers import HeaderChange
    from kiket_console.ui.paint.line import Line

TABS: Final = ("request", "response", "headers")
_BOTH, _BEFORE, _AFTER = range(3)
_TWO_LINES: Final = (Kind.CHANGED, Kind.RETYPED, Kind.REWRITTEN)


class DiffRows:
    """The lines of one tab of a comparison."""

    def __init__(self) -> None:
        self.comparison: Comparison | None = None
        self.tab = 1
        self._rows: Sequence[Row] = ()
        self._lines: list[tuple[int, int]] = []  # a row's position, and which side
        self._sides = True
        self._cursor = 0
        self._generation = 0

    def show(self, comparison: Comparison | None, tab: int) -> None:
        """Take in what is compared, and which tab of it is to be shown."""
        same_tab = comparison is not None and self.comparison is not None and tab == self.tab
        self.comparison, self.tab = comparison, tab
        self._rows = () if comparison is None else rows_of(comparison, TABS[tab])
        self._lay_out()
        self._cursor = min(self._cursor, max(0, self.count - 1)) if same_tab else 0
        if not same_tab:
            self.step_to_difference(1, wrap=False)

    def fit(self, width: int) -> None:
        """Put the two side by side where there is room, else one below the other."""
        sides = width >= diff.SIDES_FROM
        if sides != self._sides:
            row = self._lines[self._cursor][0] if self._lines else 0
            self._sides = sides
            self._lay_out()
            self._cursor = next((n for n, (at, _) in enumerate(self._lines) if at == row), 0)

    @property
    def count(self) -> int:
        """How many lines there are."""
        return len(self._lines)

    @property
    def cursor(self) -> int:
        """Where the cursor is, -1 without a line."""
        return min(self._cursor, self.count - 1)

    @property
    def selected(self) -> Row | None:
        """The row under the cursor."""
        return self._rows[self._lines[self.cursor][0]] if self._lines else None

    @property
    def path(self) -> str:
        """The JSON path of the row under the cursor; empty where there is none."""
        row = self.selected
        return "" if row is None or row.place is None else json_path.write(row.place)

    @property
    def path_to_ignore(self) -> str:
        """A path to what is under the cursor, in each item of the arrays around it."""
        row = self.selected
        if row is None or not row.place:
            return ""
        *around, last = row.place
        steps = [
            json_path.write((each,))[1:] if isinstance(each, str) else "[*]" for each in around
        ]
        return f"${''.join(steps)}{json_path.write((last,))[1:]}"

    def move(self, position: int) -> None:
        """Put the cursor on a line."""
        self._cursor = position

    def step_to_difference(self, by: int, *, wrap: bool = True) -> bool:
        """Put the cursor on the next difference; False when there is none."""
        begins = [
            number
            for number, (at, side) in enumerate(self._lines)
            if side != _AFTER and self._rows[at].begins and self._rows[at].kind in DIFFERENCES
        ]
        if not begins:
            return False
        here = self._cursor
        ahead = [n for n in begins if n > here] if by > 0 else [n for n in begins if n < here]
        if not wrap:
            ahead = begins
        around = begins[0] if by > 0 else begins[-1]
        self._cursor = around if not ahead else ahead[0] if by > 0 else ahead[-1]
        return True

    def key(self, position: int) -> Hashable:
        """Return what the drawing of a line depends on."""
        return (self._generation, position)

    def line(self, position: int, width: int) -> Line:
        """Return a line."""
        at, side = self._lines[position]
        if side == _BOTH and self._sides:
            return diff.both(self._rows[at], width)
        row = self._rows[at]
        return diff.one(row, width, after=side == _AFTER or row.before is None)

    def header(self, width: int) -> Line:
        """Return the names of what is compared."""
        if self.comparison is None:
            return ()
        pair = self.comparison
        return diff.heading(pair.before, pair.after, width, sides=self._sides)

    def teach(self, width: int) -> list[Line]:
        """Return what is said where there is nothing to compare."""
        if self.comparison is None:
            return []
        return [[], cut([(f"  Neither has a {TABS[self.tab]} body.", "muted")], width)]

    def _lay_out(self) -> None:
        self._generation += 1
        if self._sides:
            self._lines = [(at, _BOTH) for at in range(len(self._rows))]
            return
        self._lines = []
        run: list[int] = []  # changed lines stand together: first what was, then what is
        for at, row in enumerate(self._rows):
            if row.kind in _TWO_LINES and row.place is None:
                if run and row.begins:
                    self._flush(run)
                run.append(at)
                continue
            self._flush(run)
            if row.kind in _TWO_LINES:
                self._flush([at])
            else:
                self._lines.append((at, _BOTH))
        self._flush(run)

    def _flush(self, run: list[int]) -> None:
        self._lines += [(at, _BEFORE) for at in run if self._rows[at].before is not None]
        self._lines += [(at, _AFTER) for at in run if self._rows[at].after is not None]
        run.clear()


def rows_of(comparison: Comparison, tab: str) -> list[Row]:
    """Return the rows of a tab: request with what it was sent to, response, or headers."""
    if tab == "headers":
        return [
            *_header_rows("Request", comparison.request),
            *_header_rows("Response", comparison.response),
        ]
    if tab == "request":
        facts = [
            Row(Kind.CHANGED, f"{name}: {before}", f"{name}: {after}", None, begins=True)
            for name, before, after in comparison.facts
        ]
        gap = [Row(Kind.SAME, "", "")] if facts else []
        return [*facts, *gap, *comparison.request.body.rows]
    return comparison.response.body.rows


def counts(comparison: Comparison) -> tuple[int, int, int]:
    """Return how many differences there are in each tab."""
    return (
        comparison.request.body.count + len(comparison.facts),
        comparison.response.body.count,
        len(comparison.request.header_changes) + len(comparison.response.header_changes),
    )


def _header_rows(title: str, side: Side) -> list[Row]:
    rows = [Row(Kind.SAME, title, title, begins=True)]
    quiet = {id(change) for change in side.ignored}
    for change in side.headers:
        kind = Kind.IGNORED if id(change) in quiet else change.kind
        rows.append(
            Row(
                kind, _written(change, change.before), _written(change, change.after),
                begins=kind in DIFFERENCES,
            )
        )  # fmt: skip
    return rows


def _written(change: HeaderChange, values: tuple[str, ...]) -> str | None:
    return f"  {change.name}: {' | '.join(values)}" if values else None
