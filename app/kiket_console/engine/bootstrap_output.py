"""What runs inside a worker to carry its output to the engine: standard library alone.

`bootstrap.py` loads this file by path.
"""

from __future__ import annotations

import collections
import contextlib
import contextvars
import io
import json
import logging
import os
import re
import socket
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    FramesOf = Callable[[BaseException], list[dict[str, Any]]]

LINE_LIMIT = 72_192
"""Characters of one line that are kept; the rest is counted. The engine keeps 64,000: it needs to
see the whole of a secret that stands across that limit."""
QUEUE_LIMIT_BYTES = 4 * 1024 * 1024
"""What may wait for a slow engine; lines beyond are dropped and counted."""
RESERVED_BYTES = 512 * 1024
"""Of that, what is left for lines that say that something is wrong."""
_HALVES = re.compile(r"[\ud800-\udfff]")
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")

_trace: contextvars.ContextVar[str] = contextvars.ContextVar("kiket_console_trace", default="")


class Channel:
    """The socket to the engine: lines go out at once, or wait in a bounded queue."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._lines: collections.deque[bytes] = collections.deque()
        self._changed = threading.Condition()
        self._queued_bytes = 0
        self._dropped = 0
        self._is_sending = False
        self._is_open = True
        self.received = connection.makefile("rb")
        threading.Thread(target=self._send_queued, name="kiket-output", daemon=True).start()

    def send(self, message: dict[str, Any]) -> None:
        """Send a message that must arrive."""
        self._put(_encoded(message))

    def send_line(self, **line: Any) -> bool:
        """Send a line of output; False when this process is a fork and has no channel."""
        if not self._is_open:
            return False
        line["type"] = "line"
        line["at_us"] = time.time_ns() // 1000
        line["trace_id"] = current_trace_id()
        grave = line["stream"] == "stderr" or line.get("level") in LEVELS[2:]
        limit = QUEUE_LIMIT_BYTES if grave else QUEUE_LIMIT_BYTES - RESERVED_BYTES
        self._put(_encoded(line), limit)
        return True

    def forget(self) -> None:
        """Leave the socket to the parent: this process is a fork."""
        self._is_open = False
        os.close(self._connection.detach())

    def flush(self, limit_s: float) -> None:
        """Wait until everything is sent, at most *limit_s*."""
        with self._changed:
            self._changed.wait_for(lambda: not self._lines and not self._is_sending, limit_s)

    def _put(self, raw: bytes, limit_bytes: float = float("inf")) -> None:
        with self._changed:
            if not self._lines and not self._is_sending:
                raw = raw[self._send_now(raw) :]
                if not raw:
                    return
            elif self._queued_bytes + len(raw) > limit_bytes:
                self._dropped += 1
                return
            self._lines.append(raw)
            self._queued_bytes += len(raw)
            self._changed.notify_all()

    def _send_now(self, raw: bytes) -> int:
        """Send what the socket takes without waiting: a crash a moment later then loses nothing."""
        try:
            return self._connection.send(raw, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return 0
        except OSError:
            return len(raw)  # the engine is gone; so are we, shortly

    def _send_queued(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._lines)
                raw = b"".join(self._lines)
                self._lines.clear()
                self._queued_bytes = 0
                self._is_sending = True
                dropped, self._dropped = self._dropped, 0
            if dropped:
                raw += json.dumps({"type": "dropped", "count": dropped}).encode() + b"\n"
            with contextlib.suppress(OSError):
                self._connection.sendall(raw)
            with self._changed:
                self._is_sending = False
                self._changed.notify_all()


def _encoded(message: dict[str, Any]) -> bytes:
    """Return a message as one line; what UTF-8 cannot carry, as in a file's name, written out."""
    text = json.dumps(message, ensure_ascii=False)
    try:
        return text.encode() + b"\n"
    except UnicodeEncodeError:
        return _HALVES.sub(lambda half: rf"\\u{ord(half[0]):04x}", text).encode() + b"\n"


class LineWriter(io.TextIOBase):
    """Stand in for `sys.stdout` or `sys.stderr`: each finished line is sent with its trace."""

    encoding = "utf-8"
    errors = "backslashreplace"

    def __init__(self, channel: Channel, stream: str, descriptor: int) -> None:
        super().__init__()
        self._channel = channel
        self._stream = stream
        self._descriptor = descriptor
        self._lock = threading.RLock()
        self._partial: dict[int, tuple[str, int]] = {}  # by thread: text, characters cut
        self.buffer = open(descriptor, "wb", buffering=0, closefd=False)  # noqa: SIM115 (lives as long as we; a number, no path)

    def writable(self) -> bool:
        """Say yes."""
        return True

    def isatty(self) -> bool:
        """Say no: colours and progress bars are for terminals."""
        return False

    def fileno(self) -> int:
        """Return the real descriptor, whose other end the engine reads too."""
        return self._descriptor

    def reconfigure(self, **options: Any) -> None:
        """Accept what a real stream takes; lines are sent as soon as they end anyway."""

    def write(self, text: str, /) -> int:
        """Send the lines that *text* completes and keep the rest."""
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        *ended, rest = text.split("\n")
        thread = threading.get_ident()
        with self._lock:
            for line in ended:
                self._send(*_joined(self._partial.pop(thread, None), line))
            if rest:
                self._partial[thread] = _joined(self._partial.get(thread), rest)
        return len(text)

    def send_partial(self) -> None:
        """Send what has no line end: the process is ending."""
        with self._lock:
            for kept, cut in self._partial.values():
                self._send(kept, cut)
            self._partial.clear()

    def start_in_fork(self) -> None:
        """Begin anew: the lock may be held by a thread that this process does not have."""
        self._lock = threading.RLock()
        self._partial = {}

    def _send(self, text: str, cut: int) -> None:
        raw = text.encode("utf-8", "backslashreplace")
        if not self._channel.send_line(stream=self._stream, text=raw.decode(), cut=cut):
            os.write(self._descriptor, raw + b"\n")


def _joined(partial: tuple[str, int] | None, piece: str) -> tuple[str, int]:
    """Return (text, characters cut) of a line so far and its next piece."""
    kept, cut = partial or ("", 0)
    room = LINE_LIMIT - len(kept)
    return kept + piece[:room], cut + max(0, len(piece) - room)


def capture_output(channel: Channel) -> list[LineWriter]:
    """Put `LineWriter`s in place of the standard streams, in this process and its forks."""
    writers = [LineWriter(channel, "stdout", 1), LineWriter(channel, "stderr", 2)]
    sys.stdout, sys.stderr = writers
    sys.__stdout__, sys.__stderr__ = writers  # type: ignore[misc, assignment]  # what a restore restores

    def start_in_fork() -> None:
        channel.forget()
        for writer in writers:
            writer.start_in_fork()

    os.register_at_fork(after_in_child=start_in_fork)
    return writers


def capture_logging(channel: Channel, frames_of: FramesOf) -> None:
    """Send every log record as a record, whatever handlers the code sets up.

    With an exception goes what *frames_of* tells of its frames.

    The record is taken where loggers hand it to handlers, so `basicConfig` and `dictConfig` work
    as ever. What a handler would print of it on our standard streams is the same thing twice, and
    left out.
    """
    call_handlers = logging.Logger.callHandlers
    emit = logging.StreamHandler.emit
    formatter = logging.Formatter()

    def send_and_call(logger: logging.Logger, record: logging.LogRecord) -> None:
        with contextlib.suppress(Exception):  # a bad argument: `logging` reports it itself
            text = record.getMessage()
            if record.exc_info:
                text += "\n" + formatter.formatException(record.exc_info)
            if record.stack_info:
                text += "\n" + record.stack_info
            text = text.encode("utf-8", "backslashreplace").decode()
            record.kiket_sent = channel.send_line(
                stream="log",
                text=text[:LINE_LIMIT],
                cut=max(0, len(text) - LINE_LIMIT),
                level=_level(record),
                logger=record.name,
                **_frames(record, frames_of),
            )
        call_handlers(logger, record)

    def emit_elsewhere(handler: logging.StreamHandler[Any], record: logging.LogRecord) -> None:
        if not (getattr(record, "kiket_sent", False) and isinstance(handler.stream, LineWriter)):
            emit(handler, record)

    logging.Logger.callHandlers = send_and_call  # type: ignore[method-assign, assignment]  # see above
    logging.StreamHandler.emit = emit_elsewhere  # type: ignore[method-assign, assignment]  # see above
    logging.getLogger().setLevel(logging.INFO)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)  # the engine tells of starts and ends
    logging.getLogger("httpx").setLevel(logging.WARNING)  # calls to the platform are exchanges


def _level(record: logging.LogRecord) -> str:
    """Return the level of a record, by its number where its name is of the code's own making."""
    if record.levelname in LEVELS:
        return record.levelname
    return LEVELS[min(max(int(record.levelno) // 10, 1), len(LEVELS)) - 1]


def _frames(record: logging.LogRecord, frames_of: FramesOf) -> dict[str, Any]:
    error = record.exc_info[1] if record.exc_info else None
    if error is None:
        return {}
    with contextlib.suppress(Exception):  # the traceback alone is better than nothing
        return {"frames": frames_of(error)}
    return {}


def current_trace_id() -> str:
    """Return the trace of the running handler as 32 hex digits, or an empty text."""
    known = sys.modules.get("kiket_core.trace")
    if known is not None:
        with contextlib.suppress(Exception):  # another release of the SDK
            found = known.current_trace_id()
            if found:
                return str(found)
    return _trace.get()


class TracedApp:
    """Note the trace of each request for its log lines, and why a start-up failed."""

    def __init__(self) -> None:
        self.app: Callable[..., Awaitable[None]]
        """What serves, once it is imported."""
        self.startup_error: BaseException | None = None

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Serve one request, or the app's start and end."""
        if scope["type"] == "http":
            for name, value in scope["headers"]:
                if name == b"traceparent" and value.count(b"-") >= 3:
                    _trace.set(value.split(b"-")[1].decode("ascii", "replace"))
        try:
            await self.app(scope, receive, send)
        except BaseException as error:
            if scope["type"] == "lifespan":
                self.startup_error = error
            raise
