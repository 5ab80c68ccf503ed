"""Issues: those that were delivered are there, for extensions to change, move and discuss."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from kiket_console.engine.ports import Delivery, Outcome
from kiket_console.errors import ConsoleError
from kiket_console.model import State
from kiket_sdk.endpoints import ExtensionEndpoints

if TYPE_CHECKING:
    import httpx
    from tests.kiket_console.engine.platform.conftest import World

ISSUES = "/api/v1/ext/issues"
DELIVERED: dict[str, Any] = {
    "id": 9041,
    "key": "DOCK-412",
    "title": "Crane 3 drops",
    "status": "triage",
    "priority": "high",
    "labels": ["crane"],
    "issue_type": "Bug",
    "assignee": None,
    "project_id": 27,
    "url": "https://app.kiket.example/i/DOCK-412",
}


async def learn(world: World, issue: Any) -> None:
    await world.api.issues.learn(json.dumps({"event": "issue.created", "issue": issue}).encode())


async def test_an_issue_is_made_changed_moved_and_found(extension: httpx.AsyncClient) -> None:
    made = (await extension.post(ISSUES, json={"issue": {"title": "Leak"}})).json()
    place = f"{ISSUES}/{made['key']}"
    changed = await extension.patch(place, json={"issue": {"priority": "critical"}})
    moved = await extension.post(f"{place}/transitions", json={"transition": {"state": "done"}})
    found = await extension.get(ISSUES, params={"status": "done", "priority": "critical"})
    none = await extension.get(ISSUES, params={"status": "open"})

    assert made | {"created_at": "", "updated_at": ""} == {
        "id": 1,
        "key": "ISSUE-1",
        "title": "Leak",
        "description": None,
        "status": "open",
        "workflow_state": "open",
        "priority": "medium",
        "issue_type": "Task",
        "labels": [],
        "assignee": None,
        "parent_id": None,
        "parent_key": None,
        "project_id": 27,
        "custom_fields": None,
        "created_at": "",
        "updated_at": "",
    }
    assert (changed.json()["priority"], moved.json()["workflow_state"]) == ("critical", "done")
    assert found.json() == {
        "issues": [moved.json()],
        "pagination": {"page": 1, "per_page": 25, "total": 1, "total_pages": 1},
    }
    assert none.json()["issues"] == []


async def test_the_issue_of_a_delivery_is_there_by_key_and_by_id(
    world: World, extension: httpx.AsyncClient
) -> None:
    await learn(world, DELIVERED)
    by_key, by_id = [await extension.get(f"{ISSUES}/{each}") for each in ("DOCK-412", 9041)]

    assert by_key.json() == by_id.json()
    assert by_key.json()["id"] == 9041
    assert {n: by_key.json()[n] for n in DELIVERED if n != "url"} == {
        n: DELIVERED[n] for n in DELIVERED if n != "url"
    }


async def test_a_delivery_says_anew_how_an_issue_is(
    world: World, extension: httpx.AsyncClient
) -> None:
    await learn(world, DELIVERED)
    await extension.patch(
        f"{ISSUES}/9041", json={"issue": {"title": "Changed", "description": "x"}}
    )
    await learn(world, DELIVERED | {"status": "closed"})
    issue = (await extension.get(f"{ISSUES}/9041")).json()

    assert (issue["title"], issue["status"], issue["description"]) == (
        "Crane 3 drops",
        "closed",
        "x",
    )


@pytest.mark.parametrize(
    "issue",
    [None, [], "x", {}, {"id": True}, {"id": "9"}, {"id": -1}, {"id": 2**60}, {"key": "A-1"}],
)
async def test_what_names_no_issue_is_not_taken_note_of(world: World, issue: object) -> None:
    await learn(world, issue)
    await world.api.issues.learn(b'{"issue": ')
    await world.api.issues.learn(b'["issue"]')

    assert (await world.desk.rows("issues", 10, None, "")).rows == ()


async def test_of_an_issue_that_is_half_known_the_rest_is_the_usual(world: World) -> None:
    await learn(world, {"id": 7, "key": "A-7", "priority": "odd", "labels": "x", "parent_id": "p"})
    [row] = (await world.desk.rows("issues", 10, None, "")).rows

    assert (row["id"], row["title"], row["priority"]) == (7, "A-7", "medium")
    assert row["parent_id"] is None


async def test_the_sdk_comments_on_an_issue(world: World) -> None:
    await learn(world, DELIVERED)
    comment = await ExtensionEndpoints(world.sdk()).comment("DOCK-412", "On it.")
    [row] = (await world.desk.rows("issue_comments", 10, None, "")).rows

    assert comment == row
    assert (row["issue_id"], row["body"]) == (9041, "On it.")
    assert row["author"] == {"id": None, "name": "marketing", "email": None}


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "problem"),
    [
        ("GET", "/X-1", None, 404, "There is no issue 'X-1'; send an event of it, or add it"),
        ("POST", "", {"issue": {}}, 422, "The issue was not kept: title can't be blank."),
        (
            "POST",
            "",
            {"title": "x", "priority": "urgent"},
            422,
            "The issue was not kept: priority must be one of low, medium, high, critical.",
        ),
        ("POST", "", {"title": "x", "labels": [1]}, 422, "The issue was not kept: labels must be"),
        ("POST", "", {"title": "x", "key": "DOCK-412"}, 422, "key has already been taken"),
        ("POST", "/9041/comments", {"comment": {}}, 422, "body can't be blank"),
        ("POST", "/9041/transitions", {}, 422, "The issue was not moved: state can't be blank."),
        ("PATCH", "/9041", {"issue": []}, 422, "The issue was not kept: issue must be an object."),
    ],
)
async def test_what_makes_no_sense_is_refused_with_a_sentence(
    world: World,
    extension: httpx.AsyncClient,
    method: str,
    path: str,
    body: object,
    status: int,
    problem: str,
) -> None:
    await learn(world, DELIVERED)
    answer = await extension.request(method, ISSUES + path, json=body)

    assert answer.status_code == status
    assert problem in answer.json()["error"]


async def test_what_is_sent_is_known_before_it_arrives_and_arrives_whatever_is_known(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []

    async def deliver(delivery: Delivery) -> Outcome:
        seen.append(len((await world.desk.rows("issues", 10, None, "")).rows))
        return Outcome(1, State.FORWARDED, 200, (), b"", 1, "")

    async def fail(raw_body: bytes) -> None:
        del raw_body
        raise ConsoleError("The disk is full.")

    raw_body = json.dumps({"issue": DELIVERED}).encode()
    delivery = Delivery(None, "issue.created", "v1", "/", (), raw_body)
    learning = world.api.issues.learning(deliver)
    await learning(delivery)
    monkeypatch.setattr(world.api.issues, "learn", fail)
    await learning(delivery)

    assert seen == [1, 1]
