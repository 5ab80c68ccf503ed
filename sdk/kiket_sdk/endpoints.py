"""The platform's calls that handlers make most, under one roof."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kiket_sdk.secrets import ExtensionSecretManager

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kiket_sdk.client import KiketClient


class ExtensionEndpoints:
    """Log, measure, notify, and reach the secrets of one extension.

    Calls raise OutboundRequestError when the platform refuses or cannot be reached.
    """

    __slots__ = ("_headers", "client", "secrets")

    def __init__(
        self,
        client: KiketClient,
        extension_id: str | None = None,
        *,
        event_version: str | None = None,
    ) -> None:
        self.client = client
        self._headers = {"X-Kiket-Event-Version": event_version} if event_version else {}
        self.secrets = ExtensionSecretManager(client, extension_id)

    async def log_event(
        self, message: str, *fields: Mapping[str, Any] | None, **metadata: Any
    ) -> None:
        """Write a line to the extension's activity log, with metadata by mapping or keyword."""
        content = {key: value for each in fields if each for key, value in each.items()}
        await self._post("logs", {"message": message, "metadata": content | metadata})

    async def emit_metric(self, name: str, value: float, unit: str = "count") -> None:
        """Record a measurement."""
        await self._post("metrics", {"name": name, "value": value, "unit": unit})

    async def notify(self, title: str, body: str, level: str = "info") -> None:
        """Show a notification in the workspace; levels are info, warning, error and success."""
        await self._post("notifications", {"title": title, "body": body, "level": level})

    async def _post(self, resource: str, content: dict[str, Any]) -> None:
        await self.client.post(
            f"/api/v1/extensions/{resource}", json=content, headers=self._headers
        )
