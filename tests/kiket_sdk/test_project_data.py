"""Custom data, intake forms, service levels and audit, as handlers use them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from kiket_sdk import ExtensionEndpoints, KiketClient
from kiket_sdk.audit import AuditClient, VerificationResult
from kiket_sdk.exceptions import (
    ArgumentError,
    AuditVerificationError,
    KiketSDKError,
    OutboundRequestError,
)
from kiket_sdk.testing.platform import FakePlatform, fake_platform

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

CRM = ("com.example.crm", "contacts")
FORM = {
    "id": 3,
    "key": "bug-report",
    "public": True,
    "active": True,
    "form_url": "https://forms.example/bug-report",
    "fields": [{"key": "title", "required": True}],
}


@pytest.fixture
def kiket() -> Iterator[FakePlatform]:
    with fake_platform() as platform:
        yield platform


@pytest.fixture
async def endpoints(kiket: FakePlatform) -> AsyncIterator[ExtensionEndpoints]:
    async with KiketClient(kiket.url, "wk_test") as client:
        yield ExtensionEndpoints(client, "com.example.crm")


async def test_rows_of_custom_data_are_added_changed_found_and_deleted(
    endpoints: ExtensionEndpoints, kiket: FakePlatform
) -> None:
    contacts = endpoints.custom_data(7)
    ana = (await contacts.create(*CRM, {"name": "Ana", "tier": 1}))["data"]
    await contacts.create(*CRM, {"name": "Bo", "tier": 2})
    assert (await contacts.update(*CRM, ana["id"], {"tier": 2}))["data"]["tier"] == 2
    assert (await contacts.get(*CRM, ana["id"]))["data"]["name"] == "Ana"
    second = (await contacts.list(*CRM, filters={"tier": 2, "name": "Bo"}))["data"]
    assert [row["name"] for row in second] == ["Bo"]
    assert len((await contacts.list(*CRM, limit=1))["data"]) == 1
    await contacts.delete(*CRM, ana["id"])
    assert [row["name"] for row in kiket.custom_data[CRM]] == ["Bo"]
    assert kiket.custom_data[CRM][0]["project_id"] == 7
    assert (await endpoints.custom_data(8).list(*CRM))["data"] == []
    with pytest.raises(OutboundRequestError, match="404"):
        await contacts.get(*CRM, ana["id"])


async def test_filters_are_sent_only_when_there_are_any(
    endpoints: ExtensionEndpoints, kiket: FakePlatform
) -> None:
    await endpoints.custom_data("p").list("m", "t", filters={})
    assert kiket.calls[0].path == "/api/v1/ext/custom_data/m/t?project_id=p&limit=50"


@pytest.mark.parametrize("row", ["..", ".", ""])
async def test_a_row_whose_name_would_leave_its_path_is_refused(
    endpoints: ExtensionEndpoints, kiket: FakePlatform, row: str
) -> None:
    """The family of the SDK's errors, and a ValueError as one expects of a bad argument."""
    with pytest.raises(ArgumentError, match="cannot be part of a platform path") as refused:
        await endpoints.custom_data(1).delete("m", "t", row)
    assert isinstance(refused.value, KiketSDKError)
    assert isinstance(refused.value, ValueError)
    assert kiket.calls == []


async def test_an_answer_that_is_not_json_is_one_of_our_errors(kiket: FakePlatform) -> None:
    kiket.answers["GET /api/v1/ext/custom_data/m/t"] = 200, None
    async with KiketClient(kiket.url, None) as client:
        with pytest.raises(OutboundRequestError, match="200 with a body that is not JSON"):
            await ExtensionEndpoints(client).custom_data(1).list("m", "t")


async def test_a_submission_is_made_reviewed_and_counted(
    endpoints: ExtensionEndpoints, kiket: FakePlatform
) -> None:
    kiket.intake_forms.append(FORM)
    forms = endpoints.intake_forms(7)
    assert [form["key"] for form in (await forms.list(active=True, public_only=True))["data"]] == [
        "bug-report"
    ]
    assert (await forms.list(active=False))["data"] == []
    assert forms.public_url(await forms.get("bug-report")) == FORM["form_url"]
    first = await forms.create_submission("bug-report", {"title": "It broke"})
    second = await forms.create_submission("bug-report", {"title": "Again"}, metadata={"by": 1})
    assert (await forms.approve_submission("bug-report", first["id"], notes="yes"))["notes"] == (
        "yes"
    )
    assert (await forms.reject_submission("bug-report", second["id"]))["status"] == "rejected"
    assert (await forms.get_submission("bug-report", second["id"]))["metadata"] == {"by": 1}
    approved = (await forms.list_submissions("bug-report", status="approved", limit=5))["data"]
    assert [each["id"] for each in approved] == [first["id"]]
    soon = datetime.now(UTC) + timedelta(hours=1)
    assert (await forms.list_submissions("bug-report", since=soon))["data"] == []
    stats = await forms.stats("bug-report", period="week")
    assert (stats["total_submissions"], stats["approved"], stats["period"]) == (2, 1, "week")
    with pytest.raises(OutboundRequestError, match="422"):
        await forms.create_submission("bug-report", {})
    assert [each["project_id"] for each in kiket.submissions["bug-report"]] == [7, 7]


async def test_service_level_events_are_found_by_state_issue_and_id(
    endpoints: ExtensionEndpoints, kiket: FakePlatform
) -> None:
    kiket.sla_events += [
        {"id": 1, "issue_id": 5, "project_id": 7, "state": "imminent"},
        {"id": 2, "issue_id": 5, "project_id": 7, "state": "breached"},
        {"id": 3, "issue_id": 6, "project_id": 9, "state": "breached"},
    ]
    sla = endpoints.sla_events(7)
    assert [each["id"] for each in (await sla.list(state="breached"))["data"]] == [2]
    assert [each["id"] for each in (await sla.list(issue_id=5, limit=1))["data"]] == [2]
    assert (await sla.get(2))["state"] == "breached"
    with pytest.raises(OutboundRequestError, match="No SLA event 3 is listed for project 7") as no:
        await sla.get(3)
    assert no.value.status_code == 404


async def test_the_rate_limit_counts_every_call(
    endpoints: ExtensionEndpoints, kiket: FakePlatform
) -> None:
    kiket.rate_limit = 3
    await endpoints.log_event("one")
    assert await endpoints.rate_limit() == {
        "limit": 3,
        "remaining": 1,
        "window_seconds": 60,
        "reset_in": 60,
    }
    await endpoints.log_event("three")
    with pytest.raises(OutboundRequestError, match="429") as too_much:
        await endpoints.log_event("four")
    assert too_much.value.retry_after_s == 60


@pytest.mark.parametrize("answer", [[], {}, {"rate_limit": {"limit": "many"}}, {"rate_limit": 3}])
async def test_a_rate_limit_of_another_form_is_one_of_our_errors(
    endpoints: ExtensionEndpoints, kiket: FakePlatform, answer: Any
) -> None:
    kiket.answers["GET /api/v1/ext/rate_limit"] = 200, answer
    with pytest.raises(OutboundRequestError, match="rate limit of another form"):
        await endpoints.rate_limit()


async def test_an_issue_is_commented_on(endpoints: ExtensionEndpoints, kiket: FakePlatform) -> None:
    assert (await endpoints.comment("BUG-7", body="Seen"))["body"] == "Seen"
    assert kiket.comments == [{"issue": "BUG-7", "body": "Seen"}]


async def test_a_proof_is_checked_by_the_platform_and_without_it(
    endpoints: ExtensionEndpoints, kiket: FakePlatform
) -> None:
    records = [{"id": number, "action": "é" * number} for number in range(1, 6)]
    anchored = kiket.audit.anchor(records)
    audit = endpoints.audit
    [anchor], pagination = await audit.list_anchors(status="confirmed", per_page=1_000)
    assert (anchor.leaf_count, pagination["per_page"]) == (5, 100)
    assert anchor.created_at == datetime(2026, 1, 5, 8, tzinfo=UTC)
    assert anchor.records == []
    whole = await audit.get_anchor(anchored["merkle_root"], include_records=True)
    assert [record["id"] for record in whole.records] == [1, 2, 3, 4, 5]
    for record in records:
        proof = await audit.get_proof(str(record["id"]))
        assert proof.content_hash == AuditClient.compute_content_hash(record)
        way = (proof.content_hash, proof.proof, proof.leaf_index, proof.merkle_root)
        assert AuditClient.verify_proof_locally(*way)
        assert await audit.verify(proof) == VerificationResult(
            verified=True,
            proof_valid=True,
            blockchain_verified=True,
            content_hash=proof.content_hash,
            merkle_root=proof.merkle_root,
            leaf_index=proof.leaf_index,
            block_number=proof.block_number,
            block_timestamp=proof.block_timestamp,
            network="polygon_amoy",
            explorer_url=anchor.explorer_url,
        )
    forged = AuditClient.compute_content_hash({"id": 1, "action": "nothing happened"})
    assert not AuditClient.verify_proof_locally(forged, proof.proof, 4, proof.merkle_root)
    found = await audit.verify({"content_hash": forged, "merkle_root": proof.merkle_root})
    assert (found.verified, found.error) == (False, "The proof does not lead to the root")


def test_a_content_hash_is_of_compact_sorted_ascii_json() -> None:
    r"""SHA-256 of `{"a":"\u00e9","b":[1,2]}`, worked out with another tool."""
    assert AuditClient.compute_content_hash({"b": [1, 2], "a": "é"}) == (
        "0xe72bd1bfe08db42c7cb48a01fcbbe441a57d28e5e64fcb08dcfab2cffe99f7a2"
    )


@pytest.mark.parametrize("bad", ["", "0x", "zz", "0x1"])
def test_a_proof_that_is_no_proof_proves_nothing(bad: str) -> None:
    good = AuditClient.compute_content_hash({})
    assert not AuditClient.verify_proof_locally(good, [bad], 0, good)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda audit: audit.list_anchors(), "Failed to list anchors"),
        (lambda audit: audit.get_anchor("0xab"), "Failed to get anchor 0xab"),
        (lambda audit: audit.get_proof(9), "Failed to get proof for record 9"),
        (lambda audit: audit.verify({}), "Verification request failed"),
    ],
)
async def test_failures_of_the_audit_trail(call: Any, sentence: str) -> None:
    audit = AuditClient(KiketClient("http://127.0.0.1:9", None))
    with pytest.raises(AuditVerificationError, match=rf"^{sentence}$"):
        await call(audit)


async def test_an_audit_answer_of_another_form(kiket: FakePlatform) -> None:
    kiket.answers["GET /api/v1/audit/anchors"] = 200, []
    async with KiketClient(kiket.url, None) as client:
        with pytest.raises(AuditVerificationError, match="the answer is not a JSON object"):
            await AuditClient(client).list_anchors()
