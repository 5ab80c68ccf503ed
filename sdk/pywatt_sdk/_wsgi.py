"""WSGI apps, such as Flask's, served as ASGI: each request has a thread of its own.

    request ─► a2wsgi ─► a thread ─► the app
                 └── nobody waits any more ──► the app is stopped where it answers next

A thread cannot be cancelled. An app that streams to somebody who has left, or whose answer nobody
waits for, would keep its thread for good, and after a few of those nobody would be answered.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from typing import TYPE_CHECKING, Any, Final, cast

from a2wsgi import WSGIMiddleware

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pywatt_sdk._exchange import ASGI, Message, Receive, Scope, Send

THREADS: Final = 40
"""How many requests are handled at a time: as many as FastAPI's synchronous handlers."""

_LEFT: Final = "pywatt.left"


class _LeftError(Exception):
    """Nobody waits for the answer any more."""


class Threaded:
    """A WSGI app as ASGI."""

    def __init__(self, app: Callable[..., Any], *, threads: int = THREADS) -> None:
        self._app = cast("ASGI", WSGIMiddleware(_stoppable(app), workers=threads))
        self._going_on: set[asyncio.Future[None]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or the app's start and end."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        asking = _Asking(receive, send)
        running = asyncio.ensure_future(
            self._app({**scope, _LEFT: asking.left}, asking.hear, asking.tell)
        )
        listening = asyncio.ensure_future(asking.listen())
        try:
            await asyncio.shield(running)
        except asyncio.CancelledError:
            # a2wsgi is not cancelled: it takes from the thread what that still has to give.
            asking.leave()
            self._going_on.add(running)
            running.add_done_callback(self._see_off)
            raise
        except _LeftError:
            pass
        finally:
            listening.cancel()
        if asking.failure is not None:
            raise asking.failure

    def _see_off(self, running: asyncio.Future[None]) -> None:
        self._going_on.discard(running)
        if not running.cancelled():
            running.exception()  # whatever it is, nobody is left to be told


class _Asking:
    """Who asks one request: `left` is set once they do not wait for the answer any more."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._heard: asyncio.Queue[Message] = asyncio.Queue(1)
        self.left = threading.Event()
        self.failure: Exception | None = None

    def leave(self) -> None:
        """Note that nobody is there any more, and tell the app so where it waits for a body."""
        self.left.set()
        if self._heard.empty():
            self._heard.put_nowait({"type": "http.disconnect"})

    async def listen(self) -> None:
        """Read what comes, one piece ahead of the app, until there is nobody to read from."""
        try:
            while not self.left.is_set():
                message = await self._receive()
                if message["type"] == "http.disconnect":
                    self.leave()
                else:
                    await self._heard.put(message)
        except Exception as error:
            self._fail(error)

    async def hear(self) -> Message:
        """Return the next piece of the request's body."""
        if self.left.is_set() and self._heard.empty():
            return {"type": "http.disconnect"}
        return await self._heard.get()

    async def tell(self, message: Message) -> None:
        """Send a piece of the answer, as long as somebody waits for it."""
        if self.left.is_set():
            return
        try:
            await self._send(message)
        except Exception as error:
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        self.failure = self.failure or error
        self.leave()


def _stoppable(app: Callable[..., Any]) -> Callable[..., Any]:
    """Give a WSGI app what a2wsgi does not: an end, that of chunked bodies, stderr for errors."""

    def stoppable(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        left: threading.Event = environ["asgi.scope"][_LEFT]
        environ["wsgi.input_terminated"] = True
        environ["wsgi.errors"] = sys.stderr

        def start(*said: Any) -> Any:
            if left.is_set():
                raise _LeftError
            return start_response(*said)

        return _pieces(app(environ, start), left)

    return stoppable


def _pieces(answer: Any, left: threading.Event) -> Iterator[bytes]:
    """Yield what an app answers, and stop it once nobody waits for that."""
    try:
        for piece in answer:
            if left.is_set():
                raise _LeftError
            yield piece
    finally:
        getattr(answer, "close", lambda: None)()
