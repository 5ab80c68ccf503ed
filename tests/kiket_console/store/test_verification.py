"""Whatever another program changes in the store, the row that it changed is named."""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from kiket_console.model import Body, Judgement, Message, SecretReference, Source, State
from kiket_console.store.records import (
    AttemptEnd,
    NewAttempt,
    NewLog,
    Remove,
    Restore,
    SetNote,
    SetPinned,
)
from kiket_console.store.verification import Finding, verify
from kiket_console.store.writer import Writer

if TYPE_CHECKING:
    from pathlib import Path

PATIENCE_S = 120


@pytest.fixture
def filled(path: Path, arrived: Any) -> Path:
    """Return the path of a store with one of everything."""
    writer = Writer(path)
    answer = _message(b'{"ok":true}')
    judgement = Judgement(True, "ok", "k0", "It matches.", 0.5)
    for number in range(1, 8):
        writer.submit(
            [
                arrived(number, b"body %d" % number, judgement=judgement, signature="ok k0"),
                NewAttempt(number, 1, "m#1", 5),
            ]
        )
        writer.submit([AttemptEnd(number, 1, State.FAILED, None, 9, "It broke.")])
        writer.submit([NewAttempt(number, 2, "m#2", 15)])
        writer.submit([AttemptEnd(number, 2, State.FORWARDED, 200, 9, "", answer)])
        frames = '[{"file":"main.py"}]' if number == 5 else ""
        writer.submit([NewLog(5, "m", "stdout", "", "", f"line {number}", "", number, frames)])
    marked = Body(b"a[secret:K]", 5, b"s" * 32, False, (SecretReference(1, 4, "K"),))
    cut = Body(b"only the beg", 999, b"", True)
    writer.submit([arrived(8, request=Message((), marked)), arrived(9, request=Message((), cut))])
    writer.submit([SetPinned(1, True), SetNote(2, "odd"), Remove((3,), 7), Restore((3,))])
    writer.submit([arrived(10, replay_of=1, edited=True), SetNote(10, "later")])
    frame = {"kind": "req", "direction": "out", "channel": "stdio"}
    writer.submit([arrived(11, source=Source.IPC, **frame)]).result(PATIENCE_S)
    writer.close()
    return path


def _message(raw: bytes) -> Message:
    return Message((("A", "ü"),), Body(raw, len(raw), hashlib.sha256(raw).digest()))


def test_a_store_that_nobody_touched_is_as_it_was_recorded(filled: Path, arrived: Any) -> None:
    """Also what the next engine marked as cut short, and what is under way beside us."""
    writer = Writer(filled)
    writer.submit([arrived(12), NewAttempt(12, 1, "m#1", 5)]).result(PATIENCE_S)

    report = verify(filled)
    writer.close()

    assert report.findings == []
    assert (report.exchanges, report.bodies, report.logs, report.undigested) == (12, 19, 7, 0)


def test_digests_that_an_earlier_version_made_still_hold(filled: Path) -> None:
    """Of JSON, with SHA-256, without what came later to exchanges and is not set of them."""
    with closing(sqlite3.connect(filled)) as connection:

        def made(select: str, *more: Any) -> bytes:
            row = connection.execute(f"SELECT {select} WHERE id IN (5, {5 * 4096 + 2})").fetchone()
            return hashlib.sha256(msgspec.json.encode((*row, *more))).digest()[:16]

        headers, verdict = connection.execute(
            "SELECT headers, verdict FROM request WHERE exchange_id = 5"
        ).fetchone()
        known = "signature, trace_id, span_id, parent_id, parent_guessed, replay_of"
        said = "id, source, worker, name, version, method, path, started_us, request_bytes"
        body, answer = b"body 5", b'{"ok":true}'
        message = (headers, len(body), hashlib.sha256(body).digest(), 0, "[]", b"")
        answered = ('[["A","ü"]]', len(answer), hashlib.sha256(answer).digest(), 0, "[]", b"")
        line = "id, at_us, worker, stream, level, logger, text, trace_id, exchange_id, frames"
        ended = "5, 2, target, started_us, state, status, duration_us, error"
        former = (
            (
                "request",
                "exchange_id = 5",
                made(f"{said}, {known} FROM exchange", verdict, message),
            ),
            ("attempt", f"id = {5 * 4096 + 2}", made(f"{ended} FROM attempt", answered)),
            ("log", "id = 5", made(f"{line} FROM log")),
        )
        for table, where, digest in former:
            connection.execute(f"UPDATE {table} SET digest = ? WHERE {where}", (digest,))  # noqa: S608 (ours)
        connection.commit()

        assert verify(filled).findings == []

        connection.execute("UPDATE exchange SET path = '/other' WHERE id = 5")
        connection.execute("UPDATE attempt SET error = 'no' WHERE id = 5 * 4096 + 2")
        connection.execute("UPDATE log SET text = 'another' WHERE id = 5")
        connection.commit()

    assert [(each.row, each.what) for each in verify(filled).findings] == [
        ("exchange 5", "its request, or what is known of it was changed"),
        ("exchange 5", "attempt 2 was changed"),
        ("log line 5", "was changed"),
    ]


@pytest.mark.parametrize(
    ("change", "row", "what"),
    [
        (
            "UPDATE request SET body = x'00' WHERE exchange_id = 4",
            "exchange 4",
            "the body of its request was changed",
        ),
        (
            "UPDATE attempt SET body = x'7b7d' WHERE id = 4 * 4096 + 2",
            "exchange 4",
            "the body of its answer 2 was changed",
        ),
        (
            "UPDATE request SET body = x'00', sha256 = zeroblob(32) WHERE exchange_id = 8",
            "exchange 8",
            "its request, or what is known of it was changed",
        ),
        (
            "UPDATE request SET body = x'00' WHERE exchange_id = 9",
            "exchange 9",
            "its request, or what is known of it was changed",
        ),
        (
            "UPDATE request SET headers = '[]' WHERE exchange_id = 5",
            "exchange 5",
            "its request, or what is known of it was changed",
        ),
        (
            "UPDATE attempt SET headers = '[]' WHERE id = 5 * 4096 + 2",
            "exchange 5",
            "attempt 2 was changed",
        ),
        (
            "UPDATE exchange SET path = '/other' WHERE id = 6",
            "exchange 6",
            "its request, or what is known of it was changed",
        ),
        (
            "UPDATE exchange SET status = 500 WHERE id = 6",
            "exchange 6",
            "has another state or status than its attempts",
        ),
        (
            "UPDATE attempt SET target = 'm#9' WHERE id = 7 * 4096 + 1",
            "exchange 7",
            "attempt 1 was changed",
        ),
        (
            "UPDATE attempt SET error = '' WHERE id = 7 * 4096 + 1",
            "exchange 7",
            "attempt 1 was changed",
        ),
        (
            "UPDATE request SET digest = NULL WHERE exchange_id = 7",
            "exchange 7",
            "its request, or what is known of it was lost, or written by another program",
        ),
        (
            "DELETE FROM request WHERE exchange_id = 7",
            "exchange 7",
            "has lost its request",
        ),
        (
            "UPDATE exchange SET edited = 0 WHERE id = 10",
            "exchange 10",
            "its request, or what is known of it was changed",
        ),
        (
            "UPDATE exchange SET edited = 1 WHERE id = 6",
            "exchange 6",
            "its request, or what is known of it was changed",
        ),
        (
            "UPDATE exchange SET direction = 'in' WHERE id = 11",
            "exchange 11",
            "its request, or what is known of it was changed",
        ),
        ("UPDATE log SET text = 'another' WHERE id = 3", "log line 3", "was changed"),
        ("UPDATE log SET frames = '[]' WHERE id = 4", "log line 4", "was changed"),
        ("UPDATE log SET frames = '' WHERE id = 5", "log line 5", "was changed"),
        ("DELETE FROM log WHERE id = 3", "the file", "has 6 log lines, and 7 were recorded"),
        ("DELETE FROM exchange WHERE id = 2", "the file", "has 10 exchanges, and 11 were recorded"),
    ],
)
def test_a_row_that_another_program_changed_is_named(
    filled: Path, change: str, row: str, what: str
) -> None:
    with closing(sqlite3.connect(filled)) as connection:
        connection.execute(change)
        connection.commit()

    assert verify(filled).findings == [Finding(row, what)]


def test_a_byte_of_a_body_turned_in_the_file_itself_is_found(filled: Path) -> None:
    """SQLite takes such a file for sound: it has no checksums of its own."""
    raw = filled.read_bytes()
    assert raw.count(b"body 5") == 1
    filled.write_bytes(raw.replace(b"body 5", b"body 6"))

    with closing(sqlite3.connect(filled)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert verify(filled).findings == [Finding("exchange 5", "the body of its request was changed")]


def test_of_rows_older_than_digests_the_bodies_are_compared(filled: Path) -> None:
    with closing(sqlite3.connect(filled)) as connection:
        for statement in (
            "UPDATE request SET digest = NULL",
            "UPDATE attempt SET digest = NULL",
            "UPDATE log SET digest = NULL",
            "UPDATE counters SET undigested_exchange = 11, undigested_log = 7",
            "UPDATE request SET body = x'00' WHERE exchange_id = 4",
        ):
            connection.execute(statement)
        connection.commit()

    report = verify(filled)

    assert report.findings == [Finding("exchange 4", "the body of its request was changed")]
    assert report.undigested == 10 + 2 * 7 + 7
