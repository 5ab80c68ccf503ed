"""A piece of time as a row of cells: blanks, what it waited, what it took, on a common scale."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kiket_console.text import duration, fit

if TYPE_CHECKING:
    from kiket_console.ui.paint.line import Line, Piece

_EIGHTHS: Final = " ▏▎▍▌▋▊▉█"
_WAITED: Final = "╌"
_BEYOND: Final = "→"
MOMENT: Final = "▏"
"""What was too short to be drawn leaves this mark too."""


def cell(start_us: int, lasts_us: int, cells: int) -> int:
    """Return in which of *cells* a moment is, of a scale that *lasts_us*."""
    return max(0, min(cells - 1, int(start_us / max(1, lasts_us) * cells)))


def bar(start_us: int, waited_us: int, took_us: int, lasts_us: int, cells: int, role: str) -> Line:
    """Return a bar in *cells* cells, to an eighth of one, of a scale that *lasts_us*.

    It begins *start_us* behind the scale's beginning. What began before that stands at the edge (a
    clock may have jumped); what goes on beyond its end has a sign there.
    """
    per_us = cells / max(1, lasts_us)
    first = cell(start_us, lasts_us, cells)
    waited = max(0, min(cells - first, round(waited_us * per_us)))
    waited = min(waited, max(0, cells - first - 1))
    room = cells - first - waited
    eighths = max(0, min(room * 8, round(took_us * per_us * 8)))
    full, rest = divmod(eighths, 8)
    drawn = "█" * full + (_EIGHTHS[rest] if rest else "")
    drawn = drawn or MOMENT
    if start_us + waited_us + took_us > lasts_us + 1 / per_us:
        drawn = f"{drawn[: room - 1].ljust(room - 1)}{_BEYOND}"
    pieces: list[Piece] = [(" " * first, "")]
    if waited:
        pieces.append((_WAITED * waited, "muted"))
    pieces += [(drawn, role), (" " * (room - len(drawn)), "")]
    return [piece for piece in pieces if piece[0]]


def axis(lasts_us: int, cells: int) -> Line:
    """Return what stands above bars: 0 at the left end, how long the scale lasts at the right."""
    end = duration(lasts_us)
    middle = duration(lasts_us // 2)
    rule = "╶" + "─" * (cells - 2) + "╴" if cells > 1 else ""
    if cells < len(end) + 4:
        return [(fit("", cells), "faint")]
    named = f"0 {rule[2 : cells - len(end) - 1]} {end}"
    if cells >= 3 * len(end) + 12:
        at = cells // 2 - len(middle) // 2
        named = f"{named[: at - 1]} {middle} {named[at + len(middle) + 1 :]}"
    return [(named, "muted")]
