"""What becomes of a delivery: what a guard's answer decides, and when a failed one is tried again.

→ deny   A guard that answers 500 denies, whatever it says.
⟳ attempt 3 at 14:07:07, in 28 s
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kiket_console import decision
from kiket_console.model import Retry
from kiket_console.text import age, clock, visible
from kiket_console.ui.paint.line import cut, wrap
from kiket_console.ui.registry import usual_key

if TYPE_CHECKING:
    from kiket_console.model import Detail, Exchange
    from kiket_console.ui.paint.line import Line, Piece
    from kiket_console.ui.paint.teach import KeyOf

MARGIN: Final = "  "
DECIDES: Final = "→"
AGAIN: Final = "⟳"
_ROLES: Final = {decision.ALLOW: "ok", decision.DENY: "error", decision.PENDING: "warning"}
_GIVEN_UP: Final = "given up"


def waits(exchange: Exchange) -> bool:
    """Return whether it is going to be tried again, so that its row tells the time."""
    return exchange.retry == Retry.WAITING and exchange.next_try_us > 0


def signs(exchange: Exchange, now_us: int) -> list[Piece]:
    """Return the signs behind an event's name in the list."""
    found: list[Piece] = []
    if exchange.decision:
        found.append((f" {DECIDES} {exchange.decision}", _ROLES.get(exchange.decision, "")))
    if waits(exchange):
        found.append((f" {AGAIN} {_left(exchange, now_us)}", "warning"))
    elif exchange.retry == Retry.GIVEN_UP:
        found.append((f" {_GIVEN_UP}", "error"))
    return found


def parts(exchange: Exchange, now_us: int) -> list[Line]:
    """Return the same as parts of a rule's right end."""
    found: list[Line] = []
    if exchange.decision:
        found.append([(exchange.decision, _ROLES.get(exchange.decision, ""))])
    if waits(exchange):
        found.append([(f"next try in {_left(exchange, now_us)}", "warning")])
    elif exchange.retry == Retry.GIVEN_UP:
        found.append([(_GIVEN_UP, "error")])
    elif exchange.retry == Retry.CANCELLED:
        found.append([("tried no more", "muted")])
    return found


def decision_lines(detail: Detail, width: int) -> list[Line]:
    """Return what a guard's answer decides, why, and what the person is told; else nothing."""
    found = decision.decide(detail)
    if found is None:
        return []
    head: Line = [(f"{MARGIN}{DECIDES} {found.word}", _ROLES[found.word]), ("   ", "")]
    room = width - len(found.word) - 8
    first, *rest = wrap(found.why, room)
    indent: Line = [(" " * (len(found.word) + 7), "")]
    lines: list[Line] = [[*head, *first], *([*indent, *line] for line in rest)]
    if found.message:
        said = wrap(f"“{found.message}”", room, "strong")
        lines += [[*indent, *line] for line in said]
    fields = found.metadata.get("output_fields")
    if isinstance(fields, dict) and fields:
        names = ", ".join(visible(str(name)) for name in fields)
        lines.append(cut([*indent, ("gives ", "muted"), (names, "name")], width))
    return lines


def retry_lines(detail: Detail, now_us: int, key: KeyOf = usual_key) -> list[Line]:
    """Return when a delivery is tried again, or that it is not any more; else nothing."""
    exchange = detail.exchange
    if waits(exchange):
        when = clock(exchange.next_try_us, milliseconds=False)
        said = f"attempt {exchange.attempts + 1} at {when}, in {_left(exchange, now_us)}"
        keys: Line = [
            ("   ", ""),
            (key("traffic.attempt"), "accent"),
            (" makes it now  ", "muted"),
            (key("traffic.give-up"), "accent"),
            (" tries no more", "muted"),
        ]
        return [[(f"{MARGIN}{AGAIN} {said}", "warning"), *keys]]
    sentences = {
        Retry.GIVEN_UP: ("The platform would give it up here: ", "error"),
        Retry.CANCELLED: ("It is tried no more, as a person asked: ", "muted"),
    }
    for retry, (said, role) in sentences.items():
        if exchange.retry == retry:
            again: Line = [(key("traffic.attempt"), "accent"), (" makes one more attempt", "muted")]
            return [[(MARGIN + said, role), *again]]
    return []


def _left(exchange: Exchange, now_us: int) -> str:
    left_us = exchange.next_try_us - now_us
    return age(left_us / 1e6 + 0.999) if left_us > 0 else "0 s"
