"""Where code sends its traces: OTLP over HTTP, on the platform's port.

POST /otlp/{worker}/v1/traces     what workers of this project are told to use
POST /otlp/v1/traces, /v1/traces  whoever else has something to tell
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from kiket_console.engine import asgi
from kiket_console.engine.refusals import SAMPLE
from kiket_console.engine.telemetry import otlp
from kiket_console.engine.telemetry.placing import Untold
from kiket_console.text import plural

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from starlette.types import ASGIApp, Receive, Scope, Send

    from kiket_console.engine.ports import Workers
    from kiket_console.engine.refusals import Refusals
    from kiket_console.engine.telemetry.otel_span import Gathered
    from kiket_console.model import Headers

PATH: Final = "/otlp"
AT_ONCE: Final = 16
"""So many requests are read at once, of `otlp.SENT_BYTES` each; others are to come again."""
BODY_S: Final = 10.0
"""How long a body may take to come, as exporters have it: who stalls leaves room for others."""
_PATH = re.compile(r"(?:/otlp(?:/(?P<worker>[^/]+))?)?/v1/(?P<signal>traces|metrics|logs)")
_NO_ROOM = "More spans came than can be kept."
_BUSY = "Too many requests bring spans at the moment; send this one again."
_UNAVAILABLE = 503

_log = logging.getLogger(__name__)


class OtlpReceiver:
    """Take traces for *take*, which never waits and returns for how many there was no room."""

    def __init__(
        self, workers: Workers, refusals: Refusals, take: Callable[[Iterable[Untold]], int]
    ) -> None:
        self._workers = workers
        self._refusals = refusals
        self._on_refusal = refusals.told_by("otlp")
        self._take = take
        self._reading = asyncio.Lock()
        self._under_way = 0

    def before(self, app: ASGIApp) -> ASGIApp:
        """Return an app (ASGI) that takes what is sent here, and leaves the rest to *app*."""

        async def front(scope: Scope, receive: Receive, send: Send) -> None:
            found = _PATH.fullmatch(asgi.raw_path(scope)) if scope["type"] == "http" else None
            if found is None:
                await app(scope, receive, send)
            else:
                await self._answer(found, scope, receive, send)

        return front

    async def _answer(
        self, found: re.Match[str], scope: Scope, receive: Receive, send: Send
    ) -> None:
        headers = asgi.headers_of(scope)
        more: Headers = ()
        self._under_way += 1
        try:
            raw_body = await self._body(found["signal"], scope["method"], receive)
            if raw_body is None:
                return
            gathered = await self._read(headers, raw_body)
        except otlp.RefusedError as error:
            self._on_refusal(error.status, str(error))
            answer = otlp.refused(headers, error)
            more = {405: (("allow", "POST"),), _UNAVAILABLE: (("retry-after", "1"),)}.get(
                error.status, ()
            )
        else:
            answer = self._taken(headers, unquote(found["worker"] or ""), gathered)
        finally:
            self._under_way -= 1
        said: Headers = (*asgi.JSON_TYPE[1:], ("content-type", answer.content_type), *more)
        await asgi.send_answer(send, answer.status, said, answer.raw_body)

    async def _body(self, signal: str, method: str, receive: Receive) -> bytes | None:
        """Return a request's body, None when the sender left; raises `RefusedError`."""
        if method != "POST":
            raise otlp.RefusedError(405, "Traces are sent with POST.")
        if signal != "traces":
            raise otlp.RefusedError(
                404,
                f"Of OpenTelemetry traces are kept, not {signal}; turn them off with "
                f"OTEL_{signal.upper()}_EXPORTER=none.",
            )
        if self._under_way > AT_ONCE:
            raise otlp.RefusedError(_UNAVAILABLE, _BUSY)
        try:
            async with asyncio.timeout(BODY_S):
                return await asgi.read_body(receive, otlp.SENT_BYTES)
        except TimeoutError:
            raise otlp.RefusedError(408, f"The body did not come within {BODY_S:g} s.") from None

    async def _read(self, headers: Headers, raw_body: bytes) -> Gathered:
        """Read a body in a thread, one after the other: each may take a hundred MiB meanwhile."""
        async with self._reading:
            return await asyncio.to_thread(otlp.read, headers, raw_body, time.time_ns() // 1000)

    def _taken(self, headers: Headers, worker: str, gathered: Gathered) -> otlp.Answer:
        """Hand over what was read; return what is said of it."""
        told_by = self._tellers(worker)
        dropped = self._take(
            Untold(span, told_by(service))
            for span, service in zip(gathered.spans, gathered.services, strict=True)
        )
        left_out, why = gathered.left_out + dropped, _NO_ROOM if dropped else gathered.why
        if gathered.left_out and self._refusals.keeps("unreadable spans", SAMPLE):
            lost = plural(gathered.left_out, "span")
            _log.warning("%s of OTLP could not be read. %s", lost, gathered.why)
        return otlp.taken(otlp.encoding_of(headers), left_out, why)

    def _tellers(self, worker: str) -> Callable[[str], tuple[str, ...]]:
        """Return what tells which workers a service is: *worker* if there is one, else by name."""
        named: dict[str, dict[str, None]] = {}
        for each in self._workers.workers():
            for name in {each.name, each.extension_id} - {""}:
                named.setdefault(name, {})[each.name] = None
            if each.name == worker:
                return lambda _: (worker,)
        return lambda service: tuple(named.get(service, ()))
