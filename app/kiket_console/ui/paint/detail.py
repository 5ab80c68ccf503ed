"""Request and answers of one exchange, as lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kiket_console.carried import carries
from kiket_console.ipc import Direction, Kind
from kiket_console.model import Source, State
from kiket_console.text import duration, plural, size, visible
from kiket_console.ui import moment
from kiket_console.ui.paint import body, fate
from kiket_console.ui.paint.attempts import attempt_lines
from kiket_console.ui.paint.line import joined, wrap
from kiket_console.ui.paint.message_body import MessageView
from kiket_console.ui.paint.source import Chain, Lines
from kiket_console.ui.paint.traffic import NOTED, status
from kiket_console.ui.paint.workers import short_name

if TYPE_CHECKING:
    from kiket_console.model import Attempt, Detail, Exchange, Message
    from kiket_console.ui.paint.body import BodyView
    from kiket_console.ui.paint.line import Line
    from kiket_console.ui.paint.source import LineSource

MARGIN = "  "
_NO_ANSWER = {
    State.RECEIVED: "No answer yet.",
    State.HELD: "Held until a worker serves; it is delivered then, in the order of arrival.",
    State.REJECTED: "This was not handed to a worker.",
    State.INTERRUPTED: "The engine ended while this was under way, so nobody knows how it ended.",
    State.FAILED: "No answer came.",
    State.FORWARDED: "The answer had no body.",
}
_NEVER_ANSWERED = {
    Kind.NOTIFICATION.value: "Nobody answers such a message.",
    Kind.INVALID.value: "This is no message of the protocol, so nobody answers it.",
}


def title(detail: Detail) -> str:
    """Return the name of an exchange for a pane's rule, and what a person noted of it."""
    exchange = detail.exchange
    name = visible(" ".join(f"{exchange.id} {exchange.name} {exchange.version}".split()))
    return f"{name} {NOTED} {visible(exchange.note)}" if exchange.note else name


def outcome(detail: Detail, now_us: int) -> Line:
    """Return how an exchange ended, for the right end of a pane's rule: what says most is last."""
    exchange = detail.exchange
    word, role = status(exchange, now_us)
    parts: list[Line] = []
    if exchange.replay_of is not None:
        parts.append([(f"replay of {exchange.replay_of}", "muted")])
    if exchange.attempts > 1:
        parts.append([(plural(exchange.attempts, "attempt"), "warning")])
    if exchange.duration_us is not None and not is_invalid(exchange):
        parts.append([(duration(exchange.duration_us), "muted")])
    if exchange.status is not None and exchange.state is not State.FORWARDED:
        parts.append([(f"answered {exchange.status}", "muted")])
    parts += fate.parts(exchange, now_us)
    if word:
        parts.append([(word, role or "ok")])
    return joined(parts, " · ")


def message_of(detail: Detail, tab: str, number: int = 0) -> Message | None:
    """Return the message that a tab (`request` or `response`) shows, None for other tabs.

    *number* chooses the attempt, 0 the last one.
    """
    if tab == "request":
        return detail.request
    attempt = attempt_of(detail, number) if tab == "response" else None
    return attempt.answer if attempt is not None else None


def attempt_of(detail: Detail, number: int = 0) -> Attempt | None:
    """Return the attempt of a number, the last one for 0 or a number that there is not."""
    found = next((each for each in detail.attempts if each.number == number), None)
    return found or (detail.attempts[-1] if detail.attempts else None)


def request(detail: Detail, view: BodyView, width: int) -> LineSource:
    """Return the lines of the request; of what is no message, with what is wrong with it."""
    exchange = detail.exchange
    place = f"{exchange.method} {visible(exchange.path)}".strip()
    inwards = exchange.source is Source.WEBHOOK or exchange.direction == Direction.IN
    whose = (
        f"{'to' if inwards else 'from'} {short_name(exchange.worker)}" if exchange.worker else ""
    )
    if exchange.channel:
        whose = f"{whose} over {visible(exchange.channel)}".lstrip()
    wrong = detail.attempts[-1].error if is_invalid(exchange) and detail.attempts else ""
    why = wrap(wrong, width, "error", MARGIN) if wrong else []
    return Chain(Lines([_facts(place, detail.request, view, whose), *why, []]), view.source)


def is_invalid(exchange: Exchange) -> bool:
    """Return whether it is none that the protocol knows."""
    return exchange.kind == Kind.INVALID


def response(detail: Detail, view: BodyView | None, number: int, width: int) -> LineSource:
    """Return the lines of an attempt's answer, or why there is none; 0 is the last attempt."""
    attempt = attempt_of(detail, number)
    tried = _tries(detail, attempt, width)
    if attempt is None or attempt.answer is None or view is None:
        return Chain(tried, Lines(_no_answer(detail, attempt, width, told=bool(tried.count))))
    head = [_facts(_answer_line(attempt), attempt.answer, view), []]
    if attempt.error:
        head[1:1] = wrap(attempt.error, width, "error", MARGIN)
    return Chain(tried, Lines(head), view.source)


def _tries(detail: Detail, shown: Attempt | None, width: int) -> LineSource:
    """Return the attempts, where there are or will be several, and what they come to.

    `enter` on one shows its answer.
    """
    lines: list[Line] = []
    targets: dict[int, str] = {}
    again = fate.retry_lines(detail, moment.now_us())
    if len(detail.attempts) > 1 or again:
        lines, targets = attempt_lines(detail.attempts, width, shown=shown.number if shown else 0)
        lines += [*again, []]
    if decided := fate.decision_lines(detail, width):
        lines += [*decided, []]
    return Lines(lines, targets)


def view_of(detail: Detail, message: Message) -> BodyView:
    """Return the view of a body of *detail*; what a module's message carries is decoded in it."""
    return MessageView(message) if carries(detail.exchange) else body.view_of(message)


def _facts(place: str, message: Message, view: BodyView, whose: str = "") -> Line:
    kind = "" if isinstance(view, MessageView) else visible(message.header("content-type"))
    facts: list[Line] = [[(place, "strong")]] if place else []
    if kind:
        facts.append([(kind, "muted")])
    facts.append([(size(message.body.size), "muted")])
    if whose:
        facts.append([(whose, "muted")])
    if message.body.references:
        names = sorted({reference.name for reference in message.body.references})
        shown = ", ".join(visible(name) for name in names)
        facts.append([(f"holds {plural(len(names), 'secret')}: {shown}", "warning")])
    return [(MARGIN, ""), *joined([*facts, *view.facts], "  ")]


def _answer_line(attempt: Attempt) -> str:
    took = "" if attempt.duration_us is None else f" in {duration(attempt.duration_us)}"
    number = f", attempt {attempt.number}" if attempt.number > 1 else ""
    said = "no answer" if attempt.error and attempt.answer is None else attempt.status or ""
    if attempt.state is State.REJECTED and attempt.status:
        return f"{attempt.status} from the gateway itself{number}"  # no code was asked
    return f"{said} from {visible(attempt.target)}{took}{number}".strip()


def _no_answer(
    detail: Detail, attempt: Attempt | None, width: int, *, told: bool = False
) -> list[Line]:
    """Return why there is no answer to show; *told*: the list of attempts says it already."""
    sentence = attempt.error if attempt is not None and attempt.error else ""
    lines: list[Line] = []
    if not (sentence and told):
        never = _NEVER_ANSWERED.get(detail.exchange.kind)
        why = never or sentence or _NO_ANSWER[detail.exchange.state]
        lines += wrap(why, width, "", MARGIN)
    if attempt is not None and not is_invalid(detail.exchange):
        lines += [*([[]] if lines else []), [(MARGIN + _answer_line(attempt), "muted")]]
    if detail.exchange.failing and detail.exchange.source is Source.WEBHOOK:
        lines += [
            [],
            [(MARGIN + "Press ", "muted"), ("r", "accent"), (" to send it again.", "muted")],
        ]
    return lines
