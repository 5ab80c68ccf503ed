"""Request, answer and headers of one exchange, as lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kiket_console.model import Source, State
from kiket_console.text import duration, fit, plural, size, visible
from kiket_console.ui.paint.attempts import attempt_lines
from kiket_console.ui.paint.body import body_lines, hides_characters
from kiket_console.ui.paint.line import joined, wrap
from kiket_console.ui.paint.source import Chain, Lines
from kiket_console.ui.paint.traffic import status

if TYPE_CHECKING:
    from kiket_console.model import Attempt, Body, Detail, Headers, Message
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


def title(detail: Detail) -> str:
    """Return the name of an exchange for a pane's rule."""
    exchange = detail.exchange
    return visible(" ".join(f"{exchange.id} {exchange.name} {exchange.version}".split()))


def outcome(detail: Detail, now_us: int) -> Line:
    """Return how an exchange ended, for the right end of a pane's rule."""
    exchange = detail.exchange
    word, role = status(exchange, now_us)
    parts: list[Line] = []
    if exchange.replay_of is not None:
        parts.append([(f"replay of {exchange.replay_of}", "muted")])
    if exchange.attempts > 1:
        parts.append([(plural(exchange.attempts, "attempt"), "warning")])
    if exchange.duration_us is not None:
        parts.append([(duration(exchange.duration_us), "muted")])
    if exchange.status is not None and exchange.state is not State.FORWARDED:
        parts.append([(f"answered {exchange.status}", "muted")])
    if word:
        parts.append([(word, role or "ok")])
    return joined(parts, " · ")


def request(detail: Detail) -> LineSource:
    """Return the lines of the request."""
    exchange = detail.exchange
    place = f"{exchange.method} {visible(exchange.path)}".strip()
    way = "to" if exchange.source is Source.WEBHOOK else "from"
    whose = f"{way} {visible(exchange.worker)}" if exchange.worker else ""
    facts = _facts(place, detail.request, whose)
    return Chain(Lines([facts, []]), body_lines(detail.request.body))


def response(detail: Detail, width: int) -> LineSource:
    """Return the lines of the last answer, or why there is none."""
    attempt = detail.attempts[-1] if detail.attempts else None
    tried = [*attempt_lines(detail.attempts, width), []] if len(detail.attempts) > 1 else []
    if attempt is None or attempt.answer is None:
        return Lines([*tried, *_no_answer(detail, attempt, width)])
    head = [_facts(_answer_line(attempt), attempt.answer), []]
    if attempt.error:
        head[1:1] = wrap(attempt.error, width, "error", MARGIN)
    return Chain(Lines([*tried, *head]), body_lines(attempt.answer.body))


def headers(detail: Detail, width: int) -> LineSource:
    """Return the headers of request and answer in the order they came."""
    lines = _header_block("Request", detail.request.headers, width)
    for attempt in detail.attempts:
        if attempt.answer is not None:
            name = "Answer" if len(detail.attempts) == 1 else f"Answer {attempt.number}"
            lines += [[], *_header_block(name, attempt.answer.headers, width)]
    return Lines(lines)


def _facts(place: str, message: Message, whose: str = "") -> Line:
    kind = visible(message.header("content-type"))
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
    if hides_characters(message.body):
        facts.append([("contains hidden characters", "warning")])
    return [(MARGIN, ""), *joined(facts, "  ")]


def _answer_line(attempt: Attempt) -> str:
    took = "" if attempt.duration_us is None else f" in {duration(attempt.duration_us)}"
    number = f", attempt {attempt.number}" if attempt.number > 1 else ""
    return f"{attempt.status or ''} from {visible(attempt.target)}{took}{number}".strip()


def _no_answer(detail: Detail, attempt: Attempt | None, width: int) -> list[Line]:
    sentence = attempt.error if attempt is not None and attempt.error else ""
    lines = [*wrap(sentence or _NO_ANSWER[detail.exchange.state], width, "", MARGIN)]
    if attempt is not None:
        lines += [[], [(MARGIN + _answer_line(attempt), "muted")]]
    if detail.exchange.failing and detail.exchange.source is Source.WEBHOOK:
        lines += [
            [],
            [(MARGIN + "Press ", "muted"), ("r", "accent"), (" to send it again.", "muted")],
        ]
    return lines


def _header_block(name: str, pairs: Headers, width: int) -> list[Line]:
    lines: list[Line] = [[(MARGIN + name, "strong"), (f"  {len(pairs)}", "muted")]]
    shown = [(visible(key), visible(value)) for key, value in pairs]
    column = min(28, max((len(key) for key, _ in shown), default=0))
    for key, value in shown:
        wrapped = wrap(value, width - column - 6)
        for position, line in enumerate(wrapped):
            label = fit(key, column) if position == 0 else " " * column
            lines.append([(f"{MARGIN}  {label}  ", "name"), *line])
    if not pairs:
        lines.append([(MARGIN + "  none", "muted")])
    return lines


def body_of(detail: Detail, tab: str) -> Body | None:
    """Return the body that a tab (`request` or `response`) lays out, None for other tabs."""
    if tab == "request":
        return detail.request.body
    last = detail.attempts[-1].answer if tab == "response" and detail.attempts else None
    return last.body if last is not None else None


def may_grow(detail: Detail) -> bool:
    """Return whether a new exchange or log line may belong to this exchange."""
    return detail.exchange.state in (State.RECEIVED, State.HELD)
