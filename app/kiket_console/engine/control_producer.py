"""The part of the control API that sends messages to a producer.

GET  /v1/producer             PUT  /v1/producer/sink              what its sink fails with
POST /v1/producer/preview     POST /v1/producer/send
POST /v1/producer/resend      GET  /v1/producer/message/{id}      a recorded one, to edit it
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Protocol

import msgspec
from starlette.routing import Route

from kiket_console.engine.control_bodies import answer, asked_body
from kiket_console.wire import API
from kiket_console.wire_producer import FAULTS, ProducerMessage, SinkFault

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request
    from starlette.responses import Response

    from kiket_console.wire_producer import ProducerPreview, ProducerResult, ProducerState

PLACE = f"{API}/producer"


class ResendAsked(msgspec.Struct, forbid_unknown_fields=True):
    """The body of `POST /v1/producer/resend`."""

    id: int


class SinkAsked(msgspec.Struct, forbid_unknown_fields=True):
    """The body of `PUT /v1/producer/sink`: all that the sink is to fail with; none: nothing."""

    faults: Annotated[tuple[SinkFault, ...], msgspec.Meta(max_length=len(FAULTS))] = ()


class ProducerControls(Protocol):
    """What the engine lets a person do with messages."""

    async def state(self) -> ProducerState:
        """Return what there is to send with."""
        ...

    async def preview(self, asked: ProducerMessage) -> ProducerPreview:
        """Return what would be sent."""
        ...

    async def send(self, asked: ProducerMessage) -> ProducerResult:
        """Send a message."""
        ...

    async def resend(self, exchange_id: int) -> ProducerResult:
        """Send a recorded message again."""
        ...

    async def message(self, exchange_id: int) -> ProducerMessage:
        """Return a recorded message."""
        ...

    async def set_faults(self, faults: Sequence[SinkFault]) -> ProducerState:
        """Tell the sink what to fail with."""
        ...


def producer_routes(producer: ProducerControls) -> list[Route]:
    """Return the routes over *producer*."""

    async def state(_: Request) -> Response:
        return answer(await producer.state())

    async def preview(request: Request) -> Response:
        return answer(await producer.preview(await asked_body(request, ProducerMessage)))

    async def send(request: Request) -> Response:
        return answer(await producer.send(await asked_body(request, ProducerMessage)))

    async def resend(request: Request) -> Response:
        return answer(await producer.resend((await asked_body(request, ResendAsked)).id))

    async def message(request: Request) -> Response:
        return answer(await producer.message(request.path_params["id"]))

    async def sink(request: Request) -> Response:
        asked = await asked_body(request, SinkAsked)
        return answer(await producer.set_faults(asked.faults))

    return [
        Route(PLACE, state, methods=["GET"]),
        Route(f"{PLACE}/preview", preview, methods=["POST"]),
        Route(f"{PLACE}/send", send, methods=["POST"]),
        Route(f"{PLACE}/resend", resend, methods=["POST"]),
        Route(f"{PLACE}/message/{{id:int}}", message, methods=["GET"]),
        Route(f"{PLACE}/sink", sink, methods=["PUT"]),
    ]
