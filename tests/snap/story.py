"""A story that a store tells: exchanges, attempts, spans and log lines, one after the other."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from kiket_console.model import Body, Judgement, Message, SecretReference, Source, State
from kiket_console.store.records import (
    AttemptEnd,
    NewAttempt,
    NewExchange,
    NewLog,
    NewSpan,
    Row,
    SetPinned,
)
from kiket_console.telemetry.nouns import Span

if TYPE_CHECKING:
    from collections.abc import Sequence

BEGIN_US = 1_795_183_507_112_000
"""2026-11-20 14:05:07.112 UTC, when the first exchange arrives."""
NOW_US = BEGIN_US + 95_000_000


def message(raw: bytes, *headers: tuple[str, str], references: Sequence[str] = ()) -> Message:
    """Return a JSON message."""
    body = Body(
        raw,
        len(raw),
        hashlib.sha256(raw).digest(),
        references=tuple(SecretReference(0, 8, name) for name in references),
    )
    return Message((("content-type", "application/json"), *headers), body)


def issue(number: int, **more: object) -> bytes:
    """Return the body of an issue's event."""
    titles = ("Pricing page is slow", "Contact form loses the phone number", "Add a French price")
    document = {
        "event": "issue.updated",
        "issue": {
            "id": number,
            "key": f"KIK-{number}",
            "title": titles[number % 3],
            "labels": ["web", "customer", "q4"],
            "priority": "high",
            "estimate": 2.50,
            "blocked": False,
            "assignee": None,
        }
        | more,
        "delivery": {"attempt": 1, "sent_at": "2026-11-20T14:05:07Z"},
    }
    return json.dumps(document).encode()


def trace_of(number: int) -> str:
    """Return the trace that a delivery of this number begins."""
    return f"4bf92f3577b34da6a3ce929d{number:08x}"


def signed(at_us: int, raw: bytes, number: int = 1204) -> Message:
    """Return a delivery with the headers of a signed one."""
    return message(
        raw,
        ("host", "127.0.0.1:8700"),
        ("user-agent", "kiket-platform/1"),
        ("x-kiket-delivery-id", "d0b6f1b2-5a54-4f52-9c1c-3c1f4a8e7d11"),
        ("x-kiket-signature", "[signature]"),
        ("x-kiket-timestamp", str(at_us // 1_000_000 - 1)),
        ("traceparent", f"00-{trace_of(number)}-00f067aa0ba902b7-01"),
    )


OK_K0 = Judgement(True, "ok", "k0", "The signature matches the body.", skew_s=1.0)
STALE = Judgement(
    False,
    "stale",
    "k1",
    "Signature is fine, but the timestamp is 412 s old; the limit is 300 s.",
    skew_s=412.0,
)


class Story:
    """Rows of a store, told one after the other."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.at_us = BEGIN_US
        self._id = 1179

    def webhook(
        self,
        name: str,
        version: str,
        raw: bytes,
        status: int | None,
        took_us: int,
        *,
        gap_us: int = 2_310_000,
        word: str = "ok k0",
        judgement: Judgement = OK_K0,
        replay_of: int | None = None,
        edited: bool = False,
        answer: bytes = b'{"ok": true, "comment": "Labelled and assigned"}',
        state: State = State.FORWARDED,
        error: str = "",
        failed_first: str = "",
        decision: str = "",
        retry: str = "",
        next_try_us: int = 0,
    ) -> int:
        """Tell of a delivery and its answer; *failed_first*: why a first attempt failed."""
        self.at_us += gap_us
        number = self.next_id()
        self.rows.append(
            NewExchange(
                number, Source.WEBHOOK, "marketing", name, version, "POST",
                f"/v/{version}/webhooks/{name}", self.at_us, State.RECEIVED,
                signed(self.at_us, raw, number), word, judgement,
                trace_id=trace_of(number), replay_of=replay_of,
                edited=edited,
            )
        )  # fmt: skip
        if state is State.RECEIVED:
            return number
        last = 1
        if failed_first:
            last = 2
            self.rows += [
                NewAttempt(number, 1, "marketing#2", self.at_us + 400),
                AttemptEnd(number, 1, State.FAILED, None, 700, failed_first),
            ]
        self.rows.append(NewAttempt(number, last, "marketing#3", self.at_us + 1_400))
        said = message(answer, ("server", "uvicorn")) if state is State.FORWARDED else None
        self.rows.append(
            AttemptEnd(
                number, last, state, status, took_us, error, said, decision, retry, next_try_us
            )
        )  # fmt: skip
        return number

    def pin(self, number: int) -> None:
        """Tell that an exchange was pinned."""
        self.rows.append(SetPinned(number, True))

    def call(self, parent: int, name: str, status: int, took_us: int, *, after_us: int) -> int:
        """Tell of a call to the platform that a handler made."""
        number = self.next_id()
        method, _, path = name.partition(" ")
        started_us = self.at_us + after_us
        self.rows += [
            NewExchange(
                number, Source.API, "marketing", name, "", method, f"/api/v1/{path}", started_us,
                State.RECEIVED, message(b'{"level": "info", "message": "contact updated"}'),
                trace_id=trace_of(parent), parent_id=parent,
            ),
            NewAttempt(number, 1, "platform", started_us),
            AttemptEnd(number, 1, State.FORWARDED, status, took_us, "", message(b"{}")),
        ]  # fmt: skip
        return number

    def log(
        self,
        text: str,
        level: str = "INFO",
        *,
        of: int | None = None,
        stream: str = "log",
        frames: str = "",
        after_us: int = 1_200,
    ) -> None:
        """Tell of a log line."""
        named = level if stream == "log" else ""
        logger = "marketing.app" if stream == "log" else ""
        self.rows.append(
            NewLog(self.at_us + after_us, "marketing", stream, named, logger, text, "", of, frames)
        )

    def span(
        self,
        of: int,
        name: str,
        took_us: int,
        *,
        after_us: int,
        kind: str = "handler",
        status: str = "ok",
        message: str = "",
        ids: tuple[str, str] = ("", ""),
        attributes: tuple[tuple[str, str], ...] = (),
    ) -> None:
        """Tell of a span; *ids* are its own and that of what it is a part of."""
        self.rows.append(
            NewSpan(
                Span(
                    0,
                    trace_of(of),
                    *ids,
                    of,
                    "marketing",
                    kind,
                    name,
                    self.at_us + after_us,
                    took_us,
                    status,
                    message,
                    attributes,
                )
            )
        )

    def next_id(self) -> int:
        """Return the number of what is told of next."""
        self._id += 1
        return self._id
