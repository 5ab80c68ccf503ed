"""Asking the orchestrator for a port (pywatt wire specification §5.4).

A module made with `pywatt_module` listens where its first line says and needs none of this; it is
for a second server of your own:

    port = await negotiate_port(link=app_state.link)
"""

from __future__ import annotations

import asyncio
import random
import socket
from typing import TYPE_CHECKING, Final

from pywatt_sdk._protocol import PortRequest, PortResponse, new_uuid
from pywatt_sdk.core.error import ConfigError, NetworkError
from pywatt_sdk.services.server import get_pre_allocated_port, set_pre_allocated_port

if TYPE_CHECKING:
    from pywatt_sdk._link import Link

__all__ = [
    "PortNegotiationManager",
    "get_pre_allocated_port",
    "negotiate_port",
    "set_pre_allocated_port",
]

FIRST_TIMEOUT_S: Final = 3.0
MAX_TIMEOUT_S: Final = 10.0
RETRIES: Final = 3
PORTS: Final = range(8000, 9000)
FALLBACK_PORTS: Final = range(10_000, 11_000)
FAILURES_UNTIL_OPEN: Final = 5
OPEN_S: Final = 60.0


class PortNegotiationManager:
    """Asks for a port, again if need be, and falls back to a free one of this machine's.

    Args:
        link: the connection to the orchestrator; without one the port is chosen here.
        use_fallback: whether a port is chosen here when the orchestrator gives none.
        first_timeout_s: how long the first answer may take; each further one a second longer.

    After 5 negotiations in a row that failed the orchestrator is not asked for 60 s.
    """

    def __init__(
        self,
        link: Link | None = None,
        *,
        use_fallback: bool = True,
        first_timeout_s: float = FIRST_TIMEOUT_S,
    ) -> None:
        self._link = link
        self._use_fallback = use_fallback
        self._first_timeout_s = first_timeout_s
        self._failures = 0
        self._open_until_s = 0.0

    async def request_port(self, specific_port: int | None = None) -> int:
        """Get a port; the one that was got before, if there is one.

        Args:
            specific_port: the port that is wished for.

        Raises:
            ConfigError: if that is no port.
            NetworkError: if the orchestrator gives none and none may be chosen here.
        """
        allocated = get_pre_allocated_port()
        if allocated is not None:
            return allocated
        if specific_port is not None and not 0 < specific_port < 0x10000:
            raise ConfigError(f"{specific_port} is no port; ports are 1 to 65535")
        port, reason = await self._asked(specific_port)
        if port is None:
            if not self._use_fallback:
                raise NetworkError(f"no port was given: {reason}")
            port = _chosen_here(specific_port)
        set_pre_allocated_port(port)
        return port

    async def _asked(self, specific_port: int | None) -> tuple[int | None, str]:
        """Ask the orchestrator; give its port, or None and why there is none."""
        if self._link is None:
            return None, "there is no orchestrator to ask"
        now_s = asyncio.get_running_loop().time()
        if now_s < self._open_until_s:
            return None, "the orchestrator gave none lately and is left alone for a minute"
        reason = ""
        for attempt in range(1 + RETRIES):
            wish = specific_port
            if wish is None and attempt:
                wish = random.choice(PORTS)  # noqa: S311  # any will do
            try:
                reply = await self._link.ask(
                    PortRequest(new_uuid(), wish),
                    timeout_s=min(self._first_timeout_s + attempt, MAX_TIMEOUT_S),
                )
            except NetworkError as fault:
                reason = str(fault)
                if self._link.closed.is_set():
                    break
                continue
            port, reason = _given(reply)
            if port is not None:
                self._failures = 0
                return port, ""
        self._failures += 1
        # One failure after the pause is enough to wait again.
        if self._failures >= FAILURES_UNTIL_OPEN:
            self._open_until_s = asyncio.get_running_loop().time() + OPEN_S
        return None, reason


async def negotiate_port(specific_port: int | None = None, *, link: Link | None = None) -> int:
    """Get a port for a server: from the orchestrator over `link`, else a free one here.

    It is remembered: asked again, the same one is given.

    Raises:
        ConfigError: if the port that is wished for is none.
        NetworkError: if no port can be had.
    """
    return await PortNegotiationManager(link).request_port(specific_port)


def _given(reply: PortResponse) -> tuple[int | None, str]:
    if not reply.success:
        return None, reply.error_message or "the orchestrator refused and did not say why"
    if reply.port == 0:
        return None, "the orchestrator returned the invalid port 0"
    return reply.port, ""


def _chosen_here(specific_port: int | None) -> int:
    wishes = [] if specific_port is None else [specific_port]
    others = random.sample(FALLBACK_PORTS, k=len(FALLBACK_PORTS))
    for port in (*wishes, *others):
        with socket.socket() as listener:
            try:
                listener.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise NetworkError(
        f"no port was given, and from {FALLBACK_PORTS[0]} to {FALLBACK_PORTS[-1]} none is free"
    )
