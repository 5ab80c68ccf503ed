"""Notifications that extensions sent, and events of service levels that they ask for.

See kiket-and-kindo.md §2.2 rows 3 and 17.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from kiket_console.engine.platform.calls import Call, Reply, invalid, text_field
from kiket_console.engine.platform.collection import Collection
from kiket_console.engine.platform.columns import Column, InvalidError
from kiket_console.engine.platform.delivery import PROJECT_ID

if TYPE_CHECKING:
    from kiket_console.engine.platform.documents import Documents
    from kiket_console.engine.platform.state import State

STATES: Final = ("imminent", "breached", "recovered")
PAGE: Final = 50
MOST: Final = 500
_DEFINITION: Final = {
    "status": "in_progress",
    "max_duration_minutes": 240,
    "warning_buffer_minutes": 30,
    "issue_type": None,
    "priority": None,
}
_METRICS: Final = {"duration_minutes": 0, "overdue_minutes": 0}

NOTIFICATIONS = Collection(
    name="notifications",
    title="Notifications",
    meaning="What extensions told people with notify().",
    columns=(
        Column("title", null=False),
        Column("body", "text", null=False, length=16 * 1024),
        Column("level", null=False, default="info"),
        Column("extension", managed=True),
        Column("exchange_id", "bigint", managed=True),
    ),
)


def _check_sla(_: Documents, event: dict[str, Any]) -> None:
    for name, usual in (("definition", _DEFINITION), ("metrics", _METRICS)):
        if not isinstance(event[name], dict):
            raise InvalidError({name: ["must be an object"]})
        event[name] = usual | event[name]
    event["project_id"] = _number(event["project_id"])
    event["issue_id"] = _number(event["issue_id"])


SLA_EVENTS = Collection(
    name="sla_events",
    title="SLA events",
    meaning="Targets that are about to be missed, were missed or met again; add them to be read.",
    columns=(
        Column("issue_id", "id", null=False),
        Column("project_id", "id", null=False, default=PROJECT_ID),
        Column("state", null=False, choices=STATES),
        Column("triggered_at", "timestamp"),
        Column("resolved_at", "timestamp"),
        Column("definition", "json", null=False, default={}),
        Column("metrics", "json", null=False, default={}),
    ),
    check=_check_sla,
)


class Events:
    """Keep notifications, and answer for service levels."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def notify(self, call: Call) -> Reply:
        """Keep a notification."""
        fields = call.fields()
        sent = {name: text_field(fields, name) for name in ("title", "body")}
        if fields.get("level") is not None:
            sent["level"] = text_field(fields, "level")
        managed = {"extension": call.caller, "exchange_id": call.exchange_id or None}

        def work(documents: Documents) -> Reply:
            documents.log(NOTIFICATIONS.name, NOTIFICATIONS.checked(documents, sent, managed))
            return Reply(204)

        try:
            return await self._state.ask(work)
        except InvalidError as error:
            raise invalid("The notification was not taken", error.errors) from None

    async def sla(self, call: Call) -> Reply:
        """Answer with a project's events of service levels, newest first."""
        equal: dict[str, Any] = {"project_id": call.project()}
        state = call.query.get("state", "")
        if state and state not in STATES:
            problem = f"must be one of {', '.join(STATES)}"
            raise invalid("The list makes no sense", {"state": [problem]})
        equal |= {"state": state} if state else {}
        if call.query.get("issue_id"):
            equal["issue_id"] = _number(call.query["issue_id"])
        limit = call.number("limit", PAGE, MOST)

        def work(documents: Documents) -> Reply:
            rows = documents.rows(SLA_EVENTS.name, equal=equal, limit=limit)
            shown = [SLA_EVENTS.shown(row) for row in rows]
            for each in shown:
                each["triggered_at"] = each["triggered_at"] or each["created_at"]
            return Reply(200, {"data": shown})

        return await self._state.ask(work)


def _number(said: Any) -> Any:
    """Return an id as a number where it is one, be it written as a text."""
    text = str(said)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else said
