"""A store of a million exchanges of about 2 KB, made once for a run of benchmarks.

Some exchanges are written as the engine writes them and copied with new ids. A million take about
2.5 GB in the system's folder for temporary files, and less room than that means fewer rows.
"""

from __future__ import annotations

import atexit
import functools
import hashlib
import json
import random
import shutil
import sqlite3
import tempfile
import threading
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from kiket_console.model import Body, Judgement, Message, Source, State
from kiket_console.store.records import AttemptEnd, NewAttempt, NewExchange, Row, cost_of
from kiket_console.store.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROWS = 1_000_000
BYTES_EACH = 2_700
"""On disk, roughly, with indexes."""
KEYS = {"exchange": "id", "request": "exchange_id", "attempt": "id"}
PER_EXCHANGE = {"exchange": 1, "request": 1, "attempt": 4096}
"""How far apart the keys of two exchanges' rows are."""
TEMPLATES = 10_000
BATCH = 100
CHUNK = 128
"""Exchanges that are handed over together, as from so many senders."""
MOST_WAITING = 1_024
SEED = 7
EVENTS = ("issue.created", "issue.updated", "issue.transitioned", "campaign.created")
RARE_EVERY = 1_000
"""One exchange of so many is of a rare event, fails, or has a rare word in its body."""
WORDS = (  # noqa: SIM905 (words, read as a text)
    "printer urgent customer billing invoice refund login error timeout queue worker deploy "
    "release sprint board label assignee webhook retry token schema field report export import "
    "search filter index cache memory latency budget alert incident owner review merge branch"
).split()


@functools.cache
def made(rows: int) -> Path:
    """Return a store of so many exchanges; it is removed at the end of the run."""
    place = tempfile.mkdtemp(prefix="kcbench")
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    room = shutil.disk_usage(place).free // 2 // BYTES_EACH // TEMPLATES * TEMPLATES
    path = Path(place, "store.sqlite3")
    _fill(path, min(rows, room))
    return path


class Exchange(NamedTuple):
    """One exchange as the engine records it: as it arrives, and as it ends."""

    arrival: Sequence[Row]
    end: Sequence[Row]


def exchanges(first_id: int, count: int) -> Iterator[Exchange]:
    """Return exchanges of about 2 KB, every thousandth out of the ordinary."""
    chance = random.Random(SEED + first_id)  # noqa: S311 (texts, not secrets)
    for exchange_id in range(first_id, first_id + count):
        rare = exchange_id % RARE_EVERY == RARE_EVERY // 2
        name = "rare.event" if rare else chance.choice(EVENTS)
        issue = {
            "id": exchange_id,
            "key": f"MKT-{exchange_id}",
            "title": " ".join(chance.choices(WORDS, k=6)) + (" zebracorn" if rare else ""),
            "description": " ".join(chance.choices(WORDS, k=120)),
        }
        answer = {"ok": not rare, "id": exchange_id, "note": " ".join(chance.choices(WORDS, k=40))}
        started_us = 1_795_000_000_000_000 + exchange_id * 1_000
        arrival = NewExchange(
            id=exchange_id,
            source=Source.WEBHOOK,
            worker="marketing",
            name=name,
            version="v1",
            method="POST",
            path=f"/v/v1/webhooks/{name}",
            started_us=started_us,
            state=State.RECEIVED,
            request=_message({"event": name, "issue": issue}),
            signature="ok k0",
            judgement=Judgement(True, "ok", "k0", "The signature matches the body.", 1.0),
            trace_id=f"{chance.getrandbits(128) | 1:032x}",
            span_id=f"{chance.getrandbits(64):016x}",
        )
        status = 500 if rare else 200
        yield Exchange(
            (arrival, NewAttempt(exchange_id, 1, "marketing#1", started_us)),
            (AttemptEnd(exchange_id, 1, State.FORWARDED, status, 2_000, answer=_message(answer)),),
        )


def _message(document: dict[str, Any]) -> Message:
    raw = json.dumps(document).encode()
    headers = (
        ("host", "127.0.0.1:8700"),
        ("content-type", "application/json"),
        ("content-length", str(len(raw))),
        ("x-kiket-signature", "[signature]"),
        ("x-kiket-event-version", "v1"),
    )
    return Message(headers, Body(raw, len(raw), hashlib.sha256(raw).digest()))


def _fill(path: Path, rows: int) -> None:
    """Make a store of *rows* exchanges."""
    writer = Writer(path, "process")
    try:
        write(writer, list(exchanges(1, TEMPLATES)))
    finally:
        writer.close()
    with closing(bare(path, "OFF")) as connection:
        for part in range(1, rows // TEMPLATES):
            connection.execute("BEGIN")
            for table in KEYS:
                _copy(connection, table, part * TEMPLATES)
            connection.execute("COMMIT")
        recount(connection)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def bare(path: Path, synchronous: str = "FULL") -> sqlite3.Connection:
    """Return a connection of nobody's, in the mode that the store's file is in."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(f"PRAGMA synchronous = {synchronous}")
    return connection


def recount(connection: sqlite3.Connection) -> None:
    """Let the store know of exchanges that its writer did not write."""
    connection.execute(
        "UPDATE counters SET exchanges = (SELECT count(*) FROM exchange),"
        " exchange = (SELECT max(id) FROM exchange), change = (SELECT max(change) FROM exchange)"
    )


def _copy(connection: sqlite3.Connection, table: str, offset: int) -> None:
    """Insert the first exchanges' rows of *table* again, *offset* ids further on."""
    renewed = {
        "id": f"id + {offset * PER_EXCHANGE[table]}",
        "exchange_id": f"exchange_id + {offset}",
        "change": f"change + {offset * 3}",
        "trace_id": "lower(hex(randomblob(16)))",
        "span_id": "lower(hex(randomblob(8)))",
    }
    columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
    values = ", ".join(renewed.get(column, column) for column in columns)
    last = (TEMPLATES + 1) * PER_EXCHANGE[table] - 1
    connection.execute(
        f"INSERT INTO {table} SELECT {values} FROM {table} WHERE {KEYS[table]} <= {last}"  # noqa: S608 (ours)
    )


class _Backlog:
    """What has been handed to a writer and is not in the store yet."""

    def __init__(self) -> None:
        self._waiting = 0
        self._moved = threading.Condition()
        self._failure: Exception | None = None

    def settled(self, tickets: Sequence[object], failure: Exception | None) -> None:
        """Note what the writer has settled."""
        with self._moved:
            self._waiting -= len(tickets)
            self._failure = self._failure or failure
            self._moved.notify()

    def make_room(self, more: int, most: int) -> None:
        """Wait until *more* make no more than *most*, and count them in."""
        with self._moved:
            self._moved.wait_for(lambda: self._waiting + more <= most)
            self._waiting += more
        if self._failure is not None:
            raise self._failure


def write(writer: Writer, exchanges: Sequence[Exchange]) -> None:
    """Hand exchanges over as the engine does, and wait until the last is in the store."""
    backlog = _Backlog()
    writer.on_settled = backlog.settled
    for start in range(0, len(exchanges), CHUNK):
        chunk = exchanges[start : start + CHUNK]
        backlog.make_room(2 * len(chunk), MOST_WAITING)
        for exchange in chunk:
            writer.put(exchange.arrival, cost_of(exchange.arrival), exchange)
        for exchange in chunk:
            writer.put(exchange.end, cost_of(exchange.end), exchange)
    backlog.make_room(0, 0)
