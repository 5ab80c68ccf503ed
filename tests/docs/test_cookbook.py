"""Each recipe of the cookbook does what it says."""

from __future__ import annotations

import hashlib
import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from tests.docs.blocks import block
from tests.docs.conftest import deliver

from kiket_console.engine.inbound import Inbound, Posted
from kiket_console.wire import Result
from kiket_sdk.audit import AuditClient

if TYPE_CHECKING:
    from pathlib import Path

    from kiket_sdk.testing.platform import FakePlatform

PAGE = "cookbook.md"
CHECKLIST = block(PAGE, "Close an issue only when its checklist is done")
PAYMENTS = block(PAGE, "Take the webhooks of somebody else")
INTAKE = block(PAGE, "Decide on intake submissions")
TARGETS = block(PAGE, "Warn before a target is missed")
ONCE = block(PAGE, "Handle each delivery once")
VERSIONS = block(PAGE, "Serve two versions with one function")
SCOPES = block(PAGE, "Ask who may")
RATES = block(PAGE, "Stay within the rate limit")
METRICS = block(PAGE, "Count what handlers do")
PROOF = block(PAGE, "Prove that an audit record was not changed")


@pytest.mark.parametrize(
    ("target", "items", "answer"),
    [
        ("review", [("Write", False)], {"status": "allow", "metadata": {}}),
        (
            "closed",
            [("Write", True), ("Test", False)],
            {"status": "deny", "message": "1 of 2 are open.", "metadata": {"open": ["Test"]}},
        ),
        (
            "closed",
            [("Write", True)],
            {
                "status": "allow",
                "message": "All done.",
                "metadata": {"output_fields": {"closed_by": "checklist"}},
            },
        ),
    ],
)
def test_a_checklist_guards(target: str, items: list[tuple[str, bool]], answer: Any) -> None:
    listed = [{"title": title, "done": done} for title, done in items]
    payload = {"issue": {"checklist": listed}, "transition": {"from": "open", "to": target}}
    sdk = CHECKLIST.run()["sdk"]
    assert deliver(sdk, "workflow.before_transition", payload).json() == answer


async def test_a_third_partys_webhook_is_checked(platform: FakePlatform) -> None:
    """What the console's gateway makes of a post is what the recipe handles."""
    platform.secrets["PAYMENTS_KEY"] = "shared with the provider"
    sdk = PAYMENTS.run()["sdk"]
    raw_body = json.dumps({"id": "o1", "amount": 12}).encode()
    events: list[dict[str, Any]] = []

    class Sender:
        async def deliver_unattended(
            self, extension: str, event: str, payload: dict[str, Any]
        ) -> Any:
            assert (extension, event) == ("payments", "external.webhook.payment")
            events.append(payload)
            return Result(1, "forwarded", 200, 1000, "")

    addresses: Any = SimpleNamespace(extension={"t": "payments"}.get)
    for key in ("shared with the provider", "a guess"):
        headers = (("content-type", "application/json"), ("X-Payments-Key", key))
        posted = Posted("t", "payment", "POST", "/webhooks/ext/t/payment", headers, raw_body)
        assert (await Inbound(addresses, Sender()).take(posted)).status == 202
    known, guessed = (deliver(sdk, "external.webhook.payment", each) for each in events)
    assert known.json() == {"ok": True}
    assert guessed.json() == {"error": "The payment provider did not show its key"}
    assert platform.logs == [{"message": "paid", "metadata": {"order": "o1", "amount": 12}}]


def test_submissions_of_our_own_are_approved(platform: FakePlatform) -> None:
    root = "/api/v1/ext/intake_forms/bug-report/submissions"
    waiting = [
        {"id": 1, "submitted_by_email": "a@example.com"},
        {"id": 2, "submitted_by_email": "b@elsewhere.test"},
        {"id": 3, "submitted_by_email": None},
    ]
    platform.answers[f"GET {root}?project_id=3&status=pending&limit=50"] = 200, {"data": waiting}
    platform.answers[f"POST {root}/1/approve"] = 200, {"id": 1, "status": "approved"}
    answer = deliver(INTAKE.run()["sdk"], "automation.dispatch", {"project_id": 3})
    assert answer.json() == {"ok": True, "approved": [1]}
    [decision] = [call.body for call in platform.calls if call.method == "POST"]
    assert decision["notes"] == "Approved automatically: from our domain."


def test_a_target_is_warned_about(platform: FakePlatform) -> None:
    path = "/api/v1/ext/sla/events?project_id=3&issue_id=7&state=imminent&limit=1"
    event = {"id": 1, "definition": {"max_duration_minutes": 240}}
    payload = {"issue": {"id": 7, "key": "TRI-7", "project_id": 3}}
    sdk = TARGETS.run()["sdk"]
    platform.answers[f"GET {path}"] = 200, {"data": []}
    assert deliver(sdk, "workflow.sla_status", payload).json() == {"ok": True, "warned": False}
    platform.answers[f"GET {path}"] = 200, {"data": [event]}
    assert deliver(sdk, "workflow.sla_status", payload).json() == {"ok": True, "warned": True}
    assert platform.bodies("/api/v1/extensions/notifications") == [
        {
            "title": "TRI-7 is late soon",
            "body": "It has to be done 240 minutes after it was opened.",
            "level": "warning",
        }
    ]


def test_a_retry_gets_the_first_answer(platform: FakePlatform, reader: Path) -> None:
    payload = {"issue": {"key": "TRI-1"}}
    for _ in range(2):  # as after a restart: the code is run anew
        sdk = ONCE.run()["sdk"]
        answer = deliver(sdk, "issue.created", payload, x_kiket_delivery="dlv_1")
        assert (answer.status_code, answer.json()) == (200, {"ok": True})
    assert len(platform.notifications) == 1
    assert deliver(sdk, "issue.created", payload, x_kiket_delivery="dlv_2").status_code == 200
    assert len(platform.notifications) == 2
    assert (reader / "deliveries.sqlite3").is_file()


def test_two_versions_are_one_function() -> None:
    sdk = VERSIONS.run()["sdk"]
    first = {"issue": {"key": "A-1", "custom_fields": {"region": "NZ"}}}
    second = {"issue": {"key": "A-1", "custom_fields": [{"name": "region", "value": "NZ"}]}}
    expected = {"ok": True, "issue": "A-1", "region": "NZ"}
    assert deliver(sdk, "issue.created", first, version="v1").json() == expected
    assert deliver(sdk, "issue.created", second, version="v2").json() == expected


@pytest.mark.parametrize(
    ("granted", "needs_label", "status", "answer"),
    [
        (["issues.read"], False, 200, {"ok": True, "labelled": False, "for": 7}),
        (["issues.read", "issues.write"], True, 200, {"ok": True, "labelled": True}),
        (["issues.read"], True, 403, None),
        (["comments.read"], False, 403, None),
    ],
)
def test_scopes_decide(
    granted: list[str],
    needs_label: bool,
    status: int,
    answer: Any,
    platform: FakePlatform,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("KIKET_WEBHOOK_SECRET")
    token = platform.tokens.authentication(scopes=granted, org_id=7)
    payload = {"issue": {"needs_label": needs_label}, "authentication": token}
    got = deliver(SCOPES.run()["sdk"], "issue.updated", payload)
    assert got.status_code == status
    if answer is not None:
        assert got.json() == answer


def test_writing_stops_before_the_limit(platform: FakePlatform) -> None:
    told = {"limit": 600, "remaining": 22, "window_seconds": 60, "reset_in": 31}
    platform.answers["GET /api/v1/ext/rate_limit"] = 200, {"rate_limit": told}
    path = "/api/v1/ext/custom_data/com.example.sync/rows?project_id=3"
    platform.answers[f"POST {path}"] = 201, {"data": {"id": 1}}
    payload = {"project_id": 3, "rows": [{"n": 1}, {"n": 2}, {"n": 3}]}
    answer = deliver(RATES.run()["sdk"], "automation.dispatch", payload)
    assert answer.json() == {"ok": True, "written": 2, "again_in_s": 31}
    assert platform.bodies(path) == [{"record": {"n": 1}}, {"record": {"n": 2}}]


def test_calls_are_counted() -> None:
    recipe = METRICS.run()
    deliver(recipe["sdk"], "issue.created", {"issue": {"title": "Bug"}})
    deliver(recipe["sdk"], "issue.created", {})
    assert recipe["calls"] == {
        ("issue.created@v1", "ok"): 1,
        ("issue.created@v1", "error"): 1,
    }
    assert recipe["slowest_ms"]["issue.created@v1"] > 0


def test_a_record_is_proved(platform: FakePlatform) -> None:
    content = {"action": "closed", "by": 7}
    leaf = AuditClient.compute_content_hash(content)
    other = "0x" + "ab" * 32
    pair = b"".join(sorted([bytes.fromhex(leaf[2:]), bytes.fromhex(other[2:])]))
    proof = {"record_id": 5, "record_type": "AuditLog", "content_hash": leaf, "anchor_id": 1}
    proof |= {"merkle_root": "0x" + hashlib.sha256(pair).hexdigest(), "leaf_index": 0}
    proof |= {"leaf_count": 2, "proof": [other], "network": "polygon_amoy", "verified": True}
    platform.answers["GET /api/v1/audit/records/5/proof"] = 200, proof
    sdk = PROOF.run()["sdk"]

    def check(content: dict[str, object]) -> Any:
        return deliver(sdk, "audit.check", {"record_id": 5, "content": content}).json()

    assert check(content) == {"ok": True, "unchanged": True}
    assert check(content | {"by": 8}) == {"ok": True, "unchanged": False}
