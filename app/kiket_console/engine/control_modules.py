"""The part of the control API that speaks with modules.

GET  /v1/ipc/ops      POST /v1/ipc/send    POST /v1/ipc/replay    messages by hand
GET  /v1/services     GET  /v1/registrations
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Protocol

import msgspec
from starlette.routing import Route

from kiket_console.engine.control_bodies import answer, asked_body
from kiket_console.wire import API, IpcMessage

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from kiket_console.module_facts import Registrations
    from kiket_console.wire import IpcOp, IpcResult, Service

_Seconds = Annotated[float, msgspec.Meta(gt=0, le=600)]


class IpcSendAsked(msgspec.Struct, forbid_unknown_fields=True):
    """The body of `POST /v1/ipc/send`; `message` stays the bytes that came."""

    module: str
    message: msgspec.Raw = msgspec.Raw(b"{}")
    op: str = ""
    channel: str = ""
    like: int = 0
    timeout_s: _Seconds = 30.0

    @property
    def asked(self) -> IpcMessage:
        """The message that is asked for."""
        raw = bytes(self.message)
        return IpcMessage(self.module, raw, self.op, self.channel, self.like, self.timeout_s)


class IpcReplayAsked(msgspec.Struct, forbid_unknown_fields=True):
    """The body of `POST /v1/ipc/replay`."""

    id: int
    timeout_s: _Seconds = 30.0


class ModuleControls(Protocol):
    """What the engine lets a person do with modules."""

    def ops(self) -> tuple[IpcOp, ...]:
        """Return the messages that can be sent by hand."""
        ...

    def services(self) -> tuple[Service, ...]:
        """Return what modules offer each other."""
        ...

    def registrations(self) -> Registrations:
        """Return the programs that registered themselves."""
        ...

    async def send(self, asked: IpcMessage) -> IpcResult:
        """Send a message to a module."""
        ...

    async def replay(self, exchange_id: int, timeout_s: float) -> IpcResult:
        """Send a recorded message again."""
        ...


def module_routes(modules: ModuleControls) -> list[Route]:
    """Return the routes over *modules*."""

    async def ops(_: Request) -> Response:
        return answer(modules.ops())

    async def services(_: Request) -> Response:
        return answer(modules.services())

    async def registrations(_: Request) -> Response:
        return answer(modules.registrations())

    async def send(request: Request) -> Response:
        return answer(await modules.send((await asked_body(request, IpcSendAsked)).asked))

    async def replay(request: Request) -> Response:
        asked = await asked_body(request, IpcReplayAsked)
        return answer(await modules.replay(asked.id, asked.timeout_s))

    return [
        Route(f"{API}/ipc/ops", ops, methods=["GET"]),
        Route(f"{API}/ipc/send", send, methods=["POST"]),
        Route(f"{API}/ipc/replay", replay, methods=["POST"]),
        Route(f"{API}/services", services, methods=["GET"]),
        Route(f"{API}/registrations", registrations, methods=["GET"]),
    ]
