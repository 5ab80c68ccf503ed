"""The part of the control API that sends.

    GET  /v1/templates    POST /v1/trigger    POST /v1/exchanges/{id}/send    POST …/replay
    POST /v1/exchanges/{id}/retry             POST /v1/exchanges/cancel

Where a request says `dry_run`, nothing is sent and the answer is a `wire.Preview`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Protocol

import msgspec
from starlette.routing import Route

from kiket_console.engine.control_bodies import answer, asked_body
from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.wire import API, SELECTION_LIMIT, WAYS, Edit, Event

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request
    from starlette.responses import Response

    from kiket_console.wire import Preview, Result, Selection, Template

_Headers = tuple[tuple[str, str], ...]


class TriggerAsked(msgspec.Struct, forbid_unknown_fields=True):
    """The body of `POST /v1/trigger`; `payload` stays the bytes that came."""

    event: str
    version: str = ""
    extension: str = ""
    payload: msgspec.Raw = msgspec.Raw()
    body: bytes | None = None
    """Base64 of the very bytes to send instead, without the platform's envelope."""
    headers: _Headers = ()
    dialect: str = ""
    like: int = 0
    era: str = ""
    retry: bool | None = None
    dry_run: bool = False

    @property
    def asked(self) -> Event:
        """The event that is asked for."""
        raw_payload = bytes(self.payload) or None
        return Event(
            self.event,
            self.version,
            self.extension,
            raw_payload,
            self.body,
            self.headers,
            self.dialect,
            self.like,
            self.era,
            self.retry,
        )


class ReplayAsked(msgspec.Struct, forbid_unknown_fields=True):
    """The body of `POST /v1/exchanges/{id}/replay`."""

    way: str = WAYS[0]
    version: str | None = None
    retry: bool | None = None


class CancelAsked(msgspec.Struct, forbid_unknown_fields=True):
    """The body of `POST /v1/exchanges/cancel`."""

    ids: Annotated[tuple[int, ...], msgspec.Meta(min_length=1, max_length=SELECTION_LIMIT)]


class SendAsked(msgspec.Struct, forbid_unknown_fields=True):
    """The body of `POST /v1/exchanges/{id}/send`; what it does not name stays as it was."""

    payload: msgspec.Raw = msgspec.Raw()
    body: bytes | None = None
    """Base64 of the payload, for bytes that are no JSON."""
    headers: _Headers | None = None
    event: str | None = None
    version: str | None = None
    way: str = WAYS[0]
    linked: bool = True
    """Whether it names the delivery that it repeats."""
    retry: bool | None = None
    dry_run: bool = False

    @property
    def edit(self) -> Edit:
        """What is to be changed."""
        raw_payload = self.body if self.body is not None else bytes(self.payload) or None
        return Edit(raw_payload, self.headers, self.event, self.version)


class Sending(Protocol):
    """What the engine sends for a person."""

    def templates(self, extension: str) -> tuple[Template, ...]:
        """Return the events that can be triggered, those that *extension* handles first."""
        ...

    async def trigger(self, event: Event) -> Result:
        """Send a signed event."""
        ...

    async def preview_trigger(self, event: Event) -> Preview:
        """Return what `trigger` would send."""
        ...

    async def send(
        self,
        exchange_id: int,
        edit: Edit,
        way: str,
        *,
        linked: bool = True,
        retry: bool | None = None,
    ) -> Result:
        """Send a recorded delivery again, edited, in one of `WAYS`."""
        ...

    async def retry_now(self, exchange_id: int) -> Result:
        """Make the next attempt at a delivery that failed."""
        ...

    async def cancel_retries(self, ids: Sequence[int]) -> Selection:
        """Make no more attempts at deliveries that failed."""
        ...

    async def preview(
        self, exchange_id: int, edit: Edit, way: str, *, linked: bool = True
    ) -> Preview:
        """Return what `send` would send."""
        ...


def sending_routes(sending: Sending) -> list[Route]:
    """Return the routes over *sending*."""

    async def templates(request: Request) -> Response:
        return answer(sending.templates(request.query_params.get("extension", "")))

    async def trigger(request: Request) -> Response:
        asked = await asked_body(request, TriggerAsked)
        if asked.dry_run:
            return answer(await sending.preview_trigger(asked.asked))
        return answer(await sending.trigger(asked.asked))

    async def replay(request: Request) -> Response:
        asked = await asked_body(request, ReplayAsked)
        edit = Edit(version=asked.version)
        exchange_id, way = request.path_params["id"], _way(asked.way)
        return answer(await sending.send(exchange_id, edit, way, retry=asked.retry))

    async def send(request: Request) -> Response:
        asked = await asked_body(request, SendAsked)
        exchange_id, way = request.path_params["id"], _way(asked.way)
        if asked.dry_run:
            return answer(await sending.preview(exchange_id, asked.edit, way, linked=asked.linked))
        return answer(
            await sending.send(exchange_id, asked.edit, way, linked=asked.linked, retry=asked.retry)
        )

    async def retry(request: Request) -> Response:
        return answer(await sending.retry_now(request.path_params["id"]))

    async def cancel(request: Request) -> Response:
        asked = await asked_body(request, CancelAsked)
        return answer(await sending.cancel_retries(asked.ids))

    return [
        Route(f"{API}/templates", templates, methods=["GET"]),
        Route(f"{API}/trigger", trigger, methods=["POST"]),
        Route(f"{API}/exchanges/{{id:int}}/replay", replay, methods=["POST"]),
        Route(f"{API}/exchanges/{{id:int}}/send", send, methods=["POST"]),
        Route(f"{API}/exchanges/{{id:int}}/retry", retry, methods=["POST"]),
        Route(f"{API}/exchanges/cancel", cancel, methods=["POST"]),
    ]


def _way(way: str) -> str:
    if way not in WAYS:
        raise ConsoleError(
            f'There is no way "{way}" to send again.',
            hint=f"Use {', '.join(WAYS[:-1])} or {WAYS[-1]}.",
            exit_code=ExitCode.USAGE,
        )
    return way
