"""Decisions: the same JSON from functions and classes, and what a handler may return."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from tests.kiket_sdk.webhooks import build_sdk, post, signed

from kiket_sdk import (
    AllowResponse,
    DenyResponse,
    HandlerContext,
    PendingResponse,
    Response,
    allow,
    deny,
    pending,
)


@pytest.mark.parametrize(
    ("answer", "content"),
    [
        (allow(), {"status": "allow", "metadata": {}}),
        (allow("fine"), {"status": "allow", "message": "fine", "metadata": {}}),
        (
            allow("fine", {"a": 1}, {"ticket": "T-1"}),
            {
                "status": "allow",
                "message": "fine",
                "metadata": {"a": 1, "output_fields": {"ticket": "T-1"}},
            },
        ),
        (allow(data={"a": 1}, output_fields={}), {"status": "allow", "metadata": {"a": 1}}),
        (deny("no"), {"status": "deny", "message": "no", "metadata": {}}),
        (deny("", {"why": 2}), {"status": "deny", "message": "", "metadata": {"why": 2}}),
        (pending("wait"), {"status": "pending", "message": "wait", "metadata": {}}),
        (AllowResponse().to_dict(), allow()),
        (DenyResponse(message="no", metadata={"a": 1}).to_dict(), deny("no", {"a": 1})),
        (DenyResponse("deny", "no").to_dict(), deny("no")),
        (PendingResponse(message="wait").to_dict(), pending("wait")),
        (Response("allow", None, {}).to_dict(), allow()),
    ],
)
def test_the_json_of_a_decision(answer: dict[str, Any], content: dict[str, Any]) -> None:
    assert answer == content
    assert type(answer) is dict


def test_the_arguments_are_copied() -> None:
    data, fields = {"a": 1}, {"b": "2"}
    answer = allow(data=data, output_fields=fields)
    answer["metadata"]["output_fields"]["c"] = "3"
    answer["metadata"]["d"] = 4
    assert (data, fields) == ({"a": 1}, {"b": "2"})


def test_an_output_field_that_is_not_shown_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "kiket_sdk"):
        allow(output_fields={"fine_1": "1", "Ticket": "2"})
    (record,) = caplog.records
    assert "'Ticket'" in record.getMessage()


@pytest.mark.parametrize(
    "result", [allow("ok"), AllowResponse(message="ok"), Response("allow", "ok")]
)
def test_a_handler_returns_any_of_them(result: Any) -> None:
    async def guard(_payload: Any, _context: HandlerContext) -> Any:
        return result

    sdk = build_sdk()
    sdk.register("workflow.before_transition", guard, version="v1")
    found = post(sdk, "/v/v1/webhooks/workflow.before_transition", signed())
    assert found == (200, {"status": "allow", "message": "ok", "metadata": {}})
