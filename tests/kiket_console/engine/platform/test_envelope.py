"""What is put around an event, for every release at once and for each alone."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kiket_console.engine.platform import envelope
from kiket_console.engine.platform.envelope import Surroundings, era_of
from kiket_console.errors import ConsoleError
from kiket_console.wire import ERAS

URL = "http://127.0.0.1:8720"
EVENT = {"event": "issue.created", "event_version": "v1", "issue": {"id": 7}}
PARTS = {"authentication", "api", "secrets", "secret_status", "context"}


def authenticate(delivery_id: str, payload: Any, raw_with: Any) -> dict[str, Any]:
    assert isinstance(payload, dict)
    assert b'""' in raw_with({"runtime_token": "", "expires_at": "", "scopes": []})
    return {
        "runtime_token": f"token.of.{delivery_id}",
        "token_type": "runtime",
        "expires_at": "2026-02-03T09:24:27+00:00",
        "scopes": ["*"],
    }


def around(era: str = "all", **changes: Any) -> Surroundings:
    values: dict[str, Any] = {
        "platform_url": URL,
        "secrets": {"SMTP_KEY": "s3cret-value", "OTHER": None},
        "authenticate": authenticate,
        "era": era_of(era),
    }
    return Surroundings(**(values | changes))


def filled(around: Surroundings, payload: Any) -> Any:
    return json.loads(around.around(payload, "dlv_1", "issue.created"))


def test_every_release_finds_what_it_wants_in_one_delivery() -> None:
    assert filled(around(), EVENT) == {
        **EVENT,
        "authentication": authenticate("dlv_1", {}, lambda _: b'""'),
        "api": {"base_url": URL, "runtime_header": "X-Kiket-Runtime-Token"},
        "secrets": {"SMTP_KEY": "s3cret-value"},
        "secret_status": {"missing": ["OTHER"]},
        "context": {"user_id": 318, "workspace": "harbour-logistics"},
    }


def test_what_the_payload_says_itself_stays() -> None:
    mine = {"api": {"base_url": "mine"}, "secrets": None, "authentication": {}}
    found = filled(around(), mine)

    assert {key: found[key] for key in mine} == mine


@pytest.mark.parametrize(
    ("era", "parts"),
    [
        ("all", PARTS),
        ("v0", {"context"}),
        ("interim", PARTS),
        ("newest", PARTS),
        ("other-sdks", PARTS),
    ],
)
def test_each_time_had_its_own_parts(era: str, parts: set[str]) -> None:
    assert set(filled(around(era), EVENT)) - set(EVENT) == parts


def test_april_2026_wraps_the_event() -> None:
    payload = {
        **EVENT,
        "timestamp": "2026-04-03T09:14:27Z",
        "organization_id": 4120,
        "project_id": 27,
        "project": {"key": "DOCK"},
    }
    found = filled(around("april-2026"), payload)

    assert found.pop("id").startswith("evt_")
    assert found == {
        "type": "issue.created",
        "createdAt": "2026-04-03T09:14:27Z",
        "organizationId": 4120,
        "projectKey": "DOCK",
        "data": {"issue": {"id": 7}, "project": {"key": "DOCK"}},
    }


@pytest.mark.parametrize("era", ERAS)
def test_what_is_wrapped_already_and_what_is_no_object_are_left_alone(era: str) -> None:
    wrapped = {"type": "issue.created", "createdAt": "2026-04-03T09:14:27Z", "data": {}}
    for payload in (wrapped, [1], "text", 5, None, True):
        assert filled(around(era), payload) == payload


def test_without_a_token_nothing_is_said_of_one() -> None:
    blank = around(authenticate=lambda *_: {"runtime_token": ""})

    assert "authentication" not in filled(blank, EVENT)


def test_an_unknown_era_is_a_sentence() -> None:
    with pytest.raises(ConsoleError, match='There is no era "v1"'):
        era_of("v1")


OLD = (
    b'{ "note" : "old.token.1", "authentication" : {"runtime_token" : "old.token.1",'
    b'  "expires_at":"2026-01-01T00:00:00+00:00"}, "api": {"base_url": "http://127.0.0.1:1"},'
    b' "n": 1.10, "also": "http://127.0.0.1:1" }'
)


def test_a_recorded_body_gets_a_good_token_and_every_other_byte_stays() -> None:
    found = around().renewed(OLD, OLD, "dlv_2")

    assert found == OLD.replace(
        b'{"runtime_token" : "old.token.1"', b'{"runtime_token" : "token.of.dlv_2"'
    ).replace(b"2026-01-01T00:00:00", b"2026-02-03T09:24:27").replace(
        b'"base_url": "http://127.0.0.1:1"', b'"base_url": "http://127.0.0.1:8720"'
    )


def test_a_token_that_a_person_wrote_stays() -> None:
    mine = OLD.replace(b"old.token.1", b"my.token.0")

    assert around().renewed(mine, OLD, "dlv_2") == mine


def test_where_a_person_says_the_platform_is_stays() -> None:
    mine = OLD.replace(b'"base_url": "http://127.0.0.1:1"', b'"base_url": "http://127.0.0.1:9"')
    found = json.loads(around().renewed(mine, OLD, "dlv_2"))

    assert found["api"]["base_url"] == "http://127.0.0.1:9"
    assert found["authentication"]["runtime_token"] == "token.of.dlv_2"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b"\xff",
        b"{",
        b"[" * 100_000,
        b'{"authentication": null}',
        b'{"authentication": {"runtime_token": 5}}',
        b'{"authentication": {"runtime_token": ""}}',
    ],
)
def test_a_body_without_a_token_stays_as_it_is(raw: bytes) -> None:
    assert around().renewed(raw, raw, "dlv_2") == raw


def test_a_token_can_be_left_blank_to_be_refused() -> None:
    blank = around(authenticate=lambda *_: {"runtime_token": "", "expires_at": "x"})

    assert json.loads(blank.renewed(OLD, OLD, "d"))["authentication"]["runtime_token"] == ""


def test_a_forged_token_says_the_same_with_another_signature() -> None:
    found = envelope.forged("head.claims.signature")

    assert found.startswith("head.claims.")
    assert found != "head.claims.signature"


def test_no_secret_is_in_the_words_of_it() -> None:
    assert "s3cret-value" not in repr(around())
