"""What a worker tells the engine over its control socket: the other end of `bootstrap.py`."""

from __future__ import annotations

import msgspec


class FoundHandler(msgspec.Struct):
    """A handler, as the bootstrap tells it."""

    event: str
    version: str
    file: str = ""
    line: int = 0


class Found(msgspec.Struct, tag="found"):
    """What an imported extension turned out to be."""

    pid: int
    python: str = ""
    is_sdk: bool = False
    accepts: tuple[str, ...] = ()
    extension_id: str = ""
    extension_version: str = ""
    webhook_secrets: tuple[str, ...] = ()
    workspace_token: str = ""
    handlers: tuple[FoundHandler, ...] = ()

    def __repr__(self) -> str:
        return f"Found(pid={self.pid}, extension_id={self.extension_id!r})"


class Ready(msgspec.Struct, tag="ready"):
    """It listens."""


class Failed(msgspec.Struct, tag="failed"):
    """It did not start, and why."""

    sentence: str
    file: str = ""
    line: int = 0
    traceback: tuple[str, ...] = ()


class Line(msgspec.Struct, tag="line"):
    """A line of output, or a log record."""

    at_us: int
    stream: str
    text: str
    cut: int = 0
    level: str = ""
    logger: str = ""
    trace_id: str = ""


class Dropped(msgspec.Struct, tag="dropped"):
    """Lines that the worker could not send."""

    count: int


Message = Found | Ready | Failed | Line | Dropped
decode = msgspec.json.Decoder(Message).decode
"""Read one message; raises `msgspec.MsgspecError` for what is none."""
