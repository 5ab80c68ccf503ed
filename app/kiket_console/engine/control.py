"""The control API: HTTP and one stream of notices on a private Unix socket.

    GET  /v1/status      GET  /v1/workers    POST /v1/workers/{name}/{verb}
    GET  /v1/notices     GET  /v1/templates  POST /v1/trigger   POST /v1/exchanges/{id}/send, replay
    POST /v1/exchanges/pin       POST /v1/exchanges/remove      POST /v1/exchanges/restore
    POST /v1/exchanges/note      POST /v1/exchanges/read
    POST /v1/ipc/send, replay, …           (see `control_modules`)
    GET  /v1/exchanges   GET  /v1/filters
    GET  /v1/secrets     and below it (see `control_secrets`)
    GET  /v1/platform    and below it (see `control_platform`)
    GET  /v1/producer    and below it (see `control_producer`)
    POST /v1/stop
    GET  /openapi.json

Whoever runs as our user may ask (see `private_socket`). What is refused is answered with
`wire.Refusal`.
"""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Annotated, Protocol

import msgspec
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import Route

from kiket_console.engine.control_bodies import answer, asked_body
from kiket_console.engine.control_listing import listing_routes
from kiket_console.engine.control_modules import module_routes
from kiket_console.engine.control_platform import platform_routes
from kiket_console.engine.control_producer import producer_routes
from kiket_console.engine.control_secrets import secret_routes
from kiket_console.engine.control_sending import sending_routes
from kiket_console.engine.openapi import describe
from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.wire import API, SELECTION_LIMIT, VERBS, Refusal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from starlette.requests import Request

    from kiket_console.engine.control_listing import Listing
    from kiket_console.engine.control_modules import ModuleControls
    from kiket_console.engine.control_platform import PlatformControls
    from kiket_console.engine.control_producer import ProducerControls
    from kiket_console.engine.control_secrets import SecretControls
    from kiket_console.engine.control_sending import Sending
    from kiket_console.engine.hub import Hub
    from kiket_console.engine_status import EngineStatus
    from kiket_console.model import Notice, Worker
    from kiket_console.wire import Selection

STATUS_OF = {
    ExitCode.USAGE: 400,
    ExitCode.CONFIG: 409,
    ExitCode.AUTH: 403,
    ExitCode.NETWORK: 503,
    ExitCode.VERIFICATION: 409,
    ExitCode.CONTRACT: 422,
}


_Ids = Annotated[tuple[int, ...], msgspec.Meta(min_length=1, max_length=SELECTION_LIMIT)]


class ExchangesAsked(msgspec.Struct, forbid_unknown_fields=True):
    """The body of `POST /v1/exchanges/remove`, `…/restore` and `…/read`."""

    ids: _Ids


class PinAsked(msgspec.Struct, forbid_unknown_fields=True):
    """The body of `POST /v1/exchanges/pin`."""

    ids: _Ids
    pinned: bool = True


class NoteAsked(msgspec.Struct, forbid_unknown_fields=True):
    """The body of `POST /v1/exchanges/note`."""

    ids: _Ids
    note: str


class Controls(Protocol):
    """What the engine lets a person do."""

    def status(self) -> EngineStatus:
        """Return what runs."""
        ...

    async def worker(self, name: str, verb: str) -> Worker:
        """Do one of `VERBS` to a worker."""
        ...

    def stop(self) -> None:
        """Begin to stop."""
        ...


class Curation(Protocol):
    """What the engine lets a person do to what was recorded."""

    async def pin(self, ids: Sequence[int], *, pinned: bool) -> Selection:
        """Keep exchanges whatever their age, or no longer."""
        ...

    async def note(self, ids: Sequence[int], text: str) -> Selection:
        """Say something about exchanges, or nothing any more."""
        ...

    async def mark_read(self, ids: Sequence[int]) -> Selection:
        """Count exchanges as looked at."""
        ...

    async def remove(self, ids: Sequence[int]) -> Selection:
        """Take exchanges out of sight."""
        ...

    async def restore(self, ids: Sequence[int]) -> Selection:
        """Bring removed exchanges back."""
        ...


def control_app(
    controls: Controls,
    sending: Sending,
    curation: Curation,
    listing: Listing,
    hub: Hub,
    platform: PlatformControls,
    modules: ModuleControls,
    secrets: SecretControls,
    producer: ProducerControls,
) -> Starlette:
    """Return the control API over what the engine's parts can do."""

    async def status(_: Request) -> Response:
        return answer(controls.status())

    async def workers(_: Request) -> Response:
        return answer(controls.status().workers)

    async def worker(request: Request) -> Response:
        name, verb = request.path_params["name"], request.path_params["verb"]
        if verb not in VERBS:
            raise ConsoleError(
                f'A worker cannot be asked to "{verb}".',
                hint=f"Use {', '.join(VERBS)}.",
                exit_code=ExitCode.USAGE,
            )
        return answer(await controls.worker(name, verb))

    async def notices(_: Request) -> Response:
        stream = hub.notices()
        first = await anext(stream)  # here a refusal is still an ordinary answer

        async def events() -> AsyncIterator[ServerSentEvent]:
            async with aclosing(stream):
                yield _event(first)
                async for notice in stream:
                    yield _event(notice)

        return EventSourceResponse(events(), ping=15)

    async def pin(request: Request) -> Response:
        asked = await asked_body(request, PinAsked)
        return answer(await curation.pin(asked.ids, pinned=asked.pinned))

    async def note(request: Request) -> Response:
        asked = await asked_body(request, NoteAsked)
        return answer(await curation.note(asked.ids, asked.note))

    async def mark_read(request: Request) -> Response:
        return answer(await curation.mark_read((await asked_body(request, ExchangesAsked)).ids))

    async def remove(request: Request) -> Response:
        return answer(await curation.remove((await asked_body(request, ExchangesAsked)).ids))

    async def restore(request: Request) -> Response:
        return answer(await curation.restore((await asked_body(request, ExchangesAsked)).ids))

    async def stop(_: Request) -> Response:
        controls.stop()
        return Response(status_code=202)

    async def openapi(_: Request) -> Response:
        return answer(describe())

    def route(path: str, handler: Callable[[Request], Awaitable[Response]], *methods: str) -> Route:
        return Route(API + path, handler, methods=list(methods))

    return Starlette(
        routes=[
            route("/status", status, "GET"),
            route("/workers", workers, "GET"),
            route("/workers/{name}/{verb}", worker, "POST"),
            route("/notices", notices, "GET"),
            *sending_routes(sending),
            *listing_routes(listing),
            *platform_routes(platform),
            *module_routes(modules),
            *producer_routes(producer),
            *secret_routes(secrets),
            route("/exchanges/pin", pin, "POST"),
            route("/exchanges/note", note, "POST"),
            route("/exchanges/read", mark_read, "POST"),
            route("/exchanges/remove", remove, "POST"),
            route("/exchanges/restore", restore, "POST"),
            route("/stop", stop, "POST"),
            Route("/openapi.json", openapi, methods=["GET"]),
        ],
        exception_handlers={
            ConsoleError: _refused,
            HTTPException: _no_such_thing,
            ClientDisconnect: _gone,
            Exception: _failed,
        },
    )


def _event(notice: Notice) -> ServerSentEvent:
    return ServerSentEvent(msgspec.json.encode(notice).decode(), event="notice")


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, ConsoleError)  # noqa: S101 - what it is registered for
    refusal = Refusal(error.message, error.hint, int(error.exit_code))
    return answer(refusal, STATUS_OF.get(error.exit_code, 500))


async def _no_such_thing(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - what it is registered for
    sentence = f"The control API has no {request.method} {request.url.path}."
    return answer(Refusal(sentence, "GET /openapi.json says what it has.", 2), error.status_code)


async def _gone(_: Request, error: Exception) -> Response:
    """Answer nobody: the client left, or was refused, in the middle of its request."""
    del error
    return Response(status_code=400)


async def _failed(_: Request, error: Exception) -> Response:
    sentence = f"The engine failed inside ({type(error).__name__}); its log has the traceback."
    return answer(Refusal(sentence), 500)
