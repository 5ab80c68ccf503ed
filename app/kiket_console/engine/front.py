"""The gateway's HTTP server: the guarded protocol without an application behind it.

    guard ─► head ─► body (large ones when there is room) ─► gateway, or a module ─► answer

Webhooks are served here directly, because what ASGI does for a request costs more than all that
the gateway does. The guard in front is the same as everywhere: limits, deadlines, Host and Origin.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeAlias

from kiket_console.engine import routing
from kiket_console.engine.asgi import JSON_TYPE, error_body
from kiket_console.engine.front_answer import raw_answer
from kiket_console.engine.front_request import FrontRequest
from kiket_console.engine.headers import value_of
from kiket_console.engine.inbound import Posted
from kiket_console.engine.link import Answer
from kiket_console.engine.orchestrator.gateway import Visit
from kiket_console.engine.orchestrator.tunnel import Leading, Near, carry
from kiket_console.engine.ports import Delivery
from kiket_console.engine.refusals import BODY_SAMPLE
from kiket_console.engine.room import SMALL_BYTES, Room
from kiket_core.guard import Limits, Refusal, Servant, server_config

if TYPE_CHECKING:
    from collections.abc import Awaitable, Coroutine

    import uvicorn

    from kiket_console.engine.gateway import Gateway
    from kiket_console.engine.ports import Outcome
    from kiket_console.engine.refusals import Refusals
    from kiket_console.engine.room import Claim
    from kiket_console.model import Headers

_Answered: TypeAlias = "tuple[int, Headers, bytes, Claim | None]"
"""Status, headers, body and the room that it takes."""
_FAILED = routing.Elsewhere(
    500, JSON_TYPE, error_body("The gateway itself failed; its log has the traceback.")
)
_NO_WEBSOCKET = routing.Elsewhere(
    404, JSON_TYPE, error_body("Only modules take WebSockets; they are below /m/{module}/.")
)
_NO_MODULES = routing.Elsewhere(404, JSON_TYPE, error_body("There is no module here."))
_log = logging.getLogger(__name__)


def front_config(
    gateway: Gateway,
    limits: Limits,
    *,
    inbound: Taking | None = None,
    modules: Visited | None = None,
    refusals: Refusals | None = None,
    **settings: Any,
) -> uvicorn.Config:
    """Configure the server of *gateway*; *settings* are those of `server_config`.

    *inbound* takes what others post for extensions, *modules* what is for modules. *refusals*
    hears of every request that is refused before it is recorded.
    """
    members = {
        "gateway": gateway,
        "inbound": inbound or _Closed(),
        "modules": modules,
        "room": Room(),
        "refusals": refusals,
    }
    protocol = type("Webhooks", (WebhookProtocol,), members)
    return server_config(
        _no_app,
        limits=limits,
        on_refusal=None if refusals is None else refusals.told_by("gateway"),
        protocol=protocol,
        lifespan="off",
        allow_websockets=True,
        **settings,
    )


async def _no_app(scope: Any, receive: Any, send: Any) -> None:
    """Stand where uvicorn wants an application; nothing reaches it."""


class Taking(Protocol):
    """Take what others post for extensions."""

    async def take(self, posted: Posted) -> routing.Elsewhere:
        """Return what is answered to it."""
        ...


class Visited(Leading, Protocol):
    """Take requests for modules, and WebSockets."""

    async def take(self, visit: Visit) -> Answer:
        """Return what is answered to one."""
        ...


class _Closed:
    """Take nothing of what others post."""

    async def take(self, posted: Posted) -> routing.Elsewhere:
        """Refuse it."""
        del posted
        return routing.Elsewhere(404, JSON_TYPE, error_body("Nothing is taken from others here."))


class WebhookProtocol(Servant):
    """One sender's connection; `kiket_core.guard.guarded` puts the guard in front of it."""

    gateway: ClassVar[Gateway]
    inbound: ClassVar[Taking]
    modules: ClassVar[Visited | None]
    room: ClassVar[Room]
    refusals: ClassVar[Refusals | None]

    cycle: FrontRequest | None  # type: ignore[assignment]  # in the place of uvicorn's, which is ASGI's

    def connection_lost(self, exc: Exception | None) -> None:
        """Give back what requests took that nobody serves now."""
        super().connection_lost(exc)
        waiting: list[Any] = [request for request, _ in self.pipeline]
        for request in (self.cycle, *waiting):
            if request is not None and not (request.is_complete and request.is_due):
                request.give_room_back()
                request.body = b""
        self.pipeline.clear()
        self.cycle = None  # it has this connection, and is with whoever serves it still

    def on_refused(self, refusal: Refusal) -> None:
        """Record a sample of the deliveries that are too large; the guard has counted them."""
        if refusal.status != 413 or self.refusals is None or not self.refusals.kept("gateway", 413):
            return
        request = self.cycle
        if request is None or request.is_complete:  # it is refused for its head
            request = self._begun()
        request.body = request.body[:BODY_SAMPLE]
        delivery = self._found(request)
        if isinstance(delivery, Delivery):
            self._go(self.gateway.too_large(delivery, refusal.sentence))

    def _refused(self, status: int, sentence: str) -> None:
        """Count a request that is answered with a refusal and is not recorded."""
        if self.refusals is not None:
            self.refusals.told_by("gateway")(status, sentence)

    # What the parser tells

    def on_message_begin(self) -> None:
        """Start a head."""
        self.url = b""
        self.headers = []

    def on_headers_complete(self) -> None:
        """Begin a request that the guard has let in; it waits for earlier ones."""
        if self.is_upgrade:
            return
        before = self.cycle
        request = self.cycle = self._begun()
        length = int(self.named.get(b"content-length", b"0"))
        if length > SMALL_BYTES:
            self._ask_room(request, length)
        if before is None or before.response_complete:
            request.is_due = True
            if request.waiting_for_100_continue:
                self._continue(request)
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((request, self.app))  # type: ignore[arg-type]  # as `cycle`

    def handle_websocket_upgrade(self) -> None:
        """Hand the connection over (uvicorn's name for it): it leads to a module, or nowhere."""
        near = self._handed_over()
        visit = self._found(self._begun())
        if self.modules is not None and isinstance(visit, Visit):
            self._go(carry(self.modules, visit, near))
        else:
            near.refuse(Answer(*_NO_WEBSOCKET))

    def _handed_over(self) -> Near:
        near = Near(self.transport, self.connections)
        self.connections.discard(self)
        self.transport.set_protocol(near)
        return near

    def _streams(self, visit: Visit) -> bool:
        """Tell whether an answer is to be passed on as it comes, which is the connection's last."""
        wanted = value_of(visit.headers, "accept")
        is_alone = not self.pipeline and not self.transport.is_closing()
        return is_alone and visit.method == "GET" and "text/event-stream" in wanted

    def _begun(self) -> FrontRequest:
        """Return the request of the head that was parsed last."""
        parser = self.parser
        return FrontRequest(
            parser.get_method().decode("ascii"),
            self.url.decode("latin-1"),
            self.text_headers(),
            self.named,
            self,
            keep_alive=self.version != "1.0" and parser.should_keep_alive(),
            waiting_for_100_continue=self.expect_100_continue,
        )

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        request = self.cycle
        if request is None:
            return
        request.add(body)
        if len(request.body) > SMALL_BYTES and request.claim is None:
            self._ask_room(request, self.gateway.body_bytes)  # it did not say how long it is

    def on_message_complete(self) -> None:
        """Serve a request that is all there, when it is its turn."""
        request = self.cycle
        if self.is_upgrade or request is None:
            return
        request.is_complete = True
        if request.is_due:
            self._begin(request)

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        """Go on with the request that waited for the one before (uvicorn's name for it)."""
        del app
        cycle.is_due = True
        if cycle.waiting_for_100_continue:
            self._continue(cycle)
        if cycle.is_complete:
            self._begin(cycle)

    # Serving

    def _ask_room(self, request: FrontRequest, size: int) -> None:
        """Read no more of a large body until others have left room for it."""
        self.flow.pause_reading()
        request.claim = self.room.ask(size, lambda: self._go_on(request))

    def _go_on(self, request: FrontRequest) -> None:
        if not self.transport.is_closing():
            self.flow.resume_reading()
            self.wait_anew()
            if request.is_due and request.waiting_for_100_continue:
                self._continue(request)

    def _continue(self, request: FrontRequest) -> None:
        """Tell a sender that asked whether to go on that it may, once there is room."""
        if request.claim is None or request.claim.is_granted:
            request.waiting_for_100_continue = False
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _go(self, work: Coroutine[Any, Any, None]) -> None:
        task = self.loop.create_task(work)
        self.tasks.add(task)  # uvicorn waits for these when it stops
        task.add_done_callback(self.tasks.discard)

    def _begin(self, request: FrontRequest) -> None:
        """Begin to serve a request that is all there."""
        found = self._found(request)
        if isinstance(found, Delivery):
            request.passage = self.gateway.take(found, request)
            self.tasks.add(request.passage)  # type: ignore[arg-type]  # ends as a task does
        else:
            self._go(self._serve(request, found))

    def answer(self, request: FrontRequest, outcome: Outcome) -> None:
        """Answer a webhook, now unless that takes room or the sender reads too slowly."""
        if self.flow.write_paused or outcome.room is not None:
            self.wait(request, _given(outcome))
            return
        self._left(request)
        if outcome.exchange_id is None:
            self._refused(outcome.status, outcome.error)
        self._answer(request, outcome.status, outcome.headers, outcome.raw_body)
        request.give_room_back()

    def wait(self, request: FrontRequest, coming: Awaitable[Outcome]) -> None:
        """Answer a webhook when its outcome is there."""
        self._left(request)
        self._go(self._serve(request, coming))

    def _left(self, request: FrontRequest) -> None:
        """Let go of what is on its short way no more; it would be a cycle of references."""
        self.tasks.discard(request.passage)
        request.passage = None

    async def _serve(
        self,
        request: FrontRequest,
        found: Awaitable[Outcome] | Posted | Visit | routing.Elsewhere,
    ) -> None:
        room: Claim | None = None
        try:
            if isinstance(found, Posted):
                found = await self._taken(found)
            if isinstance(found, Visit):
                if self.modules is not None and self._streams(found):
                    request.response_started = request.response_complete = True
                    self.let_go()
                    await carry(self.modules, found, self._handed_over(), is_stream=True)
                    return
                status, headers, raw_body, room = await self._visited(found)
            elif isinstance(found, routing.Elsewhere):
                status, headers, raw_body = found
                if status >= 400:
                    asked = f"{request.method} {request.target[:80]!a}"
                    self._refused(status, f"{asked} is nothing that is served here.")
            else:
                status, headers, raw_body, room = await self._delivered(found)
            if self.flow.write_paused:  # else answers would pile up for a sender that reads none
                await self.flow.drain()
            self._answer(request, status, headers, raw_body)
            if len(raw_body) > SMALL_BYTES:
                await self.flow.drain()
        finally:
            request.give_room_back()
            if room is not None:
                room.give_back()

    async def _delivered(self, coming: Awaitable[Outcome]) -> _Answered:
        """Return the answer to a webhook, and the room that it takes."""
        try:
            outcome = await coming
        except Exception:
            _log.exception("A delivery failed in the gateway.")
            return (*_FAILED, None)
        if outcome.exchange_id is None:
            self._refused(outcome.status, outcome.error)
        return outcome.status, outcome.headers, outcome.raw_body, outcome.room

    async def _taken(self, posted: Posted) -> routing.Elsewhere:
        """Return the answer to what somebody else posts for an extension."""
        try:
            return await self.inbound.take(posted)
        except Exception:
            _log.exception("A post for the action %r failed in the gateway.", posted.action)
            return _FAILED

    async def _visited(self, visit: Visit) -> _Answered:
        """Return the answer to a request for a module, and the room that it takes."""
        if self.modules is None:
            return (*_NO_MODULES, None)
        try:
            found = await self.modules.take(visit)
        except Exception:
            _log.exception("A request for the module %r failed in the gateway.", visit.module)
            return (*_FAILED, None)
        return found.status, found.headers, found.raw_body, found.room

    def _found(self, request: FrontRequest) -> Delivery | Posted | Visit | routing.Elsewhere:
        """Return the delivery that a request brings, or the answer to one that brings none."""
        path, mark, query = request.target.partition("?")
        found = routing.find(request.method, path)
        if isinstance(found, routing.Elsewhere):
            return found
        raw_body = bytes(request.body)
        request.body = b""
        if isinstance(found, routing.External):
            return Posted(*found, request.method, request.target, request.headers, raw_body)
        sender = self.client[0] if self.client else ""
        if isinstance(found, routing.ForModule):
            asked = f"{found.path}?{query}" if mark else found.path
            return Visit(found.module, request.method, asked, request.headers, raw_body, sender)
        return Delivery(
            found.extension,
            found.event,
            found.version,
            f"{found.path}?{query}" if mark else found.path,
            request.headers,
            raw_body,
            sender=sender,
            named=request.named,
        )

    def _answer(
        self, request: FrontRequest, status: int, headers: Headers, raw_body: bytes
    ) -> None:
        """Answer the sender, unless it has gone; what it asked for is recorded either way."""
        if request.disconnected or self.transport.is_closing():
            return
        common = self.server_state.default_headers
        raw = raw_answer(request, status, headers, raw_body, common)
        request.response_started = request.response_complete = True
        self.transport.write(raw)
        if not request.keep_alive:
            self.transport.close()
        self.on_response_complete()


async def _given(outcome: Outcome) -> Outcome:
    return outcome
