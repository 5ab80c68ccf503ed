"""The part of the control API's client that looks at the platform's state and changes it.

    async with Client(paths) as client:
        state = await client.platform.state()
        row = await client.platform.add("intake_forms", {"key": "access", "name": "Access"})

Every call raises what `Client`'s calls raise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from msgspec.structs import asdict

from kiket_console.wire import (
    PLATFORM_ROWS_DEFAULT,
    PlatformRows,
    PlatformSettings,
    PlatformState,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kiket_console.client_asking import Ask
    from kiket_console.wire import ForcedFailure


class PlatformCalls:
    """Look at what the platform keeps, and change it."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    async def state(self) -> PlatformState:
        """Return the collections, with how many rows each has, and the settings."""
        return await self._ask("GET", "/platform", PlatformState)

    async def rows(
        self,
        collection: str,
        *,
        limit: int = PLATFORM_ROWS_DEFAULT,
        after: int | str = "",
        find: str = "",
    ) -> PlatformRows:
        """Return the newest rows, or those older than the one with the id *after*.

        With *find*, those whose values have that text somewhere, whatever its case. At most
        `wire.PLATFORM_ROWS_LIMIT`.
        """
        asked = {"limit": str(limit), "after": str(after), "find": find}
        query = urlencode({name: value for name, value in asked.items() if value})
        return await self._ask("GET", f"{_place(collection)}?{query}", PlatformRows)

    async def row(self, collection: str, row_id: int | str) -> dict[str, Any]:
        """Return one row."""
        return await self._ask("GET", _place(collection, row_id), dict[str, Any])

    async def add(self, collection: str, row: Mapping[str, Any]) -> dict[str, Any]:
        """Add a row; return it as it is kept."""
        return await self._ask("POST", _place(collection), dict[str, Any], dict(row))

    async def change(
        self, collection: str, row_id: int | str, changes: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Change what *changes* names of a row; return it as it is kept."""
        place = _place(collection, row_id)
        return await self._ask("PATCH", place, dict[str, Any], dict(changes))

    async def remove(self, collection: str, row_id: int | str) -> None:
        """Take a row away; `restore` brings it back."""
        await self._ask("DELETE", _place(collection, row_id), None)

    async def restore(self, collection: str, row_id: int | str) -> dict[str, Any]:
        """Bring a removed row back; return it."""
        return await self._ask("POST", f"{_place(collection, row_id)}/restore", dict[str, Any])

    async def set(
        self,
        *,
        rate_limit_per_minute: int | None = None,
        granted_scopes: Sequence[str] | None = None,
        open_tables: bool | None = None,
        failures: Sequence[ForcedFailure] | None = None,
    ) -> PlatformSettings:
        """Change settings; what is None stays. Return all of them."""
        changes = {
            "rate_limit_per_minute": rate_limit_per_minute,
            "granted_scopes": granted_scopes,
            "open_tables": open_tables,
            "failures": None if failures is None else [asdict(each) for each in failures],
        }
        said = {name: value for name, value in changes.items() if value is not None}
        return await self._ask("PATCH", "/platform/settings", PlatformSettings, said)


def _place(collection: str, row_id: int | str = "") -> str:
    place = f"/platform/{quote(collection, safe='')}"
    return f"{place}/{quote(str(row_id), safe='')}" if row_id != "" else place
