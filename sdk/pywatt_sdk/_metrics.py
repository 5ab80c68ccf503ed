"""What a module counts, for Prometheus: `app_state.metrics`, and what `/metrics` shows.

Each module has a registry of its own, so that several can live in one process, as in tests. What
libraries count in prometheus_client's global registry is shown too.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Summary
    from prometheus_client.metrics_core import Metric

    Meter = TypeVar("Meter", Counter, Gauge, Histogram, Summary)

LATENCY_BUCKETS_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
"""The upper bounds of the buckets that latencies of requests are counted in, in seconds."""


class Metrics:
    """A module's counters, gauges, histograms and summaries.

    Each is made when it is first asked for, and the same one is returned after that:

        app_state.metrics.counter("orders_total", "Orders taken", labels=["kind"])
        app_state.metrics.counter("orders_total", labels=["kind"]).labels("book").inc()

    They are prometheus_client's own objects, safe to use from any thread.
    """

    def __init__(self) -> None:
        self._meters: dict[str, Any] = {}
        self._lock = threading.Lock()
        self._registry: CollectorRegistry | None = None

    @property
    def registry(self) -> CollectorRegistry:
        """prometheus_client's registry of this module, for collectors of one's own."""
        with self._lock:
            return self._own_registry()

    def counter(self, name: str, documentation: str = "", labels: Sequence[str] = ()) -> Counter:
        """Return what only goes up: `.inc()`.

        Raises:
            ValueError: if the name is another kind's, or has other labels.
        """
        from prometheus_client import Counter

        return self._meter(Counter, name, documentation, labels)

    def gauge(self, name: str, documentation: str = "", labels: Sequence[str] = ()) -> Gauge:
        """Return what goes up and down: `.set(value)`, `.inc()`, `.dec()`.

        Raises:
            ValueError: as for `counter`.
        """
        from prometheus_client import Gauge

        return self._meter(Gauge, name, documentation, labels)

    def histogram(
        self,
        name: str,
        documentation: str = "",
        labels: Sequence[str] = (),
        buckets: Iterable[float] | None = None,
    ) -> Histogram:
        """Return what counts values by size: `.observe(value)`, `with ….time():`.

        `buckets` are the upper bounds; seconds are assumed without them.

        Raises:
            ValueError: as for `counter`.
        """
        from prometheus_client import Histogram

        bounds = tuple(LATENCY_BUCKETS_S if buckets is None else buckets)
        return self._meter(Histogram, name, documentation, labels, buckets=bounds)

    def summary(self, name: str, documentation: str = "", labels: Sequence[str] = ()) -> Summary:
        """Return what counts values and adds them up: `.observe(value)`.

        Raises:
            ValueError: as for `counter`.
        """
        from prometheus_client import Summary

        return self._meter(Summary, name, documentation, labels)

    def exposition(self, accept: str = "") -> tuple[str, bytes]:
        """Return media type and text of all there is, in the form that an Accept header asks for.

        Without one that is Prometheus' text form 0.0.4; OpenMetrics where it is asked for.
        """
        from prometheus_client.exposition import choose_encoder

        encode, media_type = choose_encoder(accept)
        return media_type, encode(self)

    def collect(self) -> Iterator[Metric]:
        """Yield this module's metrics, then those of the global registry with other names."""
        from prometheus_client import REGISTRY

        names = set()
        for metric in self.registry.collect():
            names.add(metric.name)
            yield metric
        for metric in REGISTRY.collect():
            if metric.name not in names:
                yield metric

    def _meter(
        self,
        kind: Callable[..., Meter],
        name: str,
        documentation: str,
        labels: Sequence[str],
        **settings: Any,
    ) -> Meter:
        with self._lock:
            key = name.removesuffix("_total")  # prometheus_client adds it to a counter's name
            known = self._meters.get(key)
            if known is None:
                known = self._meters[key] = kind(
                    name,
                    documentation or name.replace("_", " "),
                    labelnames=tuple(labels),
                    registry=self._own_registry(),
                    **settings,
                )
            elif type(known) is not kind:
                raise ValueError(
                    f"The metric {name!r} is a {type(known).__name__.lower()} already; "
                    "choose another name."
                )
            elif known._labelnames != tuple(labels):
                raise ValueError(
                    f"The metric {name!r} has the labels {list(known._labelnames)}, "
                    f"not {list(labels)}."
                )
        return known

    def _own_registry(self) -> CollectorRegistry:
        if self._registry is None:
            from prometheus_client import CollectorRegistry

            self._registry = CollectorRegistry(auto_describe=True)
        return self._registry
