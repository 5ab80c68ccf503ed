"""Frames on a byte stream, without I/O: feed what was read, get what is whole.

Two framings:

* `LineFrames`: one document per line (NDJSON).
* `LengthFrames`: 4 bytes of length (unsigned, big endian, of the payload only), 1 byte of format,
  the payload.

Neither holds more than one frame of the permitted size, whatever the peer sends, and both give the
same frames however the stream is cut into reads.
"""

from __future__ import annotations

import enum
import io
import struct
from typing import Final, NamedTuple

import msgspec

_LENGTH_HEADER: Final = struct.Struct(">IB")
_HEADER_BYTES: Final = _LENGTH_HEADER.size
_unpack_header: Final = _LENGTH_HEADER.unpack_from
_MAX_LENGTH: Final = 2**32 - 1


class Oversize(NamedTuple):
    """A line that was longer than the limit and was discarded, and its length in bytes."""

    size_seen: int


class LineFrames:
    """Cut a stream into lines of at most `limit_bytes`, line ends (LF or CRLF) not counted.

    A line is given with its end, which JSON takes for white space: to cut it off would copy the
    line once more. A longer line is discarded up to its end and reported once.
    """

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._rest = bytearray()
        self._discarded_bytes = 0

    @property
    def discarded_bytes(self) -> int:
        """Say how much of an oversize line without an end has been discarded so far."""
        return self._discarded_bytes

    def feed(self, raw: bytes) -> list[bytes | Oversize]:
        """Take what was read; return the lines that it completes, in order."""
        lines = io.BytesIO(raw).readlines()  # of long ones three times as fast as `split`
        rest = b"" if raw.endswith(b"\n") or not lines else lines.pop()
        frames: list[bytes | Oversize] = [*lines]
        if len(raw) > self._limit_bytes:
            frames = [self._completed(line) for line in lines]
        elif lines and (self._rest or self._discarded_bytes):  # the others are within the limit
            frames[0] = self._completed(lines[0])
        if rest:
            self._hold(rest)
        return frames

    def close(self) -> bytes | Oversize | None:
        """Return the line that the stream ended in, which may be cut short, or None."""
        if not self._rest and not self._discarded_bytes:
            return None
        return self._completed(b"")

    def _hold(self, raw: bytes) -> None:
        size = len(self._rest) + self._discarded_bytes + len(raw)
        if self._discarded_bytes or size > self._limit_bytes + 2:  # the 2 may be a CRLF
            self._discarded_bytes = size - raw.endswith(b"\n")
            self._rest.clear()
        else:
            self._rest += raw

    def _completed(self, end: bytes) -> bytes | Oversize:
        """Put the end of a line to what is held of it."""
        self._hold(end)
        line, discarded_bytes = bytes(self._rest), self._discarded_bytes
        self._rest.clear()
        self._discarded_bytes = 0
        if discarded_bytes:
            return Oversize(discarded_bytes)
        if len(line) > self._limit_bytes and len(line.rstrip(b"\r\n")) > self._limit_bytes:
            return Oversize(len(line.removesuffix(b"\n")))
        return line


def encode_line(raw: bytes) -> bytes:
    """Frame one document as a line.

    Raises:
        FrameError: if it contains a line feed, which would make it two.
    """
    if b"\n" in raw:
        raise FrameError("A document with a line feed cannot be framed as one line.")
    return raw + b"\n"


class Format(enum.IntEnum):
    """How a length-prefixed payload is encoded."""

    JSON = 1
    BINARY = 2
    BASE64 = 3


_FORMATS: Final = {each.value: each for each in Format}


class LengthFrame(msgspec.Struct, frozen=True):
    """One length-prefixed frame."""

    format: Format
    raw: bytes


class FrameError(ValueError):
    """A stream cannot be framed any further; `frames` are those that were whole before."""

    def __init__(self, message: str, frames: tuple[LengthFrame, ...] = ()) -> None:
        super().__init__(message)
        self.frames = frames


class LengthFrames:
    """Cut a stream into length-prefixed frames with payloads of at most `limit_bytes`."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._rest = bytearray()
        self._wanted = 0
        """How many bytes the frame that is incomplete needs, as far as that is known."""
        self._fault: str | None = None

    def feed(self, raw: bytes) -> list[LengthFrame]:
        """Take what was read; return the frames that it completes, in order.

        Raises:
            FrameError: if a header announces a payload over the limit or an unknown format. The
                payload is not waited for; the decoder stays broken, so close the stream.
        """
        if self._fault is not None:
            raise FrameError(self._fault)
        if self._rest:
            self._rest += raw
            if len(self._rest) < self._wanted:
                return []
            raw = bytes(self._rest)
            self._rest.clear()
        frames: list[LengthFrame] = []
        start, end = 0, len(raw)
        while end - start >= _HEADER_BYTES:
            length, code = _unpack_header(raw, start)
            if code not in _FORMATS or length > self._limit_bytes:
                self._fault = self._header_fault(length, code)
                raise FrameError(self._fault, tuple(frames))
            at = start + _HEADER_BYTES
            if end - at < length:
                self._wanted = _HEADER_BYTES + length
                break
            start = at + length
            frames.append(LengthFrame(_FORMATS[code], raw[at:start]))
        else:
            self._wanted = _HEADER_BYTES
        self._rest += raw[start:]
        return frames

    @property
    def held_bytes(self) -> int:
        """Say how much of a frame that is not complete yet is held, header included."""
        return len(self._rest)

    def close(self) -> bytes | None:
        """Return the bytes of the frame that the stream ended in, header included, or None."""
        rest = bytes(self._rest)
        self._rest.clear()
        return rest or None

    def _header_fault(self, length: int, code: int) -> str:
        if code not in _FORMATS:
            return f"A frame has the unknown format {code}; 1 is JSON, 2 binary, 3 base64."
        return f"A frame of {length} bytes is over the limit of {self._limit_bytes} bytes."


def encode_length(raw: bytes, format: Format = Format.JSON) -> bytes:  # noqa: A002  # its name
    """Frame one payload with its length and format.

    Raises:
        FrameError: if it is too long for the 4 bytes of length.
    """
    return length_header(len(raw), format) + raw


def length_header(size: int, format: Format = Format.JSON) -> bytes:  # noqa: A002  # its name
    """Return what goes before a payload of `size` bytes; raises as `encode_length`."""
    if size > _MAX_LENGTH:
        raise FrameError(f"A payload of {size} bytes is too long for one frame.")
    return _LENGTH_HEADER.pack(size, format)
