"""What is recorded of messages, whoever sent them.

A sensitive payload is stored masked; the clear message stays in memory, so that it can be sent
again for as long as the engine runs. Belongs to one event loop.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections import OrderedDict
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from msgspec import Struct

from kiket_console.engine.recorder import INLINE_BYTES, Arrival, Ending
from kiket_console.model import Source, State
from kiket_console.producing import masking
from kiket_console.producing.message import is_sensitive

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from kiket_console.engine.parentage import Parent
    from kiket_console.engine.recorder import Recorded, Recorder
    from kiket_console.model import Headers, Judgement

T = TypeVar("T")
CLEAR_BYTES = 16 * 1024 * 1024
"""Of sensitive messages, so much is kept in memory; the oldest are forgotten."""
SAMPLE_BYTES = 4096
"""Of a message that is refused, so much is kept."""
NAME_LIMIT = 200
_MAY_SAY_SENSITIVE = re.compile(rb"sensitive|\\u00", re.IGNORECASE)
"""Of what is no JSON; letters may be escaped."""


class Entry(Struct, frozen=True):
    """A message as it is to be recorded."""

    path: str
    headers: Headers
    raw_body: bytes
    fields: object
    """The message read; None where it is no JSON."""
    target: str
    """Where it goes: a URL, or `sink`."""
    worker: str = ""
    signature: str = ""
    judgement: Judgement | None = None
    replay_of: int | None = None
    edited: bool = False
    parent: Parent | None = None
    method: str = "POST"
    is_sample: bool = False
    """Whether anybody may have sent it: then only its beginning is kept."""
    came_us: int = 0
    """As `Arrival.came_us`."""


class Book:
    """Record messages through *recorder*; *key_file* has what masks sensitive values."""

    def __init__(self, recorder: Recorder, key_file: Path) -> None:
        self._recorder = recorder
        self._key_file = key_file
        self._key: bytes | None = None
        self._clear: OrderedDict[int, str] = OrderedDict()
        self._clear_bytes = 0

    async def open(self, entry: Entry) -> Recorded:
        """Record a message that is on its way; raises what `Recorder.receive` raises."""
        hides = is_sensitive(entry.fields)
        unreadable = entry.fields is None and _MAY_SAY_SENSITIVE.search(entry.raw_body) is not None
        raw_body = entry.raw_body
        if hides and isinstance(entry.fields, dict):
            work = partial(_masked, entry.fields, await self.mask_key())
            raw_body = await worked(len(raw_body), work)
        limit = SAMPLE_BYTES if entry.is_sample and len(raw_body) > SAMPLE_BYTES else None
        arrival = Arrival(
            Source.PRODUCER,
            entry.worker,
            _name(entry.fields),
            "",
            entry.method,
            entry.path,
            _without_digests(entry.headers) if hides else entry.headers,
            raw_body,
            signature=entry.signature,
            judgement=entry.judgement,
            replay_of=entry.replay_of,
            edited=entry.edited,
            truncate_to=0 if unreadable else limit,
            came_us=entry.came_us,
        )
        recorded = await self._recorder.receive(arrival, target=entry.target, parent=entry.parent)
        if hides and not entry.is_sample:
            self._remember(recorded.id, entry.raw_body.decode("utf-8", "replace"))
        return recorded

    async def close(self, recorded: Recorded, ending: Ending) -> None:
        """Record what became of it, and wait until that is stored; raises `ConsoleError`."""
        await self._recorder.answered(recorded, ending)
        await self._recorder.durable(recorded)

    def clear(self, exchange_id: int) -> str | None:
        """Return the text of a sensitive message, or None when it is not in memory any more."""
        return self._clear.get(exchange_id)

    def _remember(self, exchange_id: int, text: str) -> None:
        self._clear[exchange_id] = text
        self._clear_bytes += len(text)
        while self._clear_bytes > CLEAR_BYTES and len(self._clear) > 1:
            _, forgotten = self._clear.popitem(last=False)
            self._clear_bytes -= len(forgotten)

    async def mask_key(self) -> bytes:
        """Return what sensitive values are masked under."""
        if self._key is None:
            self._key = await asyncio.to_thread(masking.key_of, self._key_file)
        return self._key


def ended(
    status: int | None, took_us: int, answer: tuple[Headers, bytes], error: str, *, hides: bool
) -> Ending:
    """Return how an attempt ended: with an answer, or with what kept it from one.

    Of a message that *hides* its payload, no digest is told.
    """
    if status is None:
        return Ending(State.FAILED, None, took_us, error)
    if hides:
        headers, raw_body = answer
        answer = _without_digests(headers), masking.without_digests(raw_body)
    return Ending(State.FORWARDED, status, took_us, error, answer)


async def worked(size: int, work: Callable[[], T]) -> T:
    """Do *work* on *size* bytes: at once when that is little, else in a thread."""
    return work() if size <= INLINE_BYTES else await asyncio.to_thread(work)


def _masked(fields: dict[str, Any], key: bytes) -> bytes:
    return json.dumps(masking.masked(fields, key)).encode()


def _without_digests(headers: Headers) -> Headers:
    return tuple(
        (
            name,
            masking.without_digests(value.encode("utf-8", "surrogatepass")).decode(
                "utf-8", "surrogatepass"
            ),
        )
        for name, value in headers
    )


def _name(fields: Any) -> str:
    found = fields.get("event_type") if isinstance(fields, dict) else None
    if not isinstance(found, str):
        return ""
    return found[:NAME_LIMIT].encode("utf-8", "backslashreplace").decode()  # of half a pair, too
