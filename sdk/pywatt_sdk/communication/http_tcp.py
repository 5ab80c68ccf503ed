"""HTTP requests as framed messages over TCP (pywatt wire specification §5.3).

router = HttpTcpRouter()

@router.get("/now")
async def now(request):
return {"celsius": 21}

async with HttpTcpServer(router, port=9100) as server:
async with HttpTcpClient(ConnectionConfig("127.0.0.1", server.port)) as client:
response = await client.get("/now")
response.json()          # {'status': 'success', 'data': {'celsius': 21}}
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

import msgspec
from msgspec import Raw, Struct, field

from pywatt_sdk import _wire_messages as m  # noqa: TC001 (read by msgspec)
from pywatt_sdk._protocol import ProtocolError, new_uuid
from pywatt_sdk._wire_read import explained
from pywatt_sdk._wire_values import bytes_as_numbers, read_bytes
from pywatt_sdk.core.error import PyWattSDKError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pywatt_sdk.communication.http_tcp_client import HttpTcpClient
    from pywatt_sdk.communication.http_tcp_server import HttpTcpServer, start_http_server

    Handler: TypeAlias = Callable[["HttpTcpRequest"], Awaitable[Any]]

H = TypeVar("H", bound="Handler")

__all__ = [
    "HttpTcpClient",
    "HttpTcpError",
    "HttpTcpRequest",
    "HttpTcpResponse",
    "HttpTcpRouter",
    "HttpTcpServer",
    "JsonBody",
    "start_http_server",
]

_JSON: Final = {"Content-Type": "application/json"}
_fault = (msgspec.MsgspecError, RecursionError, ValueError)


def __getattr__(name: str) -> Any:
    if name == "HttpTcpClient":
        from pywatt_sdk.communication.http_tcp_client import HttpTcpClient

        return HttpTcpClient
    if name in ("HttpTcpServer", "start_http_server"):
        from pywatt_sdk.communication import http_tcp_server

        return getattr(http_tcp_server, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


class HttpTcpError(PyWattSDKError):
    """A request that ends in an error response: its status and its text."""

    def __init__(self, status_code: int, message: str) -> None:
        super().__init__(message)
        self.status_code = status_code

    @classmethod
    def invalid_request(cls, message: str) -> HttpTcpError:
        """Say that the request makes no sense (400)."""
        return cls(400, message)

    @classmethod
    def unauthorized(cls, message: str) -> HttpTcpError:
        """Say that it is not known who asks (401)."""
        return cls(401, message)

    @classmethod
    def forbidden(cls, message: str) -> HttpTcpError:
        """Say that this one may not ask (403)."""
        return cls(403, message)

    @classmethod
    def not_found(cls, message: str) -> HttpTcpError:
        """Say that there is no such thing (404)."""
        return cls(404, message)

    @classmethod
    def timeout(cls, message: str) -> HttpTcpError:
        """Say that it took too long (408)."""
        return cls(408, message)


class JsonBody(Struct, frozen=True, omit_defaults=True):
    """The envelope that handlers' answers travel in; members that are None are left out."""

    status: str
    data: Any = None
    message: str | None = None

    @classmethod
    def success(cls, data: Any) -> JsonBody:
        """Wrap a result."""
        return cls("success", data)

    @classmethod
    def error(cls, message: str) -> JsonBody:
        """Wrap what went wrong."""
        return cls("error", message=message)

    def to_json(self) -> bytes:
        """Write it as JSON."""
        return msgspec.json.encode(self)


class HttpTcpRequest(Struct, frozen=True):
    """A request: `uri` is path and query, `body` bytes or None."""

    request_id: str
    method: str
    uri: str
    headers: dict[str, str]
    body: bytes | None = None

    @property
    def path(self) -> str:
        """Give the path, without the query."""
        return self.uri.partition("?")[0]

    @property
    def query(self) -> dict[str, str]:
        """Give the query's parameters; the last of a name counts."""
        from urllib.parse import parse_qsl

        return dict(parse_qsl(self.uri.partition("?")[2], keep_blank_values=True))

    def json(self) -> Any:
        """Read the body as JSON.

        Raises:
            HttpTcpError: (400) if it is none.
        """
        try:
            return msgspec.json.decode(self.body or b"")
        except _fault as fault:
            raise HttpTcpError.invalid_request(explained("The request's body", fault)) from None

    def to_json(self, *, id: str | None = None) -> bytes:  # noqa: A002  # the wire's word
        """Write the message, wrapped; with a new id if none is given."""
        return _wrapped(_with_body(self), id)

    @classmethod
    def from_json(cls, raw: bytes) -> HttpTcpRequest:
        """Read the message.

        Raises:
            ProtocolError: if it is something else.
        """
        try:
            found = msgspec.json.decode(raw, type=_WrappedRequest).content
            body = read_bytes(found.body, strict=False)
        except _fault as fault:
            raise ProtocolError(explained("The HTTP request", fault), "http_request") from None
        return cls(found.request_id, found.method, found.uri, found.headers, body)


class HttpTcpResponse(Struct, frozen=True):
    """What a request is answered with; matched by `request_id`."""

    request_id: str
    status_code: m.U16
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None

    @classmethod
    def success(cls, request_id: str, data: Any) -> HttpTcpResponse:
        """Answer 200 with a result."""
        return cls(request_id, 200, _JSON, JsonBody.success(data).to_json())

    @classmethod
    def error(cls, request_id: str, status_code: int, message: str) -> HttpTcpResponse:
        """Answer with what went wrong."""
        return cls(request_id, status_code, _JSON, JsonBody.error(message).to_json())

    def json(self) -> Any:
        """Read the body as JSON.

        Raises:
            ProtocolError: if it is none.
        """
        try:
            return msgspec.json.decode(self.body or b"")
        except _fault as fault:
            raise ProtocolError(explained("The response's body", fault)) from None

    def to_json(self, *, id: str | None = None) -> bytes:  # noqa: A002  # the wire's word
        """Write the message, wrapped; with a new id if none is given."""
        return _wrapped(_with_body(self), id)

    @classmethod
    def from_json(cls, raw: bytes) -> HttpTcpResponse:
        """Read the message.

        Raises:
            ProtocolError: if it is something else.
        """
        try:
            found = msgspec.json.decode(raw, type=_WrappedResponse).content
            body = read_bytes(found.body, strict=False)
        except _fault as fault:
            raise ProtocolError(explained("The HTTP response", fault), "http_response") from None
        return cls(found.request_id, found.status_code, found.headers, body)


class HttpTcpRouter:
    """Handlers by exact method and path.

    A handler is given the request and returns a response, or a value that is sent as the `data` of
    a success; what it raises as `HttpTcpError` is the answer too. Register it with a decorator, or
    by a call.
    """

    def __init__(self) -> None:
        self._handlers: dict[tuple[str, str], Handler] = {}

    @property
    def endpoints(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """Give each path with its methods, sorted."""
        methods: dict[str, list[str]] = {}
        for method, path in sorted(self._handlers):
            methods.setdefault(path, []).append(method)
        return tuple((path, tuple(found)) for path, found in methods.items())

    def route(self, method: str, path: str, handler: Handler | None = None) -> Callable[[H], H]:
        """Register a handler for a method and a path, given here or decorated."""

        def register(handler: H) -> H:
            self._handlers[(method.upper(), path)] = handler
            return handler

        if handler is not None:
            register(handler)
        return register

    def get(self, path: str, handler: Handler | None = None) -> Callable[[H], H]:
        """Register a handler for GET."""
        return self.route("GET", path, handler)

    def post(self, path: str, handler: Handler | None = None) -> Callable[[H], H]:
        """Register a handler for POST."""
        return self.route("POST", path, handler)

    def put(self, path: str, handler: Handler | None = None) -> Callable[[H], H]:
        """Register a handler for PUT."""
        return self.route("PUT", path, handler)

    def delete(self, path: str, handler: Handler | None = None) -> Callable[[H], H]:
        """Register a handler for DELETE."""
        return self.route("DELETE", path, handler)

    async def answer(self, request: HttpTcpRequest) -> HttpTcpResponse:
        """Answer a request; a handler's own mistakes are logged and shown as 500 without detail."""
        handler = self._handlers.get((request.method.upper(), request.path))
        try:
            if handler is None:
                raise HttpTcpError.not_found(f"Not found: {request.path}")
            answer = await handler(request)
            if isinstance(answer, HttpTcpResponse):
                return answer
            return HttpTcpResponse.success(request.request_id, answer)
        except HttpTcpError as fault:
            return HttpTcpResponse.error(request.request_id, fault.status_code, fault.message)
        except TimeoutError:
            return HttpTcpResponse.error(request.request_id, 408, "The request took too long.")
        except Exception:
            import logging

            logging.getLogger("pywatt_sdk.http_tcp").exception(
                "The handler of %s %s failed.", request.method, request.path
            )
            return HttpTcpResponse.error(request.request_id, 500, "The request failed.")


class _Request(Struct):
    request_id: str
    method: str
    uri: str
    headers: dict[str, str]
    body: Raw = Raw(b"null")


class _Response(Struct):
    request_id: str
    status_code: m.U16
    headers: dict[str, str]
    body: Raw = Raw(b"null")


class _WrappedRequest(Struct):
    id: str
    content: _Request


class _WrappedResponse(Struct):
    id: str
    content: _Response


def _with_body(message: HttpTcpRequest | HttpTcpResponse) -> dict[str, Any]:
    """Give what is written: the body as numbers, and left out where there is none."""
    fields: dict[str, Any] = msgspec.structs.asdict(message)
    if message.body is None:
        del fields["body"]
    else:
        fields["body"] = bytes_as_numbers(message.body)
    return fields


def _wrapped(content: dict[str, Any], id: str | None) -> bytes:  # noqa: A002  # the wire's word
    return msgspec.json.encode({"id": id or new_uuid(), "content": content, "metadata": {}})
