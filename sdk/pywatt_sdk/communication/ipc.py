"""The stdio protocol by hand, for programs that do without `pywatt_module`.

    init = await read_init()
    ...  # listen
    send_announce(AnnounceBlob(listen=..., endpoints=[...]))
    await process_ipc_messages(handle)

From the first call on stdin and stdout belong to the protocol; what else is printed goes to stderr.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections import deque
from typing import TYPE_CHECKING, Any

from pywatt_sdk._channels import Lines
from pywatt_sdk._handshake import read_init as read_line
from pywatt_sdk._pipes import open_pipes
from pywatt_sdk._protocol import ProtocolError, Shutdown, encode_line
from pywatt_sdk._running import streams
from pywatt_sdk.communication.ipc_types import (
    AnnounceBlob,
    InitBlob,
    ModuleToOrchestrator,
    OrchestratorToModule,
)
from pywatt_sdk.core.error import HandshakeError, NetworkError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Handler = Callable[
        [OrchestratorToModule],
        ModuleToOrchestrator | Awaitable[ModuleToOrchestrator | None] | None,
    ]

__all__ = ["process_ipc_messages", "read_init", "send_announce", "send_message"]

_MOST_WAITING = 1_000

_logger = logging.getLogger("pywatt_sdk.ipc")


async def read_init() -> InitBlob:
    """Read the orchestrator's first line.

    Raises:
        HandshakeError: if it does not come, or is no init line.
    """
    raw = await (await _Stdio.opened()).next()
    if raw is None:
        raise HandshakeError("stdin closed unexpectedly during handshake")
    return InitBlob.of(read_line(raw))


def send_announce(blob: AnnounceBlob) -> None:
    """Announce where the module listens and what it offers.

    Raises:
        NetworkError: if `read_init` was not called before, or the orchestrator is gone.
    """
    _Stdio.send(blob.to_line())


def send_message(message: ModuleToOrchestrator) -> None:
    """Send any other message; raises as `send_announce` does."""
    _Stdio.send(encode_line(message.message))


async def process_ipc_messages(handler: Handler | None = None) -> None:
    """Give each message to `handler`, and send what it returns, until `shutdown` or the end.

    A line that is no message, and what the handler raises, is told in the log and skipped.
    """
    stdio = await _Stdio.opened()
    while (raw := await stdio.next()) is not None:
        try:
            message = OrchestratorToModule.model_validate_json(raw)
        except ProtocolError as error:
            _logger.warning("A line was skipped. %s", error)
            continue
        if handler is not None:
            await _handle(handler, message)
        if isinstance(message.message, Shutdown):
            return


async def _handle(handler: Handler, message: OrchestratorToModule) -> None:
    try:
        answer: Any = handler(message)
        if inspect.isawaitable(answer):
            answer = await answer
    except Exception:  # the program's own code
        _logger.exception("Handling a %s message failed.", message.op)
        return
    if answer is not None:
        send_message(answer)


class _Stdio:
    """The lines of this process's stdin and stdout; opened once."""

    _open: _Stdio | None = None

    def __init__(self) -> None:
        self._waiting: deque[bytes | None] = deque()
        self._arrived = asyncio.Event()
        self._lines = Lines(self._hear, on_closed=lambda _: self._take(None))

    @classmethod
    async def opened(cls) -> _Stdio:
        if cls._open is None:
            cls._open = cls()
            await open_pipes(cls._open._lines, *streams())
        return cls._open

    @classmethod
    def send(cls, raw: bytes) -> None:
        if cls._open is None:
            raise NetworkError("nothing was sent: call read_init() first")
        try:
            cls._open._lines.send(raw)
        except ConnectionError as error:
            raise NetworkError("nothing was sent: the orchestrator is gone", error) from None

    async def next(self) -> bytes | None:
        """Return the next line; None at the end, however often it is asked for."""
        while not self._waiting:
            self._arrived.clear()
            self._lines.resume()
            await self._arrived.wait()
        return None if self._waiting[0] is None else self._waiting.popleft()

    def _hear(self, raw: bytes) -> None:
        self._take(raw)
        if len(self._waiting) >= _MOST_WAITING:
            self._lines.pause()

    def _take(self, raw: bytes | None) -> None:
        self._waiting.append(raw)
        self._arrived.set()
