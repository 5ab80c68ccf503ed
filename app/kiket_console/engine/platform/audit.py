"""Audit records of what extensions changed, and anchors that prove them (§2.2 rows 25 to 28).

Each change that an extension makes is a record with a content hash. Whoever asks for anchors finds
all records anchored: those that are not yet become the leaves of a Merkle tree, whose root is the
anchor. The tree is the one that the SDK verifies (§3.14): SHA-256 over each pair in the order of
their bytes; a node without a partner goes up as it is. Nothing is sent to any chain, so an anchor
stays `pending`.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, Final

from kiket_console.engine.platform.calls import Call, RefusedError, Reply, invalid, pages_of
from kiket_console.engine.platform.collection import Collection
from kiket_console.engine.platform.columns import Column, iso

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from kiket_console.engine.platform.documents import Documents, Row
    from kiket_console.engine.platform.state import State

RECORD_TYPE: Final = "AuditLog"
NETWORK: Final = "polygon_amoy"
STATUS: Final = "pending"
LEAVES: Final = 1024
"""How many records one anchor has at most."""
PAGE: Final = 25
MOST: Final = 100
_PAGES: Final = 10_000
_DIGEST_BYTES: Final = 32

RECORDS = Collection(
    name="audit_records",
    title="Audit records",
    meaning="What extensions changed here: secrets, custom data, intake submissions.",
    columns=(
        Column("record_type", managed=True),
        Column("action", managed=True),
        Column("actor", managed=True),
        Column("subject", "text", managed=True),
        Column("occurred_at", "timestamp", managed=True),
        Column("content_hash", managed=True),
        Column("anchor_id", "bigint", managed=True),
    ),
    writable=False,
)
ANCHORS = Collection(
    name="audit_anchors",
    title="Audit anchors",
    meaning="Merkle roots over audit records; made when an extension asks for them.",
    columns=(
        Column("merkle_root", managed=True),
        Column("leaf_count", "integer", managed=True),
        Column("first_record_at", "timestamp", managed=True),
        Column("last_record_at", "timestamp", managed=True),
    ),
    writable=False,
)


def note(documents: Documents, actor: str, action: str, subject: str) -> None:
    """Record that *actor* (a worker's name) did *action* to *subject*."""
    content = {
        "record_type": RECORD_TYPE,
        "action": action,
        "actor": actor,
        "subject": subject,
        "occurred_at": iso(documents.now_us()),
    }
    text = json.dumps(content, separators=(",", ":"), sort_keys=True)
    content_hash = f"0x{hashlib.sha256(text.encode()).hexdigest()}"
    documents.log(RECORDS.name, {**content, "content_hash": content_hash, "anchor_id": None})


def levels(leaves: Sequence[bytes]) -> list[list[bytes]]:
    """Return the levels of the tree over *leaves* (digests, at least one), the root's last."""
    found = [list(leaves)]
    while len(found[-1]) > 1:
        below = found[-1]
        pairs = [below[at : at + 2] for at in range(0, len(below), 2)]
        found.append([_joined(*pair) if len(pair) == 2 else pair[0] for pair in pairs])
    return found


def proof(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """Return the partners of leaf *index* on its way to the root, the lowest first."""
    partners = []
    for level in levels(leaves)[:-1]:
        partner = index ^ 1
        if partner < len(level):
            partners.append(level[partner])
        index //= 2
    return partners


def root_of(leaf: bytes, partners: Iterable[bytes]) -> bytes:
    """Return the root that a leaf and its partners make."""
    for partner in partners:
        leaf = _joined(leaf, partner)
    return leaf


class Audit:
    """Answer for anchors and proofs; `base_url` is where the platform is reached."""

    def __init__(self, state: State, base_url: str) -> None:
        self._state = state
        self._base_url = base_url

    async def list(self, call: Call) -> Reply:
        """Answer with a page of anchors, newest first."""
        page = call.number("page", 1, _PAGES)
        per_page = call.number("per_page", PAGE, MOST)
        since_us, until_us = _us(call.moment("from")), _us(call.moment("to"))
        is_wanted = call.query.get("status") in {None, "", STATUS} and (
            call.query.get("network") in {None, "", NETWORK}
        )

        def work(documents: Documents) -> Reply:
            _anchor(documents)
            if not is_wanted:
                return Reply(200, {"anchors": [], "pagination": pages_of(0, page, per_page)})
            rows = documents.rows(
                ANCHORS.name,
                since_us=since_us,
                until_us=until_us,
                limit=per_page,
                offset=(page - 1) * per_page,
            )
            total = documents.count(ANCHORS.name, since_us=since_us, until_us=until_us)
            shown = [_anchor_shown(row) for row in rows]
            pagination = pages_of(total, page, per_page)
            return Reply(200, {"anchors": shown, "pagination": pagination})

        return await self._state.ask(work)

    async def read(self, call: Call) -> Reply:
        """Answer with one anchor, with its records when `include_records` is true."""
        root, with_records = call.parts["root"], bool(call.flag("include_records"))

        def work(documents: Documents) -> Reply:
            _anchor(documents)
            row = _anchor_of(documents, root)
            if row is None:
                raise RefusedError(404, f"There is no anchor {root[:80]!r}.")
            shown = _anchor_shown(row)
            if with_records:
                shown["records"] = [_record_shown(each) for each in _records(documents, row.id)]
            return Reply(200, shown)

        return await self._state.ask(work)

    async def proof(self, call: Call) -> Reply:
        """Answer with the proof that a record is in its anchor."""
        record_id, kind = call.parts["record"], call.query.get("record_type") or RECORD_TYPE

        def work(documents: Documents) -> Reply:
            _anchor(documents)
            is_number = record_id.isascii() and record_id.isdigit() and len(record_id) < 19
            row = documents.row(RECORDS.name, int(record_id)) if is_number else None
            if row is None or kind != RECORD_TYPE:
                raise RefusedError(
                    404, f"There is no audit record {record_id[:64]!r} ({kind[:64]})."
                )
            anchor = documents.row(ANCHORS.name, row.fields["anchor_id"])
            if anchor is None:
                raise RefusedError(404, f"The anchor of record {record_id} is no longer kept.")
            leaves = [_bytes(each) for each in anchor.fields["leaves"]]
            index = row.id - anchor.fields["first_id"]
            shown = _anchor_shown(anchor)
            answer = {
                "record_id": row.id,
                "record_type": RECORD_TYPE,
                "content_hash": row.fields["content_hash"],
                "anchor_id": anchor.id,
                "merkle_root": shown["merkle_root"],
                "leaf_index": index,
                "leaf_count": len(leaves),
                "proof": [f"0x{each.hex()}" for each in proof(leaves, index)],
                "network": NETWORK,
                "tx_hash": None,
                "block_number": None,
                "block_timestamp": None,
                "verified": False,
                "verification_url": f"{self._base_url}/api/v1/audit/verify",
            }
            return Reply(200, answer)

        return await self._state.ask(work)

    async def verify(self, call: Call) -> Reply:
        """Answer whether a proof leads to its root, and whether that is an anchor of ours."""
        fields = call.fields()
        partners = fields.get("proof")
        errors: dict[str, list[str]] = {}
        digests: dict[str, bytes] = {}
        for name in ("content_hash", "merkle_root"):
            try:
                digests[name] = _bytes(fields.get(name))
            except ValueError as error:
                errors[name] = [str(error)]
        try:
            path = [_bytes(each) for each in partners] if isinstance(partners, list) else None
        except ValueError as error:
            path, errors["proof"] = [], [str(error)]
        if path is None or len(path) > MOST:
            errors["proof"] = ["must be a list of hashes"]
        if errors or path is None:
            raise invalid("The proof makes no sense", errors)
        index = fields.get("leaf_index")
        leaf, root = digests["content_hash"], digests["merkle_root"]
        leads = root_of(leaf, path) == root
        anchor = await self._state.ask(lambda each: _anchor_of(each, f"0x{root.hex()}"))
        problem = None
        if not leads:
            problem = "The proof does not lead from the content hash to the root."
        elif anchor is None:
            problem = "The root is no anchor of this platform."
        return Reply(
            200,
            {
                "verified": leads and anchor is not None,
                "proof_valid": leads,
                "blockchain_verified": False,
                "content_hash": f"0x{leaf.hex()}",
                "merkle_root": f"0x{root.hex()}",
                "leaf_index": index if isinstance(index, int) and abs(index) < 2**53 else None,
                "block_number": None,
                "block_timestamp": None,
                "network": NETWORK,
                "explorer_url": None,
                "error": problem,
            },
        )


def _us(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp() * 1_000_000)


def _anchor(documents: Documents) -> None:
    """Anchor what is not anchored yet."""
    while waiting := documents.rows(
        RECORDS.name, equal={"anchor_id": None}, limit=LEAVES, oldest_first=True
    ):
        leaves = [row.fields["content_hash"] for row in waiting]
        root = levels([_bytes(each) for each in leaves])[-1][0]
        anchor = documents.log(
            ANCHORS.name,
            {
                "merkle_root": f"0x{root.hex()}",
                "leaf_count": len(leaves),
                "first_record_at": waiting[0].fields["occurred_at"],
                "last_record_at": waiting[-1].fields["occurred_at"],
                "first_id": waiting[0].id,
                "leaves": leaves,
            },
        )
        for row in waiting:
            documents.change(RECORDS.name, row, {**row.fields, "anchor_id": anchor.id})


def _anchor_of(documents: Documents, root: str) -> Row | None:
    wanted = {"merkle_root": root.lower() if root.startswith("0x") else f"0x{root.lower()}"}
    return next(iter(documents.rows(ANCHORS.name, equal=wanted, limit=1)), None)


def _records(documents: Documents, anchor_id: int) -> list[Row]:
    return documents.rows(RECORDS.name, equal={"anchor_id": anchor_id}, oldest_first=True)


def _anchor_shown(row: Row) -> dict[str, Any]:
    said = ("merkle_root", "leaf_count", "first_record_at", "last_record_at")
    return {
        "id": row.id,
        **{name: row.fields[name] for name in said},
        "network": NETWORK,
        "status": STATUS,
        "tx_hash": None,
        "block_number": None,
        "block_timestamp": None,
        "confirmed_at": None,
        "explorer_url": None,
        "created_at": iso(row.created_us),
    }


def _record_shown(row: Row) -> dict[str, Any]:
    return {"id": row.id, **row.fields}


def _joined(first: bytes, second: bytes) -> bytes:
    return hashlib.sha256(min(first, second) + max(first, second)).digest()


def _bytes(text: object) -> bytes:
    """Return a digest from its hex digits, with `0x` before them or not; raises ValueError."""
    try:
        raw = bytes.fromhex(str(text).removeprefix("0x"))
    except ValueError:
        raw = b""
    if len(raw) != _DIGEST_BYTES:
        raise ValueError("must be a SHA-256 digest in hex")
    return raw
