"""The part of the control API that looks at the platform's state and changes it.

GET  /v1/platform                                     collections, settings, addresses
GET  /v1/platform/{collection}?limit=&after=&find=    rows, newest first    POST adds one
GET, PATCH, DELETE /v1/platform/{collection}/{id}     POST …/{id}/restore brings one back
PATCH /v1/platform/settings
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from starlette.responses import Response
from starlette.routing import Route

from kiket_console.engine.control_bodies import answer, asked_body
from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.wire import API, PLATFORM_ROWS_DEFAULT, PLATFORM_ROWS_LIMIT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

    from kiket_console.wire import PlatformRows, PlatformSettings, PlatformState

_FIND_LIMIT = 200


class PlatformControls(Protocol):
    """What the engine lets a person do to the platform's state."""

    async def about(self) -> PlatformState:
        """Return the collections and the settings."""
        ...

    async def rows(self, name: str, limit: int, after: int | None, find: str) -> PlatformRows:
        """Return rows, newest first."""
        ...

    async def row(self, name: str, row_id: int) -> dict[str, Any]:
        """Return one row."""
        ...

    async def add(self, name: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Add a row."""
        ...

    async def change(self, name: str, row_id: int, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Change a row."""
        ...

    async def remove(self, name: str, row_id: int) -> None:
        """Take a row away."""
        ...

    async def restore(self, name: str, row_id: int) -> dict[str, Any]:
        """Bring a removed row back."""
        ...

    async def set(self, changes: Mapping[str, Any]) -> PlatformSettings:
        """Change settings."""
        ...


def platform_routes(platform: PlatformControls) -> list[Route]:
    """Return the routes over *platform*."""

    async def about(_: Request) -> Response:
        return answer(await platform.about())

    async def settings(request: Request) -> Response:
        return answer(await platform.set(await asked_body(request, dict[str, Any])))

    async def rows(request: Request) -> Response:
        name, query = request.path_params["collection"], request.query_params
        if request.method == "POST":
            return answer(await platform.add(name, await asked_body(request, dict[str, Any])))
        limit = _number(query.get("limit", ""), "limit")
        after = _number(query.get("after", ""), "row")
        wanted = PLATFORM_ROWS_DEFAULT if limit is None else min(limit, PLATFORM_ROWS_LIMIT)
        find = query.get("find", "")[:_FIND_LIMIT]
        return answer(await platform.rows(name, wanted, after, find))

    async def row(request: Request) -> Response:
        name, row_id = request.path_params["collection"], request.path_params["id"]
        if request.method == "DELETE":
            await platform.remove(name, row_id)
            return Response(status_code=204)
        if request.method == "PATCH":
            changes = await asked_body(request, dict[str, Any])
            return answer(await platform.change(name, row_id, changes))
        return answer(await platform.row(name, row_id))

    async def restore(request: Request) -> Response:
        name, row_id = request.path_params["collection"], request.path_params["id"]
        return answer(await platform.restore(name, row_id))

    place = f"{API}/platform"
    one = f"{place}/{{collection}}/{{id:int}}"
    return [
        Route(place, about, methods=["GET"]),
        Route(f"{place}/settings", settings, methods=["PATCH"]),
        Route(f"{place}/{{collection}}", rows, methods=["GET", "POST"]),
        Route(one, row, methods=["GET", "PATCH", "DELETE"]),
        Route(f"{one}/restore", restore, methods=["POST"]),
    ]


def _number(text: str, noun: str) -> int | None:
    if not text:
        return None
    if text.isascii() and text.isdigit() and len(text) < 19 and int(text) > 0:
        return int(text)
    raise ConsoleError(
        f'"{text[:20]}" is no {noun}.',
        hint="Use a whole number from 1 on.",
        exit_code=ExitCode.USAGE,
    )
