"""Opening a channel over two pipes, such as a process's stdin and stdout."""

from __future__ import annotations

import asyncio
import fcntl
import io
import os
import stat
from typing import TYPE_CHECKING, Any, BinaryIO, Final

if TYPE_CHECKING:
    from pywatt_sdk._channels import Channel

_READ_BYTES: Final = 64 * 1024
_FIRST_OWN: Final = 3
"""Above stdin, stdout and stderr, which libuv does not close, be they taken for something else."""


class _Sending(asyncio.BaseProtocol):
    """The protocol of the pipe that a channel sends through."""

    def __init__(self, channel: Channel[Any]) -> None:
        self._channel = channel

    def pause_writing(self) -> None:
        self._channel.pause_writing()

    def resume_writing(self) -> None:
        self._channel.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's
        self._channel.resume_writing()


async def open_pipes(channel: Channel[Any], reader: BinaryIO, writer: BinaryIO) -> None:
    """Let a channel read from one pipe and send through another.

    Args:
        channel: what is to carry messages.
        reader: a binary file over a pipe, a socket or a terminal; it is taken over, and closed.
        writer: the same, to write to.

    A regular file serves too (`module.py < init.json`), and /dev/null: it is read at once, and
    written at once.
    """
    loop = asyncio.get_running_loop()
    if _is_file(writer) or writer.isatty():  # a terminal cannot be watched for writing alone
        channel.send_through(_FileTransport(writer))
    else:
        sending, _ = await loop.connect_write_pipe(lambda: _Sending(channel), _own(writer, loop))
        channel.send_through(sending)
    if _is_file(reader):
        with reader:
            while data := reader.read(_READ_BYTES):
                channel.data_received(data)
        channel.connection_lost(None)
    else:
        await loop.connect_read_pipe(lambda: channel, _own(reader, loop))


def _own(file: BinaryIO, loop: asyncio.AbstractEventLoop) -> io.FileIO:
    """Take a descriptor over from a file, so that it is closed once, by the loop.

    uvloop closes a pipe's descriptor, and then the file as well: another thread may have opened
    something under the same number by then, which that would close.
    """
    mode = "wb" if file.writable() else "rb"
    number = fcntl.fcntl(file.fileno(), fcntl.F_DUPFD_CLOEXEC, _FIRST_OWN)
    file.close()
    is_closed_by_number = type(loop).__module__.partition(".")[0] == "uvloop"
    return io.FileIO(number, mode, closefd=not is_closed_by_number)


class _FileTransport(asyncio.WriteTransport):
    """Sending into a regular file, which is never in the way."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self._file = file

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        self._file.write(data)
        self._file.flush()

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return self._file.closed

    def close(self) -> None:
        self._file.close()

    def abort(self) -> None:
        self._file.close()


def _is_file(file: BinaryIO) -> bool:
    """Tell whether an event loop cannot wait for a file: a regular one, or /dev/null."""
    mode = os.fstat(file.fileno()).st_mode
    return stat.S_ISREG(mode) or (stat.S_ISCHR(mode) and not file.isatty())
