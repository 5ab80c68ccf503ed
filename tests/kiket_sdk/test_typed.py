"""Typed payloads: what a handler's annotation asks for is what it is given, or nobody is."""

from __future__ import annotations

import functools
import json
import logging
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal, NotRequired, TypedDict
from unittest.mock import AsyncMock, Mock

import pytest
from pydantic import BaseModel, ConfigDict, Field, field_validator
from tests.kiket_sdk.webhooks import SECRET, build_sdk, post, signed
from typing_extensions import TypeAliasType

from kiket_sdk._typed import ERRORS_LIMIT, payload_type
from kiket_sdk.exceptions import ConfigurationError
from kiket_sdk.routing import HandlerMetadata

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kiket_sdk import HandlerContext


class Label(TypedDict):
    name: str


class Issue(TypedDict):
    id: int
    labels: NotRequired[list[Label]]
    created_at: NotRequired[datetime]
    parent: NotRequired[Issue | None]


class IssueEvent(TypedDict):
    issue: Issue


class Person(BaseModel):
    name: str
    email: str | None = None

    @field_validator("email")
    @classmethod
    def has_an_at(cls, email: str | None) -> str | None:
        if email is not None and "@" not in email:
            raise ValueError(f"{email} is no address")
        return email


class Assigned(BaseModel):
    issue_id: int = Field(alias="issueId")
    assignee: Person
    priority: Literal["low", "high"] = "low"


class Opened(BaseModel):
    kind: Literal["opened"]
    at: datetime


class Closed(BaseModel):
    kind: Literal["closed"]
    by: Person


@dataclass
class Comment:
    body: str
    stars: int = 0


class Nested(BaseModel):
    size: int

    @field_validator("size", mode="before")
    @classmethod
    def inner(cls, size: Any) -> Any:
        return size["inner"]


@dataclass
class Later:
    size: Nowhere  # type: ignore[name-defined]  # noqa: F821


def told(handler: Any, payload: Any) -> tuple[int, Any]:
    """Post a payload to a handler."""
    sdk = build_sdk()
    sdk.register("e", handler, version="v1")
    raw_body = json.dumps(payload).encode()
    return post(sdk, "/v/v1/webhooks/e", signed(raw_body), raw_body)


async def on_assigned(event: Assigned, _context: HandlerContext) -> dict[str, Any]:
    return {"id": event.issue_id, "name": event.assignee.name}


def test_a_handler_is_given_its_model() -> None:
    found = told(on_assigned, {"issueId": 7, "assignee": {"name": "Ada"}, "more": 1})
    assert found == (200, {"id": 7, "name": "Ada"})


def test_a_mismatch_is_a_422_that_says_where() -> None:
    status, content = told(on_assigned, {"issueId": "seven", "assignee": {}, "priority": "late"})
    assert status == 422
    assert content == {
        "detail": "The payload does not fit Assigned: $.issueId should be a valid integer, "
        "and is a string. There are 3 mismatches.",
        "errors": [
            {
                "path": "$.issueId",
                "expected": "a valid integer",
                "message": "$.issueId should be a valid integer, and is a string.",
            },
            {
                "path": "$.assignee.name",
                "expected": "a value",
                "message": "$.assignee.name is missing.",
            },
            {
                "path": "$.priority",
                "expected": "'low' or 'high'",
                "message": "$.priority should be 'low' or 'high'.",
            },
        ],
    }


class Sized(BaseModel):
    title: str = Field(min_length=1)
    code: str = Field(pattern="^[A-Z]+$")
    tags: list[str] = Field(min_length=2)


async def on_sized(_event: Sized, _context: HandlerContext) -> None:
    pass


def test_a_mismatch_of_length_or_pattern_says_which_was_expected() -> None:
    status, content = told(on_sized, {"title": "", "code": "a", "tags": ["x"]})
    assert status == 422
    assert [each["expected"] for each in content["errors"]] == [
        "at least 1 character",
        "match pattern '^[A-Z]+$'",
        "at least 2 items",
    ]


def on_issue(event: IssueEvent, _context: HandlerContext) -> Any:
    return {
        "year": event["issue"]["created_at"].year if "created_at" in event["issue"] else None,
        "event": {key: value for key, value in event.items() if key != "issue"},
        "issue": event["issue"].get("title", ""),
    }


def test_a_typed_dict_keeps_what_it_does_not_name() -> None:
    issue = {"id": 1, "title": "Late", "created_at": "2026-01-16T12:00:00Z", "parent": None}
    assert told(on_issue, {"issue": issue, "project": 27}) == (
        200,
        {"year": 2026, "event": {"project": 27}, "issue": "Late"},
    )


@pytest.mark.parametrize(
    ("issue", "message"),
    [
        (None, "$.issue should be an object, and is null."),
        ({"id": 1.5}, "$.issue.id should be a valid integer, and is a number."),
        ({}, "$.issue.id is missing."),
        ({"id": 1, "labels": [{"name": "a"}, 3]}, "$.issue.labels[1] should be an object"),
        ({"id": 1, "parent": {"id": 2, "parent": {}}}, "$.issue.parent.parent.id is missing."),
        ({"id": 1, "created_at": "soon"}, "$.issue.created_at should be a valid datetime"),
    ],
)
def test_a_typed_dict_is_checked_all_the_way_down(issue: Any, message: str) -> None:
    status, content = told(on_issue, {"issue": issue})
    assert status == 422
    assert content["errors"][0]["message"].startswith(message)


Change = Annotated[Opened | Closed, Field(discriminator="kind")]


async def on_change(event: Change, _context: HandlerContext) -> str:
    return type(event).__name__


async def on_comments(event: list[Comment], _context: HandlerContext) -> int:
    return sum(comment.stars for comment in event)


async def on_strict(event: Exact, _context: HandlerContext) -> str:
    return event.at.isoformat()


class Exact(BaseModel):
    """Defined below its handler; strict, yet a date in JSON is a text."""

    model_config = ConfigDict(strict=True, extra="forbid")
    at: datetime


def test_types_may_be_unions_lists_dataclasses_strict_and_defined_later() -> None:
    assert told(on_change, {"kind": "closed", "by": {"name": "Ada"}}) == (200, "Closed")
    assert told(on_change, {"kind": "lost"})[0] == 422
    assert told(on_comments, [{"body": "a", "stars": 2}, {"body": "b"}]) == (200, 2)
    assert told(on_comments, {})[1]["errors"][0]["path"] == "$"
    at = datetime(2026, 1, 16, 12, tzinfo=UTC).isoformat()
    assert told(on_strict, {"at": at}) == (200, at)
    _, content = told(on_strict, {"at": at, "odd key": 1})
    assert content["errors"][0]["message"] == '$["odd key"] is not a known key.'


def test_a_type_local_to_where_the_handler_is_registered_is_found() -> None:
    class Local(BaseModel):
        id: int

    sdk = build_sdk()

    @sdk.webhook("local", version="v1")
    async def handler(event: Local, _context: HandlerContext) -> int:
        return event.id

    async def enclosing(event: Local, _context: HandlerContext) -> bool:
        return isinstance(event, Local)

    raw_body = b'{"id": 5}'
    assert post(sdk, "/v/v1/webhooks/local", signed(raw_body), raw_body) == (200, 5)
    assert post(sdk, "/v/v1/webhooks/local", signed())[0] == 422
    assert told(enclosing, {"id": 5}) == (200, True)


def test_a_local_typed_dict_may_name_another() -> None:
    class Part(TypedDict):
        id: int

    class Whole(TypedDict):
        parts: list[Part]

    sdk = build_sdk()

    @sdk.webhook("local", version="v1")
    async def handler(event: Whole, _context: HandlerContext) -> int:
        return len(event["parts"])

    for raw_body, answer in (
        (b'{"parts": [{"id": 1}]}', 200),
        (b'{"parts": [{}]}', 422),
    ):
        assert post(sdk, "/v/v1/webhooks/local", signed(raw_body), raw_body)[0] == answer


Json = TypeAliasType("Json", dict[str, Any] | list[Any] | int | str | None)
Either = TypeAliasType("Either", Opened | IssueEvent)


def on_json(_event: Json, _context: HandlerContext) -> None: ...


def on_either(event: Either, _context: HandlerContext) -> str:
    return "issue" if isinstance(event, dict) else event.kind


def test_a_type_may_have_another_name() -> None:
    assert payload_type(on_json) is None, "it holds nothing to check"
    assert told(on_either, {"issue": {"id": 1}, "more": 2}) == (200, "issue")
    assert told(on_either, {"kind": "opened", "at": "2026-01-16T12:00:00Z"}) == (200, "opened")
    assert told(on_either, {"issue": {}})[0] == 422


class Handlers:
    def method(self, event: Comment, _context: HandlerContext) -> str:
        return event.body

    def __call__(self, event: Comment, _context: HandlerContext) -> str:
        return event.body


def add(prefix: str, event: Comment, _context: HandlerContext) -> str:
    return prefix + event.body


@functools.wraps(on_comments)
async def wrapped(*arguments: Any) -> Any:
    return await on_comments(*arguments)


def test_methods_callables_partials_and_wrapped_functions_are_typed_too() -> None:
    for handler in (Handlers().method, Handlers(), functools.partial(add, "")):
        assert told(handler, {"body": "text"}) == (200, "text")
        assert told(handler, {"body": 1})[0] == 422
    assert told(wrapped, [{"body": "a", "stars": 3}]) == (200, 3)


def untyped(_payload, _context):  # type: ignore[no-untyped-def]
    return None


def mapping(_payload: Mapping[str, Any], _context: HandlerContext) -> None: ...


def plain(_payload: dict[str, Any], _context: HandlerContext) -> None: ...


def literal(_payload: Literal["a"], _context: HandlerContext) -> None: ...


def nothing() -> None: ...


def anything(*_arguments: Comment) -> None: ...


@pytest.mark.parametrize(
    "handler",
    [untyped, plain, literal, nothing, anything, print, dict, Mock(), AsyncMock()],
    ids=lambda handler: type(handler).__name__,
)
def test_other_annotations_leave_the_payload_as_it_came(handler: Any) -> None:
    assert payload_type(handler) is None
    assert HandlerMetadata(handler, "v1").payload_type is None


def test_an_annotation_that_cannot_be_read_is_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert payload_type(mapping) is None
    (record,) = caplog.records
    assert "mapping" in record.getMessage()
    assert "TYPE_CHECKING" in record.getMessage()


def test_a_type_that_nothing_fits_is_told_at_registration() -> None:
    class Odd:
        pass

    def odd(event: list[Odd] | Comment, _context: HandlerContext) -> None: ...

    with pytest.raises(ConfigurationError, match="Payloads cannot be checked against"):
        build_sdk().register("e", odd, version="v1")


def test_no_secret_and_no_more_than_needed_is_told(caplog: pytest.LogCaptureFixture) -> None:
    async def handler(_event: list[Person], _context: HandlerContext) -> None: ...

    people = [{"name": "Ada", "email": SECRET}] + [{"name": 1}] * 50
    with caplog.at_level(logging.WARNING, "kiket_sdk"):
        status, content = told(handler, people)
    assert status == 422
    assert len(content["errors"]) == ERRORS_LIMIT
    assert "There are 51 mismatches." in content["detail"]
    assert SECRET not in json.dumps(content) + caplog.text
    assert "[secret:KIKET_WEBHOOK_SECRET] is no address" in content["detail"]


def test_a_check_that_fails_itself_refuses_the_payload(caplog: pytest.LogCaptureFixture) -> None:
    """It is not one of pydantic's two errors, and would be a 500 of the server's."""

    async def handler(event: Nested, _context: HandlerContext) -> int:
        return event.size

    assert told(handler, {"size": {"inner": 3}}) == (200, 3)
    assert told(handler, {"size": 3}) == (
        422,
        {"detail": "The payload does not fit Nested: it could not be checked", "errors": []},
    )
    assert "not subscriptable" in caplog.text
    assert "in inner" in caplog.text, "the traceback leads to the check"


def test_a_type_that_names_what_is_never_defined_is_told(caplog: pytest.LogCaptureFixture) -> None:
    async def handler(event: Later, _context: HandlerContext) -> Any: ...

    answer = {"detail": "The extension cannot check payloads of this event"}
    assert told(handler, {"size": 3}) == (500, answer)
    assert "not fully defined" in caplog.text


def test_json_that_only_the_standard_reader_takes_is_checked_too() -> None:
    sdk = build_sdk()
    sdk.register("e", on_comments, version="v1")
    for raw_body, status in (
        (b'[{"body":"\\ud800"}]', 200),
        ('[{"body":"é"}]'.encode("utf-16"), 200),
    ):
        assert post(sdk, "/v/v1/webhooks/e", signed(raw_body), raw_body)[0] == status


def test_a_typed_body_that_is_no_json_is_a_400() -> None:
    sdk = build_sdk()
    sdk.register("e", on_assigned, version="v1")
    assert post(sdk, "/v/v1/webhooks/e", signed(b"{"), b"{")[0] == 400


def test_pydantic_is_imported_for_typed_handlers_alone() -> None:
    script = (
        "import sys\n"
        "from kiket_sdk.routing import HandlerRegistry\n"
        "def handler(payload: dict, context): ...\n"
        "HandlerRegistry().register('e', handler, version='v1')\n"
        "print('pydantic' in sys.modules)"
    )
    found = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "False"
