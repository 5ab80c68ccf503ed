"""Check the platform's audit trail against what was anchored in a blockchain.

Records are leaves of Merkle trees whose roots are anchored; `/api/v1/audit` has the anchors and
the proofs. A proof is checked here, without trusting the platform, by `verify_proof_locally`.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Self

from kiket_sdk._answers import decoded
from kiket_sdk._paths import platform_path
from kiket_sdk.exceptions import AuditVerificationError, KiketSDKError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kiket_sdk.client import KiketClient

_ROOT = "/api/v1/audit"
_PAGE_LIMIT = 100
_MOMENTS = frozenset(
    {"first_record_at", "last_record_at", "block_timestamp", "confirmed_at", "created_at"}
)


class _Answered:
    """A dataclass that is made of an answer's JSON; a moment that cannot be read is None."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @classmethod
    def from_dict(cls, answer: Mapping[str, Any]) -> Self:
        """Return what an answer says; members that are not known are left out."""
        names = {each.name for each in fields(cls)}
        return cls(
            **{
                name: _moment(value) if name in _MOMENTS else value
                for name, value in answer.items()
                if name in names
            }
        )


@dataclass
class BlockchainAnchor(_Answered):
    """One anchored Merkle tree.

    `network` is polygon_amoy or polygon_mainnet, `status` pending, submitted, confirmed or failed.
    `records` are the tree's records, when they were asked for.
    """

    id: int | str | None = None
    merkle_root: str = ""
    leaf_count: int = 0
    first_record_at: datetime | None = None
    last_record_at: datetime | None = None
    network: str | None = None
    status: str | None = None
    tx_hash: str | None = None
    block_number: int | None = None
    block_timestamp: datetime | None = None
    confirmed_at: datetime | None = None
    explorer_url: str | None = None
    created_at: datetime | None = None
    records: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class BlockchainProof(_Answered):
    """The way from one record to its tree's root: `proof` are the siblings' hashes, leaf first."""

    record_id: int | str | None = None
    record_type: str = "AuditLog"
    content_hash: str = ""
    anchor_id: int | str | None = None
    merkle_root: str = ""
    leaf_index: int = 0
    leaf_count: int = 0
    proof: list[str] = field(default_factory=list)
    network: str | None = None
    tx_hash: str | None = None
    block_number: int | None = None
    block_timestamp: datetime | None = None
    verified: bool = False
    verification_url: str | None = None


@dataclass
class VerificationResult(_Answered):
    """What the platform found when it checked a proof."""

    verified: bool = False
    proof_valid: bool = False
    blockchain_verified: bool = False
    content_hash: str | None = None
    merkle_root: str | None = None
    leaf_index: int | None = None
    block_number: int | None = None
    block_timestamp: datetime | None = None
    network: str | None = None
    explorer_url: str | None = None
    error: str | None = None


class AuditClient:
    """Anchors and proofs. Calls raise AuditVerificationError when there is no good answer."""

    __slots__ = ("_client",)

    def __init__(self, client: KiketClient) -> None:
        self._client = client

    async def list_anchors(
        self,
        *,
        status: str | None = None,
        network: str | None = None,
        from_date: datetime | str | None = None,
        to_date: datetime | str | None = None,
        page: int = 1,
        per_page: int = 25,
    ) -> tuple[list[BlockchainAnchor], dict[str, Any]]:
        """Return one page of anchors and the pagination; at most 100 are on a page."""
        query: dict[str, Any] = {"page": page, "per_page": min(per_page, _PAGE_LIMIT)}
        for name, value in (
            ("status", status),
            ("network", network),
            ("from", from_date),
            ("to", to_date),
        ):
            if value:
                query[name] = value.isoformat() if isinstance(value, datetime) else value
        answer = await self._get(f"{_ROOT}/anchors", query, "Failed to list anchors")
        anchors = answer.get("anchors") or []
        pagination = answer.get("pagination") or {}
        return [BlockchainAnchor.from_dict(anchor) for anchor in anchors], pagination

    async def get_anchor(
        self, merkle_root: str, *, include_records: bool = False
    ) -> BlockchainAnchor:
        """Return the anchor of a Merkle root."""
        query = {"include_records": "true"} if include_records else {}
        path = platform_path(f"{_ROOT}/anchors", merkle_root)
        return BlockchainAnchor.from_dict(
            await self._get(path, query, f"Failed to get anchor {merkle_root}")
        )

    async def get_proof(
        self, record_id: int | str, *, record_type: str = "AuditLog"
    ) -> BlockchainProof:
        """Return the proof of a record, of type AuditLog or AIAuditLog."""
        query = {} if record_type == "AuditLog" else {"record_type": record_type}
        path = platform_path(f"{_ROOT}/records", record_id, "proof")
        return BlockchainProof.from_dict(
            await self._get(path, query, f"Failed to get proof for record {record_id}")
        )

    async def verify(self, proof: BlockchainProof | Mapping[str, Any]) -> VerificationResult:
        """Have the platform check a proof, in its tree and in the blockchain."""
        if isinstance(proof, BlockchainProof):
            content = {
                "content_hash": proof.content_hash,
                "merkle_root": proof.merkle_root,
                "proof": proof.proof,
                "leaf_index": proof.leaf_index,
                "tx_hash": proof.tx_hash,
            }
        else:
            content = dict(proof)
        failed = "Verification request failed"
        try:
            answer = decoded(await self._client.post(f"{_ROOT}/verify", json=content))
        except KiketSDKError as exc:
            raise AuditVerificationError(failed) from exc
        return VerificationResult.from_dict(_object(answer, failed))

    @staticmethod
    def compute_content_hash(record: Mapping[str, Any]) -> str:
        """Return `0x` and the SHA-256 of a record's compact JSON with sorted keys, in ASCII."""
        text = json.dumps(record, sort_keys=True, separators=(",", ":"))
        return f"0x{hashlib.sha256(text.encode()).hexdigest()}"

    @staticmethod
    def verify_proof_locally(
        content_hash: str,
        proof_path: Sequence[str],
        leaf_index: int,  # noqa: ARG004 (see below)
        merkle_root: str,
    ) -> bool:
        """Tell whether the siblings of `proof_path` lead from a record's hash to the root.

        Hashes are hexadecimal, with or without `0x`. Each level is the SHA-256 of its two hashes
        in byte order, so that the leaf's index changes nothing.
        """
        try:
            current, root = _hash(content_hash), _hash(merkle_root)
            siblings = [_hash(sibling) for sibling in proof_path]
        except (ValueError, AttributeError):
            return False
        for sibling in siblings:
            current = hashlib.sha256(b"".join(sorted((current, sibling)))).digest()
        return current == root

    async def _get(self, path: str, query: Mapping[str, Any], failed: str) -> dict[str, Any]:
        try:
            answer = decoded(await self._client.get(path, params=query))
        except KiketSDKError as exc:
            raise AuditVerificationError(failed) from exc
        return _object(answer, failed)


def _object(answer: Any, failed: str) -> dict[str, Any]:
    if not isinstance(answer, dict):
        raise AuditVerificationError(f"{failed}: the answer is not a JSON object")
    return answer


def _hash(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


def _moment(value: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
