"""Read what belongs together with an exchange: up to what caused it, down to all it caused."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final, NamedTuple

from kiket_console.model import Attempt, Exchange, LogLine, Source, State
from kiket_console.store import rows
from kiket_console.store.log_reading import RECENT_REACH
from kiket_console.store.reading import Reading
from kiket_console.store.span_reading import SPAN_COLUMNS, spans_of_rows
from kiket_console.tracing.kin import MOST, Call, Kin

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from kiket_console.telemetry.nouns import Span

BEFORE: Final = 2_000
AFTER: Final = 5_000
"""Among so many exchanges before and after, others of the same trace are looked for."""
APART_US: Final = 1_000_000
"""Those that are further away in time than this, and than all took, are counted alone."""
STRANGERS: Final = 100
TRACES: Final = 64
"""Of so many traces spans and strangers are looked for: guessed kin may bring traces of its own."""
TEXT: Final = 2_000
"""So many characters of a log line are read."""
_TAIL_BYTES: Final = 120
"""A module's message says its trace at its end."""
_TRACEPARENT = re.compile(
    r'traceparent"[,:]\s*"[0-9a-f]{2}-[0-9a-f]{32}-([0-9a-f]{16})-', re.IGNORECASE
)
_KIN = (
    "WITH RECURSIVE kin(id) AS (SELECT value FROM json_each(?) UNION"
    " SELECT child.id FROM kin JOIN exchange AS child ON child.parent_id = kin.id"
    " WHERE child.deleted_us IS NULL LIMIT ?)"
)
_CAUSES = (
    "WITH RECURSIVE cause(id, parent_id) AS"
    " (SELECT id, parent_id FROM exchange WHERE id = ? AND deleted_us IS NULL UNION"
    " SELECT above.id, above.parent_id FROM cause JOIN exchange AS above"
    " ON above.id = cause.parent_id WHERE above.deleted_us IS NULL)"
    " SELECT id FROM cause"
)


class _Found(NamedTuple):
    exchange: Exchange
    span_id: str
    tried_us: int
    target: str


class TraceReading(Reading):
    """What a reader reads of cause and effect."""

    def kin_count(self, exchange_id: int, most: int) -> int:
        """Return how many exchanges are linked by cause to one, itself included; *most* at most."""
        causes = self._causes(exchange_id)
        direct = self._rows(
            "SELECT id FROM exchange INDEXED BY exchange_parent"  # else all exchanges are read
            " WHERE parent_id IN (SELECT value FROM json_each(?)) AND deleted_us IS NULL LIMIT ?",
            (json.dumps(causes), most),
        )
        if len(direct) >= most:  # else all of them would be looked at before they are counted
            return most
        sql = f"{_KIN} SELECT id FROM kin"  # noqa: S608 (ours)
        return len(self._rows(sql, (json.dumps(causes), most)))

    def newest_of(self, worker: str) -> int | None:
        """Return the newest exchange of a worker, of the newest `RECENT_REACH`; None: none."""
        found = self._rows(
            "SELECT id FROM exchange WHERE id > (SELECT exchange FROM counters) - ?"
            " AND worker = ? AND deleted_us IS NULL ORDER BY id DESC LIMIT 1",
            (RECENT_REACH, worker),
        )
        return found[0][0] if found else None

    def kin(self, exchange_id: int, most: int = MOST) -> Kin | None:
        """Return what belongs together with an exchange; None when there is none of that id.

        *most*: so many exchanges, spans and log lines each. Replays of an exchange are no part of
        what it caused.
        """
        causes = self._causes(exchange_id)
        found = self._descendants(causes, most)
        if all(each.exchange.id != exchange_id for each in found):
            return None  # deleted between two of these reads
        linked = len(found)
        traces = _traces(found)
        strangers, left_out = self._strangers(found, traces)
        if strangers:
            known = {each.exchange.id for each in found}
            others = self._descendants(strangers, max(1, most - linked))
            found += [each for each in others if each.exchange.id not in known]
            found.sort(key=lambda each: each.exchange.id)
        exchanges = [each.exchange for each in found]
        ids = [each.id for each in exchanges]
        spans = self._spans_of_kin(ids, traces, most)
        callers = self._callers(exchanges) if spans or strangers else {}
        logs = self._logs(ids, most)
        more = linked > most or len(spans) > most or len(logs) > most
        return Kin(
            exchange_id,
            causes[-1],
            tuple(
                Call(each, span_id, callers.get(each.id, ""), tried_us)
                for each, span_id, tried_us, _ in found
            ),
            tuple(self._attempts(found)),
            tuple(spans[:most]),
            tuple(logs[:most]),
            more,
            left_out,
        )

    def _causes(self, exchange_id: int) -> list[int]:
        """Return an exchange, what caused it, and so on up."""
        if exchange_id not in rows.IDS:
            return []
        return [row[0] for row in self._rows(_CAUSES, (exchange_id,))]

    def _descendants(self, of: Sequence[int], most: int) -> list[_Found]:
        """Return exchanges and all they caused; some more than *most* where there are more."""
        found = self._rows(
            f"{_KIN} SELECT span_id, tried_us, target, {rows.EXCHANGE_COLUMNS} FROM exchange"  # noqa: S608 (ours)
            " WHERE id IN (SELECT id FROM kin) AND deleted_us IS NULL ORDER BY id",
            (json.dumps(of), most + len(of)),
        )
        return [_Found(rows.exchange(row[3:]), *row[:3]) for row in found]

    def _strangers(self, found: Sequence[_Found], traces: Collection[str]) -> tuple[list[int], int]:
        """Return others of the same traces that nothing links to these, and how many more."""
        if not found or not traces:
            return [], 0
        exchanges = [each.exchange for each in found]
        known = {each.id for each in exchanges} | {each.replay_of for each in exchanges}
        begin_us = min(each.started_us for each in exchanges)
        end_us = max(each.started_us + (each.duration_us or 0) for each in exchanges)
        apart_us = max(APART_US, end_us - begin_us)
        others = self._rows(
            "SELECT id, started_us, CASE state WHEN ? THEN ?"
            " ELSE max(started_us, tried_us) + ifnull(duration_us, 0) END"
            " FROM exchange WHERE id BETWEEN ? AND ?"
            " AND trace_id IN (SELECT value FROM json_each(?)) AND parent_id IS NULL"
            " AND replay_of IS NULL AND deleted_us IS NULL ORDER BY id",
            (
                State.RECEIVED.value,
                end_us,  # it goes on
                exchanges[0].id - BEFORE,
                exchanges[-1].id + AFTER,
                json.dumps(sorted(traces)),
            ),
        )
        ids = [row[0] for row in others if row[0] not in known]
        near = [
            row[0]
            for row in others
            if row[0] not in known and begin_us - apart_us <= row[2] and row[1] <= end_us + apart_us
        ][:STRANGERS]
        return near, len(ids) - len(near)

    def _attempts(self, found: Iterable[_Found]) -> list[Attempt]:
        """Return the attempts at what was tried more than once, or in vain; without answers."""
        tried = [each for each in found if _is_told(each.exchange)]
        ended = self._rows(
            "SELECT attempt.id, target, started_us, state, status, duration_us, error"  # noqa: S608 (numbers)
            " FROM json_each(?) AS of JOIN attempt"
            f" ON attempt.id BETWEEN of.value * {rows.ATTEMPTS}"
            f" AND of.value * {rows.ATTEMPTS} + {rows.ATTEMPTS - 1} ORDER BY attempt.id",
            (json.dumps([each.exchange.id for each in tried]),),
        )
        attempts = [rows.attempt((*row, None)) for row in ended]
        last = {attempt.exchange_id: attempt.number for attempt in attempts}
        for exchange, _, tried_us, target in tried:
            if exchange.attempts > last.get(exchange.id, 0) and exchange.state is State.RECEIVED:
                under_way = (exchange.attempts, target, tried_us)
                attempt = rows.attempt_under_way(exchange.id, under_way)
                attempts += [attempt] if attempt is not None else []
        return attempts

    def _spans_of_kin(self, ids: Sequence[int], traces: Collection[str], most: int) -> list[Span]:
        """Return the oldest spans of these exchanges and traces, one more than *most* of more."""
        found = self._rows(
            f"SELECT {SPAN_COLUMNS} FROM span WHERE id IN ("  # noqa: S608 (our constant)
            "SELECT id FROM span WHERE exchange_id IN (SELECT value FROM json_each(?)) UNION"
            " SELECT id FROM span WHERE trace_id <> ''"
            " AND trace_id IN (SELECT value FROM json_each(?))"
            ") ORDER BY started_us, id LIMIT ?",
            (json.dumps(ids), json.dumps(sorted(traces)), most + 1),
        )
        return spans_of_rows(found)

    def _logs(self, ids: Sequence[int], most: int) -> list[LogLine]:
        found = self._rows(
            f"SELECT id, at_us, worker, stream, level, logger, substr(text, 1, {TEXT}), trace_id,"  # noqa: S608 (a number)
            " exchange_id FROM log WHERE exchange_id IN (SELECT value FROM json_each(?))"
            " ORDER BY id LIMIT ?",
            (json.dumps(ids), most + 1),
        )
        return [LogLine(*row) for row in found]

    def _callers(self, exchanges: Sequence[Exchange]) -> dict[int, str]:
        """Return the span that each exchange says it was made in, where it says one."""
        messages = {each.id for each in exchanges if each.source is Source.IPC}
        found = self._rows(
            "SELECT exchange_id, headers, CASE WHEN exchange_id IN (SELECT value FROM json_each(?))"  # noqa: S608 (a number)
            f" THEN CAST(substr(body, -{_TAIL_BYTES}) AS TEXT) ELSE '' END FROM request"
            " WHERE exchange_id IN (SELECT value FROM json_each(?))",
            (json.dumps(sorted(messages)), json.dumps([each.id for each in exchanges])),
        )
        said = ((row[0], _TRACEPARENT.search(f"{row[1]} {row[2]}")) for row in found)
        return {exchange_id: match[1].lower() for exchange_id, match in said if match}


def _traces(found: Iterable[_Found]) -> list[str]:
    """Return the traces of what is linked for certain, the first ones."""
    seen = {each.trace_id: None for each, *_ in found if not each.parent_guessed}
    return [trace_id for trace_id in seen if trace_id][:TRACES]


def _is_told(exchange: Exchange) -> bool:
    """Return whether the attempts say more than the exchange does."""
    in_vain = exchange.state in (State.FAILED, State.INTERRUPTED)
    return exchange.attempts > 1 or (exchange.attempts > 0 and in_vain)
