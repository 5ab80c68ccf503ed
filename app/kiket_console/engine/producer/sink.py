"""A function URL of our own: takes signed messages as the producer service does.

    /producer, /producer/{worker}, …                     a function URL
    /2015-03-31/functions/{arn}/invocations              the same function, invoked (AWS Lambda API)

It verifies the signature, then the schema, and answers a tracking id. It can be told to fail. Each
message is an exchange, but for those that the desk sends and records itself.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from dataclasses import replace
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote
from uuid import uuid4

from msgspec import Struct

from kiket_console.engine import asgi, trace
from kiket_console.engine.producer.book import Entry, ended, worked
from kiket_console.errors import ConsoleError
from kiket_console.model import Judgement
from kiket_console.producing import masking, schema
from kiket_console.producing.message import DEEPEST, MESSAGE_BYTES, is_deep, is_sensitive
from kiket_console.producing.signing import REGION

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from kiket_console.engine.ports import Workers
    from kiket_console.engine.producer.book import Book
    from kiket_console.engine.producer.faults import Faults
    from kiket_console.engine.producer.known_keys import KnownKeys
    from kiket_console.engine.recorder import Recorder
    from kiket_console.engine.refusals import Refusals
    from kiket_console.model import Headers
    from kiket_console.wire_producer import SinkFault
    from kindo_message_client._verification import Verdict

PATH = "/producer"
TARGET = "sink"
DIALECT = "sigv4"
ERROR_TYPE = "x-amzn-errortype"
DIGEST_HEADER = "x-payload-sha256"
"""What the service keeps of a sensitive payload, said in the answer for whoever looks."""
_INVOCATION = re.compile(r"/2015-03-31/functions/([^/]+)/invocations")
_SERVICE = "lambda"
_OF_ANYBODY = frozenset({HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.REQUEST_ENTITY_TOO_LARGE})


class Answered(Struct, frozen=True):
    """What a message is answered."""

    status: int
    body: Any
    headers: Headers = ()
    error: str = ""
    """For the record, in one sentence; empty: it was taken."""

    @property
    def raw_body(self) -> bytes:
        """The body as it is sent."""
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()

    @property
    def sent_headers(self) -> Headers:
        """The headers as they are sent."""
        kind = "text/html" if isinstance(self.body, bytes) else "application/json"
        return (("content-type", kind), ("x-content-type-options", "nosniff"), *self.headers)


class Sink:
    """Take messages; *own* has the traces of those that the desk is sending."""

    def __init__(
        self,
        *,
        recorder: Recorder,
        book: Book,
        workers: Workers,
        refusals: Refusals,
        keys: KnownKeys,
        faults: Faults,
        own: set[str],
        region: str = "",
    ) -> None:
        self._recorder = recorder
        self._book = book
        self._workers = workers
        self._refusals = refusals
        self._keys = keys
        self._faults = faults
        self._own = own
        self._region = region
        self.received = 0
        """Messages that it took."""

    def takes(self, path: str) -> bool:
        """Return whether a path is one of the sink's."""
        return (
            path == PATH or path.startswith(f"{PATH}/") or _INVOCATION.fullmatch(path) is not None
        )

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request (ASGI)."""
        raw_body = await asgi.read_body(receive, MESSAGE_BYTES)
        if raw_body is None:
            return
        began_ns, came_us = time.perf_counter_ns(), time.time_ns() // 1000
        path, headers = asgi.raw_path(scope), asgi.headers_of(scope)
        target = asgi.with_query(path, scope)
        met = self._faults.take()
        verdict = await self._verdict(scope["method"], target, headers, raw_body, met)
        fields = await worked(len(raw_body), partial(_read, raw_body))
        answer = partial(self._answered, scope["method"], path, raw_body, fields, verdict, met)
        answered = await worked(len(raw_body), answer)
        seen = trace.sent(headers)
        is_own = seen is not None and seen.trace_id in self._own
        is_refused = not verdict.ok or answered.status in _OF_ANYBODY
        is_left_out = is_own or (
            is_refused and not self._refusals.refused("producer", answered.status)
        )
        recorded = None
        if not is_left_out:
            worker = self._worker(path)
            parent = self._recorder.parent(headers, worker)
            entry = Entry(
                target,
                headers,
                raw_body,
                fields,
                TARGET,
                worker or (parent.worker if parent else ""),
                _word(verdict),
                _judgement(verdict),
                parent=parent,
                method=scope["method"],
                is_sample=is_refused,
                came_us=came_us,
            )
            try:
                recorded = await self._book.open(entry)
            except ConsoleError as error:
                await _unrecorded(send, error)
                return
        if (slow := met.get("slow")) is not None:
            await asyncio.sleep(slow.seconds)
        sent = answered.sent_headers, answered.raw_body
        if recorded is not None:
            took_us = (time.perf_counter_ns() - began_ns) // 1000
            try:
                await self._book.close(  # else many senders outrun the store
                    recorded,
                    ended(
                        answered.status,
                        took_us,
                        sent,
                        answered.error,
                        hides=is_sensitive(fields),
                    ),
                )
            except ConsoleError as error:
                await _unrecorded(send, error)
                return
        if not answered.error:
            self.received += 1
        await asgi.send_answer(send, answered.status, *sent)

    async def _verdict(
        self,
        method: str,
        target: str,
        headers: Headers,
        raw_body: bytes,
        met: dict[str, SinkFault],
    ) -> Verdict:
        from kindo_message_client._verification import Received, verify

        request = Received(method, target, headers, raw_body)
        skew = met.get("skew")
        now_s = time.time() + (skew.seconds if skew else 0.0)

        def judged() -> Verdict:
            return verify(
                request, self._keys.secret_of, now_s, service=_SERVICE, region=self._region
            )

        if not self._keys.is_ready:
            await self._keys.refresh()
        verdict = await worked(len(raw_body), judged)
        doubtful = verdict.reason in {"unknown key", "wrong secret", "expired token"}
        if doubtful and await self._keys.refresh():
            verdict = await worked(len(raw_body), judged)
        if verdict.ok and not self._region and not REGION.fullmatch(verdict.region):
            return _no_region(verdict)
        return verdict

    def _answered(
        self,
        method: str,
        path: str,
        raw_body: bytes,
        fields: object,
        verdict: Verdict,
        met: dict[str, SinkFault],
    ) -> Answered:
        is_invoked = _INVOCATION.fullmatch(path) is not None
        if method != "POST":
            sentence = f"A message is sent with POST, not {method}."
            return Answered(405, {"message": sentence}, (("allow", "POST"),), sentence)
        if len(raw_body) > MESSAGE_BYTES:
            sentence = f"The message has more than {MESSAGE_BYTES:,} bytes."
            kind = ((ERROR_TYPE, "RequestEntityTooLargeException"),)
            return Answered(413, {"message": sentence}, kind, sentence)
        if not verdict.ok:
            body = {
                "message": verdict.message,
                "reason": verdict.reason,
                "explanation": verdict.sentence,
            }
            kind = ((ERROR_TYPE, verdict.error_type),)
            return Answered(verdict.status, body, kind, verdict.sentence)
        if "throttle" in met:
            return _throttled()
        if "error" in met:
            return _failing(is_invoked=is_invoked)
        if "not-json" in met:
            sentence = "The sink was told to answer what is no JSON."
            return Answered(200, b"<html>It works.</html>", error=sentence)
        if "no-tracking-id" in met:
            return Answered(200, {"ok": True}, error="The sink was told to give no tracking id.")
        problem = f"The message is no JSON object of at most {DEEPEST} levels."
        if isinstance(fields, dict):
            problem = schema.problem({"security_level": "normal", **fields})
        if problem:
            return _invalid(problem, is_invoked=is_invoked)
        more: Headers = ()
        if is_sensitive(fields) and isinstance(fields, dict):
            more = ((DIGEST_HEADER, masking.digest(fields)),)
        return Answered(200, {"tracking_id": str(uuid4())}, more)

    def _worker(self, path: str) -> str:
        """Return the worker whose URL this is, or nothing."""
        name = unquote(path.removeprefix(f"{PATH}/").partition("/")[0])
        return name if self._workers.worker(name) is not None else ""


def _read(raw_body: bytes) -> object:
    """Return what a message says; None for no JSON, or too many levels of it."""
    try:
        found: object = json.loads(raw_body)
    except (ValueError, RecursionError):
        return None
    return None if is_deep(found) else found


def _throttled() -> Answered:
    body = {
        "Reason": "ReservedFunctionConcurrentInvocationLimitExceeded",
        "Type": "User",
        "message": "Rate Exceeded.",
    }
    more = (("retry-after", "1"), (ERROR_TYPE, "TooManyRequestsException"))
    return Answered(429, body, more, "The sink was told to throttle.")


def _failing(*, is_invoked: bool) -> Answered:
    sentence = "The sink was told to fail."
    if is_invoked:
        body = {"errorMessage": sentence, "errorType": "Exception"}
        return Answered(200, body, (("x-amz-function-error", "Unhandled"),), sentence)
    kind = ((ERROR_TYPE, "InternalServerErrorException"),)
    return Answered(500, {"message": "Internal Server Error"}, kind, sentence)


def _invalid(problem: str, *, is_invoked: bool) -> Answered:
    if is_invoked:
        body = {"statusCode": 400, "body": json.dumps({"error": problem})}
        return Answered(200, body, error=problem)
    return Answered(400, {"error": problem}, error=problem)


def _no_region(verdict: Verdict) -> Verdict:
    return replace(
        verdict,
        reason="wrong region",
        sentence=f"It is signed for {verdict.region}, and there is no such region.",
        status=403,
        error_type="InvalidSignatureException",
        message=f"Credential should be scoped to a valid region, not '{verdict.region}'.",
    )


def _word(verdict: Verdict) -> str:
    if verdict.reason == "unsigned":
        return "unsigned"
    return f"ok {DIALECT}" if verdict.ok else f"bad {DIALECT}"


def _judgement(verdict: Verdict) -> Judgement:
    scope = f"for {verdict.region}/{verdict.service}"
    sentence = verdict.sentence or f"It is signed {scope}."
    return Judgement(verdict.ok, verdict.reason or "ok", DIALECT, sentence)


async def _unrecorded(send: Send, error: ConsoleError) -> None:
    """Refuse a message that cannot be recorded."""
    headers = (*asgi.JSON_TYPE, ("retry-after", "1"))
    await asgi.send_answer(send, 503, headers, asgi.error_body(error.message))
