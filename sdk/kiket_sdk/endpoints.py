"""The platform's calls that handlers make most, under one roof."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

from kiket_sdk._answers import decoded
from kiket_sdk._paths import platform_path
from kiket_sdk.exceptions import OutboundRequestError
from kiket_sdk.secrets import ExtensionSecretManager

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kiket_sdk.audit import AuditClient
    from kiket_sdk.client import KiketClient
    from kiket_sdk.custom_data import ExtensionCustomDataClient
    from kiket_sdk.intake_forms import IntakeFormsClient
    from kiket_sdk.secret_providers import SecretProvider
    from kiket_sdk.sla import ExtensionSlaEventsClient


class RateLimitInfo(TypedDict):
    """How many calls may be made: `remaining` of `limit` in this window, for `reset_in` seconds."""

    limit: int
    remaining: int
    window_seconds: int
    reset_in: int


class ExtensionEndpoints:
    """Log, measure, notify, and reach everything else that the platform offers an extension.

    Calls raise OutboundRequestError when the platform refuses or cannot be reached.
    `secrets` are the extension's; `providers` are asked before the platform, see `secrets.get`.
    """

    __slots__ = ("_headers", "client", "secrets")

    def __init__(
        self,
        client: KiketClient,
        extension_id: str | None = None,
        *,
        event_version: str | None = None,
        providers: Sequence[SecretProvider] | None = None,
    ) -> None:
        self.client = client
        self._headers = {"X-Kiket-Event-Version": event_version} if event_version else {}
        self.secrets = ExtensionSecretManager(client, extension_id, providers=providers)

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

    async def comment(self, issue_id: int | str, body: str) -> Any:
        """Comment on an issue, named by its key, and return the platform's answer."""
        path = platform_path("/api/v1/ext/issues", issue_id) + "/comments"
        return decoded(await self.client.post(path, json={"comment": {"body": body}}))

    def custom_data(self, project_id: int | str) -> ExtensionCustomDataClient:
        """Return the rows of a project's module tables; raises ArgumentError without a project."""
        from kiket_sdk.custom_data import ExtensionCustomDataClient

        return ExtensionCustomDataClient(self.client, project_id)

    def sla_events(self, project_id: int | str) -> ExtensionSlaEventsClient:
        """Return a project's service level events; raises ArgumentError without a project."""
        from kiket_sdk.sla import ExtensionSlaEventsClient

        return ExtensionSlaEventsClient(self.client, project_id)

    def intake_forms(self, project_id: int | str) -> IntakeFormsClient:
        """Return a project's intake forms; raises ArgumentError without a project."""
        from kiket_sdk.intake_forms import IntakeFormsClient

        return IntakeFormsClient(self.client, project_id)

    @property
    def audit(self) -> AuditClient:
        """The anchors and proofs of the audit trail."""
        from kiket_sdk.audit import AuditClient

        return AuditClient(self.client)

    async def rate_limit(self) -> RateLimitInfo:
        """Return how many calls may still be made; the question counts as one of them."""
        answer = decoded(await self.client.get("/api/v1/ext/rate_limit"))
        try:
            found = answer["rate_limit"]
            return {
                "limit": int(found.get("limit") or 0),
                "remaining": int(found.get("remaining") or 0),
                "window_seconds": int(found.get("window_seconds") or 0),
                "reset_in": int(found.get("reset_in") or 0),
            }
        except (AttributeError, KeyError, TypeError, ValueError):
            raise OutboundRequestError("Kiket API returned a rate limit of another form") from None

    async def _post(self, resource: str, content: dict[str, Any]) -> None:
        await self.client.post(
            f"/api/v1/extensions/{resource}", json=content, headers=self._headers
        )
