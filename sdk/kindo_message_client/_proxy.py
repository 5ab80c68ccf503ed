"""A way through the proxy that the environment names: a tunnel (RFC 9110 §9.3.6)."""

from __future__ import annotations

import asyncio
import base64
import re
from dataclasses import dataclass, field
from typing import Final, cast
from urllib.parse import unquote, urlsplit

from kindo_message_client._connection import proxy_to
from kindo_message_client.config import ConfigError

_MAX_HEAD: Final = 64 * 1024
_OPEN: Final = re.compile(rb"HTTP/1\.[01] 2\d\d(?: |$)")


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy that is spoken to without encryption; what goes through it is encrypted."""

    host: str
    port: int
    authorization: str = field(repr=False)
    """Value of Proxy-Authorization; empty: none is sent."""


def of(host: str) -> Proxy | None:
    """Return the proxy for https to *host*, by HTTPS_PROXY, ALL_PROXY and NO_PROXY.

    Raises:
        ConfigError: if it is no http:// proxy.
    """
    url = proxy_to(host)
    if url is None:
        return None
    try:
        parts = urlsplit(url)
        port = parts.port or 80
    except ValueError:
        parts = urlsplit("")
    if parts.scheme != "http" or not parts.hostname:
        raise ConfigError(
            "The proxy in HTTPS_PROXY or ALL_PROXY is not an http:// one, and no other can be used "
            "by ProducerClient; name one, leave the host out with NO_PROXY, or use "
            "send_to_producer."
        )
    authorization = ""
    if parts.username is not None:
        user = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        authorization = f"Basic {base64.b64encode(user.encode()).decode()}"
    return Proxy(parts.hostname, port, authorization)


async def tunnel(proxy: Proxy, host: str, port: int) -> asyncio.Transport:
    """Return a connection with *host* and *port* through *proxy*, to begin TLS on.

    Raises OSError where the proxy cannot be reached, or refuses.
    """
    loop = asyncio.get_running_loop()
    _, opening = await loop.create_connection(_Opening, proxy.host, proxy.port)
    target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    authorization = f"Proxy-Authorization: {proxy.authorization}\r\n" if proxy.authorization else ""
    request = f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{authorization}\r\n"
    opening.transport.write(request.encode("latin-1"))
    try:
        status_line = await opening.status_line
        if not _OPEN.match(status_line):
            said = ascii(status_line[:80].decode("latin-1"))
            raise OSError(f"the proxy {proxy.host} answered {said}")
    except BaseException:
        opening.transport.abort()
        raise
    return opening.transport


class _Opening(asyncio.Protocol):
    """Reads the proxy's answer."""

    transport: asyncio.Transport

    def __init__(self) -> None:
        self.status_line: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._head = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._head += data
        if b"\r\n\r\n" in self._head:
            if not self.status_line.done():
                self.status_line.set_result(self._head.partition(b"\r\n")[0])
        elif len(self._head) > _MAX_HEAD:
            self.connection_lost(None)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.status_line.done():
            self.status_line.set_exception(exc or OSError("the proxy closed the connection"))
