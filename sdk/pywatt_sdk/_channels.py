"""Channels that carry messages both ways: lines over pipes, frames over TCP and Unix sockets.

A channel is an asyncio protocol with one consumer. Each message arrives through `on_message`, in
order, as its JSON text; what cannot be one (too long, cut short) through `on_invalid`. Whatever the
peer sends, a channel holds no more than one message of the permitted size: a consumer that lags
calls `pause()`, and then the peer is not read. Messages sent in one turn of the loop leave in one
write; a peer that does not read for long is given up.

Both ends use them: a module for its orchestrator, the orchestrator for each module.
"""

from __future__ import annotations

import asyncio
import binascii
from collections import deque
from typing import TYPE_CHECKING, Final, Generic, NamedTuple, TypeVar, cast

from kiket_core.frames import (
    Format,
    FrameError,
    LengthFrame,
    LengthFrames,
    LineFrames,
    Oversize,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

LINE_LIMIT_BYTES: Final = 16 * 1024 * 1024
FRAME_LIMIT_BYTES: Final = 64 * 1024 * 1024
FRAME_DEADLINE_S: Final = 10.0
BACKLOG_LIMIT_BYTES: Final = 64 * 1024 * 1024
_EXCERPT_BYTES: Final = 512


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
        self.received = 0
        """How many messages came."""
        self.sent = 0
        """How many messages were sent."""

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
        self.sent += 1

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
        held, give = self._held, self._give
        if held or self._is_paused:
            held.extend(frames)
            frames = ()
        self._is_delivering = True
        try:
            rest = iter(frames)
            for frame in rest:
                give(frame)
                if self._is_paused:
                    held.extend(rest)
            while held and not self._is_paused:
                give(held.popleft())
        finally:
            self._is_delivering = False
        if self._outgoing:  # answers to what was just given leave at once, together
            self._flush()
        if self._is_lost and not held:
            self._finish()

    def _give(self, frame: _F) -> None:
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
        if self._is_one_stream:
            self._writer.write_eof()
        else:
            self._writer.close()

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


class Lines(Channel["bytes | Oversize"]):
    """A channel of lines, as on a module's stdin and stdout (pywatt wire specification §1.1).

    A blank line is nothing. A line over `limit_bytes` is discarded as it comes and reported once.
    What the stream ends in without a line feed counts as a line.
    """

    def __init__(
        self,
        on_message: Callable[[bytes], None],
        *,
        on_invalid: Callable[[Invalid], None] | None = None,
        on_closed: Callable[[Exception | None], None] | None = None,
        limit_bytes: int = LINE_LIMIT_BYTES,
        backlog_limit_bytes: int = BACKLOG_LIMIT_BYTES,
    ) -> None:
        super().__init__(
            on_message,
            on_invalid=on_invalid,
            on_closed=on_closed,
            backlog_limit_bytes=backlog_limit_bytes,
        )
        self._limit_bytes = limit_bytes
        self._frames = LineFrames(limit_bytes)

    def data_received(self, data: bytes) -> None:
        """Take what was read (asyncio calls this)."""
        self._deliver(self._frames.feed(data))

    def eof_received(self) -> bool:
        """Take the end of the stream (asyncio calls this)."""
        rest = self._frames.close()
        if rest is not None:
            self._deliver((rest,))
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that nothing more will come (asyncio calls this)."""
        self.eof_received()  # a pipe's end comes without it
        super().connection_lost(exc)

    def _give(self, frame: bytes | Oversize) -> None:
        if isinstance(frame, Oversize):
            reason = f"A line of {frame.size_seen} bytes is over the limit of {self._limit_bytes}."
            self._on_invalid(Invalid(reason, b"", frame.size_seen))
        elif frame:
            self.received += 1
            self._on_message(frame)


class Frames(Channel[LengthFrame]):
    """A channel of length-prefixed frames, as on TCP and UDS (pywatt wire specification §3.1).

    Every format gives JSON text: 1 and 2 as it is, 3 from base64. A header with an unknown format
    or a length over `limit_bytes` ends the channel before its payload is read, and so does a frame
    that is not complete `deadline_s` after its first byte.
    """

    def __init__(
        self,
        on_message: Callable[[bytes], None],
        *,
        on_invalid: Callable[[Invalid], None] | None = None,
        on_closed: Callable[[Exception | None], None] | None = None,
        limit_bytes: int = FRAME_LIMIT_BYTES,
        deadline_s: float = FRAME_DEADLINE_S,
        backlog_limit_bytes: int = BACKLOG_LIMIT_BYTES,
    ) -> None:
        super().__init__(
            on_message,
            on_invalid=on_invalid,
            on_closed=on_closed,
            backlog_limit_bytes=backlog_limit_bytes,
        )
        self._frames = LengthFrames(limit_bytes)
        self._deadline_s = deadline_s
        self._begun_s: float | None = None
        self._timer: asyncio.TimerHandle | None = None

    def data_received(self, data: bytes) -> None:
        """Take what was read (asyncio calls this)."""
        try:
            frames: Iterable[LengthFrame] = self._frames.feed(data)
        except FrameError as fault:
            self._deliver(fault.frames)
            self._refuse(str(fault), data)
            return
        self._watch(is_new=bool(frames))
        self._deliver(frames)

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that nothing more will come (asyncio calls this)."""
        if self._timer is not None:
            self._timer.cancel()
        rest = self._frames.close()
        if rest is not None and self._fault is None:
            reason = f"The stream ended inside a frame, after {len(rest)} of its bytes."
            self._on_invalid(Invalid(reason, rest[:_EXCERPT_BYTES], len(rest)))
        super().connection_lost(exc)

    def _give(self, frame: LengthFrame) -> None:
        code, raw = frame
        if code is not Format.BASE64:
            self.received += 1
            self._on_message(raw)
            return
        try:
            raw = binascii.a2b_base64(raw, strict_mode=True)
        except binascii.Error as fault:
            reason = f"A frame of format 3 is not base64: {str(fault).lower()}."
            self._on_invalid(Invalid(reason, frame.raw[:_EXCERPT_BYTES], len(frame.raw)))
        else:
            self.received += 1
            self._on_message(raw)

    def _watch(self, *, is_new: bool) -> None:
        """Remember since when a frame has been incomplete."""
        if not self._frames.held_bytes:
            self._begun_s = None
            return
        loop = asyncio.get_running_loop()
        if is_new or self._begun_s is None:
            self._begun_s = loop.time()
        if self._timer is None:
            self._timer = loop.call_later(self._deadline_s, self._look)

    def _look(self) -> None:
        self._timer = None
        if self._begun_s is None:
            return
        loop = asyncio.get_running_loop()
        if self._is_paused:
            self._begun_s = loop.time()  # it is we who do not read
        left_s = self._begun_s + self._deadline_s - loop.time()
        if left_s > 0:
            self._timer = loop.call_later(left_s, self._look)
        else:
            self._refuse(f"A frame was not complete {self._deadline_s:g} s after it began.", b"")

    def _refuse(self, reason: str, raw: bytes) -> None:
        self._on_invalid(Invalid(reason, raw[:_EXCERPT_BYTES], len(raw)))
        self._abort(ConnectionAbortedError(reason))
