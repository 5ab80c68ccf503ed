"""Speaking to one far end (see `_ipc_ends`) in slices of as many messages for each.

Who speaks has a core that is kept busy (see `_load.Neighbour`).
"""

from __future__ import annotations

import base64
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

from tests.benchmarks import _ipc_ends as ends
from tests.benchmarks._load import PATIENCE_S, cpu_s, pin

if TYPE_CHECKING:
    from collections.abc import Callable

IN_FLIGHT: Final = 64
BODY: Final = bytes(range(32, 127)) * 11


class Rate(NamedTuple):
    """How many messages went through, by the clock and by the far end's processor time."""

    per_s: float
    per_cpu_s: float


class FarEnd:
    """One contender over one transport; ended with the context."""

    def __init__(self, transport: str, name: str, core: int | None) -> None:
        self._transport, self._name, self._core = transport, name, core
        self._request = ends.framed(transport, request(name))
        self._requests = memoryview(self._request * IN_FLIGHT)
        self._routed = memoryview(ends.framed(transport, routed(name)) * IN_FLIGHT)
        self._answer_bytes = 0
        self._answers = bytearray(ends.PAYLOAD_READ)

    def __enter__(self) -> Self:
        self._stack = ExitStack()
        command = [sys.executable, ends.__file__, self._name, self._transport]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
        if self._transport == "stdio":
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
            )
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            self._out, self._in = self._process.stdin.fileno(), self._process.stdout.fileno()
        else:
            listener, address = self._listening()
            with listener:
                listener.settimeout(PATIENCE_S)
                self._process = subprocess.Popen([*command, address], env=environment)
                sock = self._stack.enter_context(listener.accept()[0])
            if self._transport == "tcp":
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._out = self._in = sock.fileno()
        pin([self._process.pid], self._core)
        os.set_blocking(self._out, True)
        ends.write_all(self._out, self._request)
        self._answer_bytes = self._first_answer()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._stack.close()

    def round_trip_us(self, count: int) -> float:
        """Send so many requests, each after the answer to the last; return the median trip."""
        trips_s = []
        for _ in range(count):
            begun_s = time.perf_counter()
            ends.write_all(self._out, self._request)
            self._take(1)
            trips_s.append(time.perf_counter() - begun_s)
        return statistics.median(trips_s) * 1e6

    def echo(self, count: int) -> Rate:
        """Send so many requests, 64 in flight: as many as were answered are sent."""
        return self._rate(self._echo, count)

    def one_way(self, count: int) -> Rate:
        """Send so many messages as fast as they are taken; a request tells that all were."""
        return self._rate(self._one_way, count)

    def _rate(self, speak: Callable[[int], None], count: int) -> Rate:
        before_s, begun_s = cpu_s([self._process.pid]), time.perf_counter()
        speak(count)
        elapsed_s = time.perf_counter() - begun_s
        return Rate(count / elapsed_s, count / max(cpu_s([self._process.pid]) - before_s, 0.001))

    def _echo(self, count: int) -> None:
        sent = received_bytes = 0
        while True:
            answered = received_bytes // self._answer_bytes
            due = min(answered + IN_FLIGHT, count) - sent
            ends.write_all(self._out, self._requests[: due * len(self._request)])
            sent += due
            if answered == count:
                return
            received_bytes += self._read()

    def _one_way(self, count: int) -> None:
        for _ in range(count // IN_FLIGHT):
            ends.write_all(self._out, self._routed)
        ends.write_all(self._out, self._request)
        self._take(1)

    def _take(self, answers: int) -> None:
        left = answers * self._answer_bytes
        while left:
            left -= self._read()

    def _read(self) -> int:
        read = os.readv(self._in, [self._answers])
        if not read:
            raise RuntimeError(f"The far end {self._name} over {self._transport} has ended.")
        return read

    def _first_answer(self) -> int:
        raw = b""
        while not ends.split(self._transport, raw)[0]:
            raw += self._answers[: self._read()]
        return len(raw)  # all are of this length: ids are

    def _listening(self) -> tuple[socket.socket, str]:
        if self._transport == "tcp":
            listener = socket.create_server(("127.0.0.1", 0))
            return listener, f"127.0.0.1:{listener.getsockname()[1]}"
        folder = self._stack.enter_context(tempfile.TemporaryDirectory())
        path = str(Path(folder, "s"))
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(path)
        listener.listen()
        return listener, path


def request(name: str) -> bytes:
    """Write the request that a contender answers."""
    fields = {
        "request_id": "11111111-2222-4333-8444-555555555555",
        "method": "POST",
        "uri": "/api/issues?verbose=1",
        "headers": {"content-type": "text/plain", "x-request-id": "0123456789abcdef"},
        "body": base64.b64encode(BODY).decode(),
    }
    return _message(name, "http_request", fields)


def routed(name: str) -> bytes:
    """Write the message that a contender reads, and no more."""
    payload = {"data": base64.b64encode(BODY).decode(), "format": "Json"}
    fields = {
        "source_module_id": "thermometer",
        "original_request_id": "11111111-2222-4333-8444-555555555555",
        "payload": payload,
    }
    return _message(name, "routed_module_message", fields)


def _message(name: str, op: str, fields: dict[str, Any]) -> bytes:
    """Write a message as the far end reads it: the original wants it nested."""
    message = {"op": op, op: fields} if name == "original" else {"op": op, **fields}
    return json.dumps(message, separators=(",", ":")).encode()
