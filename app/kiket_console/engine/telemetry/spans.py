"""Spans on their way into the store: bounded, placed, redacted, never waited for.

    receivers ──take──► waiting (bounded, what is too much dropped and counted)
                           │ every `GATHER_S`
                           └──► placed (memory, else store) ──► redacted ──► writer

Belongs to one event loop; call it from that loop only.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from itertools import islice
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from kiket_console.engine.telemetry.placing import REMEMBERED, SLACK_US, Placing, Untold
from kiket_console.errors import ConsoleError
from kiket_console.store.records import NewSpan
from kiket_core.secret import is_credential

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from kiket_console.engine.recorder import Recorder
    from kiket_console.store.reader import Reader
    from kiket_console.store.writer import Writer
    from kiket_console.telemetry.nouns import Span
    from kiket_core.secret import Redactor

WAITING: Final = 20_000
"""So many spans may wait for the store."""
WAITING_BYTES: Final = 32 * 1024 * 1024
"""And so many bytes of them, roughly."""
GATHER_S: Final = 0.2
"""How long spans wait for company, and for what they belong to."""
BATCH: Final = 256
MINUTE_S: Final = 60.0
GUESSED_BYTES: Final = 4 * 1024 * 1024
"""So many bytes are kept in a minute of spans that no trace ties to a delivery: anybody can send
some, and they are not to push out what was recorded."""
STRANGE_BYTES: Final = 1024 * 1024
"""And of spans that belong to nothing that is known."""
FLUSH_S: Final = 2.0
"""What writing the rest may take when the engine ends."""
_RETRY_S = 0.5
_MASKED = "[redacted]"


class Spans:
    """Keep what code tells of its work; `run` writes it. Unless it *keeps*, nothing is kept."""

    def __init__(
        self,
        recorder: Recorder,
        writer: Writer,
        reader: Reader,
        redactor: Redactor,
        *,
        keeps: bool = True,
    ) -> None:
        self._recorder = recorder
        self._writer = writer
        self._reader = reader
        self._redactor = redactor
        self._keeps = keeps
        self._placing = Placing()
        self._waiting: deque[tuple[Untold, int]] = deque()
        self._waiting_bytes = 0
        self._came = asyncio.Event()
        self._told: dict[tuple[str, str], None] = {}
        self.dropped = 0
        """Spans that came faster than they could be stored, or than they are kept."""
        self._guessed, self._strange = _Ration(GUESSED_BYTES), _Ration(STRANGE_BYTES)

    def take(self, told: Iterable[Untold]) -> int:
        """Take what code told; return how many there was no room for. Never waits."""
        dropped = 0
        for each in told if self._keeps else ():
            if each.span.span_id and self._is_told(each.span):
                continue
            cost = NewSpan(each.span).cost
            if len(self._waiting) >= WAITING or self._waiting_bytes + cost > WAITING_BYTES:
                dropped += 1
                continue
            self._waiting.append((each, cost))
            self._waiting_bytes += cost
        self.dropped += dropped
        if self._waiting:
            self._came.set()
        return dropped

    def _is_told(self, span: Span) -> bool:
        """Return whether a span came before: exporters that hear no answer in time send again."""
        name = (span.trace_id, span.span_id)
        if name in self._told:
            return True
        self._told[name] = None
        if len(self._told) > REMEMBERED:
            del self._told[next(iter(self._told))]
        return False

    async def run(self) -> None:
        """Write what comes, until cancelled."""
        while True:
            await self._came.wait()
            await asyncio.sleep(GATHER_S)
            while self._waiting:
                await self._write_some()
            self._came.clear()

    async def flush(self) -> None:
        """Write what waits, within `FLUSH_S`; for an orderly end."""
        try:
            async with asyncio.timeout(FLUSH_S):
                while self._waiting:
                    await self._write_some()
        except TimeoutError:
            self.dropped += len(self._waiting)

    async def _write_some(self) -> None:
        """Write the oldest of what waits; it goes on waiting where the store takes nothing."""
        batch = [each for each, _ in islice(self._waiting, BATCH)]
        held = [self._held(each) for each in batch]
        try:
            spans = await asyncio.to_thread(self._prepared, held)
            rows = [row for row in map(NewSpan, spans) if self._is_kept(row)]
            written = self._writer.submit(rows)
        except ConsoleError:  # busy, failing or closed: what comes meanwhile may be dropped
            await asyncio.sleep(_RETRY_S)
            return
        for _ in batch:  # before waiting: who stops here is not to write them twice
            self._waiting_bytes -= self._waiting.popleft()[1]
        self.dropped += len(batch) - len(rows)
        try:
            await asyncio.wrap_future(written)
        except ConsoleError:
            self.dropped += len(rows)

    def _held(self, each: Untold) -> Untold:
        """Return a span with what memory knows of the delivery that it belongs to."""
        span = each.span
        if each.is_placed or not span.trace_id:
            return each
        found = self._recorder.holder(span.trace_id, span.parent_span_id)
        if found is None or (each.workers and found[1] not in each.workers):
            return each
        return replace(each, span=replace(span, exchange_id=found[0], worker=found[1]))

    def _is_kept(self, row: NewSpan) -> bool:
        span = row.span
        if span.exchange_id is not None and not span.guessed:
            return True
        return (self._guessed if span.worker else self._strange).takes(row.cost)

    def _prepared(self, batch: Sequence[Untold]) -> list[Span]:
        """Place and redact spans; in a thread of its own."""
        lost = [each for each in batch if not each.is_placed]
        places = []
        if lost:
            spans = [each.span for each in lost]
            places = self._reader.places(
                {span.trace_id for span in spans if span.trace_id},
                {worker for each in lost for worker in each.workers},
                min(span.started_us for span in spans) - SLACK_US,
                max(span.started_us for span in spans) + SLACK_US,
                time.time_ns() // 1000,
            )
        return [self._cleared(span) for span in self._placing.place(batch, places)]

    def _cleared(self, span: Span) -> Span:
        """Return a span without secrets, and without what no store takes."""
        pairs = tuple(_masked(_storable(name), _storable(value)) for name, value in span.attributes)
        name, message = _storable(span.name), _storable(span.message)
        told = "\n".join((name, message, *(text for pair in pairs for text in pair)))
        if self._redactor.redact(told) != told:  # nearly never, and then each by itself
            clear: Callable[[str], str] = self._redactor.redact
            name, message = clear(name), clear(message)
            pairs = tuple((clear(one), clear(other)) for one, other in pairs)
        return replace(span, name=name, message=message, attributes=pairs)


class _Ration:
    """So many bytes in a minute."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._left = limit
        self._since_s = time.monotonic()

    def takes(self, cost: int) -> bool:
        """Take so many bytes; return False where too few are left."""
        now_s = time.monotonic()
        if now_s - self._since_s >= MINUTE_S:
            self._left, self._since_s = self._limit, now_s
        if cost > self._left:
            return False
        self._left -= cost
        return True


def _masked(name: str, value: str) -> tuple[str, str]:
    """Return an attribute, without its value where its name says that it is a credential.

    How many tokens a language model took is none.
    """
    last = name.rpartition(".")[2]
    is_count = value.isdigit() and last.endswith("tokens")
    return name, _MASKED if is_credential(last) and not is_count else value


def _storable(text: str) -> str:
    """Return *text* with what UTF-8 cannot carry (halves of surrogate pairs) written out."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
