"""The attempts of an exchange, one below the other: whom it was tried on, and how that ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kiket_console.model import State
from kiket_console.text import clock, duration, visible
from kiket_console.ui.paint.line import wrap

if TYPE_CHECKING:
    from kiket_console.model import Attempt
    from kiket_console.ui.paint.line import Line

MARGIN = "  "


def attempt_lines(attempts: tuple[Attempt, ...], width: int) -> list[Line]:
    """Return a line for each attempt, and why one failed."""
    if not attempts:
        return [[(MARGIN + "Not tried yet.", "muted")]]
    lines: list[Line] = []
    for attempt in attempts:
        took = "" if attempt.duration_us is None else duration(attempt.duration_us)
        answer, role = _ending(attempt)
        lines.append(
            [
                (f"{MARGIN}attempt {attempt.number}  ", "muted"),
                (clock(attempt.started_us) + "  ", "muted"),
                (visible(attempt.target) + "  ", ""),
                (answer, role),
                (f"  {took}", "muted"),
            ]
        )
        if attempt.error:
            lines += wrap(attempt.error, width, "error", MARGIN + "  ")
    return lines


def _ending(attempt: Attempt) -> tuple[str, str]:
    """Return how an attempt ended, with a sign where it did not end well, and its role."""
    if attempt.state is State.INTERRUPTED:
        return "cut off ?", "warning"
    answer = attempt.state.value if attempt.status is None else str(attempt.status)
    bad = attempt.error or (attempt.status or 0) >= 400
    return (f"{answer} ✗", "error") if bad else (answer, "")
