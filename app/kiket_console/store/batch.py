"""The rows of one transaction, grouped so that each kind of statement runs over many rows.

    add(row) … add(row) ──► write(): exchanges ► tries ► ends ► attempts ► logs ► measures
    ► counters

The order of the groups is right unless a row follows one of the same exchange that belongs to a
later group; then what has gathered is written first.
"""

from __future__ import annotations

import json
import sqlite3
from typing import TYPE_CHECKING, Any, assert_never

import msgspec

from kiket_console.model import Source, State
from kiket_console.store import digests, measuring
from kiket_console.store.records import (
    AddMeasures,
    AddSamples,
    AttemptEnd,
    Committed,
    NewAttempt,
    NewExchange,
    NewLog,
    NewReload,
    NewSpan,
    Remove,
    Restore,
    Row,
    SetNote,
    SetPinned,
    SetRead,
    SetRetry,
)
from kiket_console.store.rows import ATTEMPTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kiket_console.model import Body, Judgement, Message

_NEW_EXCHANGE = (
    "INSERT INTO exchange (id, source, worker, name, version, method, path, started_us,"
    " request_bytes, signature, trace_id, span_id, parent_id, parent_guessed, replay_of, edited,"
    " kind, direction, channel, duplicate_of,"
    " change, state, attempts, target, tried_us, status, duration_us, decision, retry, next_try_us,"
    " unread) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,nullif(?,0),?,nullif(?,0),?,?,?,?,nullif(?,0),"
    "?,?,?,?,?,?,?,?,?,?,1)"
)
"""First what never changes; 0 for no exchange: sqlite3 takes an int at once, and looks for an
adapter of None."""
_CHANGE, _STATE, _TRIED, _ENDED = 20, 21, slice(22, 25), slice(25, 30)  # places in those values
_PLANNED = slice(28, 30)
_RECEIVED = State.RECEIVED.value
_WORDS: dict[str, str] = {word: word.value for word in (*Source, *State)}
"""Plain texts: sqlite3 looks for an adapter of any other type."""
_REQUEST = "INSERT INTO request VALUES (?,?,?,?,?,?,?,?,?)"
_UPDATE_TRIED = (
    "UPDATE exchange SET change = ?, state = ?, attempts = ?, target = ?, tried_us = ?, retry = '',"
    " next_try_us = 0 WHERE id = ?"
)
_UPDATE_ENDED = (
    "UPDATE exchange SET change = ?, state = ?, status = ?, duration_us = ?, decision = ?,"
    " retry = ?, next_try_us = ? WHERE id = ?"
)
_ATTEMPT = "INSERT INTO attempt VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
_LATER_ATTEMPT = (  # nothing without its exchange: who waits for that one was told
    "INSERT INTO attempt SELECT ?,?,?,?,?,?,?,?,?,?,?,?,?,? FROM exchange WHERE id = ?"
)
_NOT_PLANNED = ("", 0)
_NOT_TRIED = (0, "", 0, None, None, "", *_NOT_PLANNED)
_NO_ANSWER = (None, None, None, None, None, None)
_NEW_LOG = "INSERT INTO log VALUES (?,?,?,?,?,?,?,?,?,?,?)"
_COUNTERS = "UPDATE counters SET exchange = ?, change = ?, log = ?, exchanges = ?, logs = ?"

Begun = tuple[int, str, int]
"""Number, target and start (Unix microseconds) of an attempt."""
Running = dict[int, Begun]
"""The attempts that are under way, by their exchange."""

_encode = msgspec.json.Encoder().encode


class Batch:
    """Write rows within the caller's transaction on *connection*, counting on from *newest*.

    *running* are the attempts that are under way, so that most need not be looked up when they end;
    it is brought up to date, and to be forgotten with a transaction that fails.
    """

    def __init__(
        self, connection: sqlite3.Connection, newest: Committed, running: Running | None = None
    ) -> None:
        self._connection = connection
        self._running = {} if running is None else running
        self._exchange_id = newest.newest_exchange
        self._change = newest.newest_change
        self._log_id = newest.newest_log
        self._removals = newest.removals
        self._exchange_count = newest.exchanges
        self._log_count = newest.logs
        self._exchanges: dict[int, list[Any]] = {}
        self._requests: list[Sequence[Any]] = []
        self._tried: list[Sequence[Any]] = []
        self._ended: dict[int, Sequence[Any]] = {}
        self._attempts: list[Sequence[Any]] = []
        self._later_attempts: list[Sequence[Any]] = []
        self._logs: list[Sequence[Any]] = []
        self._measured: list[measuring.Measured] = []

    def add(self, row: Row) -> None:
        """Take *row* along."""
        match row:
            case NewExchange():
                self._add_exchange(row)
            case NewAttempt():
                self._add_attempt(row)
            case AttemptEnd():
                self._add_end(row)
            case NewLog():
                self._add_log(row)
            case AddMeasures() | AddSamples() | NewSpan() | NewReload():
                self._measured.append(row)
            case SetPinned():
                self._set(row.exchange_id, "pinned", row.pinned)
            case SetRead():
                self._set_read(row.exchange_ids)
            case SetNote():
                self._set(row.exchange_id, "note", row.note)
            case SetRetry():
                self._set(row.exchange_id, "retry", row.retry)
                self._set(row.exchange_id, "next_try_us", row.next_try_us)
            case Remove():
                self._set_removed(row.exchange_ids, row.at_us)
            case Restore():
                self._set_removed(row.exchange_ids, None)
            case _:
                assert_never(row)

    def write(self) -> Committed:
        """Write what was added; return where the counters are now."""
        self._flush()
        committed = Committed(
            self._exchange_id,
            self._change,
            self._log_id,
            self._removals,
            self._exchange_count,
            self._log_count,
        )
        write_counters(self._connection, committed)
        return committed

    def _add_exchange(self, row: NewExchange) -> None:
        if row.id in self._exchanges:
            self._flush()  # and let SQLite refuse the second
        self._change += 1
        self._exchange_id = max(self._exchange_id, row.id)
        lasting = (
            row.id,
            _WORDS[row.source],
            row.worker,
            row.name,
            row.version,
            row.method,
            row.path,
            row.started_us,
            row.request.body.size,
            row.signature,
            row.trace_id,
            row.span_id,
            row.parent_id or 0,
            1 if row.parent_guessed else 0,
            row.replay_of or 0,
            1 if row.edited else 0,
            row.kind,
            row.direction,
            row.channel,
            row.duplicate_of or 0,
        )
        self._exchanges[row.id] = [*lasting, self._change, _WORDS[row.state], *_NOT_TRIED]
        message = _message_values(row.request)
        verdict = _judgement_text(row.judgement)
        digest = digests.digest(lasting, verdict, digests.of_message(*message))
        self._requests.append((row.id, *message, verdict, digest))

    def _add_attempt(self, row: NewAttempt) -> None:
        if row.exchange_id in self._ended:
            self._flush()
        self._change += 1
        begun = (row.number, row.target, row.started_us)
        pending = self._exchanges.get(row.exchange_id)
        if pending is None:
            self._tried.append((self._change, _RECEIVED, *begun, row.exchange_id))
        else:
            pending[_CHANGE] = self._change
            pending[_STATE] = _RECEIVED
            pending[_TRIED] = begun
            pending[_PLANNED] = _NOT_PLANNED
        self._running[row.exchange_id] = begun

    def _add_end(self, row: AttemptEnd) -> None:
        if row.exchange_id in self._ended:
            self._flush()
        self._change += 1
        ended = (_WORDS[row.state], row.status, row.duration_us)
        after = (row.decision, row.retry, row.next_try_us)
        pending = self._exchanges.get(row.exchange_id)
        if pending is None:
            self._ended[row.exchange_id] = (self._change, *ended, *after, row.exchange_id)
        else:
            pending[_CHANGE], pending[_STATE] = self._change, ended[0]
            pending[_ENDED] = (*ended[1:], *after)
        begun = self._running.pop(row.exchange_id, None) or self._begun(row.exchange_id)
        if begun is not None and begun[0] == row.number:
            answer = None if row.answer is None else _message_values(row.answer)
            values = attempt_values(row.exchange_id, begun, (*ended, row.error), answer)
            if pending is None:
                self._later_attempts.append((*values, row.exchange_id))
            else:
                self._attempts.append(values)

    def _begun(self, exchange_id: int) -> Begun | None:
        """Return number, target and start of the attempt that an exchange is in, from the store."""
        self._flush()
        found: Begun | None = self._connection.execute(
            "SELECT attempts, target, tried_us FROM exchange WHERE id = ? AND attempts > 0",
            (exchange_id,),
        ).fetchone()
        return found

    def _add_log(self, row: NewLog) -> None:
        self._log_id += 1
        values = (
            self._log_id,
            row.at_us,
            row.worker,
            row.stream,
            row.level,
            row.logger,
            row.text,
            row.trace_id,
            row.exchange_id,
        )
        digest = digests.digest(*values, *digests.of_frames(row.frames))
        self._logs.append((*values, digest, row.frames))

    def _set(self, exchange_id: int, column: str, value: int | str) -> None:
        """Change what is decided about an exchange after its end; no digest covers it."""
        self._flush()
        self._change += 1
        self._connection.execute(
            f"UPDATE exchange SET change = ?, {column} = ? WHERE id = ?",  # noqa: S608 (ours)
            (self._change, value, exchange_id),
        )

    def _set_read(self, exchange_ids: Sequence[int]) -> None:
        """Count exchanges as looked at; those that were so before are left as they are."""
        self._flush()
        self._change += 1
        self._connection.execute(
            "UPDATE exchange SET change = ?, unread = 0"
            " WHERE id IN (SELECT value FROM json_each(?)) AND unread",
            (self._change, json.dumps(list(exchange_ids))),
        )

    def _set_removed(self, exchange_ids: Sequence[int], removed_us: int | None) -> None:
        """Take exchanges out of sight, or bring them back; count it where it was news.

        A removed exchange keeps its messages, attempts and logs; its children stay where they are.
        """
        self._flush()
        self._change += 1
        changed = self._connection.execute(
            "UPDATE exchange SET change = ?, deleted_us = ?"
            " WHERE id IN (SELECT value FROM json_each(?)) AND (deleted_us IS NULL) = ?",
            (self._change, removed_us, json.dumps(list(exchange_ids)), removed_us is not None),
        ).rowcount
        if changed:
            self._removals += 1

    def _flush(self) -> None:
        """Write what has gathered, one prepared statement for each kind."""
        run = self._connection.executemany
        if self._exchanges:
            run(_NEW_EXCHANGE, self._exchanges.values())
            run(_REQUEST, self._requests)
            self._exchange_count += len(self._exchanges)
            self._exchanges, self._requests = {}, []
        if self._tried:
            run(_UPDATE_TRIED, self._tried)
            self._tried = []
        if self._ended:
            run(_UPDATE_ENDED, self._ended.values())
            self._ended = {}
        if self._attempts:
            run(_ATTEMPT, self._attempts)
            self._attempts = []
        if self._later_attempts:
            run(_LATER_ATTEMPT, self._later_attempts)
            self._later_attempts = []
        if self._logs:
            run(_NEW_LOG, self._logs)
            self._log_count += len(self._logs)
            self._logs = []
        if self._measured:
            measuring.write(self._connection, self._measured)
            self._measured = []


def attempt_values(
    exchange_id: int,
    begun: Begun,
    ended: tuple[str, int | None, int | None, str],
    answer: Sequence[Any] | None,
) -> Sequence[Any]:
    """Return the row of an attempt: begun (number, target, start), ended (state … error), answer.

    Raises `ValueError` for a number that its id cannot hold.
    """
    if not 0 < begun[0] < ATTEMPTS:
        raise ValueError(f"An exchange has {ATTEMPTS - 1:,} attempts at most.")
    told = (exchange_id * ATTEMPTS + begun[0], *begun[1:], *ended)
    if answer is None:
        return (*told, *_NO_ANSWER, digests.digest(told, None))
    return (*told, *answer, digests.digest(told, digests.of_message(*answer)))


def write_counters(connection: sqlite3.Connection, newest: Committed) -> None:
    """Write where the counters are, as part of the caller's transaction."""
    connection.execute(
        _COUNTERS,
        (
            newest.newest_exchange,
            newest.newest_change,
            newest.newest_log,
            newest.exchanges,
            newest.logs,
        ),
    )


def read_counters(connection: sqlite3.Connection) -> Committed:
    """Return where the counters are; `removals` begins at 0. Raises `sqlite3.DatabaseError`."""
    found = connection.execute(
        "SELECT exchange, change, log, exchanges, logs FROM counters"
    ).fetchone()
    if found is None or not all(isinstance(number, int) for number in found):
        raise sqlite3.DatabaseError("its counters are missing")
    exchange, change, log, exchanges, logs = found
    return Committed(exchange, change, log, 0, exchanges, logs)


def _message_values(message: Message) -> tuple[str, bytearray, int, bytearray, int, str]:
    """Return headers, body, size, sha256, truncated and references as a row has them."""
    body = message.body
    return (
        _encode(message.headers).decode(),
        bytearray(body.raw),
        body.size,
        bytearray(body.sha256),
        1 if body.truncated else 0,
        _references_text(body) if body.references else "[]",
    )


def _references_text(body: Body) -> str:
    return json.dumps([[each.offset, each.length, each.name] for each in body.references])


def _judgement_text(found: Judgement | None) -> str | None:
    return None if found is None else _encode(found).decode()
