"""A small web app for modules that need no framework: exact paths, JSON in one envelope.

    router = HttpIpcRouter()

    @router.get("/greet")
    async def greet(request):
        return {"hello": request.query.get("name", "you")}

It answers what a module is asked over HTTP and as messages alike: the decorated function of
`@pywatt_module` may return it. What it answers is in the form of the Rust SDK's router (pywatt wire
specification §5.2): `{"status": "success", "data": …, "message": null}`.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import uuid
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar
from urllib.parse import parse_qsl

import orjson

from pywatt_sdk._exchange import Exchange
from pywatt_sdk.core.error import PyWattSDKError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pywatt_sdk._exchange import Receive, Scope, Send
    from pywatt_sdk._protocol import HttpRequest, HttpResponse

__all__ = [
    "STATUS_OF_CODE",
    "ApiResponse",
    "HttpIpcError",
    "HttpIpcRequest",
    "HttpIpcRouter",
    "error_response",
    "not_found",
    "success",
]

Handler = TypeVar("Handler", bound="Callable[[HttpIpcRequest], Any]")

STATUS_OF_CODE: Final[Mapping[str, int]] = {
    "BAD_REQUEST": 400,
    "UNAUTHORIZED": 401,
    "FORBIDDEN": 403,
    "NOT_FOUND": 404,
    "METHOD_NOT_ALLOWED": 405,
    "TIMEOUT": 408,
    "CONFLICT": 409,
    "INTERNAL_ERROR": 500,
    "IPC_COMMUNICATION_ERROR": 502,
}
"""The codes of errors, and the HTTP status of each."""

BODY_BYTES: Final = 16 * 1024 * 1024
AT_ONCE: Final = 100
_REQUEST_ID: Final = b"x-request-id"
_log = logging.getLogger("pywatt_sdk.http")


class HttpIpcError(PyWattSDKError):
    """Raised by a handler to answer with an error: one of `STATUS_OF_CODE`, and a sentence."""

    def __init__(self, code: str, message: str) -> None:
        if code not in STATUS_OF_CODE:
            raise ValueError(f"The error code {code!r} is not one of {', '.join(STATUS_OF_CODE)}.")
        super().__init__(message)
        self.code = code
        self.status_code = STATUS_OF_CODE[code]


@dataclass(frozen=True)
class ApiResponse:
    """An answer: the three members of its envelope, its status, and headers of its own."""

    status: str
    data: Any = None
    message: str | None = None
    status_code: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)

    def body(self) -> bytes:
        """Return the envelope as JSON; dataclasses and pydantic models are objects in it.

        Raises:
            TypeError: if the data has something that JSON has not.
        """
        envelope = {"status": self.status, "data": self.data, "message": self.message}
        return orjson.dumps(envelope, _plain, orjson.OPT_NON_STR_KEYS)


def success(data: Any = None, message: str | None = None, status_code: int = 200) -> ApiResponse:
    """Answer with data."""
    return ApiResponse("success", data, message, status_code)


def error_response(code: str, message: str) -> ApiResponse:
    """Answer with an error of `STATUS_OF_CODE`, which is told in X-Error-Code too.

    Raises:
        ValueError: if there is no such code.
    """
    error = HttpIpcError(code, message)
    return ApiResponse("error", None, message, error.status_code, {"x-error-code": code})


def not_found(method: str, path: str) -> ApiResponse:
    """Answer that there is no such endpoint."""
    return ApiResponse("error", None, f"Endpoint not found: {method} {path}", 404)


@dataclass(frozen=True)
class HttpIpcRequest:
    """A request; header names are in lower case, and of a repeated name the last value counts."""

    request_id: str
    method: str
    path: str
    query_string: str
    headers: Mapping[str, str]
    body: bytes

    @cached_property
    def query(self) -> dict[str, str]:
        """What stands after the question mark, decoded; of a repeated name the last value."""
        return dict(parse_qsl(self.query_string, keep_blank_values=True))

    def json(self) -> Any:
        """Return the body, which is JSON.

        Raises:
            HttpIpcError: if it is not; answered 400.
        """
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError:
            raise HttpIpcError("BAD_REQUEST", "The body is not valid JSON.") from None


class Served(NamedTuple):
    """One endpoint of a router."""

    path: str
    methods: frozenset[str]
    endpoint: Callable[[HttpIpcRequest], Any]


class HttpIpcRouter:
    """Routes by exact method and path; what a handler returns is the data of the answer.

    Handlers take the request, may be asynchronous, and may return an `ApiResponse`; synchronous
    ones run on the event loop and must be quick. At most 100 run at a time.
    """

    def __init__(self) -> None:
        self._handlers: dict[tuple[str, str], Callable[[HttpIpcRequest], Any]] = {}
        self._room = asyncio.Semaphore(AT_ONCE)

    @property
    def routes(self) -> list[Served]:
        """The endpoints, as they are found to be announced."""
        return [
            Served(path, frozenset({method}), handler)
            for (method, path), handler in self._handlers.items()
        ]

    def route(self, method: str, path: str) -> Callable[[Handler], Handler]:
        """Register the function below for a method and a path.

        Raises:
            ValueError: if there is a handler for them, or the path does not begin with a slash.
        """

        def register(handler: Handler) -> Handler:
            self.add_route(method, path, handler)
            return handler

        return register

    def add_route(self, method: str, path: str, handler: Callable[[HttpIpcRequest], Any]) -> None:
        """Register a handler; raises ValueError as `route` does."""
        key = (method.upper(), path)
        if not path.startswith("/"):
            raise ValueError(f"The path {path!r} does not begin with a slash.")
        if key in self._handlers:
            raise ValueError(f"There is a handler for {key[0]} {path} already.")
        self._handlers[key] = handler

    def get(self, path: str) -> Callable[[Handler], Handler]:
        """Register the function below for GET."""
        return self.route("GET", path)

    def post(self, path: str) -> Callable[[Handler], Handler]:
        """Register the function below for POST."""
        return self.route("POST", path)

    def put(self, path: str) -> Callable[[Handler], Handler]:
        """Register the function below for PUT."""
        return self.route("PUT", path)

    def patch(self, path: str) -> Callable[[Handler], Handler]:
        """Register the function below for PATCH."""
        return self.route("PATCH", path)

    def delete(self, path: str) -> Callable[[Handler], Handler]:
        """Register the function below for DELETE."""
        return self.route("DELETE", path)

    async def handle(self, request: HttpRequest) -> HttpResponse:
        """Answer one message."""
        exchange = Exchange(request)
        await exchange.run(self)
        return exchange.response.result()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve as an ASGI app."""
        if scope["type"] == "lifespan":
            await _live(receive, send)
            return
        if scope["type"] != "http":
            await receive()
            await send({"type": "websocket.close", "code": 1000})
            return
        given = dict(scope["headers"]).get(_REQUEST_ID)
        request_id = given.decode("latin-1") if given else str(uuid.uuid4())
        handler = self._handlers.get((scope["method"], scope["path"]))
        if handler is None:  # without an id, as the Rust router answers it
            await _send(send, not_found(scope["method"], scope["path"]), {})
            return
        answer = await self._answer(handler, scope, receive, request_id)
        await _send(send, answer, {"x-request-id": request_id})

    async def _answer(
        self,
        handler: Callable[[HttpIpcRequest], Any],
        scope: Scope,
        receive: Receive,
        request_id: str,
    ) -> ApiResponse:
        try:
            request = HttpIpcRequest(
                request_id,
                scope["method"],
                scope["path"],
                scope["query_string"].decode("latin-1"),
                {name.decode(): value.decode("latin-1") for name, value in scope["headers"]},
                await _body(receive),
            )
            async with self._room:
                outcome = handler(request)
                if inspect.isawaitable(outcome):
                    outcome = await outcome
            answer = outcome if isinstance(outcome, ApiResponse) else success(outcome)
            answer.body()  # what is no JSON fails here, with the handler
        except HttpIpcError as error:
            return error_response(error.code, error.message)
        except Exception:
            _log.exception("The handler of %s %s failed.", scope["method"], scope["path"])
            return error_response("INTERNAL_ERROR", "The module failed to answer.")
        return answer


async def _body(receive: Receive) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > BODY_BYTES:
            raise HttpIpcError("BAD_REQUEST", f"The body is larger than {BODY_BYTES} bytes.")
        if not message.get("more_body", False):
            return bytes(body)


async def _send(send: Send, answer: ApiResponse, more: Mapping[str, str]) -> None:
    body = answer.body()
    headers = {
        "content-type": "application/json",
        **more,
        **answer.headers,
        "content-length": str(len(body)),
    }
    raw_headers = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await send(
        {"type": "http.response.start", "status": answer.status_code, "headers": raw_headers}
    )
    await send({"type": "http.response.body", "body": body})


def _plain(value: Any) -> Any:
    """Return what orjson does not know as what it does."""
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    raise TypeError(f"a {type(value).__name__} is no JSON")


async def _live(receive: Receive, send: Send) -> None:
    """Start and end, with nothing to do for either."""
    while True:
        kind = (await receive())["type"]
        await send({"type": f"{kind}.complete"})
        if kind == "lifespan.shutdown":
            return
