"""Log lines on their way into the store: whoever writes too many, waits and loses alone.

    take ──► waiting (bounded in bytes) ──► a batch at a time: secrets out ──► the store

A worker may hold as much of the room as is free: one that floods gets half of it, two a third
each, and there is always room for the lines of others. What does not find room is counted, and
said in one row at the place where it is missing, once the worker holds little enough again.

Belongs to one event loop; call it from that loop only.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from typing import TYPE_CHECKING

from msgspec.structs import replace

from kiket_console.errors import ConsoleError
from kiket_console.store.records import NewLog
from kiket_console.store.writer import StoreBusyError

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from kiket_console.store.records import Committed
    from kiket_console.store.writer import Writer
    from kiket_core.secret import Redactor

WAITING_BYTES = 64 * 1024 * 1024
"""Half of it holds what a worker may write at once, however slow the disk is."""
BATCH_LINES = 512
BATCH_BYTES = 512 * 1024
"""So little that neither the event loop nor a delivery's commit waits long for it."""
PAUSE_S = 0.01
"""Before a batch, so that lines come together."""
BUSY_PAUSE_S = 0.002
"""The same while more than a batch waits, so that others can write in between."""
LOG_TEXT = 64 * 1024
_HELD_TEXT = LOG_TEXT + 8 * 1024
"""A secret may begin before the limit and end after it."""
_LINE_BYTES = 256
"""What a line costs beside its text, roughly."""
_BETWEEN = "\n\x1e\n"
"""Between texts that are redacted together: no secret goes across it."""
_LOGGER = "kiket_console"


class LogQueue:
    """Take lines, and write them to *writer* without what *redactor* knows.

    *exchange_of* returns the exchange that a trace id belongs to, at a worker.
    """

    def __init__(
        self, writer: Writer, redactor: Redactor, exchange_of: Callable[[str, str], int | None]
    ) -> None:
        self._writer = writer
        self._redactor = redactor
        self._exchange_of = exchange_of
        self._loop = asyncio.get_running_loop()
        self._lines: deque[NewLog] = deque()
        self._bytes = 0
        self._held: dict[str, int] = {}
        self._missing: dict[str, NewLog] = {}
        """The row that is to stand where lines of a worker are missing."""
        self._due: asyncio.TimerHandle | None = None
        self._is_writing = False
        self.dropped = 0
        """Lines that are not in the store, because more came than it takes."""

    def take(self, line: NewLog) -> None:
        """Take a line, or count it; one that says that others are missing is always taken."""
        worker = line.worker
        if line.dropped:
            self.dropped += line.dropped
            if worker in self._missing:
                self._missing[worker].dropped += line.dropped
            else:
                self._append(_told(line))
            return
        if len(line.text) > _HELD_TEXT:
            line.text = line.text[:_HELD_TEXT]
        needed = self._held.get(worker, 0) + _size(line)
        if worker in self._missing:
            self._missing[worker].dropped += 1
            self.dropped += 1
            return
        if needed > WAITING_BYTES - self._bytes:
            self._missing[worker] = NewLog(line.at_us, worker, "log", "", "", "", dropped=1)
            self.dropped += 1
            return
        if line.trace_id and line.exchange_id is None:
            line.exchange_id = self._exchange_of(line.trace_id, worker)
        self._append(line)

    def flush(self) -> None:
        """Hand the writer every line that waits; for an orderly end."""
        if self._due is not None:
            self._due.cancel()
            self._due = None
        self._tell_missing()
        while self._lines:
            batch = self._next_batch()
            try:
                self._writer.submit(batch, at_end=True)
            except ConsoleError:  # closed
                self.dropped += len(batch)

    def _append(self, line: NewLog) -> None:
        size = _size(line)
        self._lines.append(line)
        self._bytes += size
        self._held[line.worker] = self._held.get(line.worker, 0) + size
        if self._due is None and not self._is_writing:
            self._due = self._loop.call_later(PAUSE_S, self._write)

    def _write(self) -> None:
        """Hand over a batch, one at a time, so that logs never crowd out deliveries."""
        self._due = None
        batch = self._next_batch()
        try:
            written = self._writer.submit(batch)
        except StoreBusyError:
            self._put_back(batch)
            self._due = self._loop.call_later(PAUSE_S, self._write)
        except ConsoleError:  # closed
            self.dropped += len(batch)
        else:
            self._is_writing = True
            written.add_done_callback(lambda done: self._call_soon(done, len(batch)))

    def _call_soon(self, done: Future[Committed], count: int) -> None:
        """Go on, on our loop; called in the writer's thread."""
        with contextlib.suppress(RuntimeError):  # the loop has ended before the writer
            self._loop.call_soon_threadsafe(self._written, done, count)

    def _written(self, done: Future[Committed], count: int) -> None:
        self._is_writing = False
        if done.exception() is not None:
            self.dropped += count
        if self._missing:
            self._tell_missing(WAITING_BYTES // 4)
        if self._lines and self._due is None:
            pause_s = BUSY_PAUSE_S if self._bytes > BATCH_BYTES else PAUSE_S
            self._due = self._loop.call_later(pause_s, self._write)

    def _next_batch(self) -> list[NewLog]:
        """Take the oldest lines, ready to be stored."""
        lines, held = self._lines, self._held
        batch: list[NewLog] = []
        room = BATCH_BYTES
        while lines and len(batch) < BATCH_LINES and room > 0:
            line = lines.popleft()
            size = _size(line)
            room -= size
            held[line.worker] -= size
            if not held[line.worker]:
                del held[line.worker]
            batch.append(line)
        self._bytes -= BATCH_BYTES - room
        self._clear(batch)
        return batch

    def _put_back(self, batch: list[NewLog]) -> None:
        for line in reversed(batch):
            size = _size(line)
            self._lines.appendleft(line)
            self._bytes += size
            self._held[line.worker] = self._held.get(line.worker, 0) + size

    def _clear(self, batch: list[NewLog]) -> None:
        """Take secrets out of all lines at once, and what UTF-8 cannot carry (lone surrogates)."""
        texts = [text for line in batch for text in (line.logger, line.text)]
        whole = _BETWEEN.join(texts)
        redacted = self._redactor.redact(_storable(whole))
        if redacted != whole:
            cleared = redacted.split(_BETWEEN)
            if len(cleared) != len(texts):  # a line had the mark in it
                cleared = [self._redactor.redact(_storable(text)) for text in texts]
            for index, line in enumerate(batch):
                line.logger, line.text = cleared[2 * index], cleared[2 * index + 1]
        for line in batch:
            if len(line.text) > LOG_TEXT:
                line.text = line.text[:LOG_TEXT] + "…"

    def _tell_missing(self, most_held: int = WAITING_BYTES) -> None:
        """Say how many lines are missing here of the workers that hold no more than *most_held*."""
        for worker in [each for each in self._missing if self._held.get(each, 0) <= most_held]:
            self._append(_told(self._missing.pop(worker)))


def _told(line: NewLog) -> NewLog:
    """Return the row that stands where lines are missing."""
    are = "line was" if line.dropped == 1 else "lines were"
    text = f"{line.dropped:,} {are} dropped: more came than is kept."
    return replace(line, level="WARNING", logger=_LOGGER, text=text)


def _size(line: NewLog) -> int:
    return _LINE_BYTES + len(line.text) + len(line.frames)


def _storable(text: str) -> str:
    """Return *text* with what UTF-8 cannot carry (lone surrogates) written out."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")
