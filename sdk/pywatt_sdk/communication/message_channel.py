"""Channels for programs of your own: whole messages, over TCP or a Unix-domain socket.

    async with TcpChannel(ConnectionConfig("127.0.0.1", 9901)) as channel:
        await channel.send(Message({"ping": 1}))
        reply = await channel.receive()

A module needs none of this: `app_state` speaks to the orchestrator for it.
"""

from __future__ import annotations

import asyncio
import enum
from abc import ABC, abstractmethod
from collections import deque
from typing import TYPE_CHECKING, Final, Self

from pywatt_sdk._channels import FRAME_LIMIT_BYTES, ChannelClosedError, Frames
from pywatt_sdk.communication.channel_types import ChannelCapabilities, ChannelType
from pywatt_sdk.communication.message import EncodedMessage, Message
from pywatt_sdk.core.error import NetworkError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType
    from typing import Any

    from kiket_core.frames import LengthFrame
    from pywatt_sdk._channels import Invalid
    from pywatt_sdk._protocol import Payload
    from pywatt_sdk.communication.connection_config import ReconnectPolicy

__all__ = [
    "ChannelCapabilities",
    "ChannelType",
    "ConnectionState",
    "MessageChannel",
]

_HELD: Final = 256
_CLOSING_S: Final = 5.0


class ConnectionState(enum.Enum):
    """How a channel stands."""

    DISCONNECTED = "disconnected"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    FAILED = "failed"


class MessageChannel(ABC):
    """A connection that carries whole messages both ways.

    A lost connection is made again as its reconnect policy says, in the call that notices; what
    had not left by then is lost. Several tasks may send and receive at once.
    """

    channel_type: ChannelType

    def __init__(self, policy: ReconnectPolicy, timeout_s: float, limit_bytes: int) -> None:
        self._policy = policy
        self._timeout_s = timeout_s
        self._limit_bytes = limit_bytes
        self._stream: MessageStream | None = None
        self._inbox = _Inbox()
        self._connecting = asyncio.Lock()
        self._last_fault: NetworkError | None = None
        self._state = ConnectionState.DISCONNECTED

    @property
    def state(self) -> ConnectionState:
        """Say how the channel stands; FAILED once the policy has given up."""
        if self._state is ConnectionState.CONNECTED and not self._is_up:
            return ConnectionState.DISCONNECTED
        return self._state

    @property
    def capabilities(self) -> ChannelCapabilities:
        """Say what the channel can do."""
        return ChannelCapabilities.of(self.channel_type)

    async def connect(self) -> None:
        """Connect, trying again within the time limit; nothing happens if it is connected.

        Raises:
            ConfigError: if the configuration cannot work.
            NetworkError: if it is not possible in time.
        """
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._ensure()
        except TimeoutError:
            self._state = ConnectionState.FAILED
            within = f"{self._where()} could not be reached within {self._timeout_s:g} s"
            raise NetworkError(within, self._last_fault and self._last_fault.cause) from None

    async def disconnect(self) -> None:
        """Send what waits and close the connection; what was not received is dropped."""
        stream, self._stream = self._stream, None
        self._inbox.messages.clear()
        self._state = ConnectionState.DISCONNECTED
        if stream is not None:
            stream.close()
            try:
                async with asyncio.timeout(_CLOSING_S):
                    await stream.ended.wait()
            except TimeoutError:  # the peer does not take what waits for it
                stream.abort()

    async def send(self, message: Message[Any] | Payload) -> None:
        """Send a message, connecting again if need be.

        Args:
            message: a message, encoded as JSON, or one that is encoded already.

        Raises:
            MessageError: if it cannot be encoded.
            NetworkError: if the connection is lost and cannot be made again.
        """
        encoded = message.encode() if isinstance(message, Message) else message
        raw = EncodedMessage(encoded.data, encoded.format).to_frame()
        while True:
            stream = await self._ensure()
            try:
                stream.send(raw)
            except ChannelClosedError:
                continue  # lost since; the policy decides how often
            await stream.drain()
            return

    async def receive(self, timeout_s: float | None = None) -> EncodedMessage:
        """Wait for the next message.

        Raises:
            TimeoutError: if none comes within `timeout_s`.
            NetworkError: if the connection is lost and cannot be made again, or the peer sent what
                is no frame.
        """
        async with asyncio.timeout(timeout_s):
            while True:
                if self._inbox.messages:
                    return self._take()
                stream = await self._ensure()
                if self._inbox.messages:
                    continue
                self._inbox.news.clear()
                await self._inbox.news.wait()
                if stream.refusal and not self._inbox.messages:
                    raise NetworkError(stream.refusal)

    def _take(self) -> EncodedMessage:
        message = self._inbox.messages.popleft()
        if self._stream is not None and len(self._inbox.messages) <= _HELD // 2:
            self._stream.resume()
        return message

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.disconnect()

    @property
    def _is_up(self) -> bool:
        return self._stream is not None and self._stream.can_send

    async def _ensure(self) -> MessageStream:
        """Give the connection; make it first if there is none."""
        async with self._connecting:
            if self._stream is not None and self._is_up:
                return self._stream
            was_connected = self._stream is not None
            self._state = ConnectionState.CONNECTING
            pauses_s = self._policy.pauses_s()
            if was_connected and self._policy.max_attempts == 0:
                self._state = ConnectionState.FAILED
                raise NetworkError(f"the connection to {self._where()} has ended")
            while True:
                try:
                    self._stream = await self._open(self._made)
                except NetworkError as fault:
                    self._last_fault = fault
                    pause_s = next(pauses_s, None)
                    if pause_s is None:
                        self._state = ConnectionState.FAILED
                        raise
                    await asyncio.sleep(pause_s)
                else:
                    self._state = ConnectionState.CONNECTED
                    return self._stream

    def _made(self) -> MessageStream:
        return MessageStream(self._inbox, self._limit_bytes)

    @abstractmethod
    async def _open(self, make: Callable[[], MessageStream]) -> MessageStream:
        """Connect once."""

    @abstractmethod
    def _where(self) -> str:
        """Name the other end."""


class _Inbox:
    """What came and was not received yet; it outlives the connection that it came over."""

    def __init__(self) -> None:
        self.messages: deque[EncodedMessage] = deque()
        self.news = asyncio.Event()


class MessageStream(Frames):
    """Frames that wait to be received; a peer that is too fast is not read meanwhile."""

    def __init__(self, inbox: _Inbox, limit_bytes: int = FRAME_LIMIT_BYTES) -> None:
        super().__init__(
            lambda _: None,
            on_invalid=self._refused,
            on_closed=lambda _: self._end(),
            limit_bytes=limit_bytes,
        )
        self._inbox = inbox
        self.ended = asyncio.Event()
        self.refusal = ""
        """Why the peer was not read any further, if it broke the rules."""

    def _give(self, frames: Iterator[LengthFrame]) -> None:
        for frame in frames:
            self._inbox.messages.append(EncodedMessage.from_frame(frame))
            self._inbox.news.set()
            if len(self._inbox.messages) >= _HELD:
                self.pause()
                return

    def _refused(self, invalid: Invalid) -> None:
        self.refusal = self.refusal or invalid.reason

    def _end(self) -> None:
        self.ended.set()
        self._inbox.news.set()
