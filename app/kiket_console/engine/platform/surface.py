"""The HTTP surface of the platform's stand-in: who may call, what answers, and what is recorded.

Every call is an exchange of source `api`, a child of the delivery during which it was made. What
is logged or notified is nowhere else: the exchange is the record.
"""

from __future__ import annotations

import hmac
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote

import orjson

from kiket_console.engine import asgi
from kiket_console.engine.platform.calls import Call, RefusedError, Reply, text_field
from kiket_console.engine.platform.secret_routes import SecretRoutes, sent_secret
from kiket_console.engine.platform.state import RateWindow
from kiket_console.engine.recorder import Arrival, Ending
from kiket_console.errors import ConsoleError
from kiket_console.model import Source, State

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from starlette.types import Receive, Scope, Send

    from kiket_console.engine.ports import Secrets, Workers
    from kiket_console.engine.recorder import Recorded, Recorder
    from kiket_console.model import Headers

TARGET = "platform"
_API = "/api/v1/"
_NAME_LIMIT = 200


@dataclass(frozen=True, slots=True)
class _Route:
    method: str
    path: re.Pattern[str]
    answer: Callable[[Call], Awaitable[Reply]]
    open: bool = False
    """Whether a token is not asked for."""


class Platform:
    """Answer an extension's calls; `app` is the ASGI front.

    `tokens` gives the bearer tokens that are good now: the project's own and those that the
    extension's code has configured.
    """

    def __init__(
        self,
        recorder: Recorder,
        secrets: Secrets,
        workers: Workers,
        tokens: Callable[[], Sequence[str]],
    ) -> None:
        self._recorder = recorder
        self._workers = workers
        self._tokens = tokens
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
        known, readable = self._secrets_in(method, path, raw_body)
        too_large = len(raw_body) > asgi.BODY_BYTES
        arrival = Arrival(
            Source.API,
            self._caller(),
            self._name(method, path),
            "",
            method,
            asgi.with_query(path, scope),
            headers,
            raw_body,
            truncate_to=0 if not readable else asgi.BODY_BYTES if too_large else None,
        )
        try:
            parent = self._recorder.parent(headers)
            recorded = await self._recorder.receive(
                arrival, target=TARGET, parent=parent, known=known
            )
        except ConsoleError as error:
            await _unrecorded(send, error)
            return
        began_ns = time.perf_counter_ns()
        if too_large:
            reply = _too_large()
        else:
            reply = await self._reply(method, path, headers, raw_body)
        await self._answer(send, recorded, reply, {**known, **reply.secrets}, began_ns)

    async def _answer(
        self,
        send: Send,
        recorded: Recorded,
        reply: Reply,
        known: Mapping[str, str],
        began_ns: int,
    ) -> None:
        headers = (*asgi.JSON_TYPE, *reply.headers) if reply.body is not None else reply.headers
        raw_answer = b"" if reply.body is None else orjson.dumps(reply.body)
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

    async def _reply(self, method: str, path: str, headers: Headers, raw_body: bytes) -> Reply:
        try:
            route, parts = self._find(method, path, headers)
            if not route.open:
                self._window.count()
            return await route.answer(Call(parts, raw_body))
        except RefusedError as refusal:
            return refusal.reply
        except ConsoleError as error:  # the keyring does not answer
            return Reply(503, {"error": error.message}, (("retry-after", "1"),))

    def _find(self, method: str, path: str, headers: Headers) -> tuple[_Route, dict[str, str]]:
        """Return the route and the named pieces of the path, or raise `RefusedError`."""
        found = [(route, match) for route in self._routes if (match := route.path.fullmatch(path))]
        exact = next((pair for pair in found if pair[0].method == method), None)
        if exact is None or not exact[0].open:
            self._check_token(headers)
        if exact is not None:
            route, match = exact
            return route, {name: unquote(each) for name, each in match.groupdict().items()}
        if found:
            allowed = ", ".join(route.method for route, _ in found)
            raise RefusedError(
                405, f"{method} is not for {path}; use {allowed}.", headers=(("allow", allowed),)
            )
        raise RefusedError(501, f"{method} {path} is not part of this console's platform yet.")

    def _check_token(self, headers: Headers) -> None:
        scheme, _, token = next(
            (value for name, value in headers if name.lower() == "authorization"), ""
        ).partition(" ")
        expected = (
            "the workspace token in KIKET_WORKSPACE_TOKEN, or the one that your code gives "
            "as workspace_token"
        )
        if scheme.lower() != "bearer" or not token.strip():
            raise RefusedError(401, f"The call carries no bearer token; send {expected}.")
        raw_token = token.strip().encode("utf-8", "surrogatepass")
        good = [
            hmac.compare_digest(raw_token, each.encode("utf-8", "surrogatepass"))
            for each in self._tokens()
            if each
        ]
        if not any(good):
            raise RefusedError(
                401, f"The bearer token is not one of this project's; send {expected}."
            )

    def _secrets_in(self, method: str, path: str, raw_body: bytes) -> tuple[dict[str, str], bool]:
        """Return the secrets that a call sets, and whether its body may be recorded."""
        match = _SECRET_PATH.fullmatch(path)
        if match is None or not raw_body:
            return {}, True
        key = unquote(match["key"]) if match["key"] and method != "POST" else None
        sent = sent_secret(key, raw_body)
        return (sent, True) if sent is not None else ({}, False)

    def _caller(self) -> str:
        """Return whom a call comes from: these routes do not say, so only one can be told."""
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
        """Return *answer* for the extensions of this project only."""

        async def checked(call: Call) -> Reply:
            known = {each.extension_id for each in self._workers.workers() if each.extension_id}
            asked = call.parts["id"]
            if known and asked not in known:
                raise RefusedError(
                    404,
                    f"No extension {asked[:128]!r} is installed here; "
                    f"this project's is {', '.join(sorted(known))}.",
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


def _too_large() -> Reply:
    limit = asgi.BODY_BYTES // 1024**2
    return Reply(413, {"error": f"The body has more than {limit} MiB."})


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
