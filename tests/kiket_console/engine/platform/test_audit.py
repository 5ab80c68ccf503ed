"""Audit: what extensions changed is recorded, and the SDK can prove it."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiket_console.engine.platform import audit
from kiket_sdk.audit import AuditClient
from kiket_sdk.exceptions import AuditVerificationError

if TYPE_CHECKING:
    import httpx
    from tests.kiket_console.engine.platform.conftest import World

SECRETS = "/api/v1/extensions/com.example.marketing/secrets"


async def test_each_change_is_a_record_whose_proof_the_sdk_verifies(
    world: World, extension: httpx.AsyncClient
) -> None:
    for key in ("A", "B", "C"):
        await extension.post(SECRETS, json={"secret": {"key": key, "value": "a-long-value"}})
    await extension.delete(f"{SECRETS}/A")
    client = AuditClient(world.sdk())
    anchors, pagination = await client.list_anchors()
    anchor = await client.get_anchor(anchors[0].merkle_root, include_records=True)

    assert (pagination["total"], anchor.leaf_count, anchor.status) == (1, 4, "pending")
    assert [(each["action"], each["subject"]) for each in anchor.records][-1] == (
        "secret.delete",
        "com.example.marketing/A",
    )
    for record in anchor.records:
        proof = await client.get_proof(record["id"])
        said = {n: record[n] for n in ("record_type", "action", "actor", "subject", "occurred_at")}
        assert proof.content_hash == client.compute_content_hash(said)
        assert client.verify_proof_locally(
            proof.content_hash, proof.proof, proof.leaf_index, anchor.merkle_root
        )
        found = await client.verify(proof)
        assert (found.verified, found.proof_valid, found.blockchain_verified) == (True, True, False)


async def test_what_was_anchored_stays_and_newer_records_get_an_anchor_of_their_own(
    world: World, extension: httpx.AsyncClient
) -> None:
    client = AuditClient(world.sdk())
    assert await client.list_anchors() == (
        [],
        {"page": 1, "per_page": 25, "total": 0, "total_pages": 0},
    )
    roots = []
    for key in ("A", "B"):
        await extension.post(SECRETS, json={"secret": {"key": key, "value": "a-long-value"}})
        [newest, *_], _ = await client.list_anchors()
        roots.append(newest.merkle_root)

    anchors, pagination = await client.list_anchors(per_page=1, page=2)
    assert (anchors[0].merkle_root, pagination["total_pages"]) == (roots[0], 2)
    assert await client.list_anchors(status="confirmed") == (
        [],
        {"page": 1, "per_page": 25, "total": 0, "total_pages": 0},
    )


async def test_anchors_are_found_by_when_they_were_made(
    world: World, extension: httpx.AsyncClient
) -> None:
    await extension.post(SECRETS, json={"secret": {"key": "A", "value": "a-long-value"}})
    client = AuditClient(world.sdk())
    await client.list_anchors()

    async def total(**asked: Any) -> int:
        anchors, pagination = await client.list_anchors(**asked)
        assert len(anchors) == pagination["total"]
        return len(anchors)

    now, hour = datetime.now(UTC), timedelta(hours=1)
    assert await total(from_date=now - hour, to_date=now + hour) == 1
    assert (await total(from_date=now + hour), await total(to_date=now - hour)) == (0, 0)


async def test_a_proof_that_was_changed_is_not_valid(
    world: World, extension: httpx.AsyncClient
) -> None:
    for key in ("A", "B"):
        await extension.post(SECRETS, json={"secret": {"key": key, "value": "a-long-value"}})
    client = AuditClient(world.sdk())
    proof = await client.get_proof(1)
    proof.content_hash = f"0x{'00' * 32}"
    found = await client.verify(proof)

    assert (found.verified, found.proof_valid) == (False, False)
    assert found.error == "The proof does not lead from the content hash to the root."
    foreign = {"content_hash": "11" * 32, "merkle_root": "11" * 32, "proof": []}
    assert (await client.verify(foreign)).error == "The root is no anchor of this platform."


async def test_what_is_no_proof_is_422_and_an_unknown_record_404(
    world: World, extension: httpx.AsyncClient
) -> None:
    answer = await extension.post(
        "/api/v1/audit/verify", json={"content_hash": "x", "merkle_root": 3, "proof": "none"}
    )

    assert answer.status_code == 422
    assert set(answer.json()["errors"]) == {"content_hash", "merkle_root", "proof"}
    client = AuditClient(world.sdk())
    for ask in (client.get_proof(99), client.get_proof(1, record_type="AIAuditLog")):
        with pytest.raises(AuditVerificationError):
            await ask


@given(count=st.integers(1, 40), data=st.data())
def test_each_leaf_of_a_tree_of_any_size_leads_to_its_root(count: int, data: st.DataObject) -> None:
    leaves = [hashlib.sha256(bytes([each])).digest() for each in range(count)]
    index = data.draw(st.integers(0, count - 1))
    root = audit.levels(leaves)[-1][0]
    partners = audit.proof(leaves, index)

    assert audit.root_of(leaves[index], partners) == root
    assert AuditClient.verify_proof_locally(
        leaves[index].hex(), [each.hex() for each in partners], index, root.hex()
    )
