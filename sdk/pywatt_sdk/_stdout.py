"""Keep stdin and stdout for the protocol: what else is printed goes to stderr, and is told.

    fd 0 ─► a private copy, read by the protocol; 0 itself is empty from then on
    fd 1 ─► a private copy, written by the protocol alone
    1 itself ─► a pipe ─► a thread ─► stderr      for C code and child processes
    sys.stdout ─► stderr                          for print(): the log names file and line, once
    sys.stderr ─► stderr                          whoever writes there: tracebacks, log handlers

The orchestrator takes each line of stdout for a message (pywatt wire specification §1.1), so a
stray `print` would be a broken one. What Python code writes is free of secrets on stderr, whoever
wrote it: a log set up by the module's own code, the traceback of a thread.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import io
import logging
import os
import sys
import threading
from typing import TYPE_CHECKING, Any, BinaryIO, Final, NamedTuple, TextIO

from kiket_core.secret import redactor
from pywatt_sdk.core.logging import warn

if TYPE_CHECKING:
    from types import FrameType

_STDIN, _STDOUT, _STDERR = 0, 1, 2
_PIPE_BYTES: Final = 1024 * 1024
"""Room in the pipe, for C code that prints while it holds the interpreter's lock."""
_SET_PIPE_SIZE: Final = 1031  # F_SETPIPE_SZ of Linux, unnamed before Python 3.12
_LONGEST_LINE_BYTES: Final = 65_536
_MOST_PLACES: Final = 1_000
_SOMETHING_ELSE: Final = (
    "Something other than print() wrote to stdout, which belongs to the protocol: C code, a child "
    "process, or what was printed before the module started. It was sent to stderr."
)

_logger = logging.getLogger("pywatt_sdk.stdout")


class Streams(NamedTuple):
    """The process's own stdin and stdout, which nothing else reaches any more."""

    reader: BinaryIO
    writer: BinaryIO


@functools.cache
def take() -> Streams:
    """Take stdin and stdout away from everything else in this process, once and for good."""
    _fill_gaps()
    reader = os.fdopen(_private(_STDIN, os.O_RDONLY), "rb", buffering=0)
    writer = os.fdopen(_private(_STDOUT, os.O_WRONLY), "wb", buffering=0)
    _redirect_input()
    _redirect_output()
    _redirect_errors()
    atexit.register(settle)
    return Streams(reader, writer)


def settle() -> None:
    """Let what is printed at the very end, by C code's own buffers too, go to stderr at once.

    Called at the interpreter's exit.
    """
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    with contextlib.suppress(OSError):
        os.dup2(_STDERR, _STDOUT)
    for thread in threading.enumerate():
        if thread.name == _Forwarding.NAME:
            thread.join(timeout=0.2)  # longer only if a child process still holds the pipe


def _fill_gaps() -> None:
    """Put /dev/null where who started us closed a standard stream, before a file gets its number.

    There is nothing to read then, and nobody to tell.
    """
    for number in (_STDIN, _STDOUT, _STDERR):
        try:
            os.fstat(number)
        except OSError:
            nothing = os.open(os.devnull, os.O_RDWR)
            if nothing != number:
                os.dup2(nothing, number)
                os.close(nothing)


def _private(number: int, flags: int) -> int:
    """Return a descriptor of the same file that child processes do not inherit."""
    if os.isatty(number):  # not a copy: its being non-blocking must not reach the shell's or stderr
        with contextlib.suppress(OSError):
            return os.open(os.ttyname(number), flags | os.O_NOCTTY)
    return os.dup(number)


def _redirect_input() -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, _STDIN)
    os.close(nothing)
    sys.stdin = open(_STDIN, closefd=False, encoding="utf-8")  # noqa: SIM115  # stays open


def _redirect_output() -> None:
    before: TextIO | None = sys.stdout  # None where descriptor 1 was closed
    out, into = os.pipe()
    with contextlib.suppress(ImportError, OSError):
        import fcntl

        fcntl.fcntl(into, _SET_PIPE_SIZE, _PIPE_BYTES)
    os.dup2(into, _STDOUT)
    os.close(into)
    _Forwarding(out).start()
    if before is not None:  # what was printed before waits in its buffer, for the pipe now
        with contextlib.suppress(OSError, ValueError):
            before.flush()
    sys.stdout = _text(_Stray())


def _redirect_errors() -> None:
    before: TextIO | None = sys.stderr
    if before is not None:
        with contextlib.suppress(OSError, ValueError):
            before.flush()
    sys.stderr = _text(_Redacted(_STDERR))


def _text(raw: io.RawIOBase) -> TextIO:
    return io.TextIOWrapper(
        io.BufferedWriter(raw), encoding="utf-8", errors="backslashreplace", line_buffering=True
    )


class _Redacted(io.RawIOBase):
    """What goes to stderr, without secrets; `number` is the descriptor that it stands for."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self._number = number

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._number

    def isatty(self) -> bool:
        return os.isatty(self._number)

    def write(self, raw: Any) -> int:
        data = bytes(raw)
        _write_stderr(data)
        return len(data)


class _Stray(_Redacted):
    """What `sys.stdout` writes to: stderr. The place that printed is told once."""

    def __init__(self) -> None:
        super().__init__(_STDOUT)
        self._told: set[tuple[str, int]] = set()

    def write(self, raw: Any) -> int:
        length = super().write(raw)
        place = _place(sys._getframe(1))
        if place not in self._told and len(self._told) < _MOST_PLACES:
            self._told.add(place)
            warn(
                _logger,
                "%s:%d prints to stdout, which belongs to the protocol; it was sent to stderr. "
                "Use logging, or print(…, file=sys.stderr).",
                *place,
                stray_output=True,
            )
        return length


class _Forwarding(threading.Thread):
    """Send to stderr what C code and child processes write to descriptor 1."""

    NAME: Final = "pywatt-stdout"

    def __init__(self, source: int) -> None:
        super().__init__(name=self.NAME, daemon=True)
        self._source = source

    def run(self) -> None:
        is_told = False
        with os.fdopen(self._source, "rb") as lines:
            while raw := lines.readline(_LONGEST_LINE_BYTES):  # whole, so that logs stay apart
                _write_stderr(raw)
                if not is_told:
                    is_told = True
                    warn(_logger, _SOMETHING_ELSE, stray_output=True)


def _place(frame: FrameType | None) -> tuple[str, int]:
    """Return file and line of the first caller that is not Python's own library."""
    first = frame
    while frame is not None:
        name = str(frame.f_globals.get("__name__", ""))
        if name.partition(".")[0] not in sys.stdlib_module_names:
            return frame.f_code.co_filename, frame.f_lineno
        frame = frame.f_back
    return (first.f_code.co_filename, first.f_lineno) if first else ("?", 0)


def _write_stderr(raw: bytes) -> None:
    text = raw.decode("utf-8", "surrogateescape")
    rest = memoryview(redactor.redact(text).encode("utf-8", "surrogateescape"))
    with contextlib.suppress(OSError):  # nobody reads stderr: there is nowhere left to tell it
        while rest:
            rest = rest[os.write(_STDERR, rest) :]
