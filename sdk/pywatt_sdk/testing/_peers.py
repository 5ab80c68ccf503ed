"""Modules in a test's own process, and others that a test plays by hand."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx

from pywatt_sdk._link import STDIO, Link
from pywatt_sdk._protocol import (
    Announce,
    HttpRequest,
    HttpResponse,
    decode_to_orchestrator,
    encode_line,
    new_uuid,
    op_of,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pywatt_sdk._assembly import Module
    from pywatt_sdk._lifecycle import Life
    from pywatt_sdk._protocol import Endpoint, ToModule, ToOrchestrator
    from pywatt_sdk.core.state import AppState


class Said(NamedTuple):
    """One message between a module and its orchestrator."""

    module_id: str
    is_from_module: bool
    message: ToModule | ToOrchestrator

    @property
    def op(self) -> str:
        """Name the message as the wire does: `"get_secret"`."""
        return op_of(self.message)


class Peer:
    """One module's link, with the orchestrator at the other end; its channel is this object.

    What is sent either way is encoded and decoded as on the wire, and arrives in the next turn of
    the loop.
    """

    def __init__(
        self,
        module_id: str,
        heard: Callable[[Peer, ToOrchestrator], None],
        record: Callable[[Said], None],
    ) -> None:
        self.module_id = module_id
        self.announced: asyncio.Future[Announce] = asyncio.get_running_loop().create_future()
        self.task: asyncio.Task[None] | None = None
        self.failure: Exception | None = None
        """What it ended by, until somebody is told."""
        self.answers: dict[str, asyncio.Future[HttpResponse]] = {}
        self.link = Link(module_id=module_id, is_ours=True)
        self.link.attach(STDIO, self)
        self._heard = heard
        self._record = record

    def send(self, raw: bytes) -> None:
        """Take a message from the module (the link calls this)."""
        message = decode_to_orchestrator(raw.strip())
        self._record(Said(self.module_id, True, message))
        asyncio.get_running_loop().call_soon(self._heard, self, message)

    async def room(self) -> None:
        """Wait for nothing (the link calls this): what a module says is heard at once."""

    def close(self) -> None:
        """Take the end of the link (the link calls this): nobody is answered any more."""
        for answer in self.answers.values():
            if not answer.done():
                answer.set_exception(ConnectionError(f"{self.module_id} ended before it answered."))

    def say(self, message: ToModule) -> None:
        """Send a message to the module."""
        self._record(Said(self.module_id, False, message))
        raw = encode_line(message, base64=True).strip()
        asyncio.get_running_loop().call_soon(self._arrive, raw)

    async def ask(self, request: HttpRequest, timeout_s: float = 30.0) -> HttpResponse:
        """Return the module's answer to a request.

        Raises:
            TimeoutError: if there is none in time.
            ConnectionError: if the module ends before.
        """
        if self.link.closed.is_set():
            raise ConnectionError(f"{self.module_id} runs no longer.")
        answer = asyncio.get_running_loop().create_future()
        self.answers[request.request_id] = answer
        try:
            self.say(request)
            return await asyncio.wait_for(answer, timeout_s)
        finally:
            del self.answers[request.request_id]

    def _arrive(self, raw: bytes) -> None:
        if not self.link.closed.is_set():
            self.link.heard(STDIO, raw)


class RunningModule:
    """A module that runs in a `TestOrchestrator`.

    `http` is an `httpx.AsyncClient` whose requests go to the module over its link, as an
    orchestrator's do: `await module.http.get("/users")`.
    """

    def __init__(self, peer: Peer, life: Life, end: Callable[[Peer], Awaitable[None]]) -> None:
        self._peer = peer
        self._life = life
        self._end = end
        self.http = httpx.AsyncClient(
            transport=_OverLink(peer), base_url="http://localhost", timeout=30.0
        )

    @property
    def id(self) -> str:
        """Its module id."""
        return self._peer.module_id

    @property
    def state(self) -> AppState[Any]:
        """The state that its function was given."""
        return self._assembled.state

    @property
    def app(self) -> Any:
        """What its function returned."""
        return self._assembled.app

    @property
    def address(self) -> str:
        """Where it announced that it listens; only with `bind_http=True` it does."""
        return self._peer.announced.result().listen

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """The routes that it announced."""
        return self._peer.announced.result().endpoints

    async def stop(self) -> None:
        """Tell it to shut down, and return when it has ended; raises what it ended by."""
        await self._end(self._peer)

    @property
    def _assembled(self) -> Module:
        if self._life.module is None:
            raise RuntimeError(f"The module {self.id} is not put together yet.")
        return self._life.module

    def __repr__(self) -> str:
        return f"RunningModule({self.id!r})"


class _OverLink(httpx.AsyncBaseTransport):
    """HTTP in messages (pywatt wire specification §5.1)."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request, return the answer; raises httpx's errors."""
        headers: dict[str, str] = {}
        for name, value in request.headers.multi_items():
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        body = await request.aread()
        message = HttpRequest(
            new_uuid(), request.method, request.url.raw_path.decode("ascii"), headers, body or None
        )
        try:
            answer = await self._peer.ask(message, request.extensions["timeout"]["read"] or 3600.0)
        except TimeoutError:
            raise httpx.ReadTimeout("The module did not answer in time.", request=request) from None
        except ConnectionError as error:
            raise httpx.ConnectError(str(error), request=request) from error
        return httpx.Response(
            answer.status_code, headers=answer.headers, content=answer.body or b"", request=request
        )
