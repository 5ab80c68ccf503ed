"""Take a request to a worker's Unix socket and bring its answer back, otherwise untouched."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from kiket_console.engine.ports import Target
    from kiket_console.model import Headers

ANSWER_BYTES = 5 * 1024 * 1024
TIMEOUT_S = 30.0

_HOP_BY_HOP = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "expect",  # answered by the server that read the body
    }
)
_WITHOUT_BODY = frozenset({204, 304})
_LIMITS = httpx.Limits(
    max_connections=128,
    max_keepalive_connections=32,
    keepalive_expiry=2.0,  # below uvicorn's 5 s, so that a worker never closes under a request
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a worker answered: end-to-end headers in order, and the body's bytes."""

    status: int
    headers: Headers
    raw_body: bytes


class NoAnswerError(Exception):
    """No usable answer came; `sentence` says why, `status` is what the sender is told."""

    def __init__(self, sentence: str, status: int) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.status = status


@dataclass(slots=True)
class _Pool:
    """The connections to one start of a worker."""

    socket_path: str
    transport: httpx.AsyncHTTPTransport
    in_flight: int = 0
    retired: bool = False


class Forwarder:
    """Send requests to workers, over a pool of connections for each.

    An answer takes `timeout_s` at most.
    """

    def __init__(self, timeout_s: float = TIMEOUT_S) -> None:
        self._timeout_s = timeout_s
        self._pools: dict[str, _Pool] = {}

    async def forward(
        self,
        target: Target,
        method: str,
        path: str,
        headers: Headers,
        raw_body: bytes,
        timeout_s: float | None = None,
    ) -> Answer:
        """Return the target's answer to one request; *path* includes the query.

        Raises `NoAnswerError` when none came in time, in full and within `ANSWER_BYTES`.
        """
        timeout_s = timeout_s or self._timeout_s
        pool = await self._pool(target)
        pool.in_flight += 1
        try:
            async with asyncio.timeout(timeout_s):
                return await _exchange(pool.transport, target, method, path, headers, raw_body)
        except TimeoutError as error:
            raise NoAnswerError(
                f"{target.label} did not answer within {timeout_s:g} s.", 504
            ) from error
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise NoAnswerError(f"{target.label} did not accept the connection.", 502) from error
        except httpx.LocalProtocolError as error:
            raise NoAnswerError(f"The request cannot be sent on: {error}.", 502) from error
        except httpx.RemoteProtocolError as error:
            raise NoAnswerError(
                f"{target.label} did not answer in full: {error}".rstrip(".") + ".", 502
            ) from error
        except httpx.TransportError as error:
            raise NoAnswerError(
                f"{target.label} broke the connection before it answered.", 502
            ) from error
        finally:
            pool.in_flight -= 1
            if pool.retired and pool.in_flight == 0:
                await pool.transport.aclose()

    async def close(self) -> None:
        """Close every connection."""
        while self._pools:
            await self._pools.popitem()[1].transport.aclose()

    async def _pool(self, target: Target) -> _Pool:
        pool = self._pools.get(target.worker_name)
        if pool is not None and pool.socket_path == target.socket_path:
            return pool
        older = pool
        pool = _Pool(
            target.socket_path,
            httpx.AsyncHTTPTransport(uds=target.socket_path, limits=_LIMITS, trust_env=False),
        )
        self._pools[target.worker_name] = pool
        if older is not None:
            older.retired = True
            if older.in_flight == 0:
                await older.transport.aclose()
        return pool


async def _exchange(
    transport: httpx.AsyncHTTPTransport,
    target: Target,
    method: str,
    path: str,
    headers: Headers,
    raw_body: bytes,
) -> Answer:
    request = httpx.Request(
        method,
        httpx.URL(scheme="http", host="worker", raw_path=path.encode("latin-1")),
        headers=[
            (name.encode("latin-1"), value.encode("latin-1"))
            for name, value in _sized(end_to_end(headers), len(raw_body))
        ],
        content=raw_body,
    )
    response = await transport.handle_async_request(request)
    try:
        chunks: list[bytes] = []
        size = 0
        async for chunk in response.stream:  # type: ignore[union-attr]  # never the sync kind here
            size += len(chunk)
            if size > ANSWER_BYTES:
                raise NoAnswerError(
                    f"{target.label} answered {response.status_code} with more than "
                    f"{ANSWER_BYTES // 1024**2} MiB; the answer was dropped.",
                    502,
                )
            chunks.append(chunk)
    finally:
        await response.aclose()
    raw_answer = b"".join(chunks)
    answered = end_to_end(
        tuple(
            (name.decode("latin-1"), value.decode("latin-1"))
            for name, value in response.headers.raw
        )
    )
    if response.status_code not in _WITHOUT_BODY:
        answered = _sized(answered, len(raw_answer))
    return Answer(response.status_code, answered, raw_answer)


def end_to_end(headers: Headers) -> Headers:
    """Return *headers* in order without those that concern one connection (RFC 9110, 7.6.1)."""
    named = {
        token.strip().lower()
        for name, value in headers
        if name.lower() == "connection"
        for token in value.split(",")
    }
    dropped = _HOP_BY_HOP | named
    return tuple(pair for pair in headers if pair[0].lower() not in dropped)


def with_header(headers: Headers, name: str, value: str) -> Headers:
    """Return *headers* with exactly one *name*, at the place of the first one that was there."""
    kept: list[tuple[str, str]] = []
    said = False
    for pair in headers:
        if pair[0].lower() != name:
            kept.append(pair)
        elif not said:
            said = True
            kept.append((pair[0], value))
    if not said:
        kept.append((name, value))
    return tuple(kept)


def _sized(headers: Headers, size: int) -> Headers:
    return with_header(headers, "content-length", str(size))
