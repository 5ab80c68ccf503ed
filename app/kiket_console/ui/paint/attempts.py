"""The attempts of an exchange, one below the other: whom it was tried on, and how that ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kiket_console.model import State
from kiket_console.text import clock, duration, fit, visible
from kiket_console.ui.paint.line import wrap

if TYPE_CHECKING:
    from kiket_console.model import Attempt
    from kiket_console.ui.paint.line import Line

MARGIN = "  "
SHOWN = "▸"


def attempt_lines(
    attempts: tuple[Attempt, ...], width: int, *, shown: int = 0
) -> tuple[list[Line], dict[int, str]]:
    """Return a line for each attempt, and why one failed; and where `enter` leads from them.

    *shown* is the number of the one whose answer is on screen.
    """
    if not attempts:
        return [[(MARGIN + "Not tried yet.", "muted")]], {}
    lines: list[Line] = []
    targets: dict[int, str] = {}
    column = max(len(visible(attempt.target)) for attempt in attempts)
    for attempt in attempts:
        took = "" if attempt.duration_us is None else duration(attempt.duration_us)
        answer, role = ending(attempt)
        here = attempt.number == shown
        targets[len(lines)] = f"attempt:{attempt.number}"
        lines.append(
            [
                (f"{SHOWN} " if here else MARGIN, "accent"),
                (f"attempt {attempt.number}  ", "strong" if here else "muted"),
                (clock(attempt.started_us) + "  ", "muted"),
                (fit(visible(attempt.target), column) + "  ", ""),
                (answer, role),
                (f"  {took}", "muted"),
            ]
        )
        if attempt.error:
            lines += wrap(attempt.error, width, "error", MARGIN + "  ")
    return lines, targets


def ending(attempt: Attempt) -> tuple[str, str]:
    """Return how an attempt ended, with a sign where it did not end well, and its role."""
    if attempt.state is State.INTERRUPTED:
        return "cut off ?", "warning"
    if attempt.state is State.RECEIVED:
        return "…", "muted"
    answer = attempt.state.value if attempt.status is None else str(attempt.status)
    bad = attempt.error or (attempt.status or 0) >= 400
    return (f"{answer} ✗", "error") if bad else (answer, "")
