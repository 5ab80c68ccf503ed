"""A module's app as the world sees it: with health, metrics, a version prefix, tokens and counts.

    request ─► version prefix ─► token, where announced ─► /health, /metrics ─► the app

It stands around the app and changes nothing in it, so it is the same for every framework. What the
app serves itself is the app's: a `/health` of its own wins over the SDK's.
"""

from __future__ import annotations

import asyncio
import functools
import json
import logging
import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import quote

from pywatt_sdk._bridge import asgi_app
from pywatt_sdk._protocol import Endpoint
from pywatt_sdk._routes import routes_of
from pywatt_sdk._rules import Rules, unprefixed
from pywatt_sdk._trace import enter as enter_trace
from pywatt_sdk._traffic import Traffic

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pywatt_sdk._exchange import ASGI, Message, Receive, Scope, Send
    from pywatt_sdk._metrics import Metrics
    from pywatt_sdk._routes import Route
    from pywatt_sdk.security._jwt_tokens import JwtConfig

METRICS_PATH: Final = "/metrics"
_log = logging.getLogger("pywatt_sdk.http")


class ModuleApp(NamedTuple):
    """What is served, and what is announced of it."""

    asgi: ASGI
    endpoints: tuple[Endpoint, ...]


def module_app(
    app: Any,
    *,
    endpoints: Iterable[Any] = (),
    health: str | None = "/health",
    metrics: Metrics | None = None,
    version: str | None = None,
    jwt: JwtConfig | None = None,
) -> ModuleApp:
    """Put the SDK's surface around a FastAPI, Starlette, Flask or other web app.

    `endpoints` have `path`, `methods` and `auth`; without any, the app's routes are announced.
    Those with `auth="jwt"` ask for a token that `jwt` accepts; without `jwt` nobody gets in.
    `health` answers GET with `{"status": "OK", "timestamp": …}` unless the app does itself;
    `metrics` are shown at /metrics. With `version` every path is served with that prefix too,
    and announced with it, except health and metrics (wire specification §1.3).

    Raises:
        TypeError: if `app` is no web application.
    """
    routes = routes_of(app)
    prefix = f"/{version.strip('/')}" if version and version.strip("/") else ""
    announced = tuple(map(_endpoint, endpoints)) or _discovered(routes, with_auth=jwt is not None)
    announced = tuple(_without_prefix(each, prefix) for each in announced)
    surface = Surface(
        asgi_app(app),
        routes,
        announced,
        health=health,
        metrics=metrics,
        prefix=prefix,
        root_path=(getattr(app, "root_path", None) or "").rstrip("/"),
        jwt=jwt,
    )
    if surface.asks_for_tokens and hasattr(app, "before_request_funcs"):
        from pywatt_sdk.security._jwt_flask import give_claims

        give_claims(app)
    own = [path for path in (health, METRICS_PATH if metrics is not None else None) if path]
    known = {each.path for each in announced}
    complete = [
        each if each.path in own else Endpoint(prefix + each.path, each.methods, each.auth)
        for each in announced
    ]
    complete += [Endpoint(path, ("GET",)) for path in own if path not in known]
    return ModuleApp(surface, tuple(complete))


class Surface:
    """The ASGI app around a module's app."""

    def __init__(
        self,
        app: ASGI,
        routes: tuple[Route, ...],
        endpoints: tuple[Endpoint, ...],
        *,
        health: str | None,
        metrics: Metrics | None,
        prefix: str,
        root_path: str,
        jwt: JwtConfig | None,
    ) -> None:
        self._app = app
        self._routes = routes
        self._rules = Rules(endpoints, routes, (prefix, root_path))
        self._prefix = prefix
        self._own: dict[str, ASGI] = {}
        if health and not self._serves("GET", health):
            self._own[health] = _tell_health
        if metrics is not None and not self._serves("GET", METRICS_PATH):
            self._own[METRICS_PATH] = functools.partial(_tell_metrics, metrics)
        self._traffic = None if metrics is None else Traffic(metrics)
        self.asks_for_tokens = self._rules.asks_for_tokens
        if self.asks_for_tokens:
            from pywatt_sdk.security._jwt_asgi import JwtGate

            self._gate = JwtGate(jwt)
            if jwt is None:
                _log.warning(
                    'Endpoints are announced with auth="jwt", and there is no secret to check '
                    "tokens with, so nobody is let in; give jwt_secret=…, or set JWT_SECRET."
                )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, one WebSocket, or the app's start and end."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        enter_trace(scope["headers"])
        scope = self._without_prefix(scope)
        if self._traffic is None or scope["type"] == "websocket":
            await self._serve(scope, receive, send)
            return
        path = scope["path"]
        if path not in self._own:
            path = self._rules.label(scope["method"], path)
        with self._traffic.counted(scope["method"], path) as count:
            await self._serve(scope, receive, count.watch(send))

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        method = scope["method"].upper() if scope["type"] == "http" else "GET"
        path = scope["path"]
        is_guarded = self.asks_for_tokens and self._rules.asks_for_token(method, path)
        if is_guarded and not await self._gate.admits(scope, receive, send):
            return
        own = self._own.get(path) if method in ("GET", "HEAD") else None
        if own is not None and scope["type"] == "http":
            await own(scope, receive, send)
        else:
            await self._ask(scope, receive, send)

    async def _ask(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Call the app; whatever it raises becomes a 500 without the reason, if it still can."""
        has_started = False

        async def watched(message: Message) -> None:
            nonlocal has_started
            has_started = True
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except asyncio.CancelledError:  # at the end of the drain, or of a message's time
            what = scope.get("method", "WebSocket")
            _log.warning(
                "%s %s was cut off: it took too long, or the module ends.", what, scope["path"]
            )
            if not has_started and scope["type"] == "http":
                await _send_json(send, 503, {"error": "The module stopped before it answered."})
        except Exception as error:
            if scope["type"] == "websocket" and type(error).__name__ == "WebSocketDisconnect":
                return  # the other side has left; a handler that waits for more hears it so
            if has_started or scope["type"] != "http":
                raise
            _log.exception("The handler of %s %s failed.", scope["method"], scope["path"])
            await _send_json(send, 500, {"error": "The module failed to answer."})

    def _serves(self, method: str, path: str) -> bool:
        return any(not each.is_websocket and each.takes(method, path) for each in self._routes)

    def _without_prefix(self, scope: Scope) -> Scope:
        """Take the version off a path, unless the app has routes under it."""
        path = scope["path"]
        rest = unprefixed(path, self._prefix)
        if rest == path or any(each.pattern.matches(path) for each in self._routes):
            return scope
        return {**scope, "path": rest, "raw_path": quote(rest).encode()}


def _endpoint(given: Any) -> Endpoint:
    """Put an endpoint of any kind, or a dict of its fields, as it is announced."""
    field = given.get if isinstance(given, dict) else functools.partial(_attribute, given)
    path = str(field("path"))
    methods = tuple(str(method).upper() for method in field("methods") or ())
    return Endpoint(path if path.startswith("/") else f"/{path}", methods, field("auth"))


def _attribute(given: Any, name: str) -> Any:
    return getattr(given, name, None)


def _discovered(routes: tuple[Route, ...], *, with_auth: bool) -> tuple[Endpoint, ...]:
    from pywatt_sdk.services.router_discovery import merged

    return tuple(
        Endpoint(each.path, tuple(each.methods), each.auth if with_auth else None)
        for each in merged(routes)
    )


def _without_prefix(endpoint: Endpoint, prefix: str) -> Endpoint:
    return Endpoint(unprefixed(endpoint.path, prefix), endpoint.methods, endpoint.auth)


async def _tell_health(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer as modules of the Rust SDK do (wire specification §1.3)."""
    del scope, receive
    await _send_json(send, 200, {"status": "OK", "timestamp": int(time.time())})


async def _tell_metrics(metrics: Metrics, scope: Scope, receive: Receive, send: Send) -> None:
    del receive
    accept = next((value for name, value in scope["headers"] if name == b"accept"), b"")
    media_type, body = metrics.exposition(accept.decode("latin-1"))
    await _send(send, 200, media_type, body)


async def _send_json(send: Send, status: int, content: Any) -> None:
    await _send(send, status, "application/json", json.dumps(content).encode())


async def _send(send: Send, status: int, media_type: str, body: bytes) -> None:
    headers = [
        (b"content-type", media_type.encode()),
        (b"content-length", str(len(body)).encode()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
