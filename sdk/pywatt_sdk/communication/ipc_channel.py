"""Messages over a Unix-domain socket (specification §3.6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pywatt_sdk._channels import FRAME_LIMIT_BYTES
from pywatt_sdk._connecting import connect_unix
from pywatt_sdk.communication.channel_types import ChannelType
from pywatt_sdk.communication.connection_config import IpcConnectionConfig, ReconnectPolicy
from pywatt_sdk.communication.message_channel import ConnectionState, MessageChannel

if TYPE_CHECKING:
    from collections.abc import Callable

    from pywatt_sdk.communication.message_channel import MessageStream

__all__ = ["ConnectionState", "IpcChannel", "IpcConnectionConfig", "ReconnectPolicy"]


class IpcChannel(MessageChannel):
    """A connection to a Unix-domain socket of this user's.

    Args:
        config: which socket, and what to do when the connection is lost.
        limit_bytes: the longest message that is taken.
    """

    channel_type = ChannelType.IPC

    def __init__(
        self, config: IpcConnectionConfig, *, limit_bytes: int = FRAME_LIMIT_BYTES
    ) -> None:
        super().__init__(config.reconnect_policy, config.timeout_s, limit_bytes)
        self.config = config

    async def _open(self, make: Callable[[], MessageStream]) -> MessageStream:
        return await connect_unix(make, self.config.socket_path)

    def _where(self) -> str:
        return f"the socket {self.config.socket_path}"
