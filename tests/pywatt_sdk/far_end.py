"""The orchestrator's end of a module's link, in memory."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

from pywatt_sdk._protocol import decode_to_orchestrator, encode_line

if TYPE_CHECKING:
    from pywatt_sdk._link import Link
    from pywatt_sdk._protocol import ToModule, ToOrchestrator

M = TypeVar("M")
HEADER_BYTES = 5


class FarEnd:
    """Hears what a link tells, and says what a test has it say."""

    def __init__(self, link: Link, channel: str = "stdio") -> None:
        self._link = link
        self._channel = channel
        self.raw = b""
        """The last message as it was encoded."""
        self._heard: asyncio.Queue[ToOrchestrator] = asyncio.Queue()
        link.attach(channel, self)

    def send(self, raw: bytes) -> None:
        """Take one encoded message."""
        self.raw = raw
        whole = raw.strip() if self._channel == "stdio" else raw[HEADER_BYTES:]
        self._heard.put_nowait(decode_to_orchestrator(whole))

    async def room(self) -> None:
        """Have room for everything."""

    def close(self) -> None:
        """Hear nothing more."""

    def say(self, *messages: ToModule) -> None:
        """Have the orchestrator say something, all of it in one read."""
        for message in messages:
            self._link.heard(self._channel, encode_line(message).strip())

    async def hears(self, kind: type[M]) -> M:
        """Return the next message, which must be of *kind*."""
        message = await asyncio.wait_for(self._heard.get(), 120)
        assert isinstance(message, kind), message
        return message

    @property
    def has_heard_more(self) -> bool:
        """Tell whether there are messages that no test has looked at."""
        return not self._heard.empty()
