"""How records become rows and rows become the model's nouns; the only place that knows columns."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from kiket_console.model import (
    Attempt,
    Body,
    Exchange,
    Judgement,
    LogLine,
    Message,
    SecretReference,
    Source,
    State,
)

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from kiket_console.store.records import AttemptEnd, NewAttempt, NewExchange, NewLog, SetPinned

EXCHANGE_COLUMNS = (
    "id, change, source, worker, name, version, method, path, started_us, state, status, "
    "duration_us, request_bytes, signature, trace_id, parent_id, parent_guessed, replay_of, "
    "attempts, pinned"
)
LOG_COLUMNS = "id, at_us, worker, stream, level, logger, text, trace_id, exchange_id"

_SOURCES = {source.value: source for source in Source}
_STATES = {state.value: state for state in State}


def insert_exchange(connection: sqlite3.Connection, row: NewExchange, change: int) -> None:
    """Write an exchange and its request."""
    connection.execute(
        "INSERT INTO exchange (id, change, source, worker, name, version, method, path,"
        " started_us, state, request_bytes, signature, verdict, trace_id, span_id, parent_id,"
        " parent_guessed, replay_of) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
        (
            row.id,
            change,
            row.source,
            row.worker,
            row.name,
            row.version,
            row.method,
            row.path,
            row.started_us,
            row.state,
            row.request.body.size,
            row.signature,
            _judgement_text(row.judgement),
            row.trace_id,
            row.span_id,
            row.parent_id,
            row.parent_guessed,
            row.replay_of,
        ),
    )
    _insert_message(connection, row.id, 0, row.request)


def insert_attempt(connection: sqlite3.Connection, row: NewAttempt, change: int) -> None:
    """Write that a try began, or went to another target; its exchange is no longer held.

    Nothing is written when the exchange itself could not be: who waits for it was told.
    """
    known = connection.execute(
        "UPDATE exchange SET change = ?, state = ?, attempts = ? WHERE id = ?",
        (change, State.RECEIVED, row.number, row.exchange_id),
    )
    if known.rowcount:
        connection.execute(
            "INSERT INTO attempt (exchange_id, number, target, started_us, state, error)"
            " VALUES (?,?,?,?,?,'') ON CONFLICT DO UPDATE"
            " SET target = excluded.target, started_us = excluded.started_us",
            (row.exchange_id, row.number, row.target, row.started_us, State.RECEIVED),
        )


def end_attempt(connection: sqlite3.Connection, row: AttemptEnd, change: int) -> None:
    """Write how a try ended, and what it answered; nothing without its exchange."""
    known = connection.execute(
        "UPDATE exchange SET change = ?, state = ?, status = ?, duration_us = ? WHERE id = ?",
        (change, row.state, row.status, row.duration_us, row.exchange_id),
    )
    if not known.rowcount:
        return
    connection.execute(
        "UPDATE attempt SET state = ?, status = ?, duration_us = ?, error = ?"
        " WHERE exchange_id = ? AND number = ?",
        (row.state, row.status, row.duration_us, row.error, row.exchange_id, row.number),
    )
    if row.answer is not None:
        _insert_message(connection, row.exchange_id, row.number, row.answer)


def insert_log(connection: sqlite3.Connection, row: NewLog, log_id: int) -> None:
    """Write a log line."""
    connection.execute(
        f"INSERT INTO log ({LOG_COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?)",  # noqa: S608 (our constant)
        (
            log_id,
            row.at_us,
            row.worker,
            row.stream,
            row.level,
            row.logger,
            row.text,
            row.trace_id,
            row.exchange_id,
        ),
    )


def set_pinned(connection: sqlite3.Connection, row: SetPinned, change: int) -> None:
    """Write whether an exchange is kept for ever."""
    connection.execute(
        "UPDATE exchange SET change = ?, pinned = ? WHERE id = ?",
        (change, row.pinned, row.exchange_id),
    )


def set_removed(
    connection: sqlite3.Connection, exchange_ids: Sequence[int], removed_us: int | None, change: int
) -> int:
    """Take exchanges out of sight, or bring them back; return for how many that was news.

    A removed exchange keeps its messages, attempts and logs, and its children stay where they are.
    """
    return connection.execute(
        "UPDATE exchange SET change = ?, deleted_us = ?"
        " WHERE id IN (SELECT value FROM json_each(?)) AND (deleted_us IS NULL) = ?",
        (change, removed_us, json.dumps(list(exchange_ids)), removed_us is not None),
    ).rowcount


def _insert_message(
    connection: sqlite3.Connection, exchange_id: int, part: int, message: Message
) -> None:
    body = message.body
    connection.execute(
        "INSERT INTO message VALUES (?,?,?,?,?,?,?,?)",
        (
            exchange_id,
            part,
            json.dumps(message.headers),
            body.raw,
            body.size,
            body.sha256,
            body.truncated,
            json.dumps([[r.offset, r.length, r.name] for r in body.references]),
        ),
    )


def exchange(row: Sequence[Any]) -> Exchange:
    """Return the exchange that a row of `EXCHANGE_COLUMNS` tells of."""
    return Exchange(
        row[0],
        row[1],
        _SOURCES[row[2]],
        row[3],
        row[4],
        row[5],
        row[6],
        row[7],
        row[8],
        _STATES[row[9]],
        row[10],
        row[11],
        row[12],
        row[13],
        row[14],
        row[15],
        row[16] != 0,
        row[17],
        row[18],
        row[19] != 0,
    )


def log_line(row: Sequence[Any]) -> LogLine:
    """Return the log line that a row of `LOG_COLUMNS` tells of."""
    return LogLine(*row)


def message(row: Sequence[Any]) -> Message:
    """Return the message of a row (headers, body, size, sha256, truncated, refs)."""
    return Message(
        tuple((name, value) for name, value in json.loads(row[0])),
        Body(
            bytes(row[1]),
            row[2],
            bytes(row[3]),
            row[4] != 0,
            tuple(SecretReference(*reference) for reference in json.loads(row[5])),
        ),
    )


def attempt(row: Sequence[Any], answer: Message | None) -> Attempt:
    """Return the attempt of a row (exchange_id, number, target, … error) and its answer."""
    return Attempt(row[0], row[1], row[2], row[3], _STATES[row[4]], row[5], row[6], row[7], answer)


def judgement(text: str | None) -> Judgement | None:
    """Return the judgement that a verdict column holds."""
    return None if text is None else Judgement(**json.loads(text))


def _judgement_text(found: Judgement | None) -> str | None:
    if found is None:
        return None
    return json.dumps({name: getattr(found, name) for name in Judgement.__slots__})
