"""The HTTP surface of the platform's stand-in: who may call, what answers, and what is recorded.

Every call of a worker is an exchange of source `api`, a child of the delivery during which it was
made. What is logged or measured is nowhere else: the exchange is the record; what telemetry tells
of a handler is a span of that delivery instead. Of what comes without a token that is good, a
sample is recorded.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

import orjson

from kiket_console.engine import asgi
from kiket_console.engine.headers import value_of
from kiket_console.engine.platform.api import Asked
from kiket_console.engine.platform.calls import BODY_BYTES, RefusedError, Reply
from kiket_console.engine.recorder import Arrival, Ending
from kiket_console.engine.refusals import BODY_SAMPLE
from kiket_console.errors import ConsoleError
from kiket_console.model import Source, State

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import Receive, Scope, Send

    from kiket_console.engine.parentage import Parent
    from kiket_console.engine.platform.api import Api
    from kiket_console.engine.platform.callers import Caller, Callers
    from kiket_console.engine.ports import Workers
    from kiket_console.engine.recorder import Recorded, Recorder
    from kiket_console.engine.refusals import Refusals
    from kiket_console.model import Headers

TARGET = "platform"
_NAME_LIMIT = 200
_QUERY_FIELDS = 100
_ANONYMOUS_BYTES = 64 * 1024
"""Of the body of a call without a token."""
_ANONYMOUS_PER_MINUTE = 60
"""How much is recorded of what comes without a token, where none is asked for, and belongs to no
delivery that is known."""


class Platform:
    """Answer an extension's calls; `app` is the ASGI front."""

    def __init__(
        self,
        recorder: Recorder,
        workers: Workers,
        refusals: Refusals,
        callers: Callers,
        api: Api,
    ) -> None:
        self._recorder = recorder
        self._workers = workers
        self._refusals = refusals
        self._callers = callers
        self._api = api

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request (ASGI)."""
        if scope["type"] != "http":
            return
        raw_body = await asgi.read_body(receive)
        if raw_body is None:
            return
        method, path, headers = scope["method"], asgi.raw_path(scope), asgi.headers_of(scope)
        caller, refused = self._caller(method, path, headers)
        parent = (
            None
            if refused
            else self._recorder.parent(
                headers, caller.worker if caller else "", caller.delivery_id if caller else ""
            )
        )
        stranger = caller is None and (parent is None or parent.guessed)
        began_ns = time.perf_counter_ns()
        query = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
        agent = value_of(headers, "user-agent")
        asked = Asked(method, path, query, raw_body, caller, agent, parent)
        reply = refused
        if reply is None and self._api.is_telling(method, path):
            reply = await self._reply(asked)
            if reply.is_kept:
                await asgi.send_answer(send, reply.status, *written(reply))
                return
        if stranger and not self._is_kept(refused):
            reply = reply or await self._reply(asked)
            await asgi.send_answer(send, reply.status, *written(reply))
            return
        known, readable = self._api.secrets_in(path, raw_body)
        limit = BODY_SAMPLE if stranger else BODY_BYTES
        arrival = Arrival(
            Source.API,
            self._worker(caller, parent),
            f"{method} {self._api.short(path)}"[:_NAME_LIMIT],
            "",
            method,
            asgi.with_query(path, scope),
            headers,
            raw_body,
            truncate_to=0 if not readable else limit if len(raw_body) > limit else None,
        )
        try:
            recorded = await self._recorder.receive(
                arrival, target=TARGET, parent=parent, known=known
            )
        except ConsoleError as error:
            await _unrecorded(send, error)
            return
        reply = reply or await self._reply(asked, recorded.id)
        await self._answer(send, recorded, reply, {**known, **reply.secrets}, began_ns)

    def _caller(
        self, method: str, path: str, headers: Headers
    ) -> tuple[Caller | None, Reply | None]:
        """Return who calls, None for nobody known, and the refusal of a call that needs a token."""
        try:
            return self._callers.caller(headers), None
        except RefusedError as refusal:
            return None, None if self._api.is_open(method, path) else refusal.reply
        except ConsoleError as error:  # the key of runtime tokens cannot be used
            return None, Reply(503, {"error": error.message})

    def _is_kept(self, refused: Reply | None) -> bool:
        """Return whether a call of a stranger is one of the sample that is recorded."""
        if refused is not None:
            return self._refusals.refused("platform", refused.status)
        return self._refusals.keeps("calls without a token", _ANONYMOUS_PER_MINUTE)

    async def _answer(
        self,
        send: Send,
        recorded: Recorded,
        reply: Reply,
        known: Mapping[str, str],
        began_ns: int,
    ) -> None:
        headers, raw_answer = written(reply)
        ending = Ending(
            State.FORWARDED,
            reply.status,
            (time.perf_counter_ns() - began_ns) // 1000,
            answer=(headers, raw_answer),
        )
        try:
            await self._recorder.answered(recorded, ending, known=known)
        except ConsoleError as error:
            await _unrecorded(send, error)
            return
        await asgi.send_answer(send, reply.status, headers, raw_answer)

    async def _reply(self, asked: Asked, exchange_id: int = 0) -> Reply:
        limit = _ANONYMOUS_BYTES if asked.caller is None else BODY_BYTES
        if len(asked.raw_body) > limit:
            return RefusedError(413, f"The body has more than {limit // 1024:,} KiB.").reply
        if len(asked.query) > _QUERY_FIELDS:
            return RefusedError(400, f"The query has more than {_QUERY_FIELDS} fields.").reply
        return await self._api.reply(asked, exchange_id)

    def _worker(self, caller: Caller | None, parent: Parent | None) -> str:
        """Return whom a call comes from, by its token or its trace; else the only one there is."""
        if caller is not None and caller.worker:
            return caller.worker
        if parent is not None:
            return parent.worker
        extensions = self._workers.extensions()
        return extensions[0].name if len(extensions) == 1 else ""


async def _unrecorded(send: Send, error: ConsoleError) -> None:
    """Refuse a call that cannot be recorded."""
    headers = (*asgi.JSON_TYPE, ("retry-after", "1"))
    await asgi.send_answer(send, 503, headers, asgi.error_body(error.message))


def written(reply: Reply) -> tuple[Headers, bytes]:
    """Return a reply's headers and body as they are sent."""
    if reply.body is None:
        return reply.headers, b""
    try:
        raw_body = orjson.dumps(reply.body)
    except TypeError:  # half of a surrogate pair in what was sent, and is named in the answer
        raw_body = json.dumps(reply.body).encode()
    return (*asgi.JSON_TYPE, *reply.headers), raw_body
