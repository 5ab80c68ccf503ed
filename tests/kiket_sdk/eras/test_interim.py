"""An extension of the winter between two releases (era A' of the specification), and its tests.

Still signed as the first release's, but the payload may carry a runtime token, and the platform
has grown custom data, targets, intake forms and an audit trail. Written from the specification.
"""

from __future__ import annotations

import json
from dataclasses import fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus

import pytest
from tests.kiket_sdk.eras.conftest import ISSUE, answering, sender

from kiket_sdk import (
    AuthenticationContext,
    ChannelValidationRequest,
    ChannelValidationResponse,
    ExtensionCustomDataClient,
    ExtensionEndpoints,
    ExtensionSlaEventsClient,
    HandlerContext,
    IntakeFormsClient,
    KiketClient,
    NotificationRequest,
    NotificationResponse,
    RateLimitInfo,
    TelemetryRecord,
)
from kiket_sdk.audit import AuditClient, BlockchainAnchor, BlockchainProof, VerificationResult
from kiket_sdk.exceptions import AuditVerificationError, OutboundRequestError
from kiket_sdk.telemetry import TelemetryReporter

if TYPE_CHECKING:
    from tests.kiket_sdk.conftest import Platform

OPAQUE = {
    "runtime_token": "rt_opaque",
    "token_type": "runtime",
    "expires_at": "2020-01-01T00:00:00Z",
    "scopes": ["ext.api.read", "", "ext.secrets.read"],
}
"""A token that nobody can read and that ran out long ago: it is passed on, not judged."""


# Whom a delivery speaks for (§1.5, §3.0)


def test_the_token_of_a_payload_is_in_the_context_and_goes_out_again(
    base_url: str, platform: Platform
) -> None:
    seen: list[HandlerContext] = []

    async def handle(payload: Any, context: HandlerContext) -> None:
        seen.append(context)
        await context.endpoints.log_event("seen")

    sdk = answering(handle, extension_api_key="ek_1")
    answer = sender(sdk).deliver("issue.created", ISSUE | {"authentication": OPAQUE})
    assert answer.status_code == 200, answer.text
    auth = seen[0].auth
    assert auth is not None
    assert (auth.runtime_token, auth.token_type) == ("rt_opaque", "runtime")
    assert auth.expires_at == "2020-01-01T00:00:00Z"
    assert list(auth.scopes) == ["ext.api.read", "ext.secrets.read"]
    [call] = platform.calls
    assert call.headers["x-runtime-token"] == "rt_opaque"
    assert "x-kiket-api-key" not in call.headers
    assert call.headers["authorization"] == "Bearer wk_test"


@pytest.mark.parametrize("authentication", [None, {}, "text", {"scopes": []}])
def test_without_a_token_the_extensions_key_goes_out(
    authentication: Any, base_url: str, platform: Platform
) -> None:
    async def handle(payload: Any, context: HandlerContext) -> None:
        await context.client.get("/api/v1/ext/rate_limit")

    sdk = answering(handle, extension_api_key="ek_1")
    payload = ISSUE | ({"authentication": authentication} if authentication is not None else {})
    assert sender(sdk).deliver("issue.created", payload).status_code == 200
    [call] = platform.calls
    assert call.headers["x-kiket-api-key"] == "ek_1"
    assert "x-runtime-token" not in call.headers


def test_deliveries_do_not_share_a_token(base_url: str, platform: Platform) -> None:
    async def handle(payload: Any, context: HandlerContext) -> None:
        await context.endpoints.log_event("seen")

    sent = sender(answering(handle, extension_api_key="ek_1"))
    with sent.client:  # connections are shared while the extension serves
        for token in ("rt_1", "rt_2", None):
            sent.deliver("issue.created", ISSUE | {"authentication": {"runtime_token": token}})
    assert [call.headers.get("x-runtime-token") for call in platform.calls] == [
        *("rt_1", "rt_2", None)
    ]


def test_the_key_comes_from_the_environment(
    base_url: str, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KIKET_EXTENSION_API_KEY", "ek_environment")

    async def handle(payload: Any, context: HandlerContext) -> None:
        await context.endpoints.emit_metric("n", 1)

    sender(answering(handle)).deliver("issue.created", ISSUE)
    assert platform.calls[0].headers["x-kiket-api-key"] == "ek_environment"


def test_the_authentication_context_has_four_required_fields() -> None:
    assert [field.name for field in fields(AuthenticationContext)][:4] == [
        *("runtime_token", "token_type", "expires_at", "scopes")
    ]
    made = AuthenticationContext("rt", "runtime", None, ["a"])
    assert (made.runtime_token, made.expires_at, list(made.scopes)) == ("rt", None, ["a"])
    with pytest.raises(TypeError):
        AuthenticationContext("rt")  # type: ignore[call-arg]


async def test_a_client_prefers_the_runtime_token(platform: Platform) -> None:
    async with KiketClient(platform.url, "wk", "api", runtime_token="rt") as client:
        await client.patch("/things/1", json={"a": 1})
    async with KiketClient(platform.url, "wk", "api") as client:
        await client.get("/things/1")
    with_token, with_key = platform.calls
    assert (with_token.method, with_token.headers["x-runtime-token"]) == ("PATCH", "rt")
    assert "x-kiket-api-key" not in with_token.headers
    assert with_key.headers["x-kiket-api-key"] == "api"
    assert KiketClient(platform.url, "wk", "api")._build_headers({})["X-Kiket-API-Key"] == "api"


# Custom data, targets, limits (§2.2, §3.7)


def test_sub_clients_are_made_without_touching_the_client() -> None:
    nobody: Any = object()
    endpoints = ExtensionEndpoints(nobody)
    assert isinstance(endpoints.custom_data(1), ExtensionCustomDataClient)
    assert isinstance(endpoints.sla_events("p1"), ExtensionSlaEventsClient)
    assert isinstance(endpoints.intake_forms("p1"), IntakeFormsClient)


async def test_custom_data_is_listed_read_written_and_deleted(platform: Platform) -> None:
    root = "/api/v1/ext/custom_data/com.example.crm/contacts"
    record = {"id": 1, "email": "a@example.com"}
    for call, reply in {
        f"GET {root}?project_id=3&limit=50": (200, {"data": []}),
        f"GET {root}/1?project_id=3": (200, {"data": record}),
        f"POST {root}?project_id=3": (201, {"data": record}),
        f"PATCH {root}/1?project_id=3": (200, {"data": record}),
    }.items():
        platform.answer(call, reply)
    async with KiketClient(platform.url, "wk") as client:
        contacts = ExtensionEndpoints(client).custom_data(3)
        module, table = "com.example.crm", "contacts"
        assert await contacts.list(module, table) == {"data": []}
        assert await contacts.get(module, table, 1) == {"data": record}
        assert await contacts.create(module, table, {"email": "a@example.com"}) == {"data": record}
        assert await contacts.update(module, table, 1, {"email": "b"}) == {"data": record}
        await contacts.delete(module, table, 1)
        wanted = {"status": "new"}
        text = json.dumps(wanted)
        for query in (quote(text, safe=""), quote_plus(text)):
            path = f"{root}?project_id=3&limit=10&filters={query}"
            platform.answer(f"GET {path}", (200, {"data": [record]}))
        assert await contacts.list(module, table, limit=10, filters=wanted) == {"data": [record]}
    assert [call.body for call in platform.calls[2:4]] == [
        {"record": {"email": "a@example.com"}},
        {"record": {"email": "b"}},
    ]
    assert platform.calls[4].method == "DELETE"


async def test_names_in_paths_are_escaped(platform: Platform) -> None:
    """Record ids were once put in raw: `../..` reached other routes (§9, 14)."""
    async with KiketClient(platform.url, "wk") as client:
        contacts = ExtensionEndpoints(client).custom_data(3)
        await contacts.delete("a/b", "c d", "x?y#z")
    assert platform.calls[0].path == ("/api/v1/ext/custom_data/a%2Fb/c%20d/x%3Fy%23z?project_id=3")


async def test_what_is_missing_is_said_before_anything_is_sent(platform: Platform) -> None:
    async with KiketClient(platform.url, "wk") as client:
        endpoints = ExtensionEndpoints(client)
        missing: Any = None
        with pytest.raises(ValueError, match="project_id is required for custom data operations"):
            await endpoints.custom_data(missing).list("m", "t")
        with pytest.raises(ValueError, match="project_id is required for intake form operations"):
            await endpoints.intake_forms(missing).list()
        for blank in (None, "", " "):
            project: Any = blank
            with pytest.raises(ValueError, match="project_id is required for SLA queries"):
                await endpoints.sla_events(project).list()
    assert platform.calls == []


async def test_targets_are_queried(platform: Platform) -> None:
    events = {"data": [{"id": 1, "issue_id": 7, "state": "breached"}]}
    path = "/api/v1/ext/sla/events?project_id=3&issue_id=7&state=breached&limit=5"
    platform.answer(f"GET {path}", (200, events))
    async with KiketClient(platform.url, "wk") as client:
        sla = ExtensionEndpoints(client).sla_events(3)
        assert await sla.list(issue_id=7, state="breached", limit=5) == events


async def test_the_rate_limit_is_four_numbers(platform: Platform) -> None:
    told = {"limit": 600, "remaining": "599", "window_seconds": 60, "reset_in": None}
    platform.answer("GET /api/v1/ext/rate_limit", (200, {"rate_limit": told}))
    async with KiketClient(platform.url, "wk") as client:
        limit: RateLimitInfo = await ExtensionEndpoints(client).rate_limit()
    assert limit == {"limit": 600, "remaining": 599, "window_seconds": 60, "reset_in": 0}


class Stub:
    """A client as tests of the time made one up: it remembers calls and gives one answer."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.calls: list[tuple[str, str, dict[str, Any]]] = []

    def __getattr__(self, method: str) -> Any:
        async def call(path: str, **keywords: Any) -> Any:
            self.calls.append((method, path, keywords))
            return self

        return call

    def json(self) -> Any:
        """Return the answer's JSON."""
        return self.answer


async def test_sub_clients_need_no_more_of_a_client_than_its_verbs() -> None:
    stub: Any = Stub({"data": []})
    endpoints = ExtensionEndpoints(stub)
    rows = endpoints.custom_data("p1")
    assert await rows.list("m", "t", filters={"a": 1}) == {"data": []}
    await rows.create("m", "t", {"a": 1})
    await endpoints.sla_events("p1").list(issue_id=7)
    await endpoints.intake_forms("p1").list(active=True)
    await endpoints.log_event("seen")
    assert stub.calls[:4] == [
        (
            "get",
            "/api/v1/ext/custom_data/m/t",
            {"params": {"project_id": "p1", "limit": 50, "filters": '{"a": 1}'}},
        ),
        (
            "post",
            "/api/v1/ext/custom_data/m/t",
            {"params": {"project_id": "p1"}, "json": {"record": {"a": 1}}},
        ),
        ("get", "/api/v1/ext/sla/events", {"params": {"project_id": "p1", "issue_id": "7"}}),
        ("get", "/api/v1/ext/intake_forms", {"params": {"project_id": "p1", "active": "true"}}),
    ]
    method, path, keywords = stub.calls[4]
    assert (method, path) == ("post", "/api/v1/extensions/logs")
    assert keywords["json"] == {"message": "seen", "metadata": {}}


# Intake forms (§3.7)


async def test_intake_forms_and_their_submissions(platform: Platform) -> None:
    root = "/api/v1/ext/intake_forms"
    form = {"id": 1, "key": "bug report", "public": True, "form_url": "https://forms.test/1"}
    submission = {"id": 9, "status": "pending", "data": {"a": 1}}
    page = f"{root}/bug%20report"
    for call, answer in {
        f"GET {root}?project_id=3&active=true&public=false&limit=2": {"data": [form]},
        f"GET {page}?project_id=3": form,
        f"GET {page}/submissions?project_id=3&status=pending&limit=5"
        "&since=2026-01-05T08%3A00%3A00%2B00%3A00": {"data": [submission]},
        f"GET {page}/submissions/9?project_id=3": submission,
        f"POST {page}/submissions": submission,
        f"POST {page}/submissions/9/approve": submission | {"status": "approved"},
        f"POST {page}/submissions/9/reject": submission | {"status": "rejected"},
        f"GET {page}/stats?project_id=3&period=week": {"total_submissions": 1, "period": "week"},
    }.items():
        platform.answer(call, (200, answer))
    async with KiketClient(platform.url, "wk") as client:
        forms = ExtensionEndpoints(client).intake_forms(3)
        listed: Any = await forms.list(active=True, public_only=False, limit=2)
        got: Any = await forms.get("bug report")
        assert (listed, got) == ({"data": [form]}, form)
        assert forms.public_url(got) == "https://forms.test/1"
        hidden: Any = form | {"public": False}
        assert forms.public_url(hidden) is None
        since = datetime(2026, 1, 5, 8, tzinfo=UTC)
        pending: Any = await forms.list_submissions(
            "bug report", status="pending", limit=5, since=since
        )
        assert pending == {"data": [submission]}
        one: Any = await forms.get_submission("bug report", 9)
        assert one == submission
        await forms.create_submission("bug report", {"a": 1}, metadata={"source": "mail"})
        approved: Any = await forms.approve_submission("bug report", 9, notes="fine")
        rejected: Any = await forms.reject_submission("bug report", 9)
        assert (approved["status"], rejected["status"]) == ("approved", "rejected")
        stats: Any = await forms.stats("bug report", period="week")
        assert stats["total_submissions"] == 1
    bodies = [call.body for call in platform.calls if call.method == "POST"]
    assert bodies == [
        {"project_id": "3", "data": {"a": 1}, "metadata": {"source": "mail"}},
        {"project_id": "3", "notes": "fine"},
        {"project_id": "3"},
    ]


async def test_intake_forms_say_what_they_miss() -> None:
    forms = IntakeFormsClient(KiketClient("http://127.0.0.1:9", "wk"), "p1")
    missing: Any = None
    with pytest.raises(ValueError, match="form_key is required"):
        await forms.get("")
    with pytest.raises(ValueError, match="submission_id is required"):
        await forms.get_submission("f", missing)
    with pytest.raises(ValueError, match="data is required"):
        await forms.create_submission("f", missing)


# Notifications (§3.13)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"message": "", "channel_type": "pigeon"}, "Message content is required"),
        ({"message": "m", "channel_type": "pigeon"}, "Invalid channel_type: pigeon"),
        ({"message": "m", "channel_type": "dm"}, "recipient_id is required for channel_type='dm'"),
        (
            {"message": "m", "channel_type": "channel"},
            "channel_id is required for channel_type='channel'",
        ),
        ({"message": "m", "channel_type": "group", "format": "rtf"}, "Invalid format: rtf"),
        ({"message": "m", "channel_type": "group", "priority": "x"}, "Invalid priority: x"),
    ],
)
def test_a_notification_says_what_is_wrong_with_it(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        NotificationRequest(**given)


def test_notifications_and_their_answers_are_data() -> None:
    request = NotificationRequest("Hi", "channel", channel_id="C1")
    assert (request.format, request.priority, request.thread_id) == ("markdown", "normal", None)
    moment = datetime(2026, 1, 5, 8, tzinfo=UTC)
    response = NotificationResponse(True, message_id="m1", delivered_at=moment)
    assert response.to_dict() == {
        "success": True,
        "message_id": "m1",
        "delivered_at": "2026-01-05T08:00:00+00:00",
    }
    assert ChannelValidationRequest("C1").channel_type == "channel"
    assert ChannelValidationResponse(False, error="gone").to_dict() == {
        "valid": False,
        "error": "gone",
    }


def test_a_handler_may_answer_with_a_notification_response() -> None:
    sdk = answering(NotificationResponse(True, message_id="m1"))
    answer = sender(sdk).deliver("issue.created", ISSUE)
    assert answer.json() == {"success": True, "message_id": "m1"}


# Audit (§3.14)


async def test_the_audit_trail_is_read_and_verified(platform: Platform) -> None:
    leaf = AuditClient.compute_content_hash({"b": 1, "a": "ü"})
    assert leaf == AuditClient.compute_content_hash({"a": "ü", "b": 1})
    assert leaf.startswith("0x")
    anchor = {"id": 1, "merkle_root": leaf, "leaf_count": 1, "network": "polygon_amoy"}
    anchor |= {"status": "confirmed", "created_at": "2026-01-05T08:00:00Z"}
    proof = {"record_id": 5, "record_type": "AuditLog", "content_hash": leaf, "anchor_id": 1}
    proof |= {"merkle_root": leaf, "leaf_index": 0, "leaf_count": 1, "proof": []}
    proof |= {"network": "polygon_amoy", "verified": True}
    platform.answer(
        "GET /api/v1/audit/anchors?page=1&per_page=25&status=confirmed",
        (200, {"anchors": [anchor], "pagination": {"page": 1}}),
    )
    platform.answer(f"GET /api/v1/audit/anchors/{leaf}", (200, anchor))
    platform.answer("GET /api/v1/audit/records/5/proof", (200, proof))
    platform.answer("POST /api/v1/audit/verify", (200, {"verified": True, "proof_valid": True}))
    platform.answer("GET /api/v1/audit/records/6/proof", (404, None))
    async with KiketClient(platform.url, "wk") as client:
        audit = AuditClient(client)
        [listed], pagination = await audit.list_anchors(status="confirmed")
        assert isinstance(listed, BlockchainAnchor)
        assert (listed.merkle_root, pagination) == (leaf, {"page": 1})
        assert (await audit.get_anchor(leaf)).leaf_count == 1
        found = await audit.get_proof(5)
        assert isinstance(found, BlockchainProof)
        verified = await audit.verify(found)
        assert isinstance(verified, VerificationResult)
        assert (verified.verified, verified.proof_valid) == (True, True)
        with pytest.raises(AuditVerificationError, match="Failed to get proof for record 6"):
            await audit.get_proof(6)
    assert AuditClient.verify_proof_locally(leaf, [], 0, leaf)
    assert not AuditClient.verify_proof_locally(leaf, [leaf], 0, leaf)


# Telemetry (§3.9)


def test_errors_are_told_in_both_forms() -> None:
    records: list[TelemetryRecord] = []

    def fail(payload: Any, context: HandlerContext) -> None:
        raise ValueError("boom")

    sender(answering(fail, feedback_hook=records.append)).deliver("issue.created", ISSUE)
    [record] = records
    assert record.metadata["message"] == record.metadata["error_message"] == "boom"
    assert record.metadata["error_class"]


def test_records_are_posted_below_the_api(base_url: str, platform: Platform) -> None:
    sdk = answering({}, telemetry_url=f"{platform.url}/api/v1/ext", extension_api_key="ek_1")
    assert sdk.telemetry.telemetry_endpoint == f"{platform.url}/api/v1/ext/telemetry"
    sent = sender(sdk)
    with sent.client:
        sent.deliver("issue.created", ISSUE)
        [call] = platform.wait_for(1)
    assert call.path == "/api/v1/ext/telemetry"
    assert call.headers["x-kiket-api-key"] == "ek_1"
    assert json.dumps(call.body)
    assert (call.body["event"], call.body["status"]) == ("issue.created", "ok")


async def test_a_reporter_is_made_with_the_extensions_key(platform: Platform) -> None:
    reporter = TelemetryReporter(
        telemetry_url=f"{platform.url}/api/v1/ext/telemetry",
        extension_id="com.example.marketing",
        extension_version="1.0.0",
        api_key="ek_1",
    )
    await reporter.record(
        "issue.created", "v1", "error", 2.0, error_message="boom", error_class="KiketSDKError"
    )
    [call] = platform.wait_for(1)
    assert (call.path, call.headers["x-kiket-api-key"]) == ("/api/v1/ext/telemetry", "ek_1")
    assert (call.body["error_message"], call.body["error_class"]) == ("boom", "KiketSDKError")


async def test_a_platforms_refusal_is_an_error_with_its_status(platform: Platform) -> None:
    platform.answer("GET /api/v1/ext/rate_limit", (403, {"error": "Scope missing"}))
    async with KiketClient(platform.url, "wk") as client:
        with pytest.raises(OutboundRequestError, match="403") as raised:
            await ExtensionEndpoints(client).rate_limit()
    assert raised.value.status_code == 403
