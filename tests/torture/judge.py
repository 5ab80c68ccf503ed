"""Hold the store against the ledgers, after each restart, earlier runs of the engine included.

The judge reads the file itself, not through the program's reader, and puts bodies back together
on its own: what it shares with the program is the shape of the tables.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.torture.failpoints import id_of
from tests.torture.sample import SECRET
from tests.torture.senders import run_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.torture.ledger import Handled, Ledger

SETTLED = frozenset({"forwarded", "failed", "interrupted", "rejected"})
"""What a delivery of an earlier engine may be; the newest one's may be under way."""
_MARK = b"[secret:"


@dataclass(frozen=True, slots=True)
class Findings:
    """Ids of deliveries by what is wrong with them; all empty when nothing is."""

    lost: list[str] = field(default_factory=list)
    """Answered, and not in the store."""
    unsettled: list[str] = field(default_factory=list)
    """Answered, and the store does not have that very outcome."""
    mangled: list[str] = field(default_factory=list)
    """The store's bytes, secrets put back, are not what was sent or answered."""
    ghost: list[str] = field(default_factory=list)
    """In the store, and never sent."""
    doubled: list[str] = field(default_factory=list)
    """Twice in the store."""
    limbo: list[str] = field(default_factory=list)
    """In no final state, though the engine that had it is gone."""
    repeated: list[str] = field(default_factory=list)
    """Handed to the worker more than once, and nobody asked for it."""
    skipped: list[str] = field(default_factory=list)
    """Stored as handled, and no handler ever had it."""
    orphans: list[str] = field(default_factory=list)
    """Processes that outlived their engine."""
    hung: list[str] = field(default_factory=list)
    """Never answered by an engine that lived."""
    damage: list[str] = field(default_factory=list)
    """What SQLite finds wrong with the file."""

    @property
    def counts(self) -> dict[str, int]:
        """Return how many of each there are."""
        return {each.name: len(getattr(self, each.name)) for each in fields(self)}

    @property
    def is_clean(self) -> bool:
        """Whether nothing is wrong."""
        return not any(self.counts.values())

    def add(self, other: Findings) -> None:
        """Add what another look has found."""
        for each in fields(self):
            getattr(self, each.name).extend(getattr(other, each.name))

    def __str__(self) -> str:
        """Name what was found, with a few of each."""
        found = {each.name: getattr(self, each.name) for each in fields(self)}
        return "; ".join(
            f"{len(ids)} {name} ({', '.join(ids[:3])})" for name, ids in found.items() if ids
        )


class Kept(NamedTuple):
    """What the store said of a delivery when it was judged."""

    exchange_id: int
    state: str
    status: int | None
    request_sha: str
    answer_sha: str


class Judge:
    """Judges one store against its ledgers; looks at each row in full once, and at all again."""

    def __init__(self, store: Path, ledger: Ledger, handled: Handled) -> None:
        self._store = store
        self._ledger = ledger
        self._handled = handled
        self._kept: dict[str, Kept] = {}
        self._judged_id = 0
        self._owed: set[str] = set()
        """Answered, and not yet found in the store."""
        self._answers_seen = 0
        self._repeats: set[str] = set()

    @property
    def kept(self) -> dict[str, Kept]:
        """Return what was found so far, by the sender's id."""
        return self._kept

    def look(self, before_run: int, *, again: bool = False) -> Findings:
        """Judge what was sent before *before_run*; *again*: every row of the store once more."""
        found = Findings()
        self._handled.read()
        with sqlite3.connect(f"{self._store.as_uri()}?mode=ro", uri=True, timeout=10) as database:
            self._read_new(database, before_run, found)
            if again:
                self._read_again(database, found)
                found.damage.extend(
                    row[0] for row in database.execute("PRAGMA quick_check") if row[0] != "ok"
                )
        database.close()
        self._compare(before_run, found)
        return found

    def _read_new(self, database: sqlite3.Connection, before_run: int, found: Findings) -> None:
        rows = database.execute(
            "SELECT e.id, e.state, e.status, e.attempts, m.headers, m.body, m.sha256, m.truncated,"
            " m.refs, a.body, a.sha256, a.refs FROM exchange e"
            " JOIN request m ON m.exchange_id = e.id"
            " LEFT JOIN attempt a ON a.id = e.id * 4096 + e.attempts"
            " WHERE e.source = 'webhook' AND e.replay_of IS NULL AND e.id > ? ORDER BY e.id",
            (self._judged_id,),
        )
        for row in rows:
            delivery_id = id_of((name, value) for name, value in json.loads(row[4]))
            if delivery_id and run_of(delivery_id) >= before_run:
                break
            self._judged_id = row[0]
            if delivery_id not in self._ledger.sent:
                found.ghost.append(delivery_id or f"exchange {row[0]}")
                continue
            if delivery_id in self._kept:
                found.doubled.append(delivery_id)
                continue
            if row[1] not in SETTLED:
                found.limbo.append(f"{delivery_id} {row[1]}")
            request_sha = _whole_sha(row[5], row[6], row[8])
            answer_sha = "" if row[9] is None else _whole_sha(row[9], row[10], row[11])
            if row[7] or request_sha != self._ledger.sent[delivery_id]:
                found.mangled.append(delivery_id)
            if row[1] == "forwarded" and row[2] == 200 and delivery_id not in self._handled.times:
                found.skipped.append(delivery_id)
            self._kept[delivery_id] = Kept(row[0], row[1], row[2], request_sha, answer_sha)

    def _read_again(self, database: sqlite3.Connection, found: Findings) -> None:
        """See whether what was judged before is there as it was."""
        there = {
            row[0]: row[1:]
            for row in database.execute(
                "SELECT e.id, e.state, e.status, m.body, m.sha256, m.refs FROM exchange e"
                " JOIN request m ON m.exchange_id = e.id WHERE e.id <= ?",
                (self._judged_id,),
            )
        }
        for delivery_id, kept in self._kept.items():
            row = there.get(kept.exchange_id)
            if row is None:
                found.lost.append(delivery_id)
            elif (row[0], row[1]) != (kept.state, kept.status):
                found.unsettled.append(delivery_id)
            elif _whole_sha(row[2], row[3], row[4]) != kept.request_sha:
                found.mangled.append(delivery_id)

    def _compare(self, before_run: int, found: Findings) -> None:
        """Hold each answer, once, against what is stored."""
        new = self._ledger.answers[self._answers_seen :]
        self._owed.update(each for each in new if self._ledger.answered[each].is_taken)
        self._answers_seen += len(new)
        for delivery_id in [each for each in self._owed if run_of(each) < before_run]:
            self._owed.discard(delivery_id)
            answered, kept = self._ledger.answered[delivery_id], self._kept.get(delivery_id)
            state = "forwarded" if answered.is_handlers else "failed"
            if kept is None:
                found.lost.append(delivery_id)
            elif (kept.state, kept.status) != (state, answered.status):
                found.unsettled.append(f"{delivery_id} {kept.state} {kept.status}")
            elif answered.is_handlers and kept.answer_sha != answered.sha256:
                found.mangled.append(f"answer of {delivery_id}")
        repeats = {each for each, times in self._handled.times.items() if times > 1}
        found.repeated.extend(repeats - self._repeats)
        self._repeats |= repeats


def _whole_sha(body: bytes, sha256: bytes, refs: str) -> str:
    """Return the hash of a stored body, its secrets put back; empty when it denies its own hash."""
    whole = hashlib.sha256(put_back(bytes(body), json.loads(refs)))
    return whole.hexdigest() if whole.digest() == bytes(sha256) else ""


def put_back(body: bytes, refs: Sequence[Sequence[Any]]) -> bytes:
    """Return a body with the one secret that there is put back wherever it was taken out."""
    value = SECRET.encode()
    pieces: list[bytes] = []
    at_stored = at_original = 0
    for offset, length, name in refs:
        mark = _MARK + str(name).encode() + b"]"
        kept = body[at_stored : at_stored + offset - at_original]
        pieces += [kept, value]
        at_stored += len(kept) + len(mark)
        at_original = offset + length
    return b"".join([*pieces, body[at_stored:]])
