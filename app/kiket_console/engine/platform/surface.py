"""The HTTP surface of the platform's stand-in: who may call, what answers, and what is recorded.

Every call of a worker is an exchange of source `api`, a child of the delivery during which it was
made. What is logged or notified is nowhere else: the exchange is the record. Of what comes without
a token that is good, a sample is recorded.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote

import orjson

from kiket_console.engine import asgi
from kiket_console.engine.platform.callers import Callers
from kiket_console.engine.platform.calls import Call, RefusedError, Reply, text_field
from kiket_console.engine.platform.secret_routes import SecretRoutes, sent_secret
from kiket_console.engine.platform.state import RateWindow
from kiket_console.engine.recorder import Arrival, Ending
from kiket_console.engine.refusals import BODY_SAMPLE
from kiket_console.errors import ConsoleError
from kiket_console.model import Source, State

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from starlette.types import Receive, Scope, Send

    from kiket_console.engine.ports import Secrets, Workers
    from kiket_console.engine.recorder import Parent, Recorded, Recorder
    from kiket_console.engine.refusals import Refusals
    from kiket_console.model import Headers
    from kiket_core.secret import Secret

TARGET = "platform"
_API = "/api/v1/"
_NAME_LIMIT = 200
_ANONYMOUS_BYTES = 64 * 1024
"""Of the body of a call without a token."""
_ANONYMOUS_PER_MINUTE = 60
"""How much is recorded of what comes without a token, where none is asked for, and belongs to no
delivery that is known."""


@dataclass(frozen=True, slots=True)
class _Route:
    method: str
    path: re.Pattern[str]
    answer: Callable[[Call], Awaitable[Reply]]
    open: bool = False
    """Whether a token is not asked for."""


class Platform:
    """Answer an extension's calls; `app` is the ASGI front.

    `tokens` gives the bearer tokens that are good now, and whose each is: those that workers were
    given and those that their code has configured.
    """

    def __init__(
        self,
        recorder: Recorder,
        secrets: Secrets,
        workers: Workers,
        tokens: Callable[[], Iterable[tuple[str, Secret]]],
        refusals: Refusals,
    ) -> None:
        self._recorder = recorder
        self._workers = workers
        self._callers = Callers(tokens)
        self._refusals = refusals
        self._window = RateWindow()
        kept = SecretRoutes(secrets)
        secret, one = "extensions/{id}/secrets", "extensions/{id}/secrets/{key}"
        self._routes = (
            _route("POST", "extensions/logs", _log),
            _route("POST", "extensions/metrics", _metric),
            _route("POST", "extensions/notifications", _notification),
            _route("GET", secret, self._for_extension(kept.list)),
            _route("POST", secret, self._for_extension(kept.create)),
            _route("GET", one, self._for_extension(kept.read)),
            _route("PATCH", one, self._for_extension(kept.change)),
            _route("DELETE", one, self._for_extension(kept.delete)),
            _route("GET", "ext/rate_limit", self._rate_limit),
            _route("POST", "ext", _telemetry, without_token=True),
            _route("POST", "ext/telemetry", _telemetry, without_token=True),
        )

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request (ASGI)."""
        if scope["type"] != "http":
            return
        raw_body = await asgi.read_body(receive)
        if raw_body is None:
            return
        method, path, headers = scope["method"], asgi.raw_path(scope), asgi.headers_of(scope)
        caller, refused = self._caller(method, path, headers)
        parent = None if refused else self._recorder.parent(headers, caller or "")
        stranger = caller is None and (parent is None or parent.guessed)
        began_ns = time.perf_counter_ns()
        if stranger and not self._is_kept(refused):
            reply = refused or await self._reply(method, path, caller, raw_body)
            await asgi.send_answer(send, reply.status, *_written(reply))
            return
        known, readable = self._secrets_in(method, path, raw_body)
        limit = BODY_SAMPLE if stranger else asgi.BODY_BYTES
        arrival = Arrival(
            Source.API,
            self._worker(caller or "", parent),
            self._name(method, path),
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
        reply = refused or await self._reply(method, path, caller, raw_body)
        await self._answer(send, recorded, reply, {**known, **reply.secrets}, began_ns)

    def _caller(self, method: str, path: str, headers: Headers) -> tuple[str | None, Reply | None]:
        """Return the worker that calls, and the refusal when the call needs a token it lacks.

        The name is empty when several workers have the token, and None when none has.
        """
        try:
            return self._callers.caller(headers), None
        except RefusedError as refusal:
            is_open = any(
                route.open and route.method == method and route.path.fullmatch(path)
                for route in self._routes
            )
            return None, None if is_open else refusal.reply

    def _is_kept(self, refused: Reply | None) -> bool:
        """Return whether a call of a stranger is one of the sample that is recorded."""
        if refused is not None:
            return self._refusals.refused("platform", refused.status)
        return self._refusals.keeps("telemetry without a token", _ANONYMOUS_PER_MINUTE)

    async def _answer(
        self,
        send: Send,
        recorded: Recorded,
        reply: Reply,
        known: Mapping[str, str],
        began_ns: int,
    ) -> None:
        headers, raw_answer = _written(reply)
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

    async def _reply(self, method: str, path: str, caller: str | None, raw_body: bytes) -> Reply:
        try:
            limit = _ANONYMOUS_BYTES if caller is None else asgi.BODY_BYTES
            if len(raw_body) > limit:
                raise RefusedError(413, f"The body has more than {limit // 1024:,} KiB.")
            route, parts = self._find(method, path)
            if not route.open:
                self._window.count()
            return await route.answer(Call(parts, raw_body, caller or ""))
        except RefusedError as refusal:
            return refusal.reply
        except ConsoleError as error:  # the keyring does not answer
            return Reply(503, {"error": error.message}, (("retry-after", "1"),))

    def _find(self, method: str, path: str) -> tuple[_Route, dict[str, str]]:
        """Return the route and the named pieces of the path, or raise `RefusedError`."""
        found = [(route, match) for route in self._routes if (match := route.path.fullmatch(path))]
        for route, match in found:
            if route.method == method:
                return route, {name: unquote(each) for name, each in match.groupdict().items()}
        if found:
            allowed = ", ".join(route.method for route, _ in found)
            raise RefusedError(
                405, f"{method} is not for {path}; use {allowed}.", headers=(("allow", allowed),)
            )
        raise RefusedError(501, f"{method} {path} is not part of this console's platform yet.")

    def _secrets_in(self, method: str, path: str, raw_body: bytes) -> tuple[dict[str, str], bool]:
        """Return the secrets that a call sets, and whether its body may be recorded."""
        match = _SECRET_PATH.fullmatch(path)
        if match is None or not raw_body:
            return {}, True
        key = unquote(match["key"]) if match["key"] and method != "POST" else None
        sent = sent_secret(key, raw_body)
        return (sent, True) if sent is not None else ({}, False)

    def _worker(self, caller: str, parent: Parent | None) -> str:
        """Return whom a call comes from, by its token or its trace; else the only one there is."""
        if caller or parent is not None:
            return caller or (parent.worker if parent else "")
        names = [each.name for each in self._workers.workers() if each.kind == "extension"]
        return names[0] if len(names) == 1 else ""

    def _name(self, method: str, path: str) -> str:
        """Return a call's name for lists, without what every path of this project repeats."""
        short = path.removeprefix(_API)
        for worker in self._workers.workers():
            if worker.extension_id:
                short = short.removeprefix(f"extensions/{worker.extension_id}/")
        return f"{method} {short.removeprefix('ext/')}"[:_NAME_LIMIT]

    def _for_extension(
        self, answer: Callable[[Call], Awaitable[Reply]]
    ) -> Callable[[Call], Awaitable[Reply]]:
        """Return *answer* for the calling extension's own id only."""

        async def checked(call: Call) -> Reply:
            by_id = {
                each.extension_id: each.name
                for each in self._workers.workers()
                if each.extension_id
            }
            asked = call.parts["id"]
            if by_id and asked not in by_id:
                raise RefusedError(
                    404,
                    f"No extension {asked[:128]!r} is installed here; "
                    f"this project's is {', '.join(sorted(by_id))}.",
                )
            if call.caller and by_id.get(asked, call.caller) != call.caller:
                raise RefusedError(
                    403,
                    f"The token is that of {call.caller!r}; it opens nothing of {asked[:128]!r}.",
                )
            return await answer(call)

        return checked

    async def _rate_limit(self, call: Call) -> Reply:
        del call
        rate = self._window.rate()
        return Reply(
            200,
            {
                "rate_limit": {
                    "limit": rate.limit,
                    "remaining": rate.remaining,
                    "window_seconds": rate.window_s,
                    "reset_in": rate.reset_in_s,
                }
            },
        )


async def _unrecorded(send: Send, error: ConsoleError) -> None:
    """Refuse a call that cannot be recorded."""
    headers = (*asgi.JSON_TYPE, ("retry-after", "1"))
    await asgi.send_answer(send, 503, headers, asgi.error_body(error.message))


async def _log(call: Call) -> Reply:
    text_field(call.fields(), "message")
    return Reply(204)


async def _metric(call: Call) -> Reply:
    fields = call.fields()
    text_field(fields, "name")
    value = fields.get("value")
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise RefusedError(422, "value must be a number.", errors=("value must be a number",))
    return Reply(204)


async def _notification(call: Call) -> Reply:
    fields = call.fields()
    text_field(fields, "title")
    text_field(fields, "body")
    return Reply(204)


async def _telemetry(call: Call) -> Reply:
    call.fields()
    return Reply(204)


def _written(reply: Reply) -> tuple[Headers, bytes]:
    """Return a reply's headers and body as they are sent."""
    if reply.body is None:
        return reply.headers, b""
    return (*asgi.JSON_TYPE, *reply.headers), orjson.dumps(reply.body)


def _route(
    method: str,
    template: str,
    answer: Callable[[Call], Awaitable[Reply]],
    *,
    without_token: bool = False,
) -> _Route:
    pieces = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", template)
    return _Route(method, re.compile(_API + pieces), answer, without_token)


# Wider than our routes: a value sent to a path that we refuse is not recorded either.
_SECRET_PATH = re.compile(r".*/secrets(?:/(?P<key>[^/]+))?/?", re.DOTALL)
