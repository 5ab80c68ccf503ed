"""What a worker writes, on its way to the Logs: read, within an allowance.

Whoever takes the lines takes the secrets out of them, once.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import TYPE_CHECKING

from kiket_console import traced_frames
from kiket_console.engine.output import Allowance, LineSplitter, shortened
from kiket_console.engine.tracebacks import Tracebacks
from kiket_console.engine.worker_messages import Line
from kiket_console.log_levels.names import GRAVE, NOTHING
from kiket_console.log_levels.reading import read as read_line
from kiket_console.store.records import NewLog
from kiket_core.secret import redactor

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

LAST_LINES = 50
"""Lines of standard error that are kept to explain a crash."""
HELD_LINES = 200
"""Lines that a worker may write before it is started; the rest is counted."""
_CHUNK_BYTES = 64 * 1024
_TURN_LINES = 512
"""So few that reading them holds up nobody else."""
_TOLD_AFTER_S = 1.0
"""How long after lines were dropped that is said, where no other line follows."""


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
        self._due: asyncio.TimerHandle | None = None

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
                self._allowance.drop(1)
            return
        is_stderr = line.stream == "stderr"
        if self._may_pass(1, grave=is_stderr or line.level in GRAVE):
            self._say(line)
        elif is_stderr:
            self._pass_over([(line.text, line.cut)])

    def drop(self, count: int) -> None:
        """Count lines that were lost on the way here."""
        self._allowance.drop(count)
        if self._held is None:
            self._tell_later()

    async def read(self, stream: str, pipe: asyncio.StreamReader) -> None:
        """Read `stdout` or `stderr` to its end."""
        splitter = LineSplitter()
        grave = stream == "stderr"
        while raw_chunk := await pipe.read(_CHUNK_BYTES):
            if self._held is None and self._allowance.is_spent(time.monotonic(), grave=grave):
                if grave:
                    self.drop(self._pass_over(splitter.lines(raw_chunk)))
                else:
                    self.drop(splitter.skip(raw_chunk))
                continue
            await self._take_all(stream, splitter.lines(raw_chunk))
        await self._take_all(stream, splitter.rest())

    def _pass_over(self, lines: Sequence[tuple[str, int]]) -> int:
        """Keep of standard error what explains a crash; return how many lines there are."""
        self._last_stderr.extend(shortened(text, cut) for text, cut in lines[-LAST_LINES:])
        return len(lines)

    async def _take_all(self, stream: str, lines: Sequence[tuple[str, int]]) -> None:
        """Take lines of one chunk, and let others have their turns in between."""
        at_us = time.time_ns() // 1000
        for begin in range(0, len(lines), _TURN_LINES):
            turn = lines[begin : begin + _TURN_LINES]
            if self._held is not None:
                for text, cut in turn:
                    self.take(Line(at_us, stream, text, cut))
                continue
            passing = self._may_pass(len(turn), grave=stream == "stderr")
            for text, cut in turn[:passing]:
                self._say(Line(at_us, stream, text, cut))
            if stream == "stderr":
                self._pass_over(turn[passing:])
            await asyncio.sleep(0)

    def _may_pass(self, count: int, *, grave: bool) -> int:
        """Return how many of *count* lines may pass now; the others are counted."""
        now_s = time.monotonic()
        self._tell_dropped(self._allowance.dropped(now_s))
        passing = self._allowance.take(now_s, count, grave=grave)
        if passing < count:
            self._tell_later()
        return passing

    def _say(self, line: Line) -> None:
        """Read a line and pass it on."""
        told = self._read(line)
        if line.stream == "stderr":
            is_record = told is not line
            text = shortened(f"{told.level} {told.text}" if is_record else line.text, line.cut)
            self._last_stderr.extend(text.split("\n"))
        if not told.level and (said := read_line(told.text)) is not NOTHING:
            told.level = said.level
            told.logger = told.logger or said.logger
            told.trace_id = told.trace_id or said.trace_id
        self._tracebacks.take(told)

    def close(self) -> None:
        """Pass on what is held of a traceback, and tell what was dropped and not told yet."""
        self._tracebacks.flush()
        if self._due is not None:
            self._due.cancel()
        if self._held is None:
            self._tell()

    def _pass_on(self, line: Line) -> None:
        self._on_log(
            NewLog(
                line.at_us,
                self._worker,
                line.stream if line.stream in ("stdout", "stderr") else "log",
                line.level[:20],
                line.logger[:200],
                shortened(line.text, line.cut),
                line.trace_id if len(line.trace_id) == 32 else "",
                None,
                traced_frames.stored(line.frames, redactor.redact) if line.frames else "",
            )
        )

    def _tell_later(self) -> None:
        """Say what was dropped although nothing may follow."""
        if self._due is None:
            self._due = asyncio.get_running_loop().call_later(_TOLD_AFTER_S, self._tell)

    def _tell(self) -> None:
        self._due = None
        self._tell_dropped(self._allowance.all_dropped())

    def _tell_dropped(self, dropped: int) -> None:
        if dropped:
            now_us = time.time_ns() // 1000
            self._on_log(NewLog(now_us, self._worker, "log", "", "", "", dropped=dropped))
