"""Notifications are kept to be looked at; service levels are there to be asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kiket_console.errors import ConsoleError
from kiket_sdk.endpoints import ExtensionEndpoints
from kiket_sdk.sla import ExtensionSlaEventsClient

if TYPE_CHECKING:
    import httpx
    from tests.kiket_console.engine.platform.conftest import World


async def test_what_an_extension_notifies_is_kept_with_where_it_came_from(world: World) -> None:
    await ExtensionEndpoints(world.sdk()).notify("Done", "All of it.", "success")

    [row] = (await world.desk.rows("notifications", 10, None, "")).rows
    assert (row["title"], row["body"], row["level"]) == ("Done", "All of it.", "success")
    assert (row["extension"], row["exchange_id"]) == ("marketing", 1)


async def test_service_levels_that_a_person_added_are_found_by_issue_and_state(
    world: World, extension: httpx.AsyncClient
) -> None:
    for issue_id, state in ((7, "imminent"), (7, "breached"), (8, "breached")):
        await world.desk.add("sla_events", {"issue_id": issue_id, "state": state})
    await world.desk.add("sla_events", {"issue_id": 7, "state": "imminent", "project_id": 99})
    events = ExtensionSlaEventsClient(world.sdk(), 27)

    found = (await events.list(issue_id=7, state="breached"))["data"]
    assert [each["id"] for each in (await events.list())["data"]] == [3, 2, 1]
    assert [each["id"] for each in found] == [2]
    assert found[0]["definition"]["max_duration_minutes"] == 240
    assert found[0]["metrics"] == {"duration_minutes": 0, "overdue_minutes": 0}
    assert found[0]["triggered_at"] is not None
    wrong = await extension.get("/api/v1/ext/sla/events?project_id=27&state=late")
    assert wrong.json()["errors"] == {"state": ["must be one of imminent, breached, recovered"]}


async def test_a_state_that_there_is_not_cannot_be_added(world: World) -> None:
    with pytest.raises(ConsoleError, match="state must be one of imminent, breached, recovered"):
        await world.desk.add("sla_events", {"issue_id": 1, "state": "late"})
