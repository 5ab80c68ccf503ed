"""One HTTP request that came as a message: asked of an ASGI app, answered as a message.

The answer is collected whole, because a message cannot stream (pywatt wire specification §5.1).
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import quote, unquote_to_bytes

from pywatt_sdk._protocol import HttpResponse

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping

    from pywatt_sdk._protocol import HttpRequest

    Scope = MutableMapping[str, Any]
    Message = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]
    ASGI = Callable[[Scope, Receive, Send], Awaitable[None]]

ANSWER_BYTES: Final = 4 * 1024 * 1024
"""How large an answer may be: as an array of numbers it is four times that on the wire."""

URI_BYTES: Final = 8 * 1024

_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 §5.6.2
_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_ORIGIN: Final = re.compile(r"https?://[^/?#]*", re.IGNORECASE)
_URI_SAFE: Final = "/:@!$&'()*+,;=-._~%"
_PLAIN: Final = re.compile(
    r"(/[/:@!$&'()*+,;=\-.~\w]*)(?:\?([/:@!$&'()*+,;=\-.~%?\[\]\w]*))?", re.ASCII
)
"""A path and a query that are as browsers send them; a path with `%` is to be read yet."""
_OF_ONE_CONNECTION: Final = frozenset(
    {"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding"}
)
_NOT_PASSED_ON: Final = _OF_ONE_CONNECTION | {"content-length"}
_FAILED: Final = HTTPStatus.INTERNAL_SERVER_ERROR
_STOPPED: Final = HTTPStatus.SERVICE_UNAVAILABLE
_log = logging.getLogger("pywatt_sdk.http")


class _UnfitRequestError(Exception):
    """A request that no HTTP client could have sent."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


class _AnsweredError(OSError):
    """The app goes on with an answer that nobody waits for; servers tell it by an OSError."""


class _Target(NamedTuple):
    path: str
    raw_path: bytes
    query: bytes


class Exchange:
    """Ask an ASGI app one request; `response` is done as soon as the answer is complete.

    The app may go on after that, as background tasks do. `state` is what its lifespan set up.
    """

    def __init__(
        self,
        request: HttpRequest,
        *,
        state: MutableMapping[str, Any] | None = None,
        answer_bytes: int = ANSWER_BYTES,
    ) -> None:
        self.request = request
        self.response: asyncio.Future[HttpResponse] = asyncio.get_running_loop().create_future()
        self._state = state
        self._limit = answer_bytes
        self._is_asked = False
        self._is_complete = False
        self._status = 0
        self._headers: dict[str, str] = {}
        self._body = bytearray()
        self._over = asyncio.Event()

    async def run(self, app: ASGI) -> None:
        """Call the app until it ends. Whatever it raises becomes a 500 without the reason."""
        try:
            scope = _scope(self.request, self._state)
        except _UnfitRequestError as error:
            self.conclude(error.status, str(error))
            return
        try:
            await app(scope, self._receive, self._send)
        except _AnsweredError:
            pass
        except Exception:
            _log.exception(
                "The handler of %s %s failed.", self.request.method, self.request.uri.split("?")[0]
            )
            self.conclude(_FAILED, "The module failed to answer.")
        else:
            self.conclude(_FAILED, "The module gave no complete answer.")
        finally:  # cancelled at the end of the drain
            self.conclude(_STOPPED, "The module stopped before it answered.")

    @property
    def is_answered(self) -> bool:
        """Tell whether the app has answered, and may go on in the background."""
        return self._is_complete

    def conclude(self, status: int, sentence: str) -> None:
        """Answer with an error, unless there is an answer."""
        if self._over.is_set():
            return
        if not self.response.done():
            self.response.set_result(failure(self.request.request_id, status, sentence))
        self._over.set()

    async def _receive(self) -> Message:
        if not self._is_asked:
            self._is_asked = True
            return {"type": "http.request", "body": self.request.body or b"", "more_body": False}
        await self._over.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        if self._over.is_set():
            raise _AnsweredError("The request has been answered.")
        if message["type"] == "http.response.start":
            self._status = message["status"]
            self._headers = _headers_of(message.get("headers", ()))
        elif message["type"] == "http.response.body":
            body = message.get("body", b"")
            if len(self._body) + len(body) > self._limit:
                self.conclude(
                    _FAILED,
                    f"The answer is larger than {self._limit} bytes, the most that a message "
                    "carries; ask for it over HTTP.",
                )
                raise _AnsweredError("The answer is too large.")
            self._body += body
            if not message.get("more_body", False):
                self._complete()

    def _complete(self) -> None:
        self._is_complete = True
        is_head = self.request.method.upper() == "HEAD"
        body = b"" if is_head else bytes(self._body)
        if not self.response.done():
            self.response.set_result(
                HttpResponse(
                    request_id=self.request.request_id,
                    status_code=self._status,
                    headers=self._headers,
                    body=body,
                )
            )
        self._over.set()


def failure(request_id: str, status: int, sentence: str) -> HttpResponse:
    """Answer a request with `{"error": sentence}`."""
    return HttpResponse(
        request_id=request_id,
        status_code=int(status),
        headers={"content-type": "application/json"},
        body=json.dumps({"error": sentence}).encode(),
    )


def _scope(request: HttpRequest, state: MutableMapping[str, Any] | None) -> Scope:
    """Put a request as ASGI has it (version 3, HTTP scope of its specification 2.3)."""
    if not _TOKEN.fullmatch(request.method):
        raise _UnfitRequestError(400, f"The method {request.method[:40]!a} is no HTTP method.")
    target = _target(request.uri)
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": request.method.upper(),
        "scheme": "http",
        "path": target.path,
        "raw_path": target.raw_path,
        "query_string": target.query,
        "root_path": "",
        "headers": _asgi_headers(request),
        "client": None,
        "server": ("localhost", 80),
        "state": {} if state is None else dict(state),
    }


def _target(uri: str) -> _Target:
    """Split path and query, as a browser would have sent them.

    Raises:
        _UnfitRequestError: if it is no path, or longer than servers take.
    """
    plain = _PLAIN.fullmatch(uri)
    if plain is not None and len(uri) <= URI_BYTES:
        path, query = plain.groups("")
        return _Target(path, path.encode(), query.encode())
    origin = _ORIGIN.match(uri)
    if origin is not None:
        uri = uri[origin.end() :] or "/"
    if not uri.startswith("/"):
        raise _UnfitRequestError(400, "The uri must be a path that starts with '/'.")
    if len(uri) > URI_BYTES:
        raise _UnfitRequestError(414, f"The uri is longer than {URI_BYTES} bytes.")
    path, _, query = uri.partition("#")[0].partition("?")
    raw_path = quote(path, safe=_URI_SAFE).encode()
    return _Target(
        path=unquote_to_bytes(raw_path).decode(errors="replace"),
        raw_path=raw_path,
        query=quote(query, safe=_URI_SAFE + "?[]").encode(),
    )


def _asgi_headers(request: HttpRequest) -> list[tuple[bytes, bytes]]:
    """Return the headers of a request whose body has exactly the length that it has.

    Raises:
        _UnfitRequestError: if one is none.
    """
    headers = request.headers
    if headers and (
        not all(headers)
        or not _TOKEN.fullmatch("".join(headers))
        or _CONTROL.search("".join(headers.values()))
    ):  # one look at all of them
        name = _unfit(headers)
        raise _UnfitRequestError(400, f"The header {name[:40]!a} is not well-formed.")
    given = [
        (lower.encode(), value.encode())
        for name, value in headers.items()
        if (lower := name.lower()) not in _NOT_PASSED_ON
    ]
    if request.body:
        given.append((b"content-length", b"%d" % len(request.body)))
    return given


def _unfit(headers: Mapping[str, str]) -> str:
    """Return the name of the first header that is not well-formed."""
    return next(
        name
        for name, value in headers.items()
        if not _TOKEN.fullmatch(name) or _CONTROL.search(value)
    )


def _headers_of(pairs: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Put response headers into a map, where a name can stand once.

    Repeated ones are joined, as RFC 9110 §5.3 allows for all but Set-Cookie: those differ in the
    case of their names, which means nothing to HTTP.

    Raises:
        ValueError: if one could not be sent over HTTP, such as a value with a line feed in it:
            whoever passes it on would send two headers.
    """
    headers: dict[str, str] = {}
    cookies = 0
    for raw_name, raw_value in pairs:
        name = bytes(raw_name).decode("latin-1").lower()
        value = bytes(raw_value).decode("latin-1")
        if not _TOKEN.fullmatch(name) or _CONTROL.search(value):
            raise ValueError(f"The response's header {name[:40]!a} is not well-formed.")
        if name == "set-cookie":
            headers[_in_case(name, cookies)] = value
            cookies += 1
        elif name not in _OF_ONE_CONNECTION:
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def _in_case(name: str, variant: int) -> str:
    """Spell a header's name with those letters in upper case whose bits are 1 in `variant`."""
    spelled = list(name)
    letters = (place for place, letter in enumerate(name) if letter.isalpha())
    for bit, place in enumerate(letters):
        if variant >> bit & 1:
            spelled[place] = spelled[place].upper()
    return "".join(spelled)
