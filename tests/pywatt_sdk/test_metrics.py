"""What a module counts."""

from __future__ import annotations

import prometheus_client
import pytest

from pywatt_sdk._metrics import Metrics


def lines(metrics: Metrics) -> list[str]:
    media_type, text = metrics.exposition()
    assert media_type.startswith("text/plain; version=0.0.4")
    return [line for line in text.decode().splitlines() if not line.startswith("#")]


def test_each_meter_is_made_once() -> None:
    metrics = Metrics()
    metrics.counter("requests_total").inc()
    metrics.counter("requests_total", "Requests").inc(2)
    metrics.gauge("queue", labels=["name"]).labels("a").set(3)
    metrics.histogram("seconds", buckets=[0.1, 1]).observe(0.5)
    metrics.summary("bytes").observe(10)
    shown = lines(metrics)
    assert "requests_total 3.0" in shown
    assert 'queue{name="a"} 3.0' in shown
    assert 'seconds_bucket{le="0.1"} 0.0' in shown
    assert 'seconds_bucket{le="1.0"} 1.0' in shown
    assert "bytes_sum 10.0" in shown


def test_a_name_stands_for_one_thing() -> None:
    metrics = Metrics()
    metrics.counter("a_total")
    with pytest.raises(ValueError, match="'a_total' is a counter already"):
        metrics.gauge("a_total")
    with pytest.raises(ValueError, match=r"has the labels \[\], not \['x'\]"):
        metrics.counter("a_total", labels=["x"])


def test_prometheus_adds_the_total_to_a_counter_that_lacks_it() -> None:
    metrics = Metrics()
    assert metrics.counter("hits") is metrics.counter("hits_total")


def test_modules_in_one_process_count_apart() -> None:
    first, second = Metrics(), Metrics()
    first.counter("mine_total").inc()
    second.counter("mine_total")
    assert ("mine_total 1.0" in lines(first), "mine_total 0.0" in lines(second)) == (True, True)


def test_what_libraries_count_is_shown_too() -> None:
    counter = prometheus_client.Counter("of_a_library", "…")
    try:
        counter.inc(4)
        metrics = Metrics()
        assert "of_a_library_total 4.0" in lines(metrics)
        metrics.counter("of_a_library_total").inc()
        assert [each for each in lines(metrics) if each.startswith("of_a_library_total")] == [
            "of_a_library_total 1.0"
        ]
    finally:
        prometheus_client.REGISTRY.unregister(counter)


def test_openmetrics_is_told_to_those_who_ask() -> None:
    media_type, text = Metrics().exposition("application/openmetrics-text; version=1.0.0")
    assert media_type.startswith("application/openmetrics-text")
    assert text.endswith(b"# EOF\n")
