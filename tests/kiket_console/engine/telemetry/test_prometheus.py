"""Prometheus is told what was counted, in a format that its own parser reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest
from msgspec.structs import replace
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as read_open_metrics,
)
from prometheus_client.parser import text_string_to_metric_families
from tests.snap import scene, trouble

from kiket_console.engine.telemetry.prometheus import Counted, Exposition, exposition
from kiket_console.telemetry.histogram import Histogram
from kiket_console.telemetry.nouns import Series

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

SERIES = Series("webhook", "marketing", "issue.created", "v1", "2xx")
TOTALS = {
    SERIES: Histogram.of([400, 3_000, 3_000, 90_000]),
    replace(SERIES, outcome="5xx"): Histogram.of([40_000_000]),
}
COUNTED = Counted(TOTALS, {"spans": 7}, 2)


def told(raw: bytes) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Return the values of a text by name and labels."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(raw.decode())
        for sample in family.samples
    }


def named(
    values: dict[tuple[str, tuple[tuple[str, str], ...]], float], metric: str, /, **labels: str
) -> float:
    [found] = [
        value
        for (key, pairs), value in values.items()
        if key == metric and set(labels.items()) <= set(pairs)
    ]
    return found


def test_exchanges_are_counted_by_handler_and_outcome_and_timed_by_handler() -> None:
    kind, raw = exposition(scene.status(), COUNTED)
    values = told(raw)
    assert kind.startswith("text/plain; version=0.0.4")
    assert named(values, "kiket_exchanges_total", name="issue.created", outcome="2xx") == 4
    assert named(values, "kiket_exchanges_total", name="issue.created", outcome="5xx") == 1
    took = "kiket_exchange_duration_seconds"
    within = {
        edge: named(values, f"{took}_bucket", name="issue.created", le=edge)
        for edge in ("0.000512", "0.004096", "0.065536", "0.131072", "33.554432", "+Inf")
    }
    assert list(within.values()) == [1, 3, 3, 4, 4, 5]
    assert named(values, f"{took}_sum", name="issue.created") == pytest.approx(40.0964)


def test_a_worker_that_does_not_answer_is_not_said_to() -> None:
    silent = scene.worker(name="billing", evidence="has not answered its health check for 20 s")
    weak = replace(scene.module(handshake="unhealthy"), name="search")
    values = told(exposition(scene.status(scene.worker(), silent, weak), COUNTED)[1])
    serving = [
        named(values, "kiket_worker_serving", worker=each)
        for each in ("marketing", "billing", "search")
    ]
    assert serving == [1, 0, 0]


def test_what_is_not_as_it_should_be_is_told_too() -> None:
    status = scene.status(
        scene.worker(restarts=3, lag_s=0.25), scene.module(), **scene.FULL_DISK | trouble.DEGRADED
    )
    values = told(exposition(status, COUNTED)[1])
    assert named(values, "kiket_recording") == 0
    assert named(values, "kiket_degraded_since_seconds", part="keyring") == pytest.approx(
        (scene.NOW_US - 240_000_000) / 1e6
    )
    assert named(values, "kiket_dropped_total", what="spans") == 7
    assert named(values, "kiket_series_not_told_apart") == 2
    assert named(values, "kiket_worker_restarts_total", worker="marketing") == 3
    assert named(values, "kiket_worker_loop_lag_seconds", worker="marketing") == 0.25
    assert named(values, "kiket_worker_memory_bytes", worker="billing") == 22 << 20


@pytest.mark.parametrize("name", ['a"b\\c\nd', "\x1b[2J", "\ud800", "é" * 200, "{}"])
def test_a_name_from_outside_stays_one_label(name: str) -> None:
    counted = Counted({replace(SERIES, name=name): Histogram.of([1])}, {})
    _, raw = exposition(scene.status(), counted)
    assert b"\x1b" not in raw
    [value] = [each for (key, _), each in told(raw).items() if key == "kiket_exchanges_total"]
    assert value == 1


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("application/openmetrics-text;version=1.0.0", "application/openmetrics-text"),
        ("text/plain;version=1.0.0;escaping=allow-utf-8", "text/plain"),
        ("application/openmetrics-text;version=x.y", ""),
        ("", "text/plain"),
    ],
)
def test_who_asks_says_the_format(accept: str, kind: str) -> None:
    found, raw = exposition(scene.status(), COUNTED, accept)
    assert found.startswith(kind)
    if found.startswith("application/openmetrics"):
        assert any(family.name == "kiket_recording" for family in read_open_metrics(raw.decode()))  # type: ignore[no-untyped-call]


async def test_metrics_alone_is_answered_and_made_once_a_second() -> None:
    made: list[int] = []

    def counted() -> Counted:
        made.append(1)
        return COUNTED

    async def other(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 404, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    app = Exposition(scene.status, counted).before(other)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        answer = await client.get("/metrics")
        assert answer.status_code == 200
        assert "kiket_exchanges_total{" in answer.text
        assert (await client.get("/metrics")).text == answer.text
        assert (await client.post("/metrics")).status_code == 404
        assert (await client.get("/metrics/x")).status_code == 404
    assert len(made) == 1
