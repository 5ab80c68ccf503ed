"""An exchange as Markdown, for an issue report."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from kiket_console import __version__
from kiket_console.carried import readable
from kiket_console.text import decode, duration, size, visible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kiket_console.model import Body, Detail, Headers, LogLine

BODY_LIMIT: Final = 20_000
"""So many characters of a body are shown: what a reader of an issue can take."""
LOG_LIMIT: Final = 100
_SIGNS: Final = re.compile(r"([\\`*_{}\[\]<>#|~!])")


def markdown(detail: Detail, logs: Sequence[LogLine] = ()) -> str:
    """Return a report of one exchange: what it was, how it ended, both messages, its logs."""
    detail = readable(detail)
    exchange = detail.exchange
    name = " ".join(f"{exchange.name} {exchange.version}".split())
    ending = exchange.state.value if exchange.status is None else str(exchange.status)
    lines = [f"## {_plain(name)}: {ending}", ""]
    lines += [f"* {fact}" for fact in _facts(detail)]
    lines += ["", "### Request", "", *_headers(detail.request.headers), *_body(detail.request.body)]
    for attempt in detail.attempts:
        number = f" {attempt.number}" if len(detail.attempts) > 1 else ""
        lines += ["", f"### Answer{number}", ""]
        if attempt.error:
            lines += [_plain(attempt.error), ""]
        if attempt.answer is None:
            lines += ["No answer came."] if not attempt.error else []
        else:
            lines += [*_headers(attempt.answer.headers), *_body(attempt.answer.body)]
    if logs:
        shown = [visible(line) for log in logs[:LOG_LIMIT] for line in log.text.split("\n")]
        lines += ["", "### Logs", "", *_fenced(shown)]
    lines += ["", f"Recorded by kiket-console {__version__}.", ""]
    return "\n".join(lines)


def _facts(detail: Detail) -> list[str]:
    exchange = detail.exchange
    moment = datetime.fromtimestamp(exchange.started_us / 1_000_000, UTC)
    took = "" if exchange.duration_us is None else f", {duration(exchange.duration_us)}"
    facts = [
        f"exchange {exchange.id}, {exchange.source.value}, {_plain(exchange.worker)}".rstrip(", "),
        f"{moment:%Y-%m-%d %H:%M:%S} UTC{took}",
        f"{_code(f'{exchange.method} {exchange.path}'.strip())}",
    ]
    if detail.judgement is not None:
        facts.append(f"signature: {_plain(detail.judgement.sentence)}")
    if exchange.replay_of is not None:
        facts.append(f"replay of {exchange.replay_of}")
    if exchange.parent_id is not None:
        facts.append(f"caused by {exchange.parent_id}")
    facts += [
        f"caused {child.source.value} {_plain(child.name)}: {child.status or child.state.value}"
        for child in detail.children
    ]
    return facts


def _headers(headers: Headers) -> list[str]:
    if not headers:
        return []
    lines = [f"{visible(name)}: {visible(value)}" for name, value in headers]
    return [*_fenced(lines, "http"), ""]


def _body(body: Body) -> list[str]:
    if not body.raw:
        return ["No body."]
    text = decode(body.raw[: 4 * BODY_LIMIT])
    language = ""
    try:
        if len(body.raw) <= 4 * BODY_LIMIT:
            text = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
            language = "json"
    except (ValueError, RecursionError):
        pass
    lines = [visible(line) for line in text[:BODY_LIMIT].split("\n")]
    cut = len(text) > BODY_LIMIT or len(body.raw) > 4 * BODY_LIMIT or body.truncated
    return [*_fenced(lines, language), *([f"… {size(body.size)} in all"] if cut else [])]


def _fenced(lines: Sequence[str], language: str = "") -> list[str]:
    """Return lines as a block of code, whatever they hold."""
    longest = max((len(run) for line in lines for run in re.findall("`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return [f"{fence}{language}", *lines, fence]


def _plain(text: str) -> str:
    return _SIGNS.sub(r"\\\1", visible(text))


def _code(text: str) -> str:
    shown = visible(text)
    longest = max((len(run) for run in re.findall("`+", shown)), default=0)
    fence = "`" * (longest + 1)
    return f"{fence} {shown} {fence}" if longest else f"`{shown}`"
