"""Which framed channels a module has to its orchestrator, and which one suits a target."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pywatt_sdk._link import Link
    from pywatt_sdk.communication.channel_types import (
        ChannelCapabilities,
        ChannelPreferences,
        ChannelType,
    )

_CHANNELS: Final = {"tcp": "tcp", "uds": "ipc"}
"""The link's names of framed channels, and those of `ChannelType`."""
_LOCAL: Final = ("127.0.0.1", "localhost", "unix://")


class OpenChannels:
    """What `AppState` tells of its link's framed channels; it asks the link each time."""

    link: Link | None

    def available_channels(self) -> list[ChannelType]:
        """Return the framed channels that are open to the orchestrator now."""
        from pywatt_sdk.communication.channel_types import ChannelType

        names = self.link.channels if self.link else ()
        return [ChannelType(word) for name, word in _CHANNELS.items() if name in names]

    def has_channel(self, channel: ChannelType) -> bool:
        """Tell whether a framed channel is open."""
        return channel in self.available_channels()

    def channel_capabilities(self, channel: ChannelType) -> ChannelCapabilities | None:
        """Return what an open channel can do; None if it is not open."""
        from pywatt_sdk.communication.channel_types import ChannelCapabilities

        return ChannelCapabilities.of(channel) if self.has_channel(channel) else None

    async def channel_health(self) -> dict[ChannelType, bool]:
        """Tell of each kind of framed channel whether it is open."""
        from pywatt_sdk.communication.channel_types import ChannelType

        return {channel: self.has_channel(channel) for channel in ChannelType}

    def recommend_channel(
        self, target: str, preferences: ChannelPreferences | None = None
    ) -> ChannelType | None:
        """Return the open channel that suits `target` best; None if none may be used.

        A local target, one without a port or on this machine, is for the Unix socket, another for
        TCP; where that is not open or not allowed, the other is taken (specification §5.5).
        """
        from pywatt_sdk.communication.channel_types import ChannelPreferences, ChannelType

        wanted = preferences or ChannelPreferences()
        is_local = ":" not in target or target.startswith(_LOCAL)
        tcp_first = not wanted.prefer_ipc_for_local if is_local else wanted.prefer_tcp_for_remote
        order = [ChannelType.TCP, ChannelType.IPC] if tcp_first else list(reversed(ChannelType))
        allowed = {ChannelType.TCP: wanted.use_tcp, ChannelType.IPC: wanted.use_ipc}
        return next((each for each in order if allowed[each] and self.has_channel(each)), None)
