"""Whether a worker that serves still answers, asked again and again.

Asked over the worker's own socket, past the gateway: it is no traffic. An extension on our SDK is
sent a delivery, signed as the platform signs, for an event that is never handed to a handler:
"no handler" comes only behind a verified signature. Any other app is asked for GET /health.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from kiket_console.engine.platform import delivery
from kiket_console.errors import ConsoleError
from kiket_console.model import Problem
from kiket_console.wire import ES256
from kiket_core.secret import redactor
from kiket_sdk.routing import SELF_TEST_EVENT

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection

    from kiket_console.engine.ports import Target
    from kiket_console.engine.worker_messages import Found

EVERY_S = 5.0
"""From one answer, or one that did not come, to the next question."""
LIMIT_S = 5.0
HANG_LIMIT_S = 30.0
"""Past this a worker that does not answer is ended and started anew: no request can take longer."""
DEBUGGERS = frozenset({"debugpy", "pydevd", "pydevd_pycharm"})
"""Whose breakpoints are silent on purpose."""
ANSWERED = "answered its health check"
TESTED = "answered a signed self-test"
REFUSES = "refuses what is signed"
_ANSWER_BYTES = 4096
_TOKEN = b"runtime_token"  # strict code wants it too, once it has found the signature good
_HEALTH = b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
_VERSION = "v1"

Line = tuple[asyncio.StreamReader, asyncio.StreamWriter]
"""A connection that a question is sent over."""


def silent(silent_s: float) -> str:
    """Say for how long a worker has not answered."""
    return f"has not {ANSWERED} for {silent_s:.0f} s"


class Finding(Struct, frozen=True):
    """What an answer shows."""

    said: str
    """In a few words: `answered its health check`."""
    problem: Problem | None = None
    """What is wrong although it answers."""


NOTHING = Finding("not asked yet")


class Signing(Struct, frozen=True):
    """With what a worker's deliveries are signed."""

    dialect: str
    secret: str
    is_from_code: bool
    """Whether its code configured the secret; else it was given to it."""

    def __repr__(self) -> str:
        return f"Signing({self.dialect!r})"


class Watched(Protocol):
    """A process whose health can be asked for."""

    async def check(self, limit_s: float) -> Finding:
        """Ask whether it answers; see `process.Process`."""
        ...

    def wait_ended(self) -> Awaitable[None]:
        """Wait until nothing of it is left."""
        ...


def is_hung(silent_s: float, modules: Collection[str]) -> bool:
    """Tell whether a worker that imported *modules* has been silent for too long."""
    return silent_s >= HANG_LIMIT_S and DEBUGGERS.isdisjoint(modules)


def signing(found: Found | None, given: str, chosen: tuple[str, ...]) -> Signing | None:
    """Return how deliveries to code that was *found* are signed.

    *given* is the webhook secret that it was given, *chosen* are the dialects that the project
    names. None for code that is not on our SDK, or has no secret to verify with.
    """
    if found is None or not found.is_sdk:
        return None
    secret = next(iter(found.webhook_secrets), given)
    dialect = delivery.dialect_for(chosen or found.accepts)
    is_signed = bool(secret.strip()) and dialect != ES256
    return Signing(dialect, secret, secret != given) if is_signed else None


async def connected(target: Target) -> Line:
    """Connect to a worker, who need not take it yet; raises OSError."""
    if target.port is None:
        return await asyncio.open_unix_connection(target.socket_path)
    return await asyncio.open_connection(target.ip, target.port)


async def ask(target: Target, limit_s: float, line: Line | None = None) -> Finding:
    """Ask for GET /health once, over *line* if there is one, which is closed then.

    Raises TimeoutError or OSError when no answer comes.
    """
    await _answer(target, _HEALTH, limit_s, line)
    return Finding(ANSWERED)


async def test(target: Target, signing: Signing, limit_s: float, line: Line | None) -> Finding:
    """Send a signed delivery that no handler gets; *line* and what is raised are as in `ask`."""
    delivery_id = delivery.new_delivery_id()
    raw_body = b"{}"
    try:
        signed = delivery.signatures(signing.dialect, signing.secret, raw_body, delivery_id)
    except ConsoleError as error:  # a secret that the dialect cannot use
        return Finding(REFUSES, Problem(f"Deliveries cannot be signed: {error.message}"))
    lines = [
        f"POST /v/{_VERSION}/webhooks/{SELF_TEST_EVENT} HTTP/1.1",
        "Host: localhost",
        "Connection: close",
        "Content-Type: application/json",
        f"Content-Length: {len(raw_body)}",
        f"X-Kiket-Delivery: {delivery_id}",
        *(f"{name}: {value}" for name, value in signed),
        "",
        "",
    ]
    raw_request = "\r\n".join(lines).encode() + raw_body
    status, raw_answer = await _answer(target, raw_request, limit_s, line)
    if status == 404 or (status == 401 and _TOKEN in raw_answer):
        return Finding(TESTED)
    if status == 401:
        return Finding(REFUSES, _refused(signing, raw_answer))
    return Finding(f"{TESTED} with {status}")


async def watch(process: Watched, on_check: Callable[[Finding, float | None], None]) -> None:
    """Check a process that has just answered until it has ended.

    *on_check* is told after each check what was found, and for how many seconds it has not
    answered: None when it has. A time in which we ourselves stood still is no silence of it.
    """
    silent_s, since_s = 0.0, time.monotonic()
    while not await _ends_within(process, EVERY_S):
        try:
            found = await process.check(LIMIT_S)
        except (TimeoutError, OSError):
            before_s, since_s = since_s, time.monotonic()
            silent_s += min(since_s - before_s, EVERY_S + LIMIT_S)
            on_check(Finding(silent(silent_s)), silent_s)
        else:
            silent_s, since_s = 0.0, time.monotonic()
            on_check(found, None)


async def _answer(
    target: Target, raw_request: bytes, limit_s: float, line: Line | None
) -> tuple[int, bytes]:
    """Return the status and the beginning of the body that a request is answered with."""
    async with asyncio.timeout(limit_s):
        if line is None or line[1].is_closing():  # as when who listened has ended
            line = await connected(target)
        reader, writer = line
        try:
            writer.write(raw_request)
            first = await reader.readline()
            version, _, rest = first.partition(b" ")
            if not version.startswith(b"HTTP/1.") or not rest[:3].isdigit():
                raise ConnectionError
            with contextlib.suppress(asyncio.IncompleteReadError, asyncio.LimitOverrunError):
                await reader.readuntil(b"\r\n\r\n")
                return int(rest[:3]), await reader.read(_ANSWER_BYTES)
            return int(rest[:3]), b""
        except ValueError as error:  # a first line without end
            raise ConnectionError from error
        finally:
            writer.close()


def _refused(signing: Signing, raw_answer: bytes) -> Problem:
    """Say that deliveries will be refused, by what, and what to do."""
    detail = ""
    with contextlib.suppress(ValueError, AttributeError):
        detail = redactor.redact(str(json.loads(raw_answer).get("detail", "")))[:200]
    said = f": {detail.rstrip('.')}" if detail else ""
    which = "the secret of its code" if signing.is_from_code else "KIKET_WEBHOOK_SECRET"
    return Problem(
        f"Deliveries will be refused: a test signed as {signing.dialect} with {which} was "
        f"answered 401{said}. Let the code accept {signing.dialect} and that secret, or name "
        "its dialect in kiket.toml."
    )


async def _ends_within(process: Watched, limit_s: float) -> bool:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(limit_s):
            await process.wait_ended()
            return True
    return False
