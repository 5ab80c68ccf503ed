"""How many requests a module has had, how they ended, and how long they took."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, Self

from pywatt_sdk._routes import ANY_METHOD

if TYPE_CHECKING:
    from types import TracebackType

    from pywatt_sdk._exchange import Message, Send
    from pywatt_sdk._metrics import Metrics

_METHODS: Final = frozenset({*ANY_METHOD, "HEAD", "OPTIONS"})
_FAILED: Final = 500


class Traffic:
    """The meters of a module's requests.

    `pywatt_http_requests_total` by method, path and status; `…_request_duration_seconds` by
    method and path; `…_requests_in_progress`. A path is one of the module's routes.
    """

    def __init__(self, metrics: Metrics) -> None:
        self.total = metrics.counter(
            "pywatt_http_requests_total", "Requests answered", ("method", "path", "status")
        )
        self.seconds = metrics.histogram(
            "pywatt_http_request_duration_seconds",
            "Time from a request to the end of its answer",
            ("method", "path"),
        )
        self.in_progress = metrics.gauge(
            "pywatt_http_requests_in_progress", "Requests that are being answered"
        )

    def counted(self, method: str, path: str) -> Count:
        """Count one request while the context is entered."""
        return Count(self, method if method in _METHODS else "OTHER", path)


class Count:
    """One request that is being answered."""

    def __init__(self, traffic: Traffic, method: str, path: str) -> None:
        self._traffic = traffic
        self._labels = (method, path)
        self._status = _FAILED
        self._since_s = 0.0

    def watch(self, send: Send) -> Send:
        """Return `send`, which is looked at for the status."""

        async def watched(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._status = message["status"]
            await send(message)

        return watched

    def __enter__(self) -> Self:
        self._since_s = time.perf_counter()
        self._traffic.in_progress.inc()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        traffic = self._traffic
        traffic.in_progress.dec()
        traffic.total.labels(*self._labels, str(self._status)).inc()
        traffic.seconds.labels(*self._labels).observe(time.perf_counter() - self._since_s)
