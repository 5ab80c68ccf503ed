"""HTTP requests to a module over its channels, and the answers that belong to them.

A module of the Rust SDK takes one at a time, may miss it, and stops serving altogether after one
that is malformed (pywatt wire specification §1.5, §5.1). So to those requests go one after the
other, well formed, and safe ones again and again until they are answered.
"""

from __future__ import annotations

import asyncio
import re
from collections import OrderedDict
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from kiket_console.engine.orchestrator.notebook import NOTHING, SECOND
from kiket_console.engine.orchestrator.ports import Errand
from kiket_console.model import State
from pywatt_sdk import _protocol as p

if TYPE_CHECKING:
    from collections.abc import Callable

    from kiket_console.engine.orchestrator.ports import Frame, Tape
    from kiket_console.engine.orchestrator.stdio import Repeated

MOST_PENDING: Final = 1_000
RESEND_S: Final = 0.05
LIMIT_S: Final = 30.0
"""How long a module of another SDK may hold up the requests behind."""
_REMEMBERED: Final = 512
"""Answered requests that are known still."""
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_is_token = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+").fullmatch
_is_uri = re.compile(r"/[!-~]*|\*").fullmatch
_is_value = re.compile(r"[\t -~\x80-\xff]*").fullmatch


class _Pending(NamedTuple):
    answer: asyncio.Future[p.HttpResponse]
    exchange_id: int | None
    is_repeated: bool = False


class _Content(msgspec.Struct):
    request_id: str = ""


class _Reference(_Content):
    """What is looked at of an answer that cannot be read: which request it is for."""

    content: _Content | None = None


_reference = msgspec.json.Decoder(_Reference)


class HttpOverIpc:
    """The requests that one module has to answer.

    *send* sends one on the channel of its errand and takes it down; *repeat* writes one to a module
    of another SDK, now and again.
    """

    def __init__(
        self,
        tape: Tape,
        *,
        send: Callable[[p.HttpRequest, Errand], None],
        repeat: Callable[[p.HttpRequest, float], Repeated],
        is_ours: Callable[[], bool],
    ) -> None:
        self._tape = tape
        self._send = send
        self._repeat = repeat
        self._is_ours = is_ours
        self._pending: dict[str, _Pending] = {}
        self._answered: OrderedDict[str, bool] = OrderedDict()
        """The newest ones, and whether they were sent more than once."""
        self._turn = asyncio.Lock()

    def __len__(self) -> int:
        return len(self._pending)

    async def ask(
        self, request: p.HttpRequest, timeout_s: float, errand: Errand | None = None
    ) -> p.HttpResponse:
        """Return the answer; one of 400 of our own for a request that is malformed.

        Raises TimeoutError, and ConnectionError when the module ends before or has too much to do.
        """
        wrong = fault(request)
        if wrong:
            return p.HttpResponse(
                request.request_id, 400, {"content-type": "text/plain"}, wrong.encode()
            )
        errand = errand or Errand()
        if self._is_ours():
            return await self._ask(request, timeout_s, errand)
        loop = asyncio.get_running_loop()
        until_s = loop.time() + timeout_s
        async with asyncio.timeout(timeout_s):
            await self._turn.acquire()
        try:
            limit_s = min(LIMIT_S, max(0.0, until_s - loop.time()))
            return await self._ask(request, limit_s, errand)
        finally:
            self._turn.release()

    def expect(self, request_id: str, exchange_id: int | None) -> None:
        """Take the answer to a request down that somebody sent by hand; nobody waits for it."""
        if len(self._pending) >= MOST_PENDING or request_id in self._pending:
            return
        loop = asyncio.get_running_loop()
        self._pending[request_id] = _Pending(loop.create_future(), exchange_id)
        loop.call_later(LIMIT_S, self._give_up, request_id, exchange_id)

    def answer(self, response: p.HttpResponse, frame: Frame) -> str:
        """Give an answer to who waits; return what is wrong with it, empty for nothing.

        A second answer to what was sent more than once is right.
        """
        pending = self._pending.pop(response.request_id, None)
        if pending is None:
            was_repeated = self._answered.get(response.request_id)
            if was_repeated is None:
                return NOTHING
            return "" if was_repeated else SECOND
        self._remember(response.request_id, was_repeated=pending.is_repeated)
        self._tape.reply(pending.exchange_id, frame, status=response.status_code)
        if not pending.answer.done():
            pending.answer.set_result(response)
        return ""

    def unreadable(self, raw: bytes, why: str) -> None:
        """Give up the request that *raw* answers, if any, which is no message because of *why*."""
        if not self._pending:
            return
        try:
            said = _reference.decode(raw)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return
        request_id = said.content.request_id if said.content else said.request_id
        pending = self._pending.pop(request_id, None)
        if pending is None:
            return
        self._remember(request_id, was_repeated=pending.is_repeated)
        self._tape.reply(pending.exchange_id, None, state=State.FAILED, error=why)
        if not pending.answer.done():
            pending.answer.set_exception(ConnectionError(why))
            pending.answer.exception()  # whoever asked may have gone

    def fail(self, why: str) -> None:
        """Give up every request: the module has ended."""
        pending, self._pending = self._pending, {}
        for each in pending.values():
            self._tape.reply(each.exchange_id, None, state=State.FAILED, error=why)
            if not each.answer.done():
                each.answer.set_exception(ConnectionError(why))
                each.answer.exception()  # whoever asked may have gone

    def _give_up(self, request_id: str, exchange_id: int | None) -> None:
        pending = self._pending.get(request_id)
        if pending is not None and pending.exchange_id == exchange_id:
            del self._pending[request_id]
            self._silent(exchange_id, LIMIT_S)

    def _silent(self, exchange_id: int | None, limit_s: float) -> None:
        why = f"The module did not answer within {limit_s:.3g} s."
        self._tape.reply(exchange_id, None, state=State.FAILED, error=why)

    def _remember(self, request_id: str, *, was_repeated: bool) -> None:
        self._answered[request_id] = was_repeated
        if len(self._answered) > _REMEMBERED:
            self._answered.popitem(last=False)

    async def _ask(
        self, request: p.HttpRequest, timeout_s: float, errand: Errand
    ) -> p.HttpResponse:
        if len(self._pending) >= MOST_PENDING:
            raise ConnectionError(f"{MOST_PENDING:,} requests wait for the module already.")
        if request.request_id in self._pending:
            request = msgspec.structs.replace(request, request_id=p.new_uuid())
        answer: asyncio.Future[p.HttpResponse] = asyncio.get_running_loop().create_future()
        is_repeated = not self._is_ours() and request.method in _SAFE
        self._send(request, errand)
        self._pending[request.request_id] = _Pending(answer, errand.exchange_id, is_repeated)
        repeated = self._repeat(request, timeout_s) if is_repeated else None
        try:
            async with asyncio.timeout(timeout_s):
                return await answer
        except TimeoutError:
            self._silent(errand.exchange_id, timeout_s)
            self._remember(request.request_id, was_repeated=is_repeated)
            raise
        finally:
            if repeated is not None:
                repeated.stop()
            self._pending.pop(request.request_id, None)


def fault(request: p.HttpRequest) -> str:
    """Say what is malformed in a request; empty when nothing is."""
    if not _is_token(request.method):
        return "The method is no HTTP method."
    if not _is_uri(request.uri):
        return "The path has a character that has to be percent-encoded, or does not begin with /."
    for name, value in request.headers.items():
        if not _is_token(name) or not _is_value(value):
            return f"The header {name[:60]!r} has a character that no header can have."
    return ""
