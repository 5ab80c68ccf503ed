"""An extension of the first release (era A of the specification) and its tests, unchanged.

Written from the specification alone, as an author of November 2025 would have written them.
"""

from __future__ import annotations

import json
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests.kiket_sdk.eras import extension_v0
from tests.kiket_sdk.eras.conftest import (
    ISSUE,
    SECRET,
    answering,
    extension,
    sender,
    signature,
)

import kiket_sdk
from kiket_sdk import (
    ExtensionEndpoints,
    HandlerContext,
    KiketClient,
    KiketSDK,
    create_app,
    webhook,
)
from kiket_sdk.auth import ALLOWED_SKEW_SECONDS, verify_signature
from kiket_sdk.exceptions import (
    AuthenticationError,
    HandlerNotFoundError,
    KiketSDKError,
    OutboundRequestError,
    SecretStoreError,
)
from kiket_sdk.manifest import (
    ManifestNotFoundError,
)
from kiket_sdk.routing import HandlerRegistry
from kiket_sdk.testing.fixtures import client, kiket_sdk_fixture, signed_payload

if TYPE_CHECKING:
    from pathlib import Path

    from tests.kiket_sdk.conftest import Platform

FIXTURES = client, kiket_sdk_fixture, signed_payload
"""As conftest files of the time had them: imported, and then there."""

# Routes and versions (§1.1, §1.2)


def test_a_loaded_module_serves_each_event_and_version(base_url: str, platform: Platform) -> None:
    sdk = extension()
    sdk.load(extension_v0)
    sent = sender(sdk)
    assert sent.deliver("issue.created", ISSUE).json() == {"ok": True, "version": "v1"}
    second = sent.deliver("issue.created", ISSUE, version="v2").json()
    assert second == {"ok": True, "version": "v2", "keys": ["event", "issue"]}
    assert sent.deliver("issue.closed", ISSUE, version="2024-10-01").json() == {"ok": True}
    [log] = platform.calls
    assert (log.method, log.path) == ("POST", "/api/v1/extensions/logs")
    assert log.body == {"message": "issue.created", "metadata": {"summary": "Bug"}}
    assert log.headers["authorization"] == "Bearer wk_test"
    assert log.headers["accept"] == "application/json"
    assert log.headers["x-kiket-event-version"] == "v1"
    assert sdk.registry.event_names() == [
        "issue.closed@2024-10-01",
        "issue.created@v1",
        "issue.created@v2",
    ]


@pytest.mark.parametrize(
    ("path", "headers", "version"),
    [
        ("/v/v2/webhooks/issue.created?version=v1", {"X-Kiket-Event-Version": "v1"}, "v2"),
        ("/webhooks/issue.created?version=v1", {"X-Kiket-Event-Version": "v2"}, "v2"),
        ("/webhooks/issue.created?version=v2", {"X-Kiket-Event-Version": "  "}, "v2"),
        ("/v/%20v2%20/webhooks/issue.created", {}, "v2"),
        ("/webhooks/issue%2Ecreated", {"X-Kiket-Event-Version": " v1 "}, "v1"),
    ],
)
def test_the_version_comes_from_path_then_header_then_query(
    path: str, headers: dict[str, str], version: str
) -> None:
    sdk = extension()
    for each in ("v1", "v2"):
        sdk.register("issue.created", lambda _, c: {"version": c.event_version}, version=each)
    answer = sender(sdk).deliver("issue.created", ISSUE, path=path, headers=headers)
    assert (answer.status_code, answer.json()) == (200, {"version": version})


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/webhooks/issue.created", 400),
        ("POST", "/v/2/webhooks/issue.created", 404),
        ("POST", "/v/V1/webhooks/issue.created", 404),
        ("POST", "/v/v1/webhooks/Issue.Created", 404),
        ("POST", "/v/v1/webhooks/issue%2Fcreated", 404),
        ("GET", "/v/v1/webhooks/issue.created", 405),
        ("PUT", "/webhooks/issue.created", 405),
        ("POST", "/webhooks/issue.created/", 307),
        ("POST", "/v/v1/webhooks/issue.created/", 307),
    ],
)
def test_what_is_no_webhook_of_ours_is_told_so(method: str, path: str, status: int) -> None:
    client = answering({}).create_test_client()
    raw_body = json.dumps(ISSUE).encode()
    answer = client.request(
        method,
        path,
        content=raw_body,
        headers={"X-Kiket-Signature": signature(raw_body)},
        follow_redirects=False,
    )
    assert answer.status_code == status


def test_the_words_of_refusals_are_the_platforms() -> None:
    sent = sender(answering({}))
    assert sent.deliver("issue.created", ISSUE, version=None).json() == {
        "detail": "Event version required. Provide X-Kiket-Event-Version header, "
        "version query param, or /v/{version} path."
    }
    assert sent.deliver("issue.gone", ISSUE).json() == {
        "detail": "No handler registered for event 'issue.gone' with version 'v1'"
    }


# Signatures (§1.3)


def stamped(seconds: float = 0) -> str:
    """Write a moment so many seconds from now as the first platform did."""
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


@pytest.mark.parametrize(
    ("headers", "status", "detail"),
    [
        ({}, 200, None),
        ({"X-Kiket-Timestamp": ""}, 200, None),
        ({"X-Kiket-Timestamp": stamped}, 200, None),
        ({"X-Kiket-Timestamp": lambda: stamped().replace("+00:00", "Z")}, 200, None),
        ({"X-Kiket-Signature": None}, 401, "Missing X-Kiket-Signature header"),
        ({"X-Kiket-Signature": ""}, 401, "Missing X-Kiket-Signature header"),
        ({"X-Kiket-Signature": "0" * 64}, 401, "Invalid signature"),
        (
            {"X-Kiket-Timestamp": lambda: stamped(-900)},
            401,
            "Request timestamp outside allowed window",
        ),
        (
            {"X-Kiket-Timestamp": lambda: stamped(900)},
            401,
            "Request timestamp outside allowed window",
        ),
        ({"X-Kiket-Timestamp": "1700000000"}, 401, "Invalid X-Kiket-Timestamp header"),
        ({"X-Kiket-Timestamp": "yesterday"}, 401, "Invalid X-Kiket-Timestamp header"),
        # the first release answered the following with 500
        (
            {"X-Kiket-Timestamp": lambda: stamped().partition("+")[0]},
            401,
            "Invalid X-Kiket-Timestamp header",
        ),
        ({"X-Kiket-Signature": "sign\xe4ture".encode("latin-1")}, 401, "Invalid signature"),
    ],
)
def test_a_signature_is_judged(headers: dict[str, Any], status: int, detail: str | None) -> None:
    sent = {name: value() if callable(value) else value for name, value in headers.items()}
    answer = sender(answering({"handled": True})).deliver("issue.created", ISSUE, headers=sent)
    assert answer.status_code == status
    assert answer.json() == ({"detail": detail} if detail else {"handled": True})


@pytest.mark.parametrize("raw_body", [b"", b"{", b"\xff\xfe\x00", b'{"a": "\xff"}', b"not json"])
def test_a_body_that_is_no_json_is_the_senders_mistake(raw_body: bytes) -> None:
    """The first release answered 500; an unknown event is told before its body is read."""
    sent = sender(answering({}))
    assert sent.deliver("issue.created", raw_body).status_code == 400
    assert sent.deliver("issue.unknown", raw_body).status_code == 404


@pytest.mark.parametrize("body", [[1, 2], 7, "text", None])
def test_any_json_reaches_the_handler(body: Any) -> None:
    sdk = answering(lambda payload, _: {"got": payload})
    assert sender(sdk).deliver("issue.created", body).json() == {"got": body}


def test_without_replay_protection_the_same_request_is_handled_twice() -> None:
    sent = sender(answering({}))
    answers = [sent.deliver("issue.created", ISSUE).status_code for _ in range(2)]
    assert answers == [200, 200]


def test_the_secret_comes_from_argument_manifest_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KIKET_WEBHOOK_SECRET", "of-the-environment")
    assert KiketSDK().config.webhook_secret == "of-the-environment"
    assert KiketSDK(webhook_secret="").config.webhook_secret == "of-the-environment"
    (tmp_path / "extension.yaml").write_text("delivery: {callback: {secret: of-the-manifest}}")
    assert KiketSDK().config.webhook_secret == "of-the-manifest"
    assert KiketSDK(webhook_secret="argument").config.webhook_secret == "argument"


def test_a_request_can_be_verified_by_hand() -> None:
    assert ALLOWED_SKEW_SECONDS == 300
    verify_signature(SECRET, b"{}", {"X-Kiket-Signature": signature(b"{}")})
    with pytest.raises(AuthenticationError, match="Invalid signature"):
        verify_signature(SECRET, b"{ }", {"X-Kiket-Signature": signature(b"{}")})
    with pytest.raises(AuthenticationError, match="Missing X-Kiket-Signature header"):
        verify_signature(SECRET, b"{}", {})


# Handlers and answers (§1.6, §1.7, §3.3)


@pytest.mark.parametrize("nothing", [None, {}, [], 0, False, ""])
def test_nothing_is_answered_with_ok(nothing: Any) -> None:
    assert sender(answering(nothing)).deliver("issue.created", ISSUE).json() == {"ok": True}


@pytest.mark.parametrize("result", [{"a": 1}, [1, 2], "text", 7, True])
def test_anything_else_is_answered_as_it_is(result: Any) -> None:
    answer = sender(answering(result)).deliver("issue.created", ISSUE)
    assert (answer.status_code, answer.json()) == (200, result)


@pytest.mark.parametrize(
    ("failure", "text"),
    [
        (KiketSDKError("no such plan"), "no such plan"),
        (ValueError("boom"), "boom"),
        (KeyError("title"), "'title'"),
    ],
)
def test_a_failing_handler_is_answered_with_400(failure: Exception, text: str) -> None:
    def fail(payload: Any, context: HandlerContext) -> None:
        raise failure

    answer = sender(answering(fail)).deliver("issue.created", ISSUE)
    assert (answer.status_code, answer.json()) == (400, {"error": text})


def test_an_http_exception_is_a_failure_like_any_other() -> None:
    from fastapi import HTTPException

    def fail(payload: Any, context: HandlerContext) -> None:
        raise HTTPException(418, "teapot")

    answer = sender(answering(fail)).deliver("issue.created", ISSUE)
    assert (answer.status_code, answer.json()) == (400, {"error": "418: teapot"})


def test_the_context_has_what_the_first_release_gave() -> None:
    seen: list[HandlerContext] = []
    sdk = answering(lambda _, context: seen.append(context), settings={"a": 1})
    sender(sdk).deliver("issue.created", ISSUE, headers={"X-Kiket-Project": "27"})
    [context] = seen
    assert (context.event, context.event_version) == ("issue.created", "v1")
    assert context.headers["x-kiket-project"] == "27"
    assert isinstance(context.client, KiketClient)
    assert isinstance(context.endpoints, ExtensionEndpoints)
    assert context.settings == {"a": 1}
    assert context.settings.get("b", 2) == 2
    assert (context.extension_id, context.extension_version) == ("com.example.marketing", "1.0.0")
    assert context.secrets is context.endpoints.secrets
    assert [field.name for field in fields(HandlerContext)][:9] == [
        *("event", "event_version", "headers", "client", "endpoints", "settings"),
        *("extension_id", "extension_version", "secrets"),
    ]


def test_a_context_can_be_made_by_hand_for_a_unit_test() -> None:
    client: Any = object()
    endpoints = ExtensionEndpoints(client)
    context = HandlerContext(
        *("issue.created", "v1", {}, client, endpoints),
        *({"limit": 3}, "com.example.marketing", "1.0.0", endpoints.secrets),
    )
    assert context.settings["limit"] == 3


def test_health_is_open_and_says_what_is_handled() -> None:
    answer = answering({}).create_test_client().get("/health")
    assert answer.status_code == 200
    assert (
        answer.json().items()
        >= {
            "status": "ok",
            "extension_id": "com.example.marketing",
            "extension_version": "1.0.0",
            "registered_events": ["issue.created@v1"],
        }.items()
    )


# Registration (§3.2, §3.4)


def test_registration_wants_a_version_and_the_last_one_counts() -> None:
    sdk = extension()
    with pytest.raises(TypeError):
        sdk.register("issue.created", print)  # type: ignore[call-arg]
    with pytest.raises(ValueError, match=r"Event version cannot be blank\."):
        sdk.register("issue.created", print, version="  ")
    sdk.register("issue.created", lambda *_: {"n": 1}, version="v1")
    sdk.register("issue.created", lambda *_: {"n": 2}, version=" v1 ")
    assert sender(sdk).deliver("issue.created", ISSUE).json() == {"n": 2}


def test_a_module_without_version_metadata_is_refused() -> None:
    from types import ModuleType

    module = ModuleType("handlers")

    def unversioned() -> None:
        """Do nothing."""

    unversioned.__kiket_event__ = "issue.created"  # type: ignore[attr-defined]
    module.unversioned = unversioned  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match=r"handlers\.unversioned.*version metadata"):
        extension().load(module)


def test_the_decorator_marks_and_the_outer_of_two_counts() -> None:
    @webhook("outer", version="v1")
    @webhook("inner", version="v2")
    def handler() -> None:
        """Do nothing."""

    assert vars(handler).items() >= {"__kiket_event__": "outer", "__kiket_version__": "v1"}.items()


def test_the_registry_hands_out_handler_and_version_and_copies() -> None:
    registry = HandlerRegistry()
    registry.register("issue.created", print, version="v1")
    found = registry.get("issue.created", " v1 ")
    assert found is not None
    handler, version = found
    assert (handler, version) == (print, "v1")
    assert registry.get("issue.created", None) is None
    assert registry.get("issue.created", "v9") is None
    with pytest.raises(ValueError, match="blank"):
        registry.get("issue.created", " ")
    registry.all()["issue.created"].clear()
    assert list(registry.events()["issue.created"]) == ["v1"]
    assert registry.event_names() == ["issue.created@v1"]


def test_create_app_is_the_application() -> None:
    app = create_app(webhook_secret=SECRET)
    assert app.title == "Kiket Extension"


# Names, errors and the testing kit (§3.1, §3.12, §3.15)


def test_every_error_is_one_family() -> None:
    for error in (
        AuthenticationError,
        HandlerNotFoundError,
        SecretStoreError,
        OutboundRequestError,
    ):
        assert issubclass(error, KiketSDKError)
    assert issubclass(ManifestNotFoundError, FileNotFoundError)
    assert kiket_sdk.KiketSDK is KiketSDK


def test_the_testing_kit_signs_and_replays(tmp_path: Path) -> None:
    from kiket_sdk.testing import (
        kiket_client_fixture,
        replay_payload,
        webhook_payload_factory,
    )

    sdk = answering(lambda payload, _: payload["issue"])
    signed = webhook_payload_factory(SECRET)(ISSUE)
    assert json.loads(signed["body"]) == ISSUE
    answer = kiket_client_fixture(sdk).post(
        "/v/v1/webhooks/issue.created", content=signed["body"], headers=signed["headers"]
    )
    assert answer.json() == ISSUE["issue"]
    file = tmp_path / "payload.json"
    file.write_text(json.dumps(ISSUE))
    assert replay_payload(sdk, "issue.created", file) == ISSUE["issue"]


def test_the_documented_way_to_post_text_works() -> None:
    """Tests of the time passed the body as `data=`, which httpx has deprecated since."""
    text: Any = json.dumps(ISSUE)  # what `data=` is typed for is a mapping
    headers = {"X-Kiket-Signature": signature(text.encode()), "X-Kiket-Event-Version": "v1"}
    client = answering({}).create_test_client()
    with pytest.warns(DeprecationWarning, match="content="):
        answer = client.post("/webhooks/issue.created", data=text, headers=headers)
    assert answer.json() == {"ok": True}


def test_the_fixtures_are_imported_by_name(
    kiket_sdk_fixture: KiketSDK, client: Any, signed_payload: Any
) -> None:
    kiket_sdk_fixture.register("issue.created", lambda payload, _: payload["issue"], version="v1")
    signed = signed_payload(ISSUE)
    answer = client.post(
        "/v/v1/webhooks/issue.created", content=signed["body"], headers=signed["headers"]
    )
    assert answer.json() == ISSUE["issue"]
