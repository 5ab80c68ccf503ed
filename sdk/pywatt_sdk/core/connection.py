"""Keep a framed channel to the orchestrator open, over TCP or a Unix socket, as long as it may.

A channel that breaks is dialled again: at once, then after 100 ms, twice as long each time, up to
30 s (pywatt wire specification §3.5). The module lives on over its other channels meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import os
import stat
from typing import TYPE_CHECKING, Final

from pywatt_sdk._channels import Frames, Invalid
from pywatt_sdk._link import TCP, UDS
from pywatt_sdk._protocol import TcpOffer

if TYPE_CHECKING:
    import ssl

    from pywatt_sdk._link import Link
    from pywatt_sdk._protocol import UdsOffer

CONNECT_LIMIT_S: Final = 30.0
FIRST_PAUSE_S: Final = 0.1
LONGEST_PAUSE_S: Final = 30.0

_logger = logging.getLogger("pywatt_sdk.connection")


class Dialling:
    """One channel that the orchestrator offers: `run` keeps it open and joins it to the link.

    With `waits_for_challenge` nothing is sent on a connection before the orchestrator has spoken:
    it asks who is there, and the answer has to be the first frame. `tls` is how a TCP channel is
    encrypted, None for not at all.
    """

    def __init__(
        self,
        offer: TcpOffer | UdsOffer,
        link: Link,
        *,
        waits_for_challenge: bool,
        tls: ssl.SSLContext | None = None,
        server_name: str | None = None,
    ) -> None:
        self.name = TCP if isinstance(offer, TcpOffer) else UDS
        self.offer = offer
        self.connects = 0
        """How often it was connected."""
        self._link = link
        self._waits = waits_for_challenge
        self._tls = tls
        self._server_name = server_name
        self._tried: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()

    def __str__(self) -> str:
        if isinstance(self.offer, TcpOffer):
            return self.offer.address
        return self.offer.socket_path

    async def first_try(self, limit_s: float) -> Exception | None:
        """Return what the first try failed with; None if it is connected, or still trying then."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                return await asyncio.shield(self._tried)
        return None

    async def run(self) -> None:
        """Dial, and dial again, until the link is closed."""
        pause_s = FIRST_PAUSE_S
        while not self._link.closed.is_set():
            lost: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()
            try:
                async with asyncio.timeout(CONNECT_LIMIT_S):
                    await self._connect(lost)
            except OSError as error:  # a timeout is one
                self._tell_first(error)
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
                continue
            self.connects += 1
            self._tell_first(None)
            pause_s = FIRST_PAUSE_S
            broken = await lost
            self._link.detach(self.name)
            if not self._link.closed.is_set():
                _logger.info("The %s channel to %s ended; dialling again.", self.name, self)
                if broken is not None:
                    await asyncio.sleep(pause_s)

    def _tell_first(self, error: Exception | None) -> None:
        if not self._tried.done():
            self._tried.set_result(error)

    async def _connect(self, lost: asyncio.Future[Exception | None]) -> None:
        is_heard = not self._waits
        name, link = self.name, self._link

        def hear(raw: bytes) -> None:
            nonlocal is_heard
            if not is_heard:
                is_heard = True
                link.attach(name, frames)
            link.heard(name, raw)

        def end(error: Exception | None) -> None:
            if not lost.done():
                lost.set_result(error)

        frames = Frames(hear, on_invalid=self._tell_invalid, on_closed=end)
        loop = asyncio.get_running_loop()
        if isinstance(self.offer, TcpOffer):
            refuse_in_the_open(self.offer.host, is_encrypted=self._tls is not None)
            await loop.create_connection(
                lambda: frames,
                self.offer.host,
                self.offer.port,
                ssl=self._tls,
                server_hostname=(self._server_name or self.offer.host) if self._tls else None,
            )
        else:
            refuse_strange_socket(self.offer.socket_path)
            await loop.create_unix_connection(lambda: frames, self.offer.socket_path)
        if is_heard:
            link.attach(name, frames)

    def _tell_invalid(self, invalid: Invalid) -> None:
        _logger.warning("Something on the %s channel is no message. %s", self.name, invalid.reason)


def refuse_in_the_open(host: str, *, is_encrypted: bool) -> None:
    """Refuse to speak unencrypted with another machine.

    Raises:
        PermissionError: if `host` is not this machine, by address or as `localhost`.
    """
    if is_encrypted or host == "localhost":
        return
    with contextlib.suppress(ValueError):
        if ipaddress.ip_address(host).is_loopback:
            return
    raise PermissionError(
        f"{host} is another machine and the channel has no TLS; what is said, secrets among it, "
        "could be read on the way. Let the orchestrator offer tls_enabled"
    )


def refuse_strange_socket(path: str) -> None:
    """Refuse a Unix socket that another user may have put there.

    Raises:
        OSError: if nothing is there, or no socket.
        PermissionError: if it belongs to another user (root's are trusted).
    """
    seen = os.lstat(path)
    if not stat.S_ISSOCK(seen.st_mode):
        raise OSError(f"{path} is no socket")
    if seen.st_uid not in (os.getuid(), 0):
        raise PermissionError(f"{path} belongs to another user (id {seen.st_uid})")
