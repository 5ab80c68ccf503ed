"""Recorded nouns as members of JSON documents: what `--json` prints and files of JSON hold."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any, Final

import msgspec

from kiket_console import traced_frames
from kiket_console.model import Attempt, Exchange, LogLine
from kiket_console.telemetry.nouns import Span

if TYPE_CHECKING:
    from kiket_console.model import Detail, Message
    from kiket_console.telemetry.report import Report
    from kiket_console.tracing.tree import Timeline


def exchange_members(exchange: Exchange) -> dict[str, Any]:
    """Return an exchange as members of a JSON document."""
    members = msgspec.structs.asdict(exchange)
    del members["change"]
    return members


def log_members(line: LogLine) -> dict[str, Any]:
    """Return a log line as members of a JSON document.

    `frames` is what is known of a traceback's frames: `file`, `line`, `function`, `source` from the
    line `first` on, `values` (pairs of a local's name and what it was) and how many `more` there
    were.
    """
    members = {name: getattr(line, name) for name in type(line).__struct_fields__}
    frames = [msgspec.structs.asdict(frame) for frame in traced_frames.read(line.frames)]
    return members | {"frames": frames}


def detail_members(detail: Detail) -> dict[str, Any]:
    """Return all that is known of an exchange as members of a JSON document."""
    judgement = detail.judgement
    return {
        **exchange_members(detail.exchange),
        "request": _message_members(detail.request),
        "judgement": judgement
        and {name: getattr(judgement, name) for name in type(judgement).__struct_fields__},
        "tries": [_attempt_members(attempt) for attempt in detail.attempts],
        "children": [exchange_members(child) for child in detail.children],
    }


def timeline_members(timeline: Timeline) -> dict[str, Any]:
    """Return a timeline as members of a JSON document; `parent` is the `id` of another bar."""
    bars = timeline.bars
    longest = bars[timeline.longest].target if timeline.longest >= 0 else None
    return {
        "asked": bars[timeline.asked].target,
        "began_us": timeline.begin_us,
        "lasts_us": timeline.lasts_us,
        "took_us": timeline.whole_us,
        "longest": longest,
        "more": timeline.more,
        "others_of_trace": timeline.strangers,
        "bars": [
            {
                "id": bar.target,
                "parent": bars[bar.parent].target if bar.parent >= 0 else None,
                "guess": bar.guess or None,
                "started_us": bar.started_us,
                "waited_us": bar.waited_us,
                "duration_us": bar.duration_us,
                "own_us": bar.own_us,
                "critical": bar.critical,
                "pending": bar.pending,
                "failing": bar.failing,
                **_bar_members(bar.thing),
            }
            for bar in bars
        ],
    }


def _bar_members(thing: Exchange | Attempt | Span | LogLine) -> dict[str, Any]:
    """Return what a bar of a timeline stands for, and what says most of it."""
    kind, names = _TOLD[type(thing)]
    return {"kind": kind, **{name: getattr(thing, name) for name in names}}


_TOLD: Final[dict[type, tuple[str, tuple[str, ...]]]] = {
    Exchange: (
        "exchange",
        ("source", "worker", "name", "version", "state", "status", "trace_id", "parent_id"),
    ),
    Attempt: ("attempt", ("number", "target", "state", "status", "error")),
    Span: (
        "span",
        ("worker", "name", "status", "message", "trace_id", "span_id", "attributes"),
    ),
    LogLine: ("log", ("worker", "level", "logger", "stream", "text")),
}


def _attempt_members(attempt: Attempt) -> dict[str, Any]:
    names = (
        name for name in type(attempt).__struct_fields__ if name not in {"answer", "exchange_id"}
    )
    answer = attempt.answer and _message_members(attempt.answer)
    return {**{name: getattr(attempt, name) for name in names}, "answer": answer}


def _message_members(message: Message) -> dict[str, Any]:
    body = message.body
    return {
        "headers": message.headers,
        "body": body_members(body.raw),
        "size": body.size,
        "sha256": body.sha256.hex(),
        "truncated": body.truncated,
        "secrets": [reference.name for reference in body.references],
    }


def body_members(raw: bytes) -> dict[str, str]:
    """Return a body as members of a JSON document: as text, or else in base64."""
    try:
        return {"text": raw.decode()}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(raw).decode()}


def report_members(report: Report, limit: int | None = None) -> dict[str, Any]:
    """Return a report, or its first *limit* lines, as members of a JSON document.

    Steps in which nothing ended are left out.
    """
    found: dict[str, Any] = msgspec.to_builtins(report)
    found["lines"] = found["lines"][:limit]
    for each in (found, *found["lines"]):
        each["points"] = [point for point in each["points"] if point["count"]]
        each["distribution"] = [
            {"from_us": least, "to_us": after, "count": count}
            for least, after, count in each["distribution"]
        ]
    return {"type": "metrics", **found}
