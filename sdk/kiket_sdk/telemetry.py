"""Report how handlers fare: to a hook before the reply, to a URL behind it.

The platform's own address, `…/api/v1/ext/telemetry`, is posted the form that the newest releases
post: the timestamp in ISO-8601, the error beside the metadata. Any other URL is posted the first
release's: the timestamp in unix seconds (spec §3.9).
"""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
import math
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit, urlunsplit

from kiket_core import trace
from kiket_core.retry_after import asked_pause_s
from kiket_core.secret import redactor
from kiket_sdk._origins import is_web_address
from kiket_sdk._retrying import trying
from kiket_sdk.client import HTTPError, new_http_client
from kiket_sdk.exceptions import ConfigurationError

if TYPE_CHECKING:
    import httpx

FeedbackHook = Callable[["TelemetryRecord"], Awaitable[None] | None]

QUEUE_LIMIT = 1_000
"""Records that may wait to be posted; newer ones are dropped and counted."""

_TIMEOUT_S = 2.0
_FLUSH_S = 5.0
_TRIES = 3
_LONGEST_S = 10.0  # in all, for one record
_PLATFORMS = "/api/v1/ext/telemetry"
_ERROR = ("error_message", "error_class")
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
    What is posted holds no secret that is known. `api_key` is the extension's, for the platform's
    own address only. `dropped` counts the records that found the queue full.

    Raises ConfigurationError for a URL that nothing can be posted to.
    """

    def __init__(
        self,
        *,
        enabled: bool = True,
        telemetry_url: str | None = None,
        feedback_hook: FeedbackHook | None = None,
        extension_id: str | None = None,
        extension_version: str | None = None,
        api_key: str | None = None,
    ) -> None:
        opted_out = os.environ.get("KIKET_SDK_TELEMETRY_OPTOUT", "").strip().lower() in _OPT_OUT
        self.enabled = enabled and not opted_out
        telemetry_url = (telemetry_url or "").strip()  # a file that it was read from ends with \n
        self.telemetry_url = telemetry_url or None
        if telemetry_url and not is_web_address(telemetry_url):
            raise ConfigurationError(
                "The address for telemetry (telemetry_url or KIKET_SDK_TELEMETRY_URL) is no web "
                "address; it begins with http:// or https:// and names a host."
            )
        self.telemetry_endpoint = telemetry_endpoint(telemetry_url) if telemetry_url else None
        self.dropped = 0
        self._feedback_hook = feedback_hook
        self._extension_id = extension_id
        self._extension_version = extension_version
        parts = urlsplit(self.telemetry_endpoint or "")
        self._is_platforms = parts.path.endswith(_PLATFORMS)
        # for logs: without the password that it may hold
        self._shown = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query=""))
        self._headers = {"Content-Type": "application/json"}
        if api_key and self._is_platforms:
            self._headers["X-Kiket-API-Key"] = api_key
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
        # filled in here: what a dataclass makes of eight arguments takes twice as long
        record = TelemetryRecord.__new__(TelemetryRecord)
        record.event = event
        record.version = version
        record.status = status
        record.duration_ms = duration_ms
        record.extension_id = self._extension_id
        record.extension_version = self._extension_version
        record.metadata = metadata
        record.timestamp = time.time()
        return record

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
        waiting = _Waiting(record, trace.child_traceparent())
        if self._queue is None:
            async with self._http_client() as client:
                await self._deliver(client, waiting, tries=1)
            return
        try:
            self._queue.put_nowait(waiting)
        except asyncio.QueueFull:
            self.dropped += 1
            if self.dropped == 1:
                _logger.warning(
                    "Telemetry is dropped: %d records wait for %s.",
                    QUEUE_LIMIT,
                    self._shown,
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
                    left = queue.qsize() + 1  # with the one in hand
                    _logger.warning("%d telemetry records were not posted.", left)
                pump.cancel()

    async def _pump(self, queue: asyncio.Queue[_Waiting]) -> None:
        waiting = await queue.get()
        async with self._http_client() as client:  # not before there is need
            while True:
                try:
                    await self._deliver(client, waiting, tries=_TRIES)
                finally:
                    queue.task_done()
                waiting = await queue.get()

    def _http_client(self) -> httpx.AsyncClient:
        return new_http_client(self.telemetry_endpoint or "", timeout_s=_TIMEOUT_S)

    async def _deliver(self, client: httpx.AsyncClient, waiting: _Waiting, *, tries: int) -> None:
        record, traceparent = waiting
        headers = self._headers | ({"traceparent": traceparent} if traceparent else {})

        async def post() -> None:
            answer = await client.post(
                self.telemetry_endpoint or "", content=raw_json, headers=headers
            )
            if not answer.is_success:
                raise _NotAcceptedError(answer.status_code, asked_pause_s(answer.headers))

        try:
            raw_json = json.dumps(self._written(record)).encode()
            if tries == 1:
                await post()
            else:
                await trying(post, tries=tries, again=_again, longest_s=_LONGEST_S)
        except Exception as exc:  # a record may hold anything, and must not end the program
            trouble = str(exc) if isinstance(exc, _NotAcceptedError) else type(exc).__name__
            _logger.warning("Telemetry was not accepted by %s: %s.", self._shown, trouble)

    def _written(self, record: TelemetryRecord) -> dict[str, Any]:
        """Return what is posted of a record, in the form that its receiver knows."""
        members = {name: getattr(record, name) for name in TelemetryRecord.__slots__}
        written: dict[str, Any] = _plain(members)
        metadata = written["metadata"]
        if self._is_platforms:
            written |= {name: metadata.pop(name, None) for name in _ERROR}
            written["timestamp"] = datetime.fromtimestamp(record.timestamp, UTC).isoformat()
        else:
            written |= {name: metadata[name] for name in _ERROR if name in metadata}
        return written


class _NotAcceptedError(Exception):
    """The receiver answered with an error, and how many seconds it asks to wait."""

    def __init__(self, status: int, pause_s: float | None) -> None:
        super().__init__(f"status {status}")
        self.status = status
        self.pause_s = pause_s


def _again(exc: Exception) -> bool | float:
    if not isinstance(exc, _NotAcceptedError):
        return isinstance(exc, HTTPError)
    if exc.status != 429 and exc.status < 500:
        return False
    if exc.pause_s is None:
        return True
    return exc.pause_s < _LONGEST_S and exc.pause_s


def _plain(value: Any) -> Any:
    """Return what JSON can carry of a value, without secrets."""
    if isinstance(value, dict):
        return {redactor.redact(str(key)): _plain(member) for key, member in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return redactor.redact(str(value))


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
