"""The headers of a request and of its answers, aligned, in the order they came."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kiket_console.model import Source
from kiket_console.text import cell_width, fit, visible
from kiket_console.ui.paint.line import wrap

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kiket_console.model import Detail, Headers
    from kiket_console.ui.paint.line import Line

MARGIN: Final = "  "
_WIDEST_NAME: Final = 28


def headers(detail: Detail, width: int) -> list[Line]:
    """Return the headers of an exchange: those that came, and what became of them on the way."""
    notes = _on_the_way(detail) if detail.exchange.source is Source.WEBHOOK else {}
    answers = [attempt for attempt in detail.attempts if attempt.answer is not None]
    named = [detail.request.headers, *(each.answer.headers for each in answers if each.answer)]
    widest = max((cell_width(visible(name)) for pairs in named for name, _ in pairs), default=0)
    column = min(_WIDEST_NAME, widest)
    lines = _block("Request", "", detail.request.headers, column, width, notes)
    for attempt in answers:
        if attempt.answer is not None:
            name = "Response" if len(detail.attempts) == 1 else f"Response {attempt.number}"
            told = f"{attempt.status or ''} from {visible(attempt.target)}".strip()
            lines += [[], *_block(name, told, attempt.answer.headers, column, width, {})]
    return lines


def _on_the_way(detail: Detail) -> dict[str, str]:
    """Return what the gateway did to headers, by small names."""
    from kiket_console.sending.head import DROPPED, REWRITTEN

    if not detail.attempts:
        return {}
    own = {
        part.strip().lower()
        for name, value in detail.request.headers
        if name.lower() == "connection"
        for part in value.split(",")
    }
    return {
        **dict.fromkeys(own - REWRITTEN, "not handed on"),
        **dict.fromkeys(DROPPED, "not handed on"),
        "host": "the worker's own from here on",
        "traceparent": "continued by a span of ours",
    }


def _block(
    name: str, told: str, pairs: Headers, column: int, width: int, notes: Mapping[str, str]
) -> list[Line]:
    count = f"  {len(pairs)}" + (f"  {told}" if told else "")
    lines: list[Line] = [[(MARGIN + name, "strong"), (count, "muted")]]
    for key, value in pairs:
        note = notes.get(key.lower(), "")
        shown = wrap(value, width - column - 6, "muted" if _redacted(value) else "")
        for place, line in enumerate(shown):
            label = fit("" if place else visible(key), column)
            lines.append([(f"{MARGIN}  {label}  ", "name"), *line])
        if note and sum(len(text) for text, _ in lines[-1]) + len(note) + 3 < width:
            lines[-1] = [*lines[-1], (f"   {note}", "muted")]
    if not pairs:
        lines.append([(MARGIN + "  none", "muted")])
    return lines


def _redacted(value: str) -> bool:
    """Return whether a value stands for one that is not kept."""
    return value.endswith("]") and "[" in value and value.rpartition(" ")[2].startswith("[")
