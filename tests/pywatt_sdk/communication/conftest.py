"""Servers of framed messages to connect to, and certificates to prove who they are."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from tests.certificates import make

from pywatt_sdk.communication.message import EncodedMessage

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from tests.certificates import Certificates


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send each message back, until the client goes."""
    try:
        while True:
            message = await EncodedMessage.read_from_async(reader)
            await message.write_to_async(writer)
    except (EOFError, ConnectionError):
        writer.close()


class Server:
    """A server on a free port that counts its connections and can drop them."""

    def __init__(self, serve: Callable[..., Awaitable[None]]) -> None:
        self._serve = serve
        self._writers: list[asyncio.StreamWriter] = []
        self._news = asyncio.Condition()
        self.port = 0

    async def has(self, connections: int) -> None:
        """Wait until so many connections were made, those that ended included."""
        async with self._news:
            await self._news.wait_for(lambda: len(self._writers) >= connections)

    def drop(self) -> None:
        """End every connection."""
        for writer in self._writers:
            writer.transport.abort()

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take a client."""
        self._writers.append(writer)
        async with self._news:
            self._news.notify_all()
        await self._serve(reader, writer)


@asynccontextmanager
async def serving(
    serve: Callable[..., Awaitable[None]] = echo,
    *,
    path: Path | None = None,
    port: int = 0,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[Server]:
    """Serve on 127.0.0.1, or on a Unix socket, while the block runs."""
    server = Server(serve)
    if path is not None:
        listener = await asyncio.start_unix_server(server.connected, path)
    else:
        listener = await asyncio.start_server(server.connected, "127.0.0.1", port, ssl=tls)
        server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()
        server.drop()
        await asyncio.sleep(0)


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Make a CA and a server certificate once."""
    return make(tmp_path_factory.mktemp("certificates"))
