"""Keep a framed channel to the orchestrator open, over TCP or a Unix socket, as long as it may.

A channel that breaks is dialled again: after 100 ms, then twice as long each time, up to 30 s
(pywatt wire specification §3.5). The module lives on over its other channels meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from pywatt_sdk._channels import Frames, Invalid
from pywatt_sdk._connecting import connect_tcp, connect_unix
from pywatt_sdk._link import TCP, UDS
from pywatt_sdk.communication.connection_config import (
    ConnectionConfig,
    IpcConnectionConfig,
    ReconnectPolicy,
    TlsConfig,
)
from pywatt_sdk.core.error import ConfigError, NetworkError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pywatt_sdk._link import Link
    from pywatt_sdk._protocol import Init

STEADY_S: Final = 5.0
"""A connection that lasted so long was a good one: the pauses begin anew."""

_logger = logging.getLogger("pywatt_sdk.connection")


class Dialling:
    """One channel to the orchestrator: `run` keeps it open and joins it to the link.

    With `waits_for_challenge` nothing is sent on a connection before the orchestrator has spoken:
    it asks who is there, and the answer has to be the first frame.
    """

    def __init__(
        self,
        config: ConnectionConfig | IpcConnectionConfig,
        link: Link,
        *,
        is_required: bool,
        waits_for_challenge: bool,
    ) -> None:
        self.name = TCP if isinstance(config, ConnectionConfig) else UDS
        self.is_required = is_required
        self.connects = 0
        """How often it was connected."""
        self._config = config
        self._link = link
        self._waits = waits_for_challenge
        self._tried: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()

    def __str__(self) -> str:
        if isinstance(self._config, ConnectionConfig):
            return str(self._config.socket_addr())
        return str(self._config.socket_path)

    async def first_try(self, limit_s: float) -> Exception | None:
        """Return what the first try failed with; None if it is connected, or still trying then."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                return await asyncio.shield(self._tried)
        return None

    async def run(self) -> None:
        """Dial, and dial again as the policy has it, until the link is closed."""
        pauses_s = self._pauses_s()
        now_s = asyncio.get_running_loop().time
        while not self._link.closed.is_set():
            since_s = now_s()
            try:
                lost = await self._connect()
            except (NetworkError, ConfigError) as error:
                self._tell_first(error)
            else:
                self.connects += 1
                self._tell_first(None)
                await lost
                self._link.detach(self.name)
                if self._link.closed.is_set():
                    return
                _logger.info("The %s channel to %s ended; dialling again.", self.name, self)
                if now_s() - since_s > STEADY_S:
                    pauses_s = self._pauses_s()
            pause_s = next(pauses_s, None)
            if pause_s is None:
                _logger.warning("The %s channel to %s is given up.", self.name, self)
                return
            await asyncio.sleep(pause_s)

    def _pauses_s(self) -> Iterator[float]:
        return self._config.reconnect_policy.pauses_s()

    def _tell_first(self, error: Exception | None) -> None:
        if not self._tried.done():
            self._tried.set_result(error)

    async def _connect(self) -> asyncio.Future[None]:
        """Connect once, within the limit; return what is done when the connection is lost."""
        lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        is_attached = False
        name, link = self.name, self._link

        def attach() -> None:
            nonlocal is_attached
            if not is_attached:
                is_attached = True
                link.attach(name, frames)

        def hear(raw: bytes) -> None:
            attach()  # which may speak before we know that we are connected: answers go this way
            link.heard(name, raw)

        def end(_: Exception | None) -> None:
            if not lost.done():
                lost.set_result(None)

        frames = Frames(hear, on_invalid=self._tell_invalid, on_closed=end)
        try:
            async with asyncio.timeout(self._config.timeout_s):
                if isinstance(self._config, ConnectionConfig):
                    await connect_tcp(lambda: frames, self._config)
                else:
                    await connect_unix(lambda: frames, self._config.socket_path)
        except TimeoutError:
            sentence = f"{self} did not answer within {self._config.timeout_s:g} s"
            raise NetworkError(sentence) from None
        if not self._waits:
            attach()
        return lost

    def _tell_invalid(self, invalid: Invalid) -> None:
        _logger.warning("Something on the %s channel is no message. %s", self.name, invalid.reason)


def offered(
    init: Init,
    link: Link,
    *,
    enable_tcp: bool | None,
    enable_ipc: bool | None,
    tcp_config: ConnectionConfig | Mapping[str, Any] | None,
) -> Iterator[Dialling]:
    """Give what is to be dialled: what the orchestrator offers, and what the module's code names.

    Raises:
        ConfigError: if `tcp_config` cannot be used.
    """
    waits = link.is_ours and init.auth_token is not None
    config = tcp_settings(tcp_config)
    offer = init.tcp_channel
    if offer is not None and enable_tcp is not False:
        tls = config.tls_config or (TlsConfig() if offer.tls_enabled else None)
        config = replace(config, host=offer.host, port=offer.port, tls_config=tls)
        yield Dialling(config, link, is_required=offer.required, waits_for_challenge=waits)
    elif enable_tcp and tcp_config is not None and not _is_wildcard(config.host):
        yield Dialling(config, link, is_required=False, waits_for_challenge=waits)
    elif enable_tcp:
        _logger.warning("The orchestrator offers no TCP channel, so the module has none.")
    if init.ipc_channel is None and enable_ipc:
        _logger.warning("The orchestrator offers no Unix socket, so the module has none.")
    if init.ipc_channel is not None and enable_ipc is not False:
        yield Dialling(
            IpcConnectionConfig(init.ipc_channel.socket_path),
            link,
            is_required=init.ipc_channel.required,
            waits_for_challenge=waits,
        )


def tcp_settings(given: ConnectionConfig | Mapping[str, Any] | None) -> ConnectionConfig:
    """Read `tcp_config`: a ConnectionConfig, or a dict of its fields.

    `timeout` stands for `timeout_s` there, and `tls` for `tls_config`; `tls_config` and
    `reconnect_policy` may be dicts of their own fields.

    Raises:
        ConfigError: if a field is unknown, or has no use.
    """
    if isinstance(given, ConnectionConfig):
        return given
    fields = dict(given or {})
    for short, name in (("timeout", "timeout_s"), ("tls", "tls_config")):
        if short in fields:
            fields[name] = fields.pop(short)
    try:
        for name, kind in (("tls_config", TlsConfig), ("reconnect_policy", ReconnectPolicy)):
            if isinstance(fields.get(name), dict):
                fields[name] = kind(**fields[name])
        if fields.get("tls_config") in (True, False):
            fields["tls_config"] = TlsConfig() if fields["tls_config"] else None
        return ConnectionConfig(**fields)
    except TypeError as error:
        raise ConfigError(f"tcp_config cannot be used: {error}") from None


def _is_wildcard(host: str) -> bool:
    """Tell whether a host names all addresses to listen on, and so none to dial."""
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_unspecified
    return not host


__all__ = [
    "ConnectionConfig",
    "Dialling",
    "IpcConnectionConfig",
    "ReconnectPolicy",
    "TlsConfig",
    "offered",
    "tcp_settings",
]
