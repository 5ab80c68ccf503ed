"""Take a request to a worker's Unix socket and bring its answer back, otherwise untouched."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from kiket_console.engine.link import Answer, LinkError, WorkerLink, request_head

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
_LINKS = 128
"""Connections to one worker; more requests wait for one of them."""
_IDLE_S = 2.0
"""Below the 5 s after which a worker closes an idle connection, so that it never does so just
as a request is on its way."""


class NoAnswerError(Exception):
    """No usable answer came; `sentence` says why, `status` is what the sender is told."""

    def __init__(self, sentence: str, status: int) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.status = status


class NotTakenError(NoAnswerError):
    """The worker did not accept the connection, so it has seen nothing of the request."""


class _Pool:
    """The connections to one start of a worker."""

    def __init__(self, socket_path: str) -> None:
        self.socket_path = socket_path
        self._idle: list[WorkerLink] = []
        self._free = asyncio.Semaphore(_LINKS)
        self._retired = False

    async def ask(self, raw_request: bytes) -> Answer:
        """Send a request over a free connection, or a new one; raises OSError, `LinkError`."""
        async with self._free:
            link = self._waiting() or await self._connect()
            answer = await link.ask(raw_request)
            if link.usable and not self._retired:
                link.idle_since_s = time.monotonic()
                self._idle.append(link)
            else:
                link.close()
            return answer

    def retire(self) -> None:
        """Close what is idle now, and the rest as soon as it has answered."""
        self._retired = True
        while self._idle:
            self._idle.pop().close()

    def _waiting(self) -> WorkerLink | None:
        """Take the connection that was used last; close those that have been idle too long."""
        oldest_s = time.monotonic() - _IDLE_S
        while self._idle and (self._idle[0].idle_since_s < oldest_s or not self._idle[0].usable):
            self._idle.pop(0).close()
        while self._idle:
            link = self._idle.pop()
            if link.usable:
                return link
        return None

    async def _connect(self) -> WorkerLink:
        loop = asyncio.get_running_loop()
        _, link = await loop.create_unix_connection(
            lambda: WorkerLink(ANSWER_BYTES), self.socket_path
        )
        return link


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

        Raises `NoAnswerError` when none came in time, in full and within `ANSWER_BYTES`;
        `NotTakenError`, which is one, when nothing was sent.
        """
        timeout_s = timeout_s or self._timeout_s
        sent = with_header(end_to_end(headers), "content-length", str(len(raw_body)))
        if not any(name.lower() == "host" for name, _ in sent):
            sent = (("host", "localhost"), *sent)
        try:
            raw_request = request_head(method, path, sent) + raw_body
        except ValueError as error:
            raise NoAnswerError(f"The request cannot be sent on: {error}.", 502) from error
        try:
            async with asyncio.timeout(timeout_s):
                answer = await self._pool(target).ask(raw_request)
        except TimeoutError as error:
            raise NoAnswerError(
                f"{target.label} did not answer within {timeout_s:g} s.", 504
            ) from error
        except OSError as error:
            raise NotTakenError(f"{target.label} did not accept the connection.", 502) from error
        except LinkError as error:
            raise NoAnswerError(f"{target.label} {error}", 502) from error
        answered = end_to_end(answer.headers)
        if answer.status not in _WITHOUT_BODY:
            answered = with_header(answered, "content-length", str(len(answer.raw_body)))
        return Answer(answer.status, answered, answer.raw_body)

    async def close(self) -> None:
        """Close every connection."""
        while self._pools:
            self._pools.popitem()[1].retire()

    def _pool(self, target: Target) -> _Pool:
        pool = self._pools.get(target.worker_name)
        if pool is not None and pool.socket_path == target.socket_path:
            return pool
        if pool is not None:
            pool.retire()
        pool = self._pools[target.worker_name] = _Pool(target.socket_path)
        return pool


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
