"""Call the platform's HTTP API; the only module that imports httpx."""

from __future__ import annotations

import asyncio
import functools
import ssl
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING, Any, Self

import httpx

from kiket_core import trace
from kiket_core.retry_after import asked_pause_s
from kiket_core.secret import redactor
from kiket_sdk._paths import platform_path
from kiket_sdk._retrying import LONGEST_PAUSE_S, may_repeat, trying
from kiket_sdk.exceptions import ArgumentError, OutboundRequestError, SecretStoreError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from kiket_sdk.config import ExtensionConfig

HTTPError = httpx.HTTPError

RESPONSE_LIMIT_BYTES = 5 * 1024 * 1024
"""How long an answer may be, decompressed."""

_LOOPBACK = {"127.0.0.1", "::1", "localhost"}
_BODY_HEADERS = {b"content-encoding", b"content-length", b"transfer-encoding"}
_QUOTED_CHARACTERS = 500  # of an error answer
_BUSY = {429, 503}


class AnswerTooLargeError(httpx.HTTPError):
    """An answer exceeds RESPONSE_LIMIT_BYTES."""


class _BoundedClient(httpx.AsyncClient):
    """Read no more of an answer than RESPONSE_LIMIT_BYTES; a streamed one is its reader's care."""

    async def send(
        self, request: httpx.Request, *, stream: bool = False, **options: Any
    ) -> httpx.Response:
        """Send one request; raises AnswerTooLargeError beside httpx's own errors."""
        response = await super().send(request, stream=True, **options)
        if stream or response.is_closed:  # closed: one that a test made up is read already
            return response
        return await _read(response)


async def _read(response: httpx.Response) -> httpx.Response:
    """Return a response with its whole body, which may be short enough only."""
    raw_body = bytearray()
    try:
        async for raw_chunk in response.aiter_bytes():
            raw_body += raw_chunk
            if len(raw_body) > RESPONSE_LIMIT_BYTES:
                raise AnswerTooLargeError(
                    f"{response.request.method} {response.url} was answered with more than "
                    f"{RESPONSE_LIMIT_BYTES} bytes; ask for less at a time."
                )
    finally:
        await response.aclose()
    whole = httpx.Response(
        response.status_code,
        headers=[item for item in response.headers.raw if item[0].lower() not in _BODY_HEADERS],
        content=bytes(raw_body),
        request=response.request,
        extensions=response.extensions,
    )
    whole.elapsed = response.elapsed
    return whole


@functools.cache
def _tls_context() -> ssl.SSLContext:
    """Load the trusted certificates once per process: it takes 80 ms."""
    return httpx.create_ssl_context()


def new_http_client(base_url: str = "", *, timeout_s: float) -> httpx.AsyncClient:
    """Return a client that keeps no cookies, follows no redirects and bounds answers.

    One whose base URL is on this machine leaves the proxies of the environment alone; one whose
    base URL is plain http trusts no certificate at all, which spares loading them.
    Waiting for a free connection is unbounded in itself: each of the 100 connections is bounded
    by the timeout, and a burst of calls must queue rather than fail.
    """
    plain = base_url.startswith("http://")
    return _BoundedClient(
        base_url=base_url,
        trust_env=httpx.URL(base_url).host not in _LOOPBACK,
        timeout=httpx.Timeout(timeout_s, pool=None),
        verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if plain else _tls_context(),
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        follow_redirects=False,
    )


def secret_path(extension_id: str, key: str | None = None) -> str:
    """Return the path of an extension's secrets, or of one of them.

    Raises SecretStoreError for a name that a path cannot hold.
    """
    try:
        path = platform_path("/api/v1/extensions", extension_id) + "/secrets"
        return path if key is None else platform_path(path, key)
    except ArgumentError as exc:
        raise SecretStoreError(str(exc)) from None


class _Connections:
    """The connections of one client and of all its views; they open on first use."""

    __slots__ = ("base_url", "http", "loop", "timeout_s")

    def __init__(
        self, base_url: str, timeout_s: float, http: httpx.AsyncClient | None = None
    ) -> None:
        self.base_url = base_url
        self.timeout_s = timeout_s
        self.http = http
        self.loop: asyncio.AbstractEventLoop | None = None  # None: assigned from outside

    def open(self) -> httpx.AsyncClient:
        if self.http is None:
            self.loop = asyncio.get_running_loop()
            self.http = new_http_client(self.base_url, timeout_s=self.timeout_s)
        return self.http

    def is_usable(self, *, abroad: bool) -> bool:
        """Tell whether the kept connections fit: not another origin's, nor another event loop's.

        A synchronous handler may run an event loop of its own.
        """
        if self.http is not None and self.loop is None:
            return True  # who assigned them knows best
        return not abroad and self.loop in {None, asyncio.get_running_loop()}

    async def aclose(self) -> None:
        http, self.http, self.loop = self.http, None, None
        if http is not None:
            await http.aclose()


class KiketClient:
    """Talk to the platform as one workspace.

    Paths are relative to `base_url`; credentials are sent to that origin only. Timeouts are in
    seconds. Connections open on first use and close with `aclose` or the `async with` block.
    With a runtime token the extension's API key is left out; a third argument that has the form
    of a JWT is a runtime token, which the newest releases take there.

    `retries` is how often a call that can be repeated (GET, PUT, DELETE, or any that carries an
    `Idempotency-Key`) is made again when the platform answers 429 or 503, or does not answer. It
    waits as long as `Retry-After` says, up to 30 s in all.
    """

    def __init__(
        self,
        base_url: str,
        workspace_token: str | None,
        extension_api_key: str | None = None,
        runtime_token: str | None = None,
        *,
        timeout: float = 15.0,
        retries: int = 0,
    ) -> None:
        if runtime_token is None and extension_api_key and _is_jwt(extension_api_key):
            extension_api_key, runtime_token = None, extension_api_key
        self.base_url = base_url.rstrip("/")
        self.workspace_token = workspace_token
        self.extension_api_key = extension_api_key
        self.runtime_token = runtime_token
        self._retries = retries
        self._origin = _origin(httpx.URL(self.base_url))
        self._connections = _Connections(self.base_url, timeout)
        self._is_view = False

    @classmethod
    def of(cls, config: ExtensionConfig) -> Self:
        """Return the client of one extension."""
        return cls(
            config.base_url,
            config.workspace_token,
            config.extension_api_key,
            retries=config.retries,
        )

    def __repr__(self) -> str:
        return f"KiketClient({self.base_url!r})"

    def for_delivery(self, runtime_token: str | None) -> KiketClient:
        """Return a client that sends this runtime token, over the connections of this one.

        It costs no connection and closes none: `aclose` and `async with` leave the shared ones
        open. Without a token it is what this client is.
        """
        view = KiketClient.__new__(KiketClient)
        view.__dict__ = self.__dict__.copy()  # four times as fast as filling the one that is there
        if runtime_token:
            view.runtime_token = runtime_token
        view._is_view = True
        return view

    @property
    def _client(self) -> httpx.AsyncClient:
        """Return the connections to use; assignable, and read anew by every request."""
        return self._connections.open()

    @_client.setter
    def _client(self, client: httpx.AsyncClient) -> None:
        self._connections = _Connections(self.base_url, self._connections.timeout_s, client)
        self._is_view = False

    async def __aenter__(self) -> Self:
        if not self._is_view:
            await self._client.__aenter__()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections; another request would open new ones."""
        if not self._is_view:
            await self._connections.aclose()

    async def request(self, method: str, path: str, **kwargs: Any) -> httpx.Response:
        """Send one request and return its 2xx answer; keywords are httpx's.

        Raises OutboundRequestError for any other answer, redirects included, for one that is
        too long, and when the platform cannot be reached; ArgumentError for what HTTP or JSON
        cannot carry.
        """
        headers: Mapping[str, str] = kwargs.pop("headers", None) or {}
        kwargs["follow_redirects"] = False
        if self._retries and may_repeat(method, headers, kwargs):
            return await trying(
                lambda: self._send(method, path, headers, kwargs),
                tries=1 + self._retries,
                again=_again,
            )
        return await self._send(method, path, headers, kwargs)

    async def _send(
        self, method: str, path: str, headers: Mapping[str, str], options: Mapping[str, Any]
    ) -> httpx.Response:
        abroad = False
        connections = self._connections
        try:
            url = httpx.URL(path)
            abroad = url.is_absolute_url and _origin(url) != self._origin
            sent = headers if abroad else self._build_headers(headers)
            if connections.is_usable(abroad=abroad):
                response = await self._client.request(method, path, headers=sent, **options)
            else:
                base_url = str(url) if abroad else self.base_url
                async with new_http_client(base_url, timeout_s=connections.timeout_s) as client:
                    response = await client.request(method, path, headers=sent, **options)
            if not response.is_success:
                response.raise_for_status()
        except httpx.HTTPStatusError as exc:
            answer = exc.response
            # on the cause, for tracebacks: the error's own text is one that programs match
            exc.add_note(_shown_answer(answer))
            raise OutboundRequestError(
                f"Kiket API returned {answer.status_code}",
                answer.status_code,
                asked_pause_s(answer.headers),
            ) from exc
        except AnswerTooLargeError as exc:
            raise OutboundRequestError(str(exc)) from exc
        except httpx.LocalProtocolError:  # its text has the header's value, maybe a token
            raise ArgumentError(
                f"This {method} cannot be sent: a header holds what HTTP cannot carry"
            ) from None
        except httpx.HTTPError as exc:
            target = path if abroad else f"{self.base_url}{path}"
            exc.add_note(redactor.redact(f"This was {method} {target}"))
            raise OutboundRequestError("Failed to communicate with Kiket API") from exc
        except (httpx.InvalidURL, ValueError) as exc:
            reason = redactor.redact(str(exc))
            raise ArgumentError(f"This {method} cannot be sent: {reason}") from exc
        return response

    async def get(self, path: str, **kwargs: Any) -> httpx.Response:
        """Send a GET; see `request`."""
        return await self.request("GET", path, **kwargs)

    async def post(self, path: str, **kwargs: Any) -> httpx.Response:
        """Send a POST; see `request`."""
        return await self.request("POST", path, **kwargs)

    async def put(self, path: str, **kwargs: Any) -> httpx.Response:
        """Send a PUT; see `request`."""
        return await self.request("PUT", path, **kwargs)

    async def patch(self, path: str, **kwargs: Any) -> httpx.Response:
        """Send a PATCH; see `request`."""
        return await self.request("PATCH", path, **kwargs)

    async def delete(self, path: str, **kwargs: Any) -> httpx.Response:
        """Send a DELETE; see `request`."""
        return await self.request("DELETE", path, **kwargs)

    async def store_secret(self, extension_id: str, key: str, value: str) -> None:
        """Create an extension's secret, or update it when it exists; raises SecretStoreError."""
        try:
            try:
                await self.post(
                    secret_path(extension_id), json={"secret": {"key": key, "value": value}}
                )
            except OutboundRequestError as exc:
                if exc.status_code != httpx.codes.UNPROCESSABLE_ENTITY:
                    raise
                # 422 says that the key is taken
                await self.patch(secret_path(extension_id, key), json={"secret": {"value": value}})
        except OutboundRequestError as exc:
            raise SecretStoreError("Failed to store extension secret") from exc

    async def delete_secret(self, extension_id: str, key: str) -> None:
        """Delete an extension's secret; raises SecretStoreError."""
        try:
            await self.delete(secret_path(extension_id, key))
        except OutboundRequestError as exc:
            raise SecretStoreError("Failed to delete extension secret") from exc

    def _build_headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Return `headers` with credentials and trace added; what the caller set stays."""
        ours = {"Accept": "application/json"}
        if self.workspace_token:
            ours["Authorization"] = f"Bearer {self.workspace_token}"
        if self.runtime_token:
            ours["X-Runtime-Token"] = ours["X-Kiket-Runtime-Token"] = self.runtime_token
        elif self.extension_api_key:
            ours["X-Kiket-API-Key"] = self.extension_api_key
        traceparent = trace.child_traceparent()
        if traceparent:
            ours["traceparent"] = traceparent
        if headers:
            theirs = {name.lower() for name in headers}
            ours = {name: value for name, value in ours.items() if name.lower() not in theirs}
        return {**ours, **headers}


def _again(exc: Exception) -> bool | float:
    """Say whether, or after how many seconds, a call that failed is made again."""
    if not isinstance(exc, OutboundRequestError):
        return False
    if exc.status_code is None:
        return isinstance(exc.__cause__, httpx.TransportError)
    if exc.status_code not in _BUSY:
        return False
    if exc.retry_after_s is None:
        return True
    return exc.retry_after_s <= LONGEST_PAUSE_S and exc.retry_after_s


def _shown_answer(response: httpx.Response) -> str:
    """Say what was asked and answered, for a traceback: secrets are left out, the end is cut."""
    request = response.request
    answer = redactor.redact(response.text)[:_QUOTED_CHARACTERS] or "nothing"
    return f"{request.method} {redactor.redact(str(request.url))} was answered: {answer}"


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    default_port = {"http": 80, "https": 443}.get(url.scheme)
    return url.scheme, url.host, url.port or default_port


def _is_jwt(text: str) -> bool:
    return text.startswith("eyJ") and text.count(".") == 2
