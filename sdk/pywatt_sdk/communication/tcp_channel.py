"""Messages over TCP, in the clear on this machine or under TLS (specification §3.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pywatt_sdk._channels import FRAME_LIMIT_BYTES
from pywatt_sdk._connecting import connect_tcp
from pywatt_sdk.communication.channel_types import ChannelType
from pywatt_sdk.communication.connection_config import (
    ConnectionConfig,
    ReconnectPolicy,
    TlsConfig,
)
from pywatt_sdk.communication.message_channel import ConnectionState, MessageChannel

if TYPE_CHECKING:
    from collections.abc import Callable

    from pywatt_sdk.communication.message_channel import MessageStream

__all__ = ["ConnectionConfig", "ConnectionState", "ReconnectPolicy", "TcpChannel", "TlsConfig"]


class TcpChannel(MessageChannel):
    """A connection to a TCP port.

    Args:
        config: where to, how securely, and what to do when it is lost.
        limit_bytes: the longest message that is taken.
    """

    channel_type = ChannelType.TCP

    def __init__(self, config: ConnectionConfig, *, limit_bytes: int = FRAME_LIMIT_BYTES) -> None:
        super().__init__(config.reconnect_policy, config.timeout_s, limit_bytes)
        self.config = config

    async def _open(self, make: Callable[[], MessageStream]) -> MessageStream:
        return await connect_tcp(make, self.config)

    def _where(self) -> str:
        return str(self.config.socket_addr())
