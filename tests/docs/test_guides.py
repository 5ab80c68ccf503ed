"""Each how-to guide, and each extension of the migration guide, does what its page says."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import time_machine
from fastapi.testclient import TestClient
from tests.docs.blocks import block
from tests.docs.conftest import SECRET, deliver

from kiket_sdk.testing import webhook_payload_factory

if TYPE_CHECKING:
    from pathlib import Path

    from kiket_sdk.testing.platform import FakePlatform

PAGE = "how-to.md"
SIGNED = block(PAGE, "Know who sends", 0)
TOKENS = block(PAGE, "Know who sends", 1)
ROTATED = block(PAGE, "Rotate the webhook secret")
REPLAYS = block(PAGE, "Refuse what was sent before", 0)
SHARED = block(PAGE, "Refuse what was sent before", 1)
LIMITED = block(PAGE, "Limit how long a handler runs")
TYPED = block(PAGE, "Check what a payload holds")
SCOPES = block(PAGE, "Ask for scopes")
FILES = block(PAGE, "Read secrets from files or a keyring", 0)
VAULT = block(PAGE, "Read secrets from files or a keyring", 1)
ROTATION = block(PAGE, "Rotate a credential", 0)
ROTATING = block(PAGE, "Rotate a credential", 1)
CALLS = block(PAGE, "Call the platform")
TELEMETRY = block(PAGE, "Report how handlers fare")
MOUNTED = block(PAGE, "Put an extension into an application")

RECORDED = block(PAGE, "Send a recorded delivery again in a test")

FIRST = block("migration.md", "From the first release (November 2025)")
BETWEEN = block("migration.md", "From the months between (November 2025 to January 2026)")
NEWEST = block("migration.md", "From the newest release (January 2026)")

ISSUE = {"issue": {"key": "A-1", "title": "Bug", "labels": ["x", "y"]}, "project_id": 3}


def unsigned(sdk: Any, event: str, payload: Any) -> Any:
    """Post as the newest platform does: what lets it in is a token in the payload."""
    sent = webhook_payload_factory(event=event)(payload)
    with sdk.create_test_client() as client:
        return client.post(sent["path"], content=sent["body"], headers=sent["headers"])


def test_a_strict_extension_wants_a_timestamp_that_is_signed() -> None:
    sdk = SIGNED.run()["sdk"]
    sdk.register("issue.created", lambda *_: None, version="v1")
    sign = webhook_payload_factory(sdk.config.webhook_secret, event="issue.created")
    with sdk.create_test_client() as client:
        for dialect, status in {"k1": 200, "sw1": 200, "k0": 401}.items():
            signed = sign(ISSUE, dialect=dialect)
            answer = client.post(signed["path"], content=signed["body"], headers=signed["headers"])
            assert answer.status_code == status, dialect


def test_a_runtime_token_lets_in(platform: FakePlatform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KIKET_WEBHOOK_SECRET")
    sdk = TOKENS.run()["sdk"]
    token = platform.tokens.authentication(scopes=["a"], org_id=7, ext_id="com.example.tokens")
    answer = unsigned(sdk, "issue.created", ISSUE | {"authentication": token})
    assert answer.json() == {"for": 7, "may": ["a"]}
    assert unsigned(sdk, "issue.created", ISSUE).status_code == 401
    foreign = platform.tokens.authentication(ext_id="com.example.other")
    answer = unsigned(sdk, "issue.created", ISSUE | {"authentication": foreign})
    assert answer.status_code == 401


def test_both_secrets_count_while_one_is_rotated(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    new = "the new secret of 24 bytes or more"
    monkeypatch.setenv("NEW_WEBHOOK_SECRET", new)
    sdk = ROTATED.run()["sdk"]
    sdk.register("issue.created", lambda *_: None, version="v1")

    def status(secret: str) -> Any:
        signed = webhook_payload_factory(secret, event="issue.created")(ISSUE)
        with sdk.create_test_client() as client:
            answer = client.post(signed["path"], content=signed["body"], headers=signed["headers"])
        return answer.status_code

    before = datetime(2027, 5, 31, 23, 59, tzinfo=UTC)
    with time_machine.travel(before):
        assert [status(each) for each in (SECRET, new, "x")] == [200, 200, 401]
    with time_machine.travel(before + timedelta(minutes=2)):
        assert [status(each) for each in (SECRET, new, "x")] == [401, 200, 401]
    assert "its secret spring counts no longer" in caplog.text


def test_what_was_sent_before_is_refused() -> None:
    sdk = REPLAYS.run()["sdk"]
    signed = webhook_payload_factory(SECRET, event="issue.created")(ISSUE)
    with sdk.create_test_client() as client:
        statuses = [
            client.post(signed["path"], content=signed["body"], headers=signed["headers"])
            for _ in range(2)
        ]
    assert [each.status_code for each in statuses] == [200, 409]


def test_a_shared_store_is_one_method() -> None:
    """The connection is what a client of Redis offers, over a dictionary."""
    kept: dict[bytes, bytes] = {}

    class Connection:
        async def set(self, key: bytes, value: bytes, *, nx: bool, px: int) -> bool | None:
            assert nx
            assert px > 0
            is_new = key not in kept
            kept.setdefault(key, value)
            return is_new or None

    sdk = SHARED.run()["extension"](Connection())
    sdk.register("issue.created", lambda *_: None, version="v1")
    signed = webhook_payload_factory(SECRET, event="issue.created")(ISSUE)
    client = sdk.create_test_client()
    statuses = [
        client.post(signed["path"], content=signed["body"], headers=signed["headers"]).status_code
        for _ in range(2)
    ]
    assert statuses == [200, 409]


def test_a_handler_that_takes_too_long_is_given_up() -> None:
    sdk = LIMITED.run()["sdk"]
    assert deliver(sdk, "issue.created", {"takes_s": 0}).json() == {"ok": True}
    assert deliver(sdk, "issue.created", {"takes_s": 30}).status_code == 504


def test_a_typed_dict_is_checked() -> None:
    sdk = TYPED.run()["sdk"]
    assert deliver(sdk, "issue.created", ISSUE).json() == {"labels": 2}
    answer = deliver(sdk, "issue.created", {"issue": {"key": "A-1", "labels": ["x", 7]}})
    assert answer.status_code == 422
    assert "$.issue.labels[1]" in answer.text


@pytest.mark.parametrize(
    ("granted", "archive", "status"),
    [
        (["issues.read"], False, 200),
        (["issues.read"], True, 403),
        (["issues.read", "issues.write", "comments.write"], True, 200),
        (["*"], True, 200),
        ([], False, 403),
    ],
)
def test_scopes_are_asked_for(
    granted: list[str], archive: bool, status: int, platform: FakePlatform
) -> None:
    token = platform.tokens.authentication(scopes=granted)
    payload = {"issue": {"key": "A-1", "archive": archive}, "authentication": token}
    answer = deliver(SCOPES.run()["sdk"], "issue.updated", payload)
    assert answer.status_code == status
    if status == 403:
        missing = "issues.read" if not granted else "comments.write"
        assert missing in answer.text


def test_secrets_are_read_from_files(reader: Path) -> None:
    sdk = FILES.run()["sdk"]
    assert deliver(sdk, "issue.created", ISSUE).json() == {"connected": False}
    (reader / "secrets").mkdir()
    (reader / "secrets" / "CRM_TOKEN").write_text("of the file\n")
    assert deliver(sdk, "issue.created", ISSUE).json() == {"connected": True}


def test_a_provider_is_anything_with_a_get(platform: FakePlatform) -> None:
    sdk = VAULT.run()["sdk"]
    seen = []
    sdk.register(
        "issue.created", lambda _, context: seen.append(context.secret("CRM_TOKEN")), version="v1"
    )
    deliver(sdk, "issue.created", ISSUE)
    assert seen == ["from the vault"]


def test_a_credential_is_rotated(platform: FakePlatform) -> None:
    sdk = ROTATION.run()["sdk"]
    made = []
    for _ in range(2):
        assert deliver(sdk, "schedule.cron", {}).json() == {"rotated": "CALLBACK_TOKEN"}
        made.append(platform.secrets["CALLBACK_TOKEN"])
    assert made[0] != made[1]
    assert all(len(value) >= 32 for value in made)


def test_a_credential_is_kept_when_nobody_else_took_the_new_one(platform: FakePlatform) -> None:
    names = ROTATING.run()
    told: list[tuple[str | None, str]] = []

    async def tell(old: str | None, new: str) -> None:
        told.append((old, new))
        if len(told) == 2:
            raise RuntimeError("the mail service is down")

    names["tell_the_mail_service"] = tell
    assert deliver(names["sdk"], "schedule.cron", {}).status_code == 200
    first = platform.secrets["MAIL_TOKEN"]
    assert deliver(names["sdk"], "schedule.cron", {}).status_code == 400
    assert platform.secrets["MAIL_TOKEN"] == first
    assert [old for old, _ in told] == [None, first]


def test_the_platform_is_called_again_when_it_is_busy(platform: FakePlatform) -> None:
    sdk = CALLS.run()["sdk"]
    call = "GET /api/v1/ext/issues/A-1"
    busy: tuple[int, Any, dict[str, str]] = (503, {"error": "busy"}, {"Retry-After": "0"})
    platform.answers[call] = [busy, (200, {"title": "Bug"})]
    assert deliver(sdk, "issue.created", ISSUE).json() == {"found": True, "title": "Bug"}
    assert len(platform.calls) == 2
    platform.answers[call] = 404, {"error": "gone"}
    assert deliver(sdk, "issue.created", ISSUE).json() == {"found": False}
    platform.answers[call] = 403, {"error": "scope"}
    assert deliver(sdk, "issue.created", ISSUE).json() == {"error": "Kiket API returned 403"}


def test_the_hook_is_told(caplog: pytest.LogCaptureFixture, platform: FakePlatform) -> None:
    sdk = TELEMETRY.run()["sdk"]
    sdk.register("issue.created", lambda payload, _: payload["missing"], version="v1")
    with caplog.at_level(logging.WARNING, "telemetry"):
        deliver(sdk, "issue.created", ISSUE)
    told = [each.getMessage() for each in caplog.records if each.name == "telemetry"]
    assert told == ["issue.created error 'missing'"]
    assert platform.calls == []


def test_an_extension_is_mounted() -> None:
    page = MOUNTED.run()
    connections: list[Any] = []
    answers: list[Any] = []

    async def closed(_: Any, context: Any) -> None:
        connections.append(context.client._client)

    page["sdk"].register("issue.closed", closed, version="v1")
    with TestClient(page["application"]) as client:
        assert client.get("/").json() == {"here": "we are"}
        for event in ("issue.created", "issue.closed", "issue.closed"):
            signed = webhook_payload_factory(SECRET, event=event)(ISSUE)
            sent = client.post(
                f"/kiket{signed['path']}", content=signed["body"], headers=signed["headers"]
            )
            answers.append(sent.json())
    assert answers == [{"title": "Bug"}, {"ok": True}, {"ok": True}]
    assert connections[0] is connections[1], "it is started, so that deliveries share them"


def test_recordings_are_replayed(reader: Path, platform: FakePlatform) -> None:
    file = reader / "deliveries.har"
    entries = [
        {
            "request": {
                "method": "POST",
                "url": "http://127.0.0.1:8700/v/v1/webhooks/issue.created",
                "headers": [],
                "postData": {"mimeType": "application/json", "text": json.dumps(payload)},
            },
            "response": {"status": status, "content": {"text": "{}"}},
        }
        for payload, status in ((ISSUE, 400), ({}, 400))
    ]
    file.write_text(json.dumps({"log": {"version": "1.2", "entries": entries}}))
    sdk = MOUNTED.run()["sdk"]
    assert RECORDED.run()["replay_all"](sdk, file) == [(200, 400), (400, 400)]


# Migration


def test_an_extension_of_the_first_release(platform: FakePlatform) -> None:
    sdk = FIRST.run()["sdk"]
    signed = webhook_payload_factory("sh_123", event="issue.created")(ISSUE)
    with sdk.create_test_client() as client:
        answer = client.post(signed["path"], content=signed["body"], headers=signed["headers"])
        assert client.get("/docs").status_code == 404
    assert answer.json() == {"ok": True, "version": "v1"}
    assert platform.secrets == {"WEBHOOK_TOKEN": "abc123"}


def test_an_extension_of_the_months_between(platform: FakePlatform) -> None:
    sdk = BETWEEN.run()["sdk"]
    rows = platform.custom_data["com.example.crm", "contacts"] = []
    rows.append({"id": 1, "project_id": 3, "status": "new"})
    token = {"runtime_token": "opaque", "expires_at": "2020-01-01T00:00:00Z", "scopes": ["a"]}
    payload = {"issue": {"project_id": 3}, "authentication": token}
    signed = webhook_payload_factory("sh_123", event="issue.created")(payload)
    with sdk.create_test_client() as client:
        answer = client.post(signed["path"], content=signed["body"], headers=signed["headers"])
    assert answer.json() == {"ok": True, "found": 1, "scopes": ["a"]}
    [call] = platform.calls
    assert call.headers["x-runtime-token"] == call.headers["x-kiket-runtime-token"] == "opaque"


def test_an_extension_of_the_newest_release(
    platform: FakePlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KIKET_WEBHOOK_SECRET")
    sdk = NEWEST.run()["sdk"]

    def ask(**more: Any) -> Any:
        token = platform.tokens.authentication(scopes=["issues.read"], org_id=7)
        payload = {"transition": {"to": "closed"}, "authentication": token} | more
        return unsigned(sdk, "workflow.before_transition", payload)

    assert ask().json()["message"] == "The router is not connected."
    answer = ask(secrets={"ROUTER_TOKEN": "rt"}).json()
    assert answer == {"status": "allow", "metadata": {"for": 7}}
    monkeypatch.setenv("KIKET_WEBHOOK_SECRET", SECRET)  # as the page says
    token = platform.tokens.authentication(scopes=["issues.read"])
    forgotten = unsigned(
        NEWEST.run()["sdk"], "workflow.before_transition", {"authentication": token}
    )
    assert forgotten.status_code == 401
    # keys are never asked for where a payload says
    assert ask(api={"base_url": "http://127.0.0.1:9"}).status_code == 200
