"""Two documents side by side as rows: what is the same stands in one row, in reading order."""

from __future__ import annotations

import json
from collections import deque
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from kiket_console.comparing.alignment import align
from kiket_console.comparing.documents import brackets, indent, label, lines_of
from kiket_console.comparing.structure import ABSENT, DIFFERENCES, Kind, TooDifferent
from kiket_console.text import plural

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from kiket_console.comparing.structure import Step
    from kiket_console.json_path import Place

ROW_LIMIT: Final = 100_000
"""So many rows are shown, differences and what stands around them."""
LINE_LIMIT: Final = 200_000
"""So many lines of a text are compared."""
CONTEXT: Final = 3
"""So many rows that are the same are shown on each side of a difference."""
SHORT: Final = 60
"""An unchanged value is written out in so many characters, or told by what it has."""


class Row(NamedTuple):
    """A line of each document, or of one of them."""

    kind: Kind
    before: str | None
    after: str | None
    place: Place | None = None
    """The JSON value that the row belongs to; None in a text."""
    begins: bool = False
    """Whether a difference begins here, or, where nothing differs, a title stands here."""
    hidden: int = 0
    """Above 0 for so many rows that are the same and not shown; it has no lines then, and
    `begins` when it stands for all there is."""


class Rows(NamedTuple):
    """The rows to show, and how many differences there are."""

    shown: list[Row]
    differences: int
    complete: bool
    """Whether they are all there is: a comparison can be cut short."""


def of_steps(steps: Iterable[Step], *, whole: bool = False) -> Rows:
    """Return the rows of two JSON values from the steps of `walk`; *whole* hides nothing.

    Raises `TooDifferent` when the time is over before any difference is found.
    """
    return _kept(_of_steps(steps, whole=whole), whole=whole)


def of_lines(before: Sequence[str], after: Sequence[str], *, whole: bool = False) -> Rows:
    """Return the rows of two texts."""
    cut = max(len(before), len(after)) > LINE_LIMIT
    made = _kept(_of_lines(before[:LINE_LIMIT], after[:LINE_LIMIT]), whole=whole)
    return made._replace(complete=False) if cut else made


def _kept(rows: Iterator[Row], *, whole: bool) -> Rows:
    """Keep differences and what is near them; count what is left out."""
    shown: list[Row] = []
    before: deque[Row] = deque()
    hidden = behind = count = 0
    try:
        for row in rows:
            counted = row.begins and row.kind in DIFFERENCES
            count += counted
            if whole or row.kind in DIFFERENCES or row.kind is Kind.REWRITTEN:
                if hidden:
                    shown.append(Row(Kind.SAME, None, None, hidden=hidden))
                shown += before
                shown.append(row)
                before.clear()
                hidden, behind = 0, CONTEXT
            elif behind:
                shown.append(row)
                behind -= 1
            else:
                before.append(row)
                if len(before) > CONTEXT:
                    before.popleft()
                    hidden += 1
            if len(shown) >= ROW_LIMIT:
                return Rows(shown, count, False)
    except TooDifferent:
        if not count:
            raise
        return Rows(shown, count, False)
    hidden += len(before)
    if hidden:
        shown.append(Row(Kind.SAME, None, None, begins=not shown, hidden=hidden))
    return Rows(shown, count, True)


def _of_lines(before: Sequence[str], after: Sequence[str]) -> Iterator[Row]:
    i = j = 0
    for here, there in [*align(before, after), (len(before), len(after))]:
        for number, (left, right) in enumerate(zip_longest(before[i:here], after[j:there])):
            kind = Kind.CHANGED
            if left is None or right is None:
                kind = Kind.ADDED if left is None else Kind.REMOVED
            yield Row(kind, left, right, begins=not number)
        if here < len(before):
            yield Row(Kind.SAME, before[here], after[there])
        i, j = here + 1, there + 1


def _of_steps(steps: Iterable[Step], *, whole: bool) -> Iterator[Row]:
    for step in steps:
        place, kind = step.place, step.kind
        if step.opens or step.closes:
            before = _edge(step.before, place, opens=step.opens)
            after = _edge(step.after, place, opens=step.opens)
            yield Row(kind, before, after, place, begins=kind is Kind.MOVED)
            continue
        brief = kind in (Kind.SAME, Kind.IGNORED, Kind.MOVED) and not whole
        left = _lines(step.before, place, brief=brief)
        right = left if kind is Kind.SAME else _lines(step.after, place, brief=brief)
        counted = kind is not Kind.SAME and kind is not Kind.IGNORED
        for number, (one, two) in enumerate(zip_longest(left, right)):
            yield Row(kind, one, two, place, begins=counted and not number)


def _lines(value: Any, place: Place, *, brief: bool) -> list[str]:
    if value is ABSENT:
        return []
    if brief and isinstance(value, dict | list) and value:
        return [indent(len(place)) + label(_key(place)) + _in_brief(value)]
    return lines_of(value, key=_key(place), depth=len(place), most=ROW_LIMIT)


def _in_brief(value: Any) -> str:
    """Return an object or array in one line: itself when it is short, or how much it has."""
    if len(value) <= SHORT // 4 and not any(isinstance(each, dict | list) for each in _of(value)):
        written = json.dumps(value, ensure_ascii=False)
        if len(written) <= SHORT:
            return written
    opening, closing = brackets(value)[0], brackets(value)[1]
    many = plural(len(value), "member" if isinstance(value, dict) else "item")
    return f"{opening} {many} {closing}"


def _of(value: Any) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value


def _edge(value: Any, place: Place, *, opens: bool) -> str:
    """Return the line with the opening or closing bracket of a value that is looked into."""
    sign = brackets(value)[0 if opens else 1]
    return indent(len(place)) + (label(_key(place)) if opens else "") + sign


def _key(place: Place) -> str | None:
    last = place[-1] if place else None
    return last if isinstance(last, str) else None
