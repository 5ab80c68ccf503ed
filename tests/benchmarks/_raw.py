"""The least there can be on both sides of a gateway: an upstream and a forwarder of bytes.

    python _raw.py upstream        answers every request with 200 bytes of JSON, on $PORT
    python _raw.py forwarder N     passes bytes on to port N of this machine, on $PORT

Neither parses more than where a request ends, so that what is measured between them is not them.
"""

from __future__ import annotations

import asyncio
import os
import sys
from typing import cast

RAW_BODY = b'{"ok":true,"padding":"' + b"x" * 176 + b'"}'
RAW_ANSWER = (
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b"
    % (len(RAW_BODY), RAW_BODY)
)


class Upstream(asyncio.Protocol):
    """Answer each whole request with `answer`."""

    answer = RAW_ANSWER

    def __init__(self) -> None:
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._buffer = buffer = self._buffer + data if self._buffer else data
        end = buffer.find(b"\r\n\r\n") + 4
        if end < 4:
            return
        head = buffer[:end].lower()
        length = head.partition(b"content-length:")[2].partition(b"\r\n")[0]
        if len(buffer) >= end + int(length or 0):
            self._buffer = b""
            self._transport.write(self.answer)
            if b"\r\nconnection: close" in head:
                self._transport.close()


class Forwarder(asyncio.Protocol):
    """One side of a connection; what it receives goes to the other side."""

    def __init__(self, upstream_port: int | None, other: Forwarder | None = None) -> None:
        self._upstream_port = upstream_port
        self._other = other
        self._early: list[bytes] = []
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        if self._upstream_port is not None:
            self._connecting = asyncio.ensure_future(self._connect(self._upstream_port))

    async def _connect(self, port: int) -> None:
        loop = asyncio.get_running_loop()
        _, self._other = await loop.create_connection(
            lambda: Forwarder(None, self), "127.0.0.1", port
        )
        assert self._other.transport is not None
        self._other.transport.writelines(self._early)

    def data_received(self, data: bytes) -> None:
        if self._other is None or self._other.transport is None:
            self._early.append(data)
        else:
            self._other.transport.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        if self._other is not None and self._other.transport is not None:
            self._other.transport.close()


async def _serve(role: str, arguments: list[str]) -> None:
    loop = asyncio.get_running_loop()
    port = int(os.environ["PORT"])
    if role == "upstream":
        server = await loop.create_server(Upstream, "127.0.0.1", port)
    else:
        server = await loop.create_server(lambda: Forwarder(int(arguments[0])), "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    import uvloop

    uvloop.run(_serve(sys.argv[1], sys.argv[2:]))
