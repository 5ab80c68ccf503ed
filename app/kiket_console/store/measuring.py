"""How what is measured becomes rows: added to what the same step of time holds already.

Rows are added to where they meet one of the same step and series, so that whoever measures hands
over what is new, and never reads.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import msgspec

from kiket_console.store.records import AddMeasures, AddSamples, NewReload, NewSpan
from kiket_console.telemetry import histogram

if TYPE_CHECKING:
    import sqlite3

Measured = AddMeasures | AddSamples | NewReload | NewSpan

_NEW_SERIES = (
    "INSERT OR IGNORE INTO series (source, worker, name, version, outcome) VALUES (?,?,?,?,?)"
)
_MEASURE = (
    "INSERT INTO measure (step_s, at_s, series_id, code_us, count, total_us, shortest_us,"
    " longest_us, buckets) SELECT ?, ?, id, ?, ?, ?, ?, ?, ? FROM series WHERE source = ?"
    " AND worker = ? AND name = ? AND version = ? AND outcome = ?"
    " ON CONFLICT DO UPDATE SET count = count + excluded.count,"
    " total_us = total_us + excluded.total_us,"
    " shortest_us = min(shortest_us, excluded.shortest_us),"
    " longest_us = max(longest_us, excluded.longest_us),"
    " buckets = merged(buckets, excluded.buckets)"
)
_SAMPLE = (
    "INSERT INTO sample (step_s, at_s, worker, name, count, total, lowest, highest, last)"
    " VALUES (?,?,?,?,?,?,?,?,?)"
    " ON CONFLICT DO UPDATE SET count = count + excluded.count, total = total + excluded.total,"
    " lowest = min(lowest, excluded.lowest), highest = max(highest, excluded.highest),"
    " last = excluded.last"
)
_SPAN = (
    "INSERT INTO span (trace_id, span_id, parent_span_id, exchange_id, guessed, worker, kind, name,"
    " started_us, duration_us, status, message, attributes) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)"
)
_RELOAD = "INSERT INTO reload (at_us, worker, label, file, took_us, problem) VALUES (?,?,?,?,?,?)"
_NONE = 2**62
_COUNTED = (
    "UPDATE counters SET measured_us = max(measured_us, ?), uncounted = min(uncounted, ?),"
    " too_many = coalesce(?, too_many)"
)

_encode = msgspec.json.Encoder().encode


def prepare(connection: sqlite3.Connection) -> None:
    """Give a connection that `write` is to be called with what its statements call."""
    connection.create_function("merged", 2, _merged, deterministic=True)


def write(connection: sqlite3.Connection, rows: list[Measured]) -> None:
    """Write *rows*, as part of the caller's transaction."""
    for row in rows:
        match row:
            case AddMeasures():
                _write_measures(connection, row)
            case AddSamples():
                connection.executemany(_SAMPLE, _samples(row))
            case NewSpan():
                connection.execute(_SPAN, _span(row))
            case NewReload(reload):
                values = (reload.at_us, reload.worker, reload.label, reload.file, reload.took_us)
                connection.execute(_RELOAD, (*values, reload.problem))
    connection.execute("UPDATE counters SET measured = measured + 1")


def _write_measures(connection: sqlite3.Connection, row: AddMeasures) -> None:
    found = []
    series = set()
    for measure in row.measures:
        key = measure.series
        words = (key.source, key.worker, key.name, key.version, key.outcome)
        series.add(words)
        durations = measure.durations
        counted = (
            measure.code_us,
            durations.count,
            durations.total_us,
            durations.shortest_us,
            durations.longest_us,
            durations.encoded(),
            *words,
        )
        found += [(step, measure.at_s // step * step, *counted) for step in row.steps]
    connection.executemany(_NEW_SERIES, sorted(series))
    connection.executemany(_MEASURE, found)
    uncounted = _NONE if row.uncounted is None else row.uncounted
    connection.execute(_COUNTED, (row.until_us, uncounted, row.too_many))


def _samples(row: AddSamples) -> list[tuple[Any, ...]]:
    return [
        (
            step,
            sample.at_s // step * step,
            sample.worker,
            sample.name,
            sample.count,
            sample.mean * sample.count,
            sample.lowest,
            sample.highest,
            sample.last,
        )
        for sample in row.samples
        if all(map(math.isfinite, (sample.mean, sample.lowest, sample.highest, sample.last)))
        for step in row.steps
    ]


def _span(row: NewSpan) -> tuple[Any, ...]:
    span = row.span
    return (
        span.trace_id,
        span.span_id,
        span.parent_span_id,
        span.exchange_id,
        int(span.guessed),
        span.worker,
        span.kind,
        span.name,
        span.started_us,
        span.duration_us,
        span.status,
        span.message,
        _encode(span.attributes).decode(),
    )


def _merged(there: bytes, more: bytes) -> bytes:
    """Merge encoded buckets; those of a damaged row are given up, and nothing else with them."""
    try:
        return histogram.merged(there, more)
    except (msgspec.MsgspecError, ValueError, TypeError):
        return more
