"""What a worker writes, on its way to the Logs: within an allowance.

Whoever takes the lines takes the secrets out of them, once.
"""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING

from kiket_console.engine.output import Allowance, LineSplitter, shortened
from kiket_console.engine.tracebacks import Tracebacks
from kiket_console.engine.worker_messages import Line
from kiket_console.store.records import NewLog
from kiket_core.secret import redactor

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

LAST_LINES = 50
"""Lines of standard error that are kept to explain a crash."""
HELD_LINES = 200
"""Lines that a worker may write before it is started; the rest is counted."""
_CHUNK_BYTES = 16 * 1024
"""So few that the shortest lines in them hold up nobody else."""


class WorkerLog:
    """Passes on the lines of one process; until `release`, they are held.

    What a process prints that only waits for a save belongs to the start that it becomes. *read*
    makes of a line what it says, where that is more than its text.
    """

    def __init__(
        self,
        worker: str,
        on_log: Callable[[NewLog], None],
        read: Callable[[Line], Line] = lambda line: line,
    ) -> None:
        self._worker = worker
        self._on_log = on_log
        self._read = read
        self._allowance = Allowance()
        self._held: list[Line] | None = []
        self._last_stderr: deque[str] = deque(maxlen=LAST_LINES)
        self._tracebacks = Tracebacks(self._pass_on)

    @property
    def last_stderr(self) -> tuple[str, ...]:
        """Return the newest lines of standard error, without secrets."""
        return tuple(redactor.redact(text) for text in self._last_stderr)

    def release(self) -> None:
        """Pass on what was held, and from now on whatever comes."""
        held, self._held = self._held or [], None
        for line in held:
            self.take(line)

    def take(self, line: Line) -> None:
        """Pass on a line, if there may be one more of them now."""
        if self._held is not None:
            if len(self._held) < HELD_LINES:
                self._held.append(line)
            else:
                self.drop(1)
            return
        now_s = time.monotonic()
        self._tell_dropped(self._allowance.dropped(now_s))
        if self._allowance.take(now_s):
            told = self._read(line)
            if line.stream == "stderr":
                text = shortened(f"{told.level} {told.text}".lstrip(), line.cut)
                self._last_stderr.extend(text.split("\n"))
            self._tracebacks.take(told)

    def drop(self, count: int) -> None:
        """Count lines that were lost on the way here."""
        self._allowance.drop(count)

    async def read(self, stream: str, pipe: asyncio.StreamReader) -> None:
        """Read `stdout` or `stderr` to its end."""
        splitter = LineSplitter()
        while raw_chunk := await pipe.read(_CHUNK_BYTES):
            if self._held is None and self._allowance.is_spent(time.monotonic()):
                self.drop(splitter.skip(raw_chunk))
                continue
            for text, cut in splitter.lines(raw_chunk):
                self.take(Line(time.time_ns() // 1000, stream, text, cut))
        for text, cut in splitter.rest():
            self.take(Line(time.time_ns() // 1000, stream, text, cut))

    def close(self) -> None:
        """Pass on what is held of a traceback, and tell what was dropped and not told yet."""
        self._tracebacks.flush()
        if self._held is None:
            self._tell_dropped(self._allowance.all_dropped())

    def _pass_on(self, line: Line) -> None:
        self._on_log(
            NewLog(
                at_us=line.at_us,
                worker=self._worker,
                stream=line.stream if line.stream in ("stdout", "stderr") else "log",
                level=line.level[:20],
                logger=line.logger[:200],
                text=shortened(line.text, line.cut),
                trace_id=line.trace_id if len(line.trace_id) == 32 else "",
            )
        )

    def _tell_dropped(self, dropped: int) -> None:
        if dropped:
            text = f"{dropped:,} lines were dropped: more came than is kept."
            line = Line(time.time_ns() // 1000, "log", text, 0, "WARNING", "kiket_console")
            self._pass_on(line)
