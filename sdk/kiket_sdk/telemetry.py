"""Report how handlers fare: to a hook before the reply, to a URL behind it."""

from __future__ import annotations

import asyncio
import inspect
import logging
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit, urlunsplit

from kiket_sdk import _trace
from kiket_sdk.client import HTTPError, new_http_client

if TYPE_CHECKING:
    import httpx

FeedbackHook = Callable[["TelemetryRecord"], Awaitable[None] | None]

QUEUE_LIMIT = 1_000
"""Records that may wait to be posted; newer ones are dropped and counted."""

_TIMEOUT_S = 2.0
_FLUSH_S = 5.0
_PAUSES_S = (0.25, 1.0)  # before the second and the third attempt
_HOOK_FAILED = "The telemetry feedback hook failed."
_OPT_OUT = {"1", "true", "yes", "on"}

_logger = logging.getLogger(__name__)


@dataclass(slots=True)
class TelemetryRecord:
    """One handler call: status is `ok` or `error`, timestamp in unix seconds."""

    event: str
    version: str
    status: str
    duration_ms: float
    extension_id: str | None
    extension_version: str | None
    metadata: dict[str, Any] = field(default_factory=dict)
    timestamp: float = field(default_factory=time.time)


class _Waiting(NamedTuple):
    """A record on its way out, and the `traceparent` of the webhook that it is about."""

    record: TelemetryRecord
    traceparent: str | None


class TelemetryReporter:
    """Hand records to the feedback hook and, when a URL is configured, post them.

    Nothing is posted without a URL, and KIKET_SDK_TELEMETRY_OPTOUT turns everything off. Posting
    never fails a handler: an answer of 429 or 5xx, or none, is tried twice more, then logged.
    `dropped` counts the records that found the queue full.
    """

    def __init__(
        self,
        *,
        enabled: bool = True,
        telemetry_url: str | None = None,
        feedback_hook: FeedbackHook | None = None,
        extension_id: str | None = None,
        extension_version: str | None = None,
    ) -> None:
        opted_out = os.environ.get("KIKET_SDK_TELEMETRY_OPTOUT", "").strip().lower() in _OPT_OUT
        self.enabled = enabled and not opted_out
        self.telemetry_url = telemetry_url or None
        self.telemetry_endpoint = telemetry_endpoint(telemetry_url) if telemetry_url else None
        self.dropped = 0
        self._feedback_hook = feedback_hook
        self._extension_id = extension_id
        self._extension_version = extension_version
        self._queue: asyncio.Queue[_Waiting] | None = None
        # whether a record would reach anybody
        self.is_watched = self.enabled and bool(feedback_hook or self.telemetry_endpoint)

    async def record(
        self, event: str, version: str, status: str, duration_ms: float, **metadata: Any
    ) -> None:
        """Report one handler call: hook first, then the post."""
        if self.is_watched:
            record = self.build(event, version, status, duration_ms, metadata)
            unfinished = self.notify(record)
            if unfinished is not None:
                await unfinished
            await self.post(record)

    def build(
        self, event: str, version: str, status: str, duration_ms: float, metadata: dict[str, Any]
    ) -> TelemetryRecord:
        """Return the record of one handler call."""
        return TelemetryRecord(
            event,
            version,
            status,
            duration_ms,
            self._extension_id,
            self._extension_version,
            metadata,
        )

    def notify(self, record: TelemetryRecord) -> Awaitable[None] | None:
        """Call the feedback hook; return the rest of an asynchronous one. Failures are logged."""
        if self._feedback_hook is None:
            return None
        try:
            outcome = self._feedback_hook(record)
        except Exception:
            _logger.exception(_HOOK_FAILED)
            return None
        return _finished(outcome) if outcome is not None and inspect.isawaitable(outcome) else None

    async def post(self, record: TelemetryRecord) -> None:
        """Queue the record for posting; outside `running`, post it here and now, once."""
        if self.telemetry_endpoint is None:
            return
        waiting = _Waiting(record, _trace.child_traceparent())
        if self._queue is None:
            async with self._http_client() as client:
                await self._deliver(client, waiting, pauses_s=())
            return
        try:
            self._queue.put_nowait(waiting)
        except asyncio.QueueFull:
            self.dropped += 1
            if self.dropped == 1:
                _logger.warning(
                    "Telemetry is dropped: %d records wait for %s.",
                    QUEUE_LIMIT,
                    self.telemetry_endpoint,
                )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Post in the background; on leaving, give waiting records 5 s to go out."""
        if not self.enabled or self.telemetry_endpoint is None:
            yield
            return
        queue: asyncio.Queue[_Waiting] = asyncio.Queue(QUEUE_LIMIT)
        async with asyncio.TaskGroup() as tasks:
            pump = tasks.create_task(self._pump(queue))
            self._queue = queue
            try:
                yield
            finally:
                self._queue = None
                try:
                    async with asyncio.timeout(_FLUSH_S):
                        await queue.join()
                except TimeoutError:
                    _logger.warning("%d telemetry records were not posted.", queue.qsize())
                pump.cancel()

    async def _pump(self, queue: asyncio.Queue[_Waiting]) -> None:
        waiting = await queue.get()
        async with self._http_client() as client:  # not before there is need
            while True:
                try:
                    await self._deliver(client, waiting, pauses_s=_PAUSES_S)
                finally:
                    queue.task_done()
                waiting = await queue.get()

    def _http_client(self) -> httpx.AsyncClient:
        return new_http_client(self.telemetry_endpoint or "", timeout_s=_TIMEOUT_S)

    async def _deliver(
        self, client: httpx.AsyncClient, waiting: _Waiting, *, pauses_s: tuple[float, ...]
    ) -> None:
        record, traceparent = waiting
        headers = {"traceparent": traceparent} if traceparent else {}
        content = asdict(record)
        content |= {
            key: record.metadata[key]
            for key in ("error_message", "error_class")
            if key in record.metadata
        }
        trouble = ""
        for pause_s in (0.0, *pauses_s):
            if pause_s:
                await asyncio.sleep(pause_s)
            try:
                answer = await client.post(
                    self.telemetry_endpoint or "", json=content, headers=headers
                )
            except (HTTPError, ValueError, TypeError) as exc:
                trouble = type(exc).__name__
                continue
            if answer.is_success:
                return
            trouble = f"status {answer.status_code}"
            if answer.status_code < 500 and answer.status_code != 429:
                break
        _logger.warning("Telemetry was not accepted by %s: %s.", self.telemetry_endpoint, trouble)


async def _finished(outcome: Awaitable[None]) -> None:
    try:
        await outcome
    except Exception:
        _logger.exception(_HOOK_FAILED)


def telemetry_endpoint(url: str) -> str:
    """Return where records are posted: a URL that names only the host or API gets /telemetry."""
    parts = urlsplit(url)
    path = parts.path.rstrip("/")
    if path == "" or path.endswith("/api/v1/ext"):
        return urlunsplit(parts._replace(path=f"{path}/telemetry"))
    return url
