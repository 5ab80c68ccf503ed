"""Intake forms and submissions, asked for with the SDK."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from kiket_console.errors import ConsoleError
from kiket_sdk.exceptions import OutboundRequestError
from kiket_sdk.intake_forms import IntakeFormsClient

if TYPE_CHECKING:
    import httpx
    from tests.kiket_console.engine.platform.conftest import World

FORM: dict[str, Any] = {
    "key": "access",
    "name": "Access request",
    "public": True,
    "fields": [
        {"key": "email", "field_type": "email", "required": True},
        {"key": "level", "options": ["read", {"value": "write", "label": "Write"}]},
        {"key": "seats", "field_type": "number"},
    ],
}
GOOD = {"email": "ada@example.com", "level": "write", "seats": 3}


@pytest.fixture
async def forms(world: World) -> IntakeFormsClient:
    await world.desk.add("intake_forms", FORM)
    await world.desk.add("intake_forms", {"key": "old", "name": "Old", "active": False})
    return IntakeFormsClient(world.sdk(), 27)


async def test_forms_that_a_person_described_are_read_by_extensions(
    forms: IntakeFormsClient,
) -> None:
    everything = (await forms.list())["data"]
    active = (await forms.list(active=True, public_only=True))["data"]
    form = await forms.get("access")

    assert [each["key"] for each in everything] == ["access", "old"]
    assert active == [form]
    assert form["fields"][0] == {
        "key": "email",
        "label": "Email",
        "field_type": "email",
        "required": True,
        "options": [],
        "placeholder": None,
        "help_text": None,
    }
    assert forms.public_url(form) == "http://127.0.0.1:9/forms/access"
    assert form["submissions_count"] == 0
    with pytest.raises(OutboundRequestError, match="404"):
        await forms.get("nothing")


async def test_a_submission_is_sent_in_listed_approved_and_counted(
    forms: IntakeFormsClient,
) -> None:
    sent = await forms.create_submission("access", GOOD, metadata={"from": "test"})
    other = await forms.create_submission("access", GOOD)
    approved = await forms.approve_submission("access", sent["id"], notes="fine")
    await forms.reject_submission("access", other["id"])
    pending = await forms.list_submissions("access", status="pending")
    recent = await forms.list_submissions("access", since=datetime.now(UTC) - timedelta(hours=1))
    later = await forms.list_submissions("access", since=datetime.now(UTC) + timedelta(hours=1))
    stats = await forms.stats("access", period="week")

    assert (sent["status"], sent["submitted_by_email"]) == ("pending", "ada@example.com")
    assert (approved["status"], approved["notes"]) == ("approved", "fine")
    assert approved["reviewed_by"] == "marketing"
    assert await forms.get_submission("access", sent["id"]) == approved
    assert (pending["data"], later["data"]) == ([], [])
    assert [each["id"] for each in recent["data"]] == [other["id"], sent["id"]]
    assert stats == {
        "total_submissions": 2,
        "pending": 0,
        "approved": 1,
        "rejected": 1,
        "converted": 0,
        "period": "week",
    }


@pytest.mark.parametrize(
    ("data", "errors"),
    [
        ({}, {"data.email": ["can't be blank"]}),
        (GOOD | {"email": "ada"}, {"data.email": ["must be an e-mail address"]}),
        (GOOD | {"level": "admin"}, {"data.level": ["must be one of read, write"]}),
        (GOOD | {"seats": "many"}, {"data.seats": ["must be a number"]}),
        ([], {"data": ["must be an object"]}),
        (None, {"data": ["can't be blank"]}),
    ],
)
async def test_a_submission_must_be_what_the_form_asks(
    forms: IntakeFormsClient, extension: httpx.AsyncClient, data: object, errors: object
) -> None:
    del forms  # they are there
    answer = await extension.post(
        "/api/v1/ext/intake_forms/access/submissions", json={"project_id": "27", "data": data}
    )

    assert (answer.status_code, answer.json()["errors"]) == (422, errors)


async def test_a_submission_is_reviewed_once(
    forms: IntakeFormsClient, extension: httpx.AsyncClient
) -> None:
    sent = await forms.create_submission("access", GOOD)
    await forms.approve_submission("access", sent["id"])
    again = await extension.post(
        f"/api/v1/ext/intake_forms/access/submissions/{sent['id']}/reject",
        json={"project_id": "27"},
    )

    assert (again.status_code, again.json()["error"]) == (
        422,
        "The submission is approved already.",
    )


@pytest.mark.parametrize(
    ("path", "status", "problem"),
    [
        ("old/submissions", 422, "The form 'old' is not active."),
        ("none/submissions", 404, "There is no intake form 'none'; there is old, access."),
        ("access/submissions/9/approve", 404, "There is no submission '9' of the form 'access'."),
    ],
)
async def test_what_is_not_there_is_said(
    forms: IntakeFormsClient, extension: httpx.AsyncClient, path: str, status: int, problem: str
) -> None:
    del forms
    answer = await extension.post(
        f"/api/v1/ext/intake_forms/{path}", json={"project_id": "27", "data": GOOD}
    )

    assert (answer.status_code, answer.json()["error"]) == (status, problem)


@pytest.mark.parametrize(
    ("form", "problem"),
    [
        ({"name": "x"}, "key can't be blank"),
        ({"key": "a b", "name": "x"}, "key must be 1 to 64 letters, digits, _ and -"),
        ({"key": "access", "name": "x"}, "key has already been taken"),
        ({"key": "x", "name": "x", "fields": {}}, "fields must be a list of fields"),
        (
            {"key": "x", "name": "x", "fields": [{"key": "a"}, {"key": "a"}]},
            "fields has a key twice",
        ),
    ],
)
async def test_a_form_that_makes_no_sense_is_refused(
    forms: IntakeFormsClient, world: World, form: dict[str, Any], problem: str
) -> None:
    del forms
    with pytest.raises(ConsoleError, match=problem):
        await world.desk.add("intake_forms", form)
