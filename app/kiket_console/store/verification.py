"""Compare every stored row with its digest, and every body with its SHA-256; change nothing.

Works beside a running engine: a few rows are read at a time, each time as of one moment.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

from kiket_console.store import digests, schema
from kiket_console.store.rows import ATTEMPTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_STEP = 256
_REQUESTS = (
    "SELECT exchange_id, headers, body, size, sha256, truncated, refs, verdict, digest"
    " FROM request WHERE exchange_id BETWEEN ? AND ?"
)
_ATTEMPTS = (
    "SELECT id, target, started_us, state, status, duration_us, error, headers, body, size, sha256,"
    " truncated, refs, digest FROM attempt WHERE id BETWEEN ? AND ?"
)
_EXCHANGES = (  # first what never changes, as the digest of its request covers it
    "SELECT id, source, worker, name, version, method, path, started_us, request_bytes, signature,"
    " trace_id, span_id, parent_id, parent_guessed, replay_of, edited, kind, direction, channel,"
    " duplicate_of, state, status, duration_us"
    " FROM exchange WHERE id BETWEEN ? AND ? ORDER BY id"
)
_LOGS = (
    "SELECT id, at_us, worker, stream, level, logger, text, trace_id, exchange_id, frames,"
    " digest FROM log"
    " WHERE id BETWEEN ? AND ? ORDER BY id"
)
_LASTING, _FIRST = 20, 15  # how many of `_EXCHANGES` never change, and were there at first


class Finding(Struct, frozen=True):
    """A row that is not as it was recorded; `row` is `exchange 12`, `log line 7` or `the file`."""

    row: str
    what: str


class Report(Struct):
    """What was compared, and what was found."""

    exchanges: int = 0
    bodies: int = 0
    logs: int = 0
    undigested: int = 0
    """Rows that were recorded before there were digests; of these only bodies were compared."""
    findings: list[Finding] = field(default_factory=list)


def verify(path: Path) -> Report:
    """Compare the store at *path*; raises `sqlite3.Error` when it cannot be opened at all."""
    with closing(
        sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)
    ) as connection:
        connection.text_factory = _text
        schema.refuse_newer(schema.user_version(connection))
        return _Verification(connection).run()


class _Verification:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._report = Report()
        self._undigested_exchange, self._undigested_log = connection.execute(
            "SELECT undigested_exchange, undigested_log FROM counters"
        ).fetchone()

    def run(self) -> Report:
        structure = self._connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if structure != "ok":
            self._found("the file", f"is damaged: {structure.splitlines()[-1]}")
        for low, high in self._ranges("exchange"):
            self._in_one_moment(self._exchanges, low, high)
        for low, high in self._ranges("log"):
            self._in_one_moment(self._logs, low, high)
        self._in_one_moment(self._counts, 0, 0)
        return self._report

    def _ranges(self, table: str) -> Iterator[tuple[int, int]]:
        first, last = self._connection.execute(
            f"SELECT min(id), max(id) FROM {table}"  # noqa: S608 (ours)
        ).fetchone()
        if first is not None:
            for low in range(first, last + 1, _STEP):
                yield low, min(low + _STEP - 1, last)

    def _in_one_moment(self, compare: Any, low: int, high: int) -> None:
        self._connection.execute("BEGIN")
        try:
            compare(low, high)
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
            self._found(f"rows {low:,} to {high:,}", f"cannot be read: {error}")
        finally:
            if self._connection.in_transaction:
                self._connection.execute("COMMIT")

    def _exchanges(self, low: int, high: int) -> None:
        requests = {row[0]: row[1:] for row in self._connection.execute(_REQUESTS, (low, high))}
        attempts: dict[int, list[Sequence[Any]]] = {}
        between = (low * ATTEMPTS, high * ATTEMPTS + ATTEMPTS - 1)
        for row in self._connection.execute(_ATTEMPTS, between):
            attempts.setdefault(row[0] // ATTEMPTS, []).append(row)
        for row in self._connection.execute(_EXCHANGES, (low, high)):
            self._report.exchanges += 1
            self._request(row, requests.get(row[0]))
            mine = attempts.get(row[0], [])
            for attempt in mine:
                self._attempt(attempt)
            ends = {tuple(attempt[3:6]) for attempt in mine}
            state = row[_LASTING:]
            if ends and state[0] not in {"interrupted", "received"} and state not in ends:
                self._found(_name(row[0]), "has another state or status than its attempts")

    def _request(self, row: Sequence[Any], request: Sequence[Any] | None) -> None:
        name = _name(row[0])
        if request is None:
            self._found(name, "has lost its request")
            return
        *content, verdict, digest = request
        if self._body(name, "request", content):
            message, lasting = digests.of_message(*content), row[:_LASTING]
            covered = (tuple([0 if each is None else each for each in lasting]), verdict, message)
            later = digests.of_later(*lasting[_FIRST:])
            former = (*lasting[:_FIRST], verdict, message, *later)
            what = "its request, or what is known of it"
            self._digest(name, what, row[0], digest, covered, former)

    def _attempt(self, row: Sequence[Any]) -> None:
        exchange_id, number = divmod(row[0], ATTEMPTS)
        name = _name(exchange_id)
        answer = None
        if row[7] is not None:
            if not self._body(name, f"answer {number}", row[7:13]):
                return
            answer = digests.of_message(*row[7:13])
        covered = (row[:7], answer)
        former = (exchange_id, number, *row[1:7], answer)
        self._digest(name, f"attempt {number}", exchange_id, row[13], covered, former)

    def _body(self, name: str, part: str, content: Sequence[Any]) -> bool:
        """Compare a body with its SHA-256, where that is one of the bytes that are stored."""
        self._report.bodies += 1
        _, raw, _, expected, truncated, references = content
        if not isinstance(raw, bytes) or (
            digests.is_whole(expected, truncated, references) and sha256(raw).digest() != expected
        ):
            self._found(name, f"the body of its {part} was changed")
            return False
        return True

    def _logs(self, low: int, high: int) -> None:
        for *row, frames, digest in self._connection.execute(_LOGS, (low, high)):
            self._report.logs += 1
            if digest is None and row[0] <= self._undigested_log:
                self._report.undigested += 1
                continue
            covered = (*row, *digests.of_frames(frames))
            if digest is None or not digests.fits(digest, covered, covered):
                self._found(f"log line {row[0]:,}", "was changed")

    def _digest(
        self,
        name: str,
        what: str,
        exchange_id: int,
        digest: bytes | None,
        covered: Sequence[Any],
        former: Sequence[Any],
    ) -> None:
        if digest is None:
            if exchange_id <= self._undigested_exchange:
                self._report.undigested += 1
            else:
                self._found(name, f"{what} was lost, or written by another program")
        elif not digests.fits(digest, covered, former):
            self._found(name, f"{what} was changed")

    def _counts(self, *_: int) -> None:
        """Compare how many rows there are with how many there should be."""
        for table, noun in (("exchange", "exchanges"), ("log", "log lines")):
            there, expected = self._connection.execute(
                f"SELECT (SELECT count(*) FROM {table}), {table}s FROM counters"  # noqa: S608 (ours)
            ).fetchone()
            if there != expected:
                self._found("the file", f"has {there:,} {noun}, and {expected:,} were recorded")

    def _found(self, row: str, what: str) -> None:
        self._report.findings.append(Finding(row, what))


def _name(exchange_id: int) -> str:
    return f"exchange {exchange_id}"


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")
