"""Custom data: what a module's schema says is what a row can be."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from kiket_console.contract import Contract
from kiket_sdk.custom_data import ExtensionCustomDataClient
from kiket_sdk.exceptions import OutboundRequestError

if TYPE_CHECKING:
    from pathlib import Path

    import httpx
    from tests.kiket_console.engine.platform.conftest import World

MODULE = "com.example.marketing.pages"
COLUMNS = "issue_id, state, cost, vendor_ref, urgent, details, acked_at, project_id"
PAGES = f"/api/v1/ext/custom_data/{MODULE}/pages"


@pytest.fixture
def pages(world: World) -> ExtensionCustomDataClient:
    return ExtensionCustomDataClient(world.sdk(), 27)


async def test_a_row_is_made_read_changed_listed_and_deleted_with_the_sdk(
    pages: ExtensionCustomDataClient,
) -> None:
    made = (await pages.create(MODULE, "pages", {"issue_id": 5, "details": {"a": [1]}}))["data"]
    changed = (await pages.update(MODULE, "pages", made["id"], {"state": "acked"}))["data"]
    listed = (await pages.list(MODULE, "pages", filters={"state": "acked"}))["data"]
    read = (await pages.get(MODULE, "pages", made["id"]))["data"]
    await pages.delete(MODULE, "pages", made["id"])

    assert made | {"created_at": "", "updated_at": ""} == {
        "id": 1,
        "issue_id": 5,
        "state": "sent",
        "cost": None,
        "vendor_ref": None,
        "urgent": None,
        "details": {"a": [1]},
        "acked_at": None,
        "organization_id": 4120,
        "project_id": 27,
        "created_at": "",
        "updated_at": "",
    }
    assert changed["state"] == "acked"
    assert listed == [changed] == [read]
    assert (await pages.list(MODULE, "pages"))["data"] == []
    with pytest.raises(OutboundRequestError, match="404"):
        await pages.get(MODULE, "pages", made["id"])


async def test_a_project_sees_its_own_rows_alone(world: World) -> None:
    ours, theirs = (ExtensionCustomDataClient(world.sdk(), each) for each in (27, "28"))
    row = (await ours.create(MODULE, "pages", {"issue_id": 1, "vendor_ref": "v"}))["data"]
    other = (await theirs.create(MODULE, "pages", {"issue_id": 2, "vendor_ref": "v"}))["data"]

    assert other["project_id"] == 28
    assert [each["id"] for each in (await theirs.list(MODULE, "pages"))["data"]] == [other["id"]]
    with pytest.raises(OutboundRequestError, match="404"):
        await theirs.update(MODULE, "pages", row["id"], {"state": "x"})


@pytest.mark.parametrize(
    ("record", "errors"),
    [
        ({}, {"issue_id": ["can't be blank"]}),
        ({"issue_id": None}, {"issue_id": ["can't be blank"]}),
        ({"issue_id": "5"}, {"issue_id": ["must be a whole number"]}),
        ({"issue_id": True}, {"issue_id": ["must be a whole number"]}),
        (
            {"issue_id": 1, "state": "far too long"},
            {"state": ["is too long (at most 8 characters)"]},
        ),
        ({"issue_id": 1, "state": 7}, {"state": ["must be a text"]}),
        ({"issue_id": 1, "cost": 12345}, {"cost": ["must be less than 10 to the power of 4"]}),
        ({"issue_id": 1, "cost": "much"}, {"cost": ["must be a number"]}),
        ({"issue_id": 1, "urgent": "yes"}, {"urgent": ["must be true or false"]}),
        (
            {"issue_id": 1, "acked_at": "soon"},
            {"acked_at": ["must be a moment as 2026-01-31T12:00:00Z"]},
        ),
        (
            {"issue_id": 1, "colour": 1},
            {"colour": [f"is not known; there is {COLUMNS}"]},
        ),
    ],
)
async def test_what_the_schema_does_not_allow_is_422_by_column(
    extension: httpx.AsyncClient, record: dict[str, Any], errors: dict[str, list[str]]
) -> None:
    answer = await extension.post(PAGES, params={"project_id": 27}, json={"record": record})

    assert (answer.status_code, answer.json()["errors"]) == (422, errors)
    name, [problem] = next(iter(errors.items()))
    assert answer.json()["error"] == f"The record was not kept: {name} {problem}."


async def test_values_are_kept_in_one_form(pages: ExtensionCustomDataClient) -> None:
    record = {"issue_id": 1, "cost": 12.345, "acked_at": "2026-05-01T12:00:00+02:00"}
    row = (await pages.create(MODULE, "pages", record))["data"]

    assert (row["cost"], row["acked_at"]) == ("12.35", "2026-05-01T10:00:00Z")
    found = await pages.list(MODULE, "pages", filters={"acked_at": "2026-05-01T12:00:00+02:00"})
    assert [each["id"] for each in found["data"]] == [row["id"]]


async def test_a_unique_value_can_be_had_once_and_kept(extension: httpx.AsyncClient) -> None:
    async def send(method: str, path: str, record: dict[str, Any]) -> httpx.Response:
        query = {"project_id": "27"}
        return await extension.request(method, path, params=query, json={"record": record})

    first = await send("POST", PAGES, {"issue_id": 1, "vendor_ref": "A"})
    twice = await send("POST", PAGES, {"issue_id": 2, "vendor_ref": "A"})
    kept = await send("PATCH", f"{PAGES}/1", {"vendor_ref": "A", "state": "x"})

    assert (first.status_code, kept.status_code) == (201, 200)
    assert twice.json()["errors"] == {"vendor_ref": ["has already been taken"]}


async def test_a_row_can_be_sent_back_as_it_was_read(pages: ExtensionCustomDataClient) -> None:
    """What the platform sets is left aside."""
    row = (await pages.create(MODULE, "pages", {"issue_id": 1}))["data"]
    again = (await pages.update(MODULE, "pages", row["id"], {**row, "state": "x"}))["data"]

    assert again == row | {"state": "x", "updated_at": again["updated_at"]}


@pytest.mark.parametrize(
    ("query", "status", "problem"),
    [
        ({}, 422, "project_id is required."),
        ({"project_id": "27", "limit": "0"}, 422, "limit must be a whole number from 1 on."),
        (
            {"project_id": "27", "filters": "[1]"},
            422,
            "The filter makes no sense: filters must be a JSON object.",
        ),
        (
            {"project_id": "27", "filters": '{"colour": 1}'},
            422,
            f"The filter makes no sense: colour is not a column; there is id, {COLUMNS}.",
        ),
    ],
)
async def test_a_list_that_makes_no_sense_is_refused(
    extension: httpx.AsyncClient, query: dict[str, str], status: int, problem: str
) -> None:
    answer = await extension.get(PAGES, params=query)

    assert (answer.status_code, answer.json()["error"]) == (status, problem)


@pytest.mark.parametrize(
    "filters",
    [
        {"issue_id": 2},
        {"urgent": True},
        {"details": {"a": 1}},
        {"state": "x", "issue_id": 2},
        {"id": 2},
    ],
)
async def test_filters_find_rows_by_equality(
    pages: ExtensionCustomDataClient, filters: dict[str, Any]
) -> None:
    await pages.create(MODULE, "pages", {"issue_id": 1, "urgent": False})
    wanted = {"issue_id": 2, "urgent": True, "details": {"a": 1}, "state": "x"}
    row = (await pages.create(MODULE, "pages", wanted))["data"]

    assert (await pages.list(MODULE, "pages", filters=filters))["data"] == [row]


async def test_an_unknown_table_is_404_that_names_what_there_is(
    extension: httpx.AsyncClient,
) -> None:
    query = {"project_id": "27"}
    table = await extension.get(f"/api/v1/ext/custom_data/{MODULE}/pagers", params=query)
    module = await extension.get("/api/v1/ext/custom_data/com.example.x/pages", params=query)

    assert (table.status_code, table.json()["error"]) == (
        404,
        f"The module '{MODULE}' has no table 'pagers'; it has 'pages'.",
    )
    assert module.status_code == 404
    assert module.json()["error"].startswith(
        f"No module 'com.example.x' is installed: there is '{MODULE}'. Describe it in "
    )


async def test_open_tables_take_what_no_schema_describes(
    world: World, extension: httpx.AsyncClient
) -> None:
    await world.settings.change({"open_tables": True})
    place = "/api/v1/ext/custom_data/com.example.x/things"
    query = {"project_id": "27"}
    made = await extension.post(place, params=query, json={"record": {"a": 1, "b": {"c": 2}}})
    found = await extension.get(place, params={**query, "filters": json.dumps({"a": 1})})
    about = await world.desk.about()

    assert made.status_code == 201
    assert found.json()["data"] == [made.json()["data"]]
    assert about.collections[-1].name == "custom_data.com.example.x.things"


async def test_a_schema_that_is_saved_counts_at_once(
    world: World, folder: Path, extension: httpx.AsyncClient
) -> None:
    query = {"project_id": "27"}
    assert (await extension.get(PAGES, params=query)).status_code == 200
    schema = folder / ".kiket/modules/pages/schema.yml"
    schema.write_text(schema.read_text().replace("  pages:", "  sheets:"))

    assert (await extension.get(PAGES, params=query)).status_code == 404
    assert (
        await extension.get(PAGES.replace("/pages", "/sheets"), params=query)
    ).status_code == 200

    schema.write_text("module: [")
    answer = await extension.get(PAGES, params=query)
    assert answer.status_code == 404
    assert "schema.yml" in answer.json()["error"]
    assert len((await world.desk.about()).problems) == 1


async def test_what_the_manifest_does_not_list_is_403(
    crew: Any, pages: ExtensionCustomDataClient, extension: httpx.AsyncClient
) -> None:
    crew.terms = Contract(custom_data=((MODULE, ("read", "write")),))
    await pages.create(MODULE, "pages", {"issue_id": 1})
    answer = await extension.delete(f"{PAGES}/1", params={"project_id": "27"})

    assert answer.status_code == 403
    assert answer.json()["error"] == (
        f"The manifest of marketing does not list delete of '{MODULE}' below "
        "custom_data.permissions."
    )
