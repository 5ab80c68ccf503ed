"""A load generator in a process of its own, so that it measures others and not itself.

    with Generator(core=1) as load:
        load.run(Burst(port, raw_request, connections=16, seconds=2.0)) -> Answers

The requests are ready-made bytes and answers are counted, hardly read; so it takes some 15 µs of
its own core for each. Closed: each connection sends again as soon as it is answered. Open
(`rate_per_s` given): requests are sent when they are due, and latency counts from that moment, so
that a server that stands still is seen to. Loopback only.
"""

from __future__ import annotations

import asyncio
import json
import os
import platform
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self, cast

if TYPE_CHECKING:
    from collections.abc import Iterable

PATIENCE_S = 20.0


@dataclass(frozen=True, slots=True)
class Burst:
    """What to send, and for how long."""

    port: int
    raw_request: bytes
    connections: int
    seconds: float
    rate_per_s: float = 0.0
    """How many are due each second; 0: as many as are answered."""
    at_most: int = 0
    """Requests; 0: any number."""


class Answers(NamedTuple):
    """What came of a burst."""

    good: int
    """Answers 2xx."""
    failed: int
    """Other answers, none in time, and broken connections."""
    elapsed_s: float
    p50_ms: float
    p99_ms: float


def cores() -> list[int | None]:
    """Return the first two cores that we may use, None for each that there is not."""
    if not hasattr(os, "sched_getaffinity"):
        return [None, None]
    allowed = sorted(os.sched_getaffinity(0))
    return [allowed[0], allowed[1]] if len(allowed) > 1 else [None, None]


def pin(pids: Iterable[int], core: int | None) -> None:
    """Let processes run on one core only; None, or where systems cannot: anywhere."""
    if core is None:
        return
    for pid in pids:
        with suppress(ProcessLookupError):
            os.sched_setaffinity(pid, {core})


def cpu_s(pids: Iterable[int]) -> float:
    """Return the processor time that processes have taken: to the nanosecond on Linux."""
    if platform.system() == "Linux":  # their clocks, as clock_getcpuclockid(3) numbers them
        return sum(time.clock_gettime(~pid << 3 | 2) for pid in pids)
    import psutil

    taken = [psutil.Process(pid).cpu_times() for pid in pids]
    return sum(each.user + each.system for each in taken)


class Neighbour:
    """A process that keeps a core busy where nobody else wants it; ended with the context.

    Two cores may be two threads of one. Then a processor second of a contender holds up to twice as
    much while who sends to it waits, and that is longer for slow contenders than for fast ones.
    With the sender's core busy whether it sends or waits, it is the same for all.
    """

    def __init__(self, core: int | None) -> None:
        self._core = core
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        if self._core is not None and hasattr(os, "SCHED_IDLE"):
            self._process = subprocess.Popen([sys.executable, "-c", _BUSY, str(os.getpid())])
            pin([self._process.pid], self._core)
            os.sched_setscheduler(self._process.pid, os.SCHED_IDLE, os.sched_param(0))
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()


_BUSY: Final = """
import os, sys
while os.getppid() == int(sys.argv[1]):
    for _ in range(100_000):
        pass
"""


class Generator:
    """The process that sends; ended with the context."""

    def __init__(self, core: int | None = None) -> None:
        self._core = core

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        pin([self._process.pid], self._core)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(PATIENCE_S)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def run(self, burst: Burst) -> Answers:
        """Send *burst* and return what came of it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        told = asdict(burst) | {"raw_request": burst.raw_request.decode("latin-1")}
        print(json.dumps(told), file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("The load generator has ended; what it said is above.")
        return Answers(*json.loads(line))


# In the process that sends


class _Connection(asyncio.Protocol):
    """One keep-alive connection; answers are told by their Content-Length."""

    def __init__(self, burst: _Burst) -> None:
        self._burst = burst
        self._buffer = b""
        self._sent_s = 0.0
        self._is_busy = False
        self.is_open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one by duck
        self.is_open = True

    def send(self, due_s: float) -> None:
        self._sent_s, self._is_busy = due_s, True
        self._transport.write(self._burst.raw_request)

    def close(self) -> None:
        self.is_open = self._is_busy = False
        self._transport.close()

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer + data if self._buffer else data
        end = buffer.find(b"\r\n\r\n") + 4
        if end < 4 or len(buffer) < end + _content_length(buffer[:end]):
            self._buffer = buffer
            return
        self._buffer, self._is_busy = b"", False
        self._burst.answered(self, self._sent_s, ok=buffer[9:10] == b"2")

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        was_busy, self.is_open, self._is_busy = self._is_busy, False, False
        if was_busy:
            self._burst.answered(self, self._sent_s, ok=False)


def _content_length(raw_head: bytes) -> int:
    at = raw_head.find(b"ontent-")
    while at >= 0:
        if raw_head[at + 7 : at + 14].lower() == b"length:":
            return int(raw_head[at + 14 : raw_head.find(b"\r\n", at)])
        at = raw_head.find(b"ontent-", at + 7)
    return 0


class _Burst:
    """A burst under way."""

    def __init__(self, told: dict[str, Any]) -> None:
        self._told = told
        self.raw_request: bytes = told["raw_request"].encode("latin-1")
        self._latencies_s: list[float] = []
        self._failed = 0
        self._sent = 0
        self._most = told["at_most"] or sys.maxsize
        self._is_open_loop = told["rate_per_s"] > 0
        self._idle: list[_Connection] = []
        self._due_s: list[float] = []
        self._left = 0
        self._done = asyncio.Event()

    async def run(self) -> Answers:
        connections = [await self._connect() for _ in range(self._told["connections"])]
        began_s = time.perf_counter()
        self._end_s = began_s + self._told["seconds"]
        if self._is_open_loop:
            await self._send_when_due(connections, began_s)
        else:
            self._left = len(connections)
            for connection in connections:
                self._send_again(connection)
        with suppress(TimeoutError):  # who was never answered has failed
            async with asyncio.timeout(self._told["seconds"] + PATIENCE_S):
                await self._done.wait()
        elapsed_s = time.perf_counter() - began_s
        for connection in connections:
            connection.close()
        unanswered = self._sent - len(self._latencies_s)
        ordered = sorted(self._latencies_s) or [0.0]
        return Answers(
            len(self._latencies_s) - self._failed,
            self._failed + unanswered,
            elapsed_s,
            ordered[len(ordered) // 2] * 1000,
            ordered[len(ordered) * 99 // 100] * 1000,
        )

    async def _connect(self) -> _Connection:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(
            lambda: _Connection(self), "127.0.0.1", self._told["port"]
        )
        return connection

    def answered(self, connection: _Connection, sent_s: float, *, ok: bool) -> None:
        self._latencies_s.append(time.perf_counter() - sent_s)
        self._failed += not ok
        if self._is_open_loop:
            self._left -= 1
            if connection.is_open:
                self._free(connection)
            if not self._left:
                self._done.set()
        else:
            self._send_again(connection)

    def _send_again(self, connection: _Connection) -> None:
        now_s = time.perf_counter()
        if connection.is_open and now_s < self._end_s and self._sent < self._most:
            self._sent += 1
            connection.send(now_s)
            return
        self._left -= 1
        if not self._left:
            self._done.set()

    async def _send_when_due(self, connections: list[_Connection], began_s: float) -> None:
        self._idle = connections.copy()
        rate_per_s = self._told["rate_per_s"]
        self._left = count = min(self._most, int(rate_per_s * self._told["seconds"]))
        for number in range(count):
            due_s = began_s + number / rate_per_s
            if (pause_s := due_s - time.perf_counter()) > 0:
                await asyncio.sleep(pause_s)
                due_s = time.perf_counter()  # what a timer oversleeps is not the server's
            self._sent += 1
            if self._idle:
                self._idle.pop().send(due_s)
            else:
                self._due_s.append(due_s)

    def _free(self, connection: _Connection) -> None:
        if self._due_s:
            connection.send(self._due_s.pop(0))
        else:
            self._idle.append(connection)


def _serve() -> None:
    """Carry out the bursts that are told on standard input, one after the other."""
    import uvloop

    for line in sys.stdin:
        answers = uvloop.run(_Burst(json.loads(line)).run())
        print(json.dumps(answers), flush=True)


if __name__ == "__main__":
    _serve()
