"""Anchored Merkle trees, as small as tests need them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kiket_sdk.audit import AuditClient

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_MOMENT = "2026-01-05T08:00:00Z"


@dataclass
class AuditTrail:
    """What was anchored: `anchors` and, by record type and id, `proofs`, in the platform's form."""

    anchors: list[dict[str, Any]] = field(default_factory=list)
    proofs: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)

    def anchor(
        self, records: Sequence[Mapping[str, Any]], *, record_type: str = "AuditLog"
    ) -> dict[str, Any]:
        """Anchor records, each with an `id`, in one tree, and return the anchor."""
        leaves = [AuditClient.compute_content_hash(record) for record in records]
        ways: list[list[str]] = [[] for _ in leaves]
        level = [(bytes.fromhex(leaf[2:]), [index]) for index, leaf in enumerate(leaves)]
        while len(level) > 1:
            level = [_pair(level[at : at + 2], ways) for at in range(0, len(level), 2)]
        root = f"0x{level[0][0].hex()}" if level else f"0x{hashlib.sha256().hexdigest()}"
        block = {
            "network": "polygon_amoy",
            "tx_hash": f"0x{hashlib.sha256(root.encode()).hexdigest()}",
            "block_number": 1_000 + len(self.anchors),
            "block_timestamp": _MOMENT,
        }
        anchor = {
            "id": len(self.anchors) + 1,
            "merkle_root": root,
            "leaf_count": len(leaves),
            "first_record_at": _MOMENT,
            "last_record_at": _MOMENT,
            "status": "confirmed",
            "confirmed_at": _MOMENT,
            "explorer_url": f"https://amoy.polygonscan.com/tx/{block['tx_hash']}",
            "created_at": _MOMENT,
            "records": [dict(record) for record in records],
            **block,
        }
        self.anchors.append(anchor)
        for index, (record, leaf, way) in enumerate(zip(records, leaves, ways, strict=True)):
            self.proofs[record_type, str(record["id"])] = {
                "record_id": record["id"],
                "record_type": record_type,
                "content_hash": leaf,
                "anchor_id": anchor["id"],
                "merkle_root": root,
                "leaf_index": index,
                "leaf_count": len(leaves),
                "proof": way,
                "verified": True,
                "verification_url": None,
                **block,
            }
        return anchor

    def verify(self, proof: Mapping[str, Any]) -> dict[str, Any]:
        """Check a proof, and that its root was anchored in the transaction that it names."""
        root = str(proof.get("merkle_root"))
        is_proved = AuditClient.verify_proof_locally(
            str(proof.get("content_hash")), proof.get("proof") or [], 0, root
        )
        anchor = next((each for each in self.anchors if each["merkle_root"] == root), None)
        is_anchored = anchor is not None and anchor["tx_hash"] == proof.get("tx_hash")
        found = anchor if anchor and is_anchored else {}
        return {
            "verified": is_proved and is_anchored,
            "proof_valid": is_proved,
            "blockchain_verified": is_anchored,
            "content_hash": proof.get("content_hash"),
            "merkle_root": root,
            "leaf_index": proof.get("leaf_index"),
            "error": None if is_proved and is_anchored else _trouble(is_proved=is_proved),
            **{
                name: found.get(name)
                for name in ("block_number", "block_timestamp", "network", "explorer_url")
            },
        }


def _pair(
    pair: Sequence[tuple[bytes, list[int]]], ways: Sequence[list[str]]
) -> tuple[bytes, list[int]]:
    """Join two nodes, and tell the leaves below each its sibling; one without a pair stays."""
    if len(pair) == 1:
        return pair[0]
    (left, left_leaves), (right, right_leaves) = pair
    for leaves, sibling in ((left_leaves, right), (right_leaves, left)):
        for leaf in leaves:
            ways[leaf].append(f"0x{sibling.hex()}")
    return hashlib.sha256(b"".join(sorted((left, right)))).digest(), left_leaves + right_leaves


def _trouble(*, is_proved: bool) -> str:
    return "The root is not anchored" if is_proved else "The proof does not lead to the root"
