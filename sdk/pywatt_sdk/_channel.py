"""What channels of lines and of frames have in common; see `_channels`."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Final, Generic, NamedTuple, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

BACKLOG_LIMIT_BYTES: Final = 64 * 1024 * 1024
_JOINED: Final = 64
_JOINED_BYTES: Final = 256 * 1024


class Invalid(NamedTuple):
    """Something that came over a channel and is no message."""

    reason: str
    """A sentence."""
    excerpt: bytes
    """Its first bytes, where they are at hand."""
    size: int
    """How long it was, in bytes."""


class ChannelClosedError(ConnectionError):
    """Nothing can be sent any more: the channel is closed, or was never open."""


_F = TypeVar("_F")


def _taken_from(held: deque[_F]) -> Iterator[_F]:
    while held:
        yield held.popleft()


class Channel(asyncio.Protocol, Generic[_F]):
    """What lines and frames have in common.

    Args:
        on_message: is given each message; it must not raise, and takes it over at once or pauses.
        on_invalid: is given what is no message.
        on_closed: is told once that nothing more will come, with the error that ended it, if any.
        backlog_limit_bytes: how much may wait for a peer that does not read.
    """

    def __init__(
        self,
        on_message: Callable[[bytes], None],
        *,
        on_invalid: Callable[[Invalid], None] | None = None,
        on_closed: Callable[[Exception | None], None] | None = None,
        backlog_limit_bytes: int = BACKLOG_LIMIT_BYTES,
    ) -> None:
        self._on_message = on_message
        self._on_invalid = on_invalid or (lambda _: None)
        self._on_closed = on_closed or (lambda _: None)
        self._backlog_limit_bytes = backlog_limit_bytes
        self._reader: asyncio.ReadTransport | None = None
        self._writer: asyncio.WriteTransport | None = None
        self._outgoing: list[bytes] = []
        self._is_one_stream = False
        self._held: deque[_F] = deque()
        self._is_paused = False
        self._is_delivering = False
        self._is_lost = False
        self._is_closed = False
        self._fault: Exception | None = None
        self._writable: asyncio.Event | None = None

    # --- sending ---

    @property
    def can_send(self) -> bool:
        """Say whether a message can be sent."""
        return self._writer is not None and not self._writer.is_closing()

    @property
    def backlog_bytes(self) -> int:
        """Say how much waits for the peer to read it."""
        waiting = self._writer.get_write_buffer_size() if self._writer is not None else 0
        return waiting + sum(map(len, self._outgoing))

    def send(self, raw: bytes) -> None:
        """Send what `encode_line` or `encode_frame` gave. Call it on the loop's own thread.

        Raises:
            ChannelClosedError: if the channel is closed.
        """
        if self._writer is None or self._writer.is_closing():
            raise ChannelClosedError("The message was not sent: the channel is closed.")
        if not self._outgoing and not self._is_delivering:
            asyncio.get_running_loop().call_soon(self._flush)
        self._outgoing.append(raw)

    async def room(self) -> None:
        """Wait, where much is to be sent already, until the peer has read most of it."""
        much = len(self._outgoing) > _JOINED or sum(map(len, self._outgoing)) > _JOINED_BYTES
        if much or self._writable is not None:
            await self.drain()

    async def drain(self) -> None:
        """Wait until the peer has read most of what was sent, or the channel is closed."""
        self._flush()
        if self._writable is not None:
            await self._writable.wait()

    def _flush(self) -> None:
        outgoing, self._outgoing = self._outgoing, []
        if not outgoing or self._writer is None or self._writer.is_closing():
            return
        self._writer.write(outgoing[0] if len(outgoing) == 1 else b"".join(outgoing))
        if self._writer.get_write_buffer_size() > self._backlog_limit_bytes:
            self._abort(
                ConnectionAbortedError(
                    f"The peer was given up: {self._writer.get_write_buffer_size()} bytes wait for "
                    "it and it does not read them."
                )
            )

    # --- receiving ---

    def pause(self) -> None:
        """Take no more messages; the peer is not read until `resume`."""
        if not self._is_paused:
            self._is_paused = True
            if self._reader is not None and not self._reader.is_closing():
                self._reader.pause_reading()

    def resume(self) -> None:
        """Take messages again, first those that were held back."""
        if not self._is_paused:
            return
        self._is_paused = False
        if self._is_delivering:
            return
        self._deliver(())
        if not self._is_paused and self._reader is not None and not self._reader.is_closing():
            self._reader.resume_reading()

    def _deliver(self, frames: Iterable[_F]) -> None:
        """Give frames to the consumer until it pauses; hold what is left."""
        held = self._held
        if held or self._is_paused:
            held.extend(frames)
            frames = ()
        self._is_delivering = True
        try:
            rest = iter(frames)
            self._give(rest)
            held.extend(rest)  # where the consumer has paused
            while held and not self._is_paused:
                self._give(_taken_from(held))
        finally:
            self._is_delivering = False
        if self._outgoing:  # answers to what was just given leave at once, together
            self._flush()
        if self._is_lost and not held:
            self._finish()

    def _give(self, frames: Iterator[_F]) -> None:
        """Give frames to the consumer, as long as there are any and it does not pause."""
        raise NotImplementedError

    # --- opening and closing ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take over a socket, both ways, or the end of a pipe that is read."""
        self._reader = cast("asyncio.ReadTransport", transport)
        if self._writer is None:
            self._writer = cast("asyncio.WriteTransport", transport)
            self._is_one_stream = True

    def send_through(self, writer: asyncio.WriteTransport) -> None:
        """Send through another transport than the one that will be read, as with two pipes."""
        self._writer = writer

    def pause_writing(self) -> None:
        """Note that the peer lags (asyncio calls this)."""
        self._writable = asyncio.Event()

    def resume_writing(self) -> None:
        """Note that the peer has caught up (asyncio calls this)."""
        if self._writable is not None:
            self._writable.set()
            self._writable = None

    def close(self) -> None:
        """Send what waits, then close both directions."""
        self._flush()
        for transport in (self._writer, self._reader):
            if transport is not None and not transport.is_closing():
                transport.close()

    def close_sending(self) -> None:
        """Send what waits, then tell the peer that nothing more will come."""
        self._flush()
        if self._writer is None or self._writer.is_closing():
            return
        if not self._is_one_stream:
            self._writer.close()
        elif self._writer.can_write_eof():  # TLS cannot
            self._writer.write_eof()

    def abort(self) -> None:
        """Close both directions at once; what waits is lost."""
        self._abort(ConnectionAbortedError("The channel was closed."))

    def _abort(self, fault: Exception) -> None:
        self._fault = self._fault or fault
        if self._writer is not None:
            self._writer.abort()
        if self._reader is not None and not self._reader.is_closing():
            self._reader.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that nothing more will come (asyncio calls this)."""
        self._fault = self._fault or exc
        self.resume_writing()
        self._is_lost = True
        if not self._held and not self._is_delivering:
            self._finish()

    def _finish(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            self._on_closed(self._fault)
