"""Carry a signed message to its destination, and read what came back."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from msgspec import Struct

from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.producing.destination import host_of, is_loopback

if TYPE_CHECKING:
    import httpx

    from kiket_console.producing.signing import Request

CONNECT_S = 3.0
ANSWER_S = 15.0
"""How long the next part of an answer may take."""
IN_ALL_S = 30.0
"""How long a message may take, connecting and answering together."""
ANSWER_BYTES = 1024 * 1024
"""Of an answer's body, so much is read."""
_MAYBE = "It may have taken the message nevertheless; sending it again may make two."


class Answer(Struct, frozen=True):
    """What came back, or why nothing did."""

    took_us: int
    status: int | None = None
    headers: tuple[tuple[str, str], ...] = ()
    raw_body: bytes = b""
    error: str = ""
    """Why no answer came, in one sentence; empty when one did."""
    hint: str = ""

    def header(self, name: str) -> str:
        """Return the first value of header *name*, or nothing."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), "")


class Connections:
    """The connections of who sends messages, kept for the next one."""

    def __init__(self) -> None:
        self._clients: dict[bool, httpx.AsyncClient] = {}

    async def to(self, url: str) -> httpx.AsyncClient:
        """Return what messages to *url* go over.

        Raises `ConsoleError` when the certificates that it is verified by cannot be read.
        """
        near = is_loopback(url)
        if near not in self._clients:
            client = await asyncio.to_thread(_client, near=near)
            self._clients.setdefault(near, client)
        return self._clients[near]

    async def close(self) -> None:
        """Give them back."""
        for client in self._clients.values():
            await client.aclose()
        self._clients.clear()


def _client(*, near: bool) -> httpx.AsyncClient:
    """Return a client; reads certificates from disk. A proxy is never for this machine's own."""
    from http.cookiejar import CookieJar, DefaultCookiePolicy

    import httpx

    from kindo_message_client._connection import tls
    from kindo_message_client.config import ConfigError

    try:
        verify = tls()
    except ConfigError as error:
        raise ConsoleError(str(error), exit_code=ExitCode.CONFIG) from error
    return httpx.AsyncClient(
        verify=verify,
        timeout=httpx.Timeout(ANSWER_S, connect=CONNECT_S),
        follow_redirects=False,
        trust_env=not near,
        headers={"user-agent": "kiket-console", "accept-encoding": "identity"},
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),  # none is kept
    )


async def post(
    client: httpx.AsyncClient, request: Request, more: tuple[tuple[str, str], ...] = ()
) -> Answer:
    """Send a message once, and return what became of it; *more* are headers besides."""
    import httpx

    from kindo_message_client._failures import reason

    began_ns = time.perf_counter_ns()
    headers: tuple[tuple[str, str], ...] = ()
    status: int | None = None
    raw_body = bytearray()
    error = hint = ""
    try:
        pairs = [*request.headers, *more]
        async with (
            asyncio.timeout(IN_ALL_S),
            client.stream("POST", request.url, content=request.raw_body, headers=pairs) as response,
        ):
            async for chunk in response.aiter_raw():
                raw_body += chunk
                if len(raw_body) > ANSWER_BYTES:
                    del raw_body[ANSWER_BYTES:]
                    break
            if response.headers.get("content-encoding", "identity") != "identity":
                raw_body.clear()  # nobody asked for that, and nothing could be cut out of it
            status, headers = response.status_code, _pairs(response)
    except httpx.ConnectTimeout:
        error = f"{host_of(request.url)} could not be reached within {CONNECT_S:g} s."
        hint = "See whether the network, or a proxy, lets you through."
    except httpx.TimeoutException:
        error, hint = f"{host_of(request.url)} has not answered within {ANSWER_S:g} s.", _MAYBE
    except TimeoutError:
        error, hint = f"{host_of(request.url)} has not answered within {IN_ALL_S:g} s.", _MAYBE
    except (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError) as failure:
        error = f"{host_of(request.url)} broke the connection off: {reason(failure)}."
        hint = _MAYBE
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as failure:
        error = f"{host_of(request.url)} cannot be reached: {reason(failure)}."
        hint = "See whether the URL is right and the network is there."
    took_us = (time.perf_counter_ns() - began_ns) // 1000
    return Answer(took_us, status, headers, bytes(raw_body), error, hint)


def _pairs(response: httpx.Response) -> tuple[tuple[str, str], ...]:
    return tuple(
        (name.decode("latin-1"), value.decode("latin-1")) for name, value in response.headers.raw
    )
