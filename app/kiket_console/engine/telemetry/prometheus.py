"""GET /metrics of the engine, for Prometheus: what was counted, what was dropped, how workers are.

The address is the platform's. What is told is made when it is asked for, once a second at most,
and in a thread.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from kiket_console.engine import asgi
from kiket_console.engine.headers import value_of
from kiket_console.telemetry.histogram import Histogram, bucket
from kiket_console.text import visible

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from prometheus_client import Metric
    from starlette.types import ASGIApp, Receive, Scope, Send

    from kiket_console.engine_status import EngineStatus
    from kiket_console.model import Worker
    from kiket_console.telemetry.nouns import Series

PATH: Final = "/metrics"
KEPT_S: Final = 1.0
"""So old an answer may be."""
EDGES_US: Final = tuple(2**power for power in range(9, 26))
"""Upper bounds (µs) of the buckets that are told, from 0.5 ms to 34 s: bounds of ours, exactly."""
_ACCEPT: Final = 1024
"""Characters of an Accept header that are looked at."""
_FAR: Final = tuple(bucket(edge) for edge in EDGES_US)


class Counted(Struct, frozen=True):
    """What was counted since the engine began."""

    totals: Mapping[Series, Histogram]
    dropped: Mapping[str, int]
    """Of what, and how many."""
    uncounted: int = 0
    """How many series were too many to be told apart."""


class Exposition:
    """Answers who asks for /metrics, with what *status* and *counted* say then."""

    def __init__(self, status: Callable[[], EngineStatus], counted: Callable[[], Counted]) -> None:
        self._status = status
        self._counted = counted
        self._asking = asyncio.Lock()
        self._made: tuple[float, str, tuple[str, bytes]] = (0.0, "", ("", b""))

    def before(self, app: ASGIApp) -> ASGIApp:
        """Return an app (ASGI) that answers GET /metrics, and leaves the rest to *app*."""

        async def front(scope: Scope, receive: Receive, send: Send) -> None:
            is_ours = scope["type"] == "http" and scope["method"] in ("GET", "HEAD")
            if is_ours and asgi.raw_path(scope) == PATH:
                await self._answer(scope, send)
            else:
                await app(scope, receive, send)

        return front

    async def _answer(self, scope: Scope, send: Send) -> None:
        accept = value_of(asgi.headers_of(scope), "accept")[:_ACCEPT]
        async with self._asking:
            made_s, made_for, answer = self._made
            if made_for != accept or time.monotonic() - made_s > KEPT_S:
                counted = self._counted()
                copied = {series: _copied(held) for series, held in counted.totals.items()}
                told = Counted(copied, counted.dropped, counted.uncounted)
                answer = await asyncio.to_thread(exposition, self._status(), told, accept)
                self._made = time.monotonic(), accept, answer
        kind, raw_body = answer
        headers = (("content-type", kind), ("x-content-type-options", "nosniff"))
        await asgi.send_answer(send, 200, headers, raw_body)


def exposition(status: EngineStatus, counted: Counted, accept: str = "") -> tuple[str, bytes]:
    """Return the media type that fits *accept*, and what is told in it."""
    from prometheus_client import exposition as formats

    try:
        encode, kind = formats.choose_encoder(accept)
        return kind, encode(_Told(status, counted))
    except (ValueError, TypeError):  # a version that is none
        encode, kind = formats.choose_encoder("")
        return kind, encode(_Told(status, counted))


class _Told:
    """What a format's encoder collects from."""

    def __init__(self, status: EngineStatus, counted: Counted) -> None:
        self._status = status
        self._counted = counted

    def collect(self) -> Iterator[Metric]:
        """Yield each metric with all its values."""
        yield from _engine(self._status, self._counted)
        yield from _exchanges(self._counted.totals)
        yield from _workers(self._status.workers)


def _exchanges(totals: Mapping[Series, Histogram]) -> Iterator[Metric]:
    from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily

    count = CounterMetricFamily(
        "kiket_exchanges",
        "Attempts at deliveries, API calls, messages and producer messages that ended.",
        labels=("source", "worker", "name", "version", "outcome"),
    )
    took = HistogramMetricFamily(
        "kiket_exchange_duration_seconds",
        "How long they took, whatever their outcome.",
        labels=("source", "worker", "name", "version"),
    )
    handlers: dict[tuple[str, ...], Histogram] = defaultdict(Histogram)
    for series, held in totals.items():
        words = (series.source, series.worker, series.name, series.version)
        handler = tuple(map(visible, words))
        count.add_metric((*handler, series.outcome), held.count)
        handlers[handler].merge(held)
    for handler, held in handlers.items():
        took.add_metric(handler, _buckets(held), held.total_us / 1e6)
    yield count
    yield took


def _buckets(held: Histogram) -> list[tuple[str, float]]:
    """Return how many took no longer than each edge (s, as text)."""
    told: list[tuple[str, float]] = []
    numbers, place, seen = sorted(held.buckets), 0, 0
    for edge_us, far in zip(EDGES_US, _FAR, strict=True):
        while place < len(numbers) and numbers[place] < far:
            seen += held.buckets[numbers[place]]
            place += 1
        told.append((str(edge_us / 1e6), seen))
    return [*told, ("+Inf", held.count)]


def _engine(status: EngineStatus, counted: Counted) -> Iterator[Metric]:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily

    facts = {"version": status.version, "project": visible(status.project)}
    yield InfoMetricFamily("kiket_engine", "What runs.", value=facts)
    yield GaugeMetricFamily(
        "kiket_engine_start_time_seconds", "When it was started.", value=status.started_us / 1e6
    )
    yield GaugeMetricFamily(
        "kiket_recording", "Whether exchanges are recorded (1).", value=status.recording == "ok"
    )
    yield GaugeMetricFamily(
        "kiket_store_exchanges", "How many exchanges the store has.", value=status.exchanges
    )
    degraded = GaugeMetricFamily(
        "kiket_degraded_since_seconds",
        "Since when a part does less than it should; absent while it is well.",
        labels=("part",),
    )
    for each in status.degraded:
        degraded.add_metric((each.part,), each.since_us / 1e6)
    yield degraded
    drops = CounterMetricFamily(
        "kiket_dropped", "What came faster than it could be kept.", labels=("what",)
    )
    for what, count in counted.dropped.items():
        drops.add_metric((what,), count)
    yield drops
    yield GaugeMetricFamily(
        "kiket_series_not_told_apart",
        "How many names of exchanges were too many to be counted apart.",
        value=counted.uncounted,
    )


def _workers(workers: Sequence[Worker]) -> Iterator[Metric]:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

    gauges = (
        (
            "serving",
            "Whether it serves, and answered when last asked (1).",
            lambda worker: worker.answers,
        ),
        ("cpu_cores", "Processor time that it uses, with all it started.", _cores),
        ("memory_bytes", "Resident memory, with all it started.", lambda each: each.memory_bytes),
        (
            "loop_lag_seconds",
            "How late its event loop was lately.",
            lambda each: each.lag_s,
        ),
    )
    counters = (
        ("starts", "How often it was started.", lambda worker: worker.starts),
        ("reloads", "How often a save led to new code.", lambda worker: worker.reloads),
        ("restarts", "How often it was started after a crash.", lambda worker: worker.restarts),
    )
    for family, described in ((GaugeMetricFamily, gauges), (CounterMetricFamily, counters)):
        for name, meaning, value_of_worker in described:
            metric = family(f"kiket_worker_{name}", meaning, labels=("worker", "kind"))
            for worker in workers:
                value = value_of_worker(worker)
                if value is not None:
                    metric.add_metric((visible(worker.name), worker.kind), float(value))
            yield metric


def _cores(worker: Worker) -> float | None:
    return None if worker.cpu_percent is None else worker.cpu_percent / 100


def _copied(held: Histogram) -> Histogram:
    copy = Histogram()
    copy.merge(held)
    return copy
