"""The part of the control API that finds what was recorded.

    GET /v1/exchanges?filter=TEXT&limit=N      the newest N that match, oldest of them first
    GET /v1/filters                            the saved filters, by name

The newest are looked at first, a part at a time in a thread: deliveries go on, and a client that
leaves ends the search.
"""

from __future__ import annotations

import asyncio
from contextlib import closing
from typing import TYPE_CHECKING, Protocol

from starlette.routing import Route

from kiket_console.engine.control_bodies import answer
from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.store.reader import Reader
from kiket_console.wire import API, LIST_DEFAULT, LIST_LIMIT

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from starlette.requests import Request
    from starlette.responses import Response

    from kiket_console.filters import Filter
    from kiket_console.model import Exchange


class Listing(Protocol):
    """What was recorded, to be searched."""

    def filter(self, text: str) -> Filter:
        """Return the filter that *text* is; raises `FilterError`."""
        ...

    def saved(self) -> dict[str, str]:
        """Return the texts of the saved filters, by name."""
        ...

    def search(self, wanted: Filter, limit: int) -> Generator[list[int]]:
        """Search from the newest on, and yield after each part what was found in it."""
        ...

    def page(self, ids: list[int]) -> list[Exchange]:
        """Return exchanges."""
        ...


class StoreListing:
    """The store at *path* of the project in *folder*; each search reads it for itself."""

    def __init__(self, path: Path, folder: Path) -> None:
        self._path = path
        self._folder = folder

    def filter(self, text: str) -> Filter:
        """Return the filter that *text* is; raises `FilterError`."""
        from kiket_console import filters

        return filters.parse(text, saved=self.saved() if "@" in text else None)

    def saved(self) -> dict[str, str]:
        """Return the texts of the saved filters, by name; raises `ConsoleError`."""
        from kiket_console import saved_filters

        return saved_filters.load(self._folder)

    def search(self, wanted: Filter, limit: int) -> Generator[list[int]]:
        """Yield the ids that match, newest first, until there are *limit* or no more."""
        left = limit
        with Reader(self._path) as reader:
            for _, found in reader.scan(wanted, reader.newest()[0], reader.oldest()):
                newest_first = list(reversed(found))[:left]
                left -= len(newest_first)
                yield newest_first
                if not left:
                    break

    def page(self, ids: list[int]) -> list[Exchange]:
        """Return exchanges."""
        with Reader(self._path) as reader:
            return reader.page(ids)


def listing_routes(listing: Listing) -> list[Route]:
    """Return the routes over *listing*."""
    turn = asyncio.Lock()  # one search at a time: each keeps a core busy

    async def exchanges(request: Request) -> Response:
        wanted = await asyncio.to_thread(listing.filter, request.query_params.get("filter", ""))
        limit = _limit(request.query_params.get("limit", ""))
        ids: list[int] = []
        async with turn:
            with closing(listing.search(wanted, limit)) as parts:
                while (found := await asyncio.to_thread(next, parts, None)) is not None:
                    ids += found
                    if await request.is_disconnected():
                        break
        return answer(await asyncio.to_thread(listing.page, sorted(ids)))

    async def filters(_: Request) -> Response:
        return answer(await asyncio.to_thread(listing.saved))

    return [
        Route(f"{API}/exchanges", exchanges, methods=["GET"]),
        Route(f"{API}/filters", filters, methods=["GET"]),
    ]


def _limit(text: str) -> int:
    if not text:
        return LIST_DEFAULT
    if text.isascii() and text.isdigit() and len(text) < 9 and 1 <= int(text) <= LIST_LIMIT:
        return int(text)
    raise ConsoleError(
        f'The limit "{text[:20]}" is none.',
        hint=f"Use a whole number from 1 to {LIST_LIMIT}.",
        exit_code=ExitCode.USAGE,
    )
