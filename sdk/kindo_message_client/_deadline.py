"""Ends a request when its time is over, whatever trickles in.

httpx knows how long each read and each write may take. Of a server that sends a byte now and then,
or one interim answer (RFC 9110 §15.2) after the other, it would wait for ever.
"""

from __future__ import annotations

import math
import threading
import time
from typing import TYPE_CHECKING, Any, Final

import httpcore
import httpx

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable

_PIECE: Final = 64 * 1024
"""Bytes that are written before it is asked again how much time is left."""


class TimedTransport(httpx.HTTPTransport):
    """Sends requests of which each has its time."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._deadline = _Deadline()
        # Only so can httpx be given other connections than its own (`test_connection.py`).
        self._pool._network_backend = _TimedBackend(self._deadline)

    def answer(self, request: httpx.Request, answer_s: float) -> httpx.Response:
        """Send *request*; its answer has to be there *answer_s* seconds after the connection."""
        self._deadline.begin(answer_s)
        return self.handle_request(request)


class _Deadline(threading.local):
    """When the request of this thread has to be answered."""

    def __init__(self) -> None:
        self._answer_s = self._until_s = math.inf

    def begin(self, answer_s: float | None = None) -> None:
        """Let *answer_s* seconds begin now; without it, begin anew as many as before."""
        self._answer_s = self._answer_s if answer_s is None else answer_s
        self._until_s = time.monotonic() + self._answer_s

    def left(self, timeout: float | None) -> float:
        """Return how many seconds a read or write may take, *timeout* at most.

        Raises:
            httpcore.TimeoutException: if time is over.
        """
        left_s = self._until_s - time.monotonic()
        if left_s <= 0:
            raise httpcore.ReadTimeout("time is over")
        return left_s if timeout is None else min(left_s, timeout)


class _TimedBackend(httpcore.NetworkBackend):
    """Opens connections that keep to a *deadline*; it begins anew once there is a connection."""

    def __init__(self, deadline: _Deadline) -> None:
        self._deadline = deadline
        self._backend = httpcore.SyncBackend()

    def connect_tcp(  # what httpcore asks of a backend
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Open a connection."""
        stream = self._backend.connect_tcp(host, port, timeout, local_address, socket_options)
        self._deadline.begin()
        return _TimedStream(stream, self._deadline)


class _TimedStream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream, deadline: _Deadline) -> None:
        self._stream, self._deadline = stream, deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._deadline.left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        for start in range(0, len(buffer), _PIECE):
            piece = buffer[start : start + _PIECE]
            self._stream.write(piece, self._deadline.left(timeout))

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        stream = self._stream.start_tls(ssl_context, server_hostname, timeout)
        self._deadline.begin()
        return _TimedStream(stream, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)

    def close(self) -> None:
        self._stream.close()
