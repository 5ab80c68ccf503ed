"""Connections to one producer, on an event loop: opened when needed, kept warm, so many at most."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from kindo_message_client import _failures, _proxy
from kindo_message_client._connection import CONNECT_S
from kindo_message_client._link import Answer, Link

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

_CLOSE_S: Final = 0.5
"""How long the other side may take to say farewell."""
_KEEP_S: Final = 30.0
"""How long a connection is kept that carries nothing."""


class Pool:
    """At most *size* connections to the host of *url*; *tls* verifies it where *url* is https.

    Raises ConfigError for a proxy in the environment that cannot be used.
    """

    def __init__(self, url: str, tls: ssl.SSLContext | None, size: int) -> None:
        parts = urlsplit(url)
        self._host = parts.hostname or ""
        self._tls = tls if parts.scheme == "https" else None
        self._port = parts.port or (443 if self._tls else 80)
        self._proxy = _proxy.of(self._host) if self._tls else None
        self._loop = asyncio.get_running_loop()
        self._free = asyncio.Semaphore(size)
        self._idle: list[Link] = []
        self._links: set[Link] = set()

    async def ask(self, raw_request: Callable[[], bytes], timeout_s: float) -> Answer:
        """Send a request and return its answer, which comes within *timeout_s* seconds.

        *raw_request* is called when there is a connection.

        Raises:
            UnreachableError: if no whole answer came.
            AnswerError: if the answer is larger than 1 MiB, or compressed.
        """
        async with self._free:
            link = self._warm() or await self._open()
            try:
                return await link.ask(raw_request(), timeout_s)
            except BaseException:
                link.close()  # an answer that comes late would be taken for the next one's
                raise
            finally:
                if link.usable:
                    link.idle_since_s = self._loop.time()
                    self._idle.append(link)
                else:
                    link.close()
                    self._links.discard(link)

    async def close(self) -> None:
        """Close all connections; requests that are under way fail."""
        self._idle.clear()
        links, self._links = self._links, set()
        for link in links:
            link.close()
        try:
            async with asyncio.timeout(_CLOSE_S):
                for link in links:
                    await link.lost.wait()
        except TimeoutError:  # a farewell that nobody answers (TLS)
            for link in links:
                link.abort()

    def _warm(self) -> Link | None:
        """Return the connection that was used last, if there is one that still can be."""
        since_s = self._loop.time() - _KEEP_S
        while self._idle:
            link = self._idle.pop()
            if link.usable and link.idle_since_s > since_s and link.is_quiet():
                return link
            link.close()
            self._links.discard(link)
        return None

    async def _open(self) -> Link:
        try:
            async with asyncio.timeout(CONNECT_S):
                link = await self._connected()
        except OSError as error:  # TimeoutError, ssl.SSLError and socket.gaierror are some
            why = "time is over" if isinstance(error, TimeoutError) else error
            raise _failures.unreachable(self._host, why) from error
        self._links.add(link)
        return link

    async def _connected(self) -> Link:
        if self._proxy is None:
            raw, link = await self._reached()
        else:
            raw = await _proxy.tunnel(self._proxy, self._host, self._port)
            link = Link(self._host)
            raw.set_protocol(link)
        if self._tls is None:
            return link
        try:
            encrypted = await self._loop.start_tls(raw, link, self._tls, server_hostname=self._host)
        except BaseException:
            raw.abort()
            raise
        if encrypted is None:
            raise OSError("the connection ended")
        link.connection_made(encrypted)
        return link

    async def _reached(self) -> tuple[asyncio.Transport, Link]:
        """Connect to the first of the host's addresses that answers.

        Each has its part of the time: function URLs have IPv6 addresses, too, and many networks no
        way to them. (To try several at once, as asyncio can, leaves sockets open when cancelled.)
        """
        until_s = self._loop.time() + CONNECT_S
        found = await self._loop.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
        addresses = list(dict.fromkeys(address for *_, address in found))
        while True:
            host, port = addresses.pop(0)[:2]
            part_s = (until_s - self._loop.time()) / (len(addresses) + 1)
            try:
                async with asyncio.timeout(part_s):
                    return await self._loop.create_connection(
                        lambda: Link(self._host), str(host), int(port)
                    )
            except OSError:
                if not addresses:
                    raise
