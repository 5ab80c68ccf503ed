"""Which channels there are, which are preferred, and what one can do (specification §5.5)."""

from __future__ import annotations

import enum
from typing import Final

from msgspec import Struct

__all__ = ["ChannelCapabilities", "ChannelPreferences", "ChannelType"]

_MIB: Final = 1024 * 1024


class ChannelType(enum.Enum):
    """A kind of framed channel: over TCP, or (`IPC`) over a Unix-domain socket."""

    TCP = "tcp"
    IPC = "ipc"


class ChannelPreferences(Struct, frozen=True):
    """Which channels a module uses, and which first; all true unless said otherwise."""

    use_tcp: bool = True
    use_ipc: bool = True
    prefer_ipc_for_local: bool = True
    prefer_tcp_for_remote: bool = True
    enable_fallback: bool = True

    @classmethod
    def tcp_only(cls) -> ChannelPreferences:
        """Use TCP and nothing else."""
        return cls(use_ipc=False, prefer_ipc_for_local=False, enable_fallback=False)

    @classmethod
    def ipc_only(cls) -> ChannelPreferences:
        """Use the Unix-domain socket and nothing else."""
        return cls(use_tcp=False, prefer_tcp_for_remote=False, enable_fallback=False)

    @classmethod
    def prefer_ipc(cls) -> ChannelPreferences:
        """Use the Unix-domain socket where it is there, else TCP."""
        return cls(prefer_tcp_for_remote=False)

    @classmethod
    def prefer_tcp(cls) -> ChannelPreferences:
        """Use TCP where it is there, else the Unix-domain socket."""
        return cls(prefer_ipc_for_local=False)


class ChannelCapabilities(Struct, frozen=True):
    """What a channel can do; `max_message_size` is in bytes, None where there is no maximum."""

    module_messaging: bool = True
    http_proxy: bool = True
    service_calls: bool = True
    file_transfer: bool = False
    streaming: bool = False
    batching: bool = False
    compression: bool = False
    max_message_size: int | None = None

    @classmethod
    def of(cls, channel: ChannelType) -> ChannelCapabilities:
        """Say what this SDK's channel of a kind can do."""
        return cls.tcp() if channel is ChannelType.TCP else cls.ipc()

    @classmethod
    def tcp(cls) -> ChannelCapabilities:
        """Say what TCP can do: everything, in messages of up to 64 MiB."""
        return cls._everything(64 * _MIB)

    @classmethod
    def ipc(cls) -> ChannelCapabilities:
        """Say what a Unix-domain socket can do: everything, in messages of up to 128 MiB."""
        return cls._everything(128 * _MIB)

    @classmethod
    def high_performance(cls) -> ChannelCapabilities:
        """Say what the widest profile can do: everything, in messages of up to 1 GiB."""
        return cls._everything(1024 * _MIB)

    @classmethod
    def _everything(cls, max_message_size: int) -> ChannelCapabilities:
        return cls(
            file_transfer=True,
            streaming=True,
            batching=True,
            compression=True,
            max_message_size=max_message_size,
        )
