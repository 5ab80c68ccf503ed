"""Channels that carry messages both ways: lines over pipes, frames over TCP and Unix sockets.

A channel is an asyncio protocol with one consumer. Each message arrives through `on_message`, in
order, as its JSON text, a line with its end; what cannot be one (too long, cut short) through
`on_invalid`. Whatever the peer sends, a channel holds no more than one message of the permitted
size: a consumer that lags calls `pause()`, and then the peer is not read. Messages sent in one turn
of the loop leave in one write; a peer that does not read for long is given up.

Both ends use them: a module for its orchestrator, the orchestrator for each module.
"""

from __future__ import annotations

import asyncio
import binascii
from typing import TYPE_CHECKING, Final

from kiket_core.frames import (
    Format,
    FrameError,
    LengthFrame,
    LengthFrames,
    LineFrames,
    Oversize,
)
from pywatt_sdk._channel import BACKLOG_LIMIT_BYTES, Channel, ChannelClosedError, Invalid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = [
    "BACKLOG_LIMIT_BYTES",
    "FRAME_DEADLINE_S",
    "FRAME_LIMIT_BYTES",
    "LINE_LIMIT_BYTES",
    "Channel",
    "ChannelClosedError",
    "Frames",
    "Invalid",
    "Lines",
]

LINE_LIMIT_BYTES: Final = 16 * 1024 * 1024
FRAME_LIMIT_BYTES: Final = 64 * 1024 * 1024
FRAME_DEADLINE_S: Final = 10.0
_EXCERPT_BYTES: Final = 512
_BASE64: Final = Format.BASE64  # found faster than in its class, for each frame


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

    def _give(self, frames: Iterator[bytes | Oversize]) -> None:
        on_message = self._on_message
        for frame in frames:
            if isinstance(frame, bytes):
                if not frame.isspace():
                    on_message(frame)
            else:
                size = frame.size_seen
                reason = f"A line of {size} bytes is over the limit of {self._limit_bytes}."
                self._on_invalid(Invalid(reason, b"", size))
            if self._is_paused:
                return


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

    def resume(self) -> None:
        """Take frames again; the one that is incomplete has its time from now on."""
        if self._is_paused and self._begun_s is not None:
            self._begun_s = asyncio.get_running_loop().time()
        super().resume()

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that nothing more will come (asyncio calls this)."""
        if self._timer is not None:
            self._timer.cancel()
        rest = self._frames.close()
        if rest is not None and self._fault is None:
            reason = f"The stream ended inside a frame, after {len(rest)} of its bytes."
            self._on_invalid(Invalid(reason, rest[:_EXCERPT_BYTES], len(rest)))
        super().connection_lost(exc)

    def _give(self, frames: Iterator[LengthFrame]) -> None:
        for frame in frames:
            if frame.format is _BASE64:
                self._give_base64(frame)
            else:
                self._on_message(frame.raw)
            if self._is_paused:
                return

    def _give_base64(self, frame: LengthFrame) -> None:
        try:
            raw = binascii.a2b_base64(frame.raw, strict_mode=True)
        except binascii.Error as fault:
            reason = f"A frame of format 3 is not base64: {str(fault).lower()}."
            self._on_invalid(Invalid(reason, frame.raw[:_EXCERPT_BYTES], len(frame.raw)))
        else:
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
        left_s = self._begun_s + self._deadline_s - loop.time()
        if self._is_paused:  # it is we who do not read
            self._timer = loop.call_later(self._deadline_s, self._look)
        elif left_s > 0:
            self._timer = loop.call_later(left_s, self._look)
        else:
            self._refuse(f"A frame was not complete {self._deadline_s:g} s after it began.", b"")

    def _refuse(self, reason: str, raw: bytes) -> None:
        self._on_invalid(Invalid(reason, raw[:_EXCERPT_BYTES], len(raw)))
        self._abort(ConnectionAbortedError(reason))
