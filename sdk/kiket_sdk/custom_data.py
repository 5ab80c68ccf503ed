"""Read and write the rows of tables that modules declare (`/api/v1/ext/custom_data`)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from kiket_sdk._answers import decoded
from kiket_sdk._paths import platform_path
from kiket_sdk.exceptions import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kiket_sdk.client import KiketClient

_ROOT = "/api/v1/ext/custom_data"


class ExtensionCustomDataClient:
    """The rows of one project; answers are the platform's JSON, `{"data": …}`.

    A table is named by its module's key and its own name. Calls raise OutboundRequestError when
    the platform refuses or cannot be reached, and ArgumentError for a name that a path cannot
    hold. Raises ArgumentError without a project.
    """

    __slots__ = ("_client", "_project")

    def __init__(self, client: KiketClient, project_id: int | str) -> None:
        if project_id is None:
            raise ArgumentError("project_id is required for custom data operations")
        self._client = client
        self._project = {"project_id": project_id}

    async def list(
        self,
        module_key: str,
        table: str,
        *,
        limit: int = 50,
        filters: Mapping[str, Any] | None = None,
    ) -> Any:
        """Return up to `limit` rows; `filters` are columns and the values they must equal."""
        query: dict[str, Any] = {**self._project, "limit": limit}
        if filters:
            query["filters"] = json.dumps(dict(filters))
        return decoded(
            await self._client.get(platform_path(_ROOT, module_key, table), params=query)
        )

    async def get(self, module_key: str, table: str, record_id: int | str) -> Any:
        """Return one row."""
        path = platform_path(_ROOT, module_key, table, record_id)
        return decoded(await self._client.get(path, params=self._project))

    async def create(self, module_key: str, table: str, record: Mapping[str, Any]) -> Any:
        """Add a row and return it as it is kept."""
        path = platform_path(_ROOT, module_key, table)
        content = {"record": dict(record)}
        return decoded(await self._client.post(path, params=self._project, json=content))

    async def update(
        self, module_key: str, table: str, record_id: int | str, record: Mapping[str, Any]
    ) -> Any:
        """Change the columns of a row that `record` names and return it as it is kept."""
        path = platform_path(_ROOT, module_key, table, record_id)
        content = {"record": dict(record)}
        return decoded(await self._client.patch(path, params=self._project, json=content))

    async def delete(self, module_key: str, table: str, record_id: int | str) -> None:
        """Delete a row."""
        path = platform_path(_ROOT, module_key, table, record_id)
        await self._client.delete(path, params=self._project)
