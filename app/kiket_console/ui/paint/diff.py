"""Two documents side by side, or one below the other: a row of a comparison as a line.

What both sides share is quiet; of a changed line only the part that differs is coloured, and a
long line is cut so that this part is seen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kiket_console.comparing.beginning import shared
from kiket_console.comparing.structure import Kind
from kiket_console.text import duration, plural, visible
from kiket_console.ui.paint.line import cut, line_width, wrap

if TYPE_CHECKING:
    from kiket_console.comparing.exchanges import Comparison
    from kiket_console.comparing.rows import Row
    from kiket_console.model import Exchange
    from kiket_console.ui.paint.line import Line, Piece

SIDES_FROM: Final = 120
"""From so many cells on the two stand side by side."""
SIGNS: Final = {
    Kind.SAME: " ",
    Kind.ADDED: "+",
    Kind.REMOVED: "-",
    Kind.CHANGED: "~",
    Kind.RETYPED: "~",
    Kind.REWRITTEN: "≈",
    Kind.MOVED: "↕",
    Kind.IGNORED: "·",
}
_SIGN_ROLES: Final = {
    Kind.ADDED: "ok",
    Kind.REMOVED: "error",
    Kind.CHANGED: "warning",
    Kind.RETYPED: "warning",
    Kind.REWRITTEN: "info",
    Kind.MOVED: "info",
    Kind.IGNORED: "faint",
}
WORDS: Final = {
    Kind.ADDED: "only after",
    Kind.REMOVED: "only before",
    Kind.CHANGED: "differs",
    Kind.RETYPED: "is of another type",
    Kind.REWRITTEN: "is the same number, written otherwise",
    Kind.MOVED: "stands elsewhere",
    Kind.IGNORED: "is ignored",
}
_ROOM: Final = 24
"""So many characters are left before a difference that is far to the right."""
_MOST: Final = 2_000
"""Of a longer line only so many characters around its difference are looked at."""


def both(row: Row, width: int) -> Line:
    """Return a row with its two sides next to each other."""
    if row.hidden:
        return _hidden(row)
    half = (width - 6) // 2
    before, after = _sides(row, half)
    return [
        (" ", ""),
        (SIGNS[row.kind], _SIGN_ROLES.get(row.kind, "")),
        (" ", ""),
        *_padded(before, half),
        (" │ ", "faint"),
        *after,
    ]


def one(row: Row, width: int, *, after: bool) -> Line:
    """Return one side of a row."""
    if row.hidden:
        return _hidden(row)
    kind = row.kind
    if kind in (Kind.CHANGED, Kind.RETYPED, Kind.REWRITTEN):
        sign = ("+", "ok") if after else ("-", "error")
    else:
        sign = (SIGNS[kind], _SIGN_ROLES.get(kind, ""))
    side = _sides(row, width - 4)[1 if after else 0]
    return [(" ", ""), sign, (" ", ""), *side]


def _hidden(row: Row) -> Line:
    if row.begins:
        return [
            ("   ", ""),
            ("⋯ all of it is the same; ", "muted"),
            ("a", "accent"),
            (" shows it", "muted"),
        ]
    return [("   ", ""), (f"⋯ {plural(row.hidden, 'line')} the same", "muted")]


def _sides(row: Row, width: int) -> tuple[Line, Line]:
    before, after, kind = row.before or "", row.after or "", row.kind
    if kind in (Kind.CHANGED, Kind.RETYPED, Kind.REWRITTEN) and row.before and row.after:
        start, end_before, end_after = _difference(before, after)
        roles = ("info", "info") if kind is Kind.REWRITTEN else ("error", "ok")
        return (
            _marked(before, start, end_before, width, roles[0]),
            _marked(after, start, end_after, width, roles[1]),
        )
    if kind is Kind.SAME and row.begins:  # a title
        return [(before, "strong")], [(after, "strong")]
    role = {Kind.SAME: "muted", Kind.IGNORED: "muted", Kind.MOVED: "info"}.get(kind, "")
    return (
        _marked(before, 0, 0, width, "", role or "error"),
        _marked(after, 0, 0, width, "", role or "ok"),
    )


def _difference(before: str, after: str) -> tuple[int, int, int]:
    """Return where two lines begin to differ, and where they end to on each side."""
    start = shared(before, after)
    rest_before, rest_after = before[start:][::-1], after[start:][::-1]
    tail = shared(rest_before, rest_after)
    return start, len(before) - tail, len(after) - tail


def _marked(
    text: str, start: int, end: int, width: int, role: str, around: str = ""
) -> list[Piece]:
    """Return *text* in *width* cells, the part from *start* to *end* in a role of its own."""
    head = ""
    if start > max(_ROOM, width - _ROOM):
        skipped = start - _ROOM
        text, start, end, head = text[skipped:], _ROOM, end - skipped, "…"
    text = text[:_MOST]
    pieces = [
        (head, "faint"),
        (visible(text[:start]), around),
        (visible(text[start:end]), role),
        (visible(text[end:] if end >= start else text[start:]), around),
    ]
    return list(cut([piece for piece in pieces if piece[0]], width))


def _padded(line: Line, width: int) -> list[Piece]:
    return [*line, (" " * max(0, width - line_width(line)), "")]


def heading(before: Exchange, after: Exchange, width: int, *, sides: bool) -> Line:
    """Return the names of the two exchanges, above their columns or in one line."""
    if sides:
        half = (width - 6) // 2
        left = _padded(cut([(_named(before), "strong")], half), half)
        return cut([("   ", ""), *left, (" │ ", "faint"), (_named(after), "strong")], width)
    line = _one_line(_named(before), _named(after))
    if line_width(line) > width - 1:
        line = _one_line(_briefly(before), _briefly(after))
    return cut(line, width)


def _one_line(before: str, after: str) -> Line:
    return [(" - ", "error"), (before, "strong"), ("  + ", "ok"), (after, "strong")]


def _briefly(exchange: Exchange) -> str:
    return f"{exchange.id} · {exchange.status or exchange.state.value}"


def _named(exchange: Exchange) -> str:
    ending = exchange.state.value if exchange.status is None else str(exchange.status)
    took = "" if exchange.duration_us is None else f" · {duration(exchange.duration_us)}"
    name = visible(" ".join(f"{exchange.id} {exchange.name} {exchange.version}".split()))
    return f"{name} · {ending}{took}"


def verdict(comparison: Comparison, width: int) -> list[Line]:
    """Return what differs, in one sentence, which may need a second line."""
    sign, role = ("✓ ", "ok") if comparison.same else ("≠ ", "warning")
    if comparison.same and comparison.slower:
        sign, role = "! ", "warning"
    if not comparison.same_ending and comparison.after.failing:
        role = "error"
    first, *others = wrap(comparison.verdict, width - 6, role)
    return [[("  ", ""), (sign, role), *first], *([("    ", ""), *line] for line in others)]


def place_line(row: Row | None, path: str, notes: tuple[str, ...], width: int) -> Line:
    """Return where the cursor is and what differs there; else what to know of the comparison."""
    line: list[Piece] = [("  ", "")]
    if row is not None and path and not row.hidden:
        line.append((visible(path), "name"))
        if row.kind in WORDS:
            line.append((f"  {WORDS[row.kind]}", "muted"))
        line.append(("   ", ""))
    line.append(("  ".join(notes), "warning"))
    return cut(line, width)
