"""Read what the platform noticed about service levels (`/api/v1/ext/sla/events`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypedDict

from kiket_sdk._answers import decoded
from kiket_sdk.exceptions import ArgumentError, OutboundRequestError

if TYPE_CHECKING:
    from kiket_sdk.client import KiketClient

SlaState = Literal["imminent", "breached", "recovered"]

_PATH = "/api/v1/ext/sla/events"


class SlaDefinition(TypedDict, total=False):
    """The rule that an event is about; durations in minutes."""

    status: str
    max_duration_minutes: int
    warning_buffer_minutes: int
    issue_type: str | None
    priority: str | None


class SlaMetrics(TypedDict, total=False):
    """How long an issue has been in its state, in minutes."""

    duration_minutes: int
    overdue_minutes: int


class SlaEvent(TypedDict, total=False):
    """One event; moments are ISO-8601."""

    id: int
    issue_id: int
    project_id: int
    state: SlaState
    triggered_at: str
    resolved_at: str | None
    definition: SlaDefinition
    metrics: SlaMetrics


class SlaEventListResponse(TypedDict):
    """A listing of events."""

    data: list[SlaEvent]


class ExtensionSlaEventsClient:
    """The service level events of one project.

    Calls raise OutboundRequestError when the platform refuses or cannot be reached. Raises
    ArgumentError without a project.
    """

    __slots__ = ("_client", "_project")

    def __init__(self, client: KiketClient, project_id: int | str) -> None:
        self._client = client
        self._project = str(project_id or "").strip()
        if not self._project:
            raise ArgumentError("project_id is required for SLA queries")

    async def list(
        self,
        *,
        issue_id: int | str | None = None,
        state: SlaState | None = None,
        limit: int | None = None,
    ) -> SlaEventListResponse:
        """Return events, newest first, of one issue or in one state if so asked."""
        query = {"project_id": self._project}
        for name, value in (("issue_id", issue_id), ("state", state), ("limit", limit)):
            if value is not None:
                query[name] = str(value)
        listing: SlaEventListResponse = decoded(await self._client.get(_PATH, params=query))
        return listing

    async def get(self, event_id: int | str) -> SlaEvent:
        """Return one event, found in the listing: the platform has no address for a single one.

        Raises OutboundRequestError, with status 404, when it is not listed.
        """
        listing: Any = await self.list()
        events = listing.get("data") if isinstance(listing, dict) else None
        for event in events or ():
            if str(event.get("id")) == str(event_id):
                found: SlaEvent = event
                return found
        raise OutboundRequestError(
            f"No SLA event {event_id} is listed for project {self._project}", 404
        )
