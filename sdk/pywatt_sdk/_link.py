"""A module's connection to its orchestrator, over whatever channels there are.

Say `tell(message)` where no reply comes, `await ask(message)` where one does, and
`on(Kind, handler)` for what the orchestrator sends by itself. Which channel a message takes is
decided here: what a Rust orchestrator expects in frames goes over TCP or a Unix socket, the rest
over stdio, and all of it over whatever is left when a channel is missing (pywatt wire
specification §2.3).
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import logging
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any, Final, Protocol, Self, TypeVar

from kiket_core.trace import child_traceparent
from pywatt_sdk import _protocol as p
from pywatt_sdk._correlation import REPLIES, Correlation
from pywatt_sdk.core.error import LinkClosedError, NetworkError, ReplyTimeoutError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from pywatt_sdk._protocol import ToModule, ToOrchestrator

STDIO: Final = "stdio"
TCP: Final = "tcp"
UDS: Final = "uds"

MOST_UNDER_WAY: Final = 1_000
"""Handlers of one kind of message that run at once, and requests that wait for a reply; more are
refused, or wait."""

_STDIO_FIRST: Final = (STDIO, TCP, UDS)
_FRAMES_FIRST: Final = (TCP, UDS, STDIO)
_FRAMED: Final = frozenset({p.RegisterServiceProvider, p.DiscoverServiceProviders, p.RouteToModule})
_MESSAGES: Final = frozenset(p.ToOrchestrator.__args__)
"""Kinds are looked up: to ask each of them by `isinstance` takes a message's handling longer."""

M = TypeVar("M")

_logger = logging.getLogger("pywatt_sdk.link")


class Channel(Protocol):
    """What carries encoded messages one way; what comes back is fed to `Link.heard`."""

    def send(self, raw: bytes) -> None:
        """Write one encoded message, or keep it until it can be written."""

    async def room(self) -> None:
        """Wait until what is kept is little."""

    def close(self) -> None:
        """End the channel, after what was sent is written."""


class Link:
    """The connection of one module.

    `module_id` is told as the source of answers. `is_ours` says that the orchestrator told its name
    in the init line, so that it understands what goes beyond the wire of Rust modules: bodies in
    base64, ids on operations, the trace that a message is a part of.
    `async with` runs the handlers; leaving it ends those that still run.
    """

    def __init__(self, *, module_id: str = "", is_ours: bool = False) -> None:
        self.module_id = module_id
        self.is_ours = is_ours
        self.closed = asyncio.Event()
        self.why = ""
        """Why it is closed, in a sentence."""
        self._channels: dict[str, Channel] = {}
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._handlers: dict[type, tuple[Callable[[Any], Any], ...]] = {}
        self._asked = Correlation(names_operations=is_ours)
        self._places = asyncio.Semaphore(MOST_UNDER_WAY)
        self._group = asyncio.TaskGroup()
        self._under_way: set[asyncio.Task[None]] = set()
        self._kept: list[asyncio.Task[None]] = []
        self._busy: Counter[type] = Counter()
        """How many handlers run, by the kind of their messages."""
        self._refusing: set[type] = set()
        self.hearing = ""
        """The channel of the message that is being handled, while a plain handler runs."""

    async def __aenter__(self) -> Self:
        await self._group.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close("The module has ended.")
        for task in (*self._under_way, *self._kept):
            task.cancel()
        await self._group.__aexit__(None, None, None)

    @property
    def channels(self) -> frozenset[str]:
        """Name the channels that there are now: `stdio`, `tcp`, `uds`."""
        return frozenset(self._channels)

    def keep(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something as long as the link is entered; it is cancelled at the end.

        What it raises is told in the log; the link goes on.
        """

        async def kept() -> None:
            try:
                await work
            except Exception:
                _logger.exception("What was to run beside the link failed.")

        task = self._group.create_task(kept())
        task.add_done_callback(lambda _: work.close())  # if it was cancelled before it began
        self._kept.append(task)

    def attach(self, name: str, channel: Channel) -> None:
        """Use a channel from now on; one of the same name before it is forgotten, not closed."""
        self._channels[name] = channel

    def detach(self, name: str, why: str = "") -> None:
        """Use a channel no longer; without any the link is closed."""
        self._channels.pop(name, None)
        if not self._channels:
            self.close(why or "The orchestrator closed the last channel.")

    def close(self, why: str) -> None:
        """End the link: channels are closed, and who waits for a reply is told `why`."""
        if self.closed.is_set():
            return
        self.why = why
        self.closed.set()
        channels, self._channels = self._channels, {}
        for channel in channels.values():
            channel.close()
        self._asked.fail(lambda: LinkClosedError(why))

    def tell(self, message: ToOrchestrator, *, via: str = "") -> None:
        """Send a message that has no reply, or is one; over the channel `via` if that is there.

        Raises:
            LinkClosedError: if the link has ended.
            NetworkError: if there is no channel yet.
        """
        name = via if via in self._channels else self._way(message)
        traceparent = child_traceparent() or "" if self.is_ours else ""
        if name == STDIO:
            raw = p.encode_line(
                message, base64=self.is_ours, source=self.module_id, traceparent=traceparent
            )
        else:
            raw = p.encode_frame(
                message, to="orchestrator", base64=self.is_ours, traceparent=traceparent
            )
        try:
            self._channels[name].send(raw)
        except ConnectionError as error:
            raise NetworkError(f"{p.op_of(message)} was not sent over {name}", error) from None

    async def send(self, message: ToOrchestrator, *, via: str = "") -> None:
        """Do what `tell` does, when the orchestrator has read most of what it was told before.

        For what may be much, as messages in a loop and answers are: it would be given up as an
        orchestrator that does not read. Raises as `tell`.
        """
        name = via if via in self._channels else self._way(message)
        async with self._turns[name]:
            if name in self._channels:
                await self._channels[name].room()
            self.tell(message, via=name)

    async def ask(self, message: ToOrchestrator, *, timeout_s: float = 30.0) -> Any:
        """Send a request and return its reply.

        Raises:
            ReplyTimeoutError: if none came within `timeout_s` seconds.
            LinkClosedError: if the link has ended, or ends meanwhile.
            TypeError: if messages of this kind have no reply.
        """
        reply: asyncio.Future[Any] | None = None
        was_sent = False
        try:
            async with asyncio.timeout(timeout_s), self._places:
                reply = self._asked.expect(message, timeout_s)
                await self.send(message)
                was_sent = True
                return await reply
        except TimeoutError:
            raise ReplyTimeoutError(
                f"the orchestrator did not answer {p.op_of(message)} within {timeout_s:g} s"
            ) from None
        finally:
            if reply is not None and (reply.cancelled() or not reply.done()):
                self._asked.give_up(message, reply, was_sent=was_sent)

    def on(
        self,
        kind: type[M],
        handler: Callable[[M], ToOrchestrator | Awaitable[ToOrchestrator | None] | None],
    ) -> Callable[[], None]:
        """Call `handler` for each message of `kind`; return what takes that back.

        What the handler returns is sent, on the channel that the message came by. A plain function
        runs while nothing else is read, so it must be quick; a coroutine runs beside.
        """
        self._handlers[kind] = (*self._handlers.get(kind, ()), handler)

        def take_back() -> None:
            left = tuple(each for each in self._handlers.get(kind, ()) if each is not handler)
            self._handlers[kind] = left

        return take_back

    def heard(self, name: str, raw: bytes) -> None:
        """Take one raw message that came by the channel called `name`.

        One that cannot be read is told in the log and skipped (specification §1.1).
        """
        try:
            message = p.decode_to_module(raw)
        except p.ProtocolError as error:
            _logger.warning("A message on %s was skipped. %s", name, error)
            return
        kind = type(message)
        if kind in REPLIES and self._asked.settle(message):
            return
        handlers = self._handlers.get(kind, ())
        if not handlers:
            _logger.log(
                logging.DEBUG if isinstance(message, p.Secret) else logging.WARNING,
                "Nothing in this module takes a %s message; it was dropped.",
                p.op_of(message),
            )
        self.hearing = name
        for handler in handlers:
            self._handle(handler, message, name)
        self.hearing = ""

    async def finish(self, limit_s: float) -> bool:
        """Wait up to so many seconds for the handlers under way; tell whether all are done."""
        under_way = set(self._under_way)
        if under_way:
            _, under_way = await asyncio.wait(under_way, timeout=limit_s)
        return not under_way

    def _way(self, message: ToOrchestrator) -> str:
        for name in _FRAMES_FIRST if type(message) in _FRAMED else _STDIO_FIRST:
            if name in self._channels:
                return name
        if self.closed.is_set():
            raise LinkClosedError(f"{p.op_of(message)} was not sent: {self.why}")
        raise NetworkError(f"{p.op_of(message)} was not sent: no channel is open yet")

    def _handle(self, handler: Callable[[Any], Any], message: ToModule, name: str) -> None:
        try:
            outcome = handler(message)
        except Exception:
            _logger.exception("Handling a %s message failed.", p.op_of(message))
            return
        if outcome is None:
            return
        is_ready = type(outcome) in _MESSAGES or not inspect.isawaitable(outcome)  # looks long
        if is_ready:
            self._answer_at_once(outcome, name)
        elif self._busy[kind := type(message)] < MOST_UNDER_WAY:
            if self._busy[kind] <= MOST_UNDER_WAY // 2:
                self._refusing.discard(kind)
            self._busy[kind] += 1
            task = self._group.create_task(self._see_through(outcome, message, name))
            self._under_way.add(task)
            task.add_done_callback(functools.partial(self._handled, kind))
        else:
            if inspect.iscoroutine(outcome):
                outcome.close()
            self._refuse(message, name)

    def _handled(self, kind: type, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        self._busy[kind] -= 1

    async def _see_through(
        self, outcome: Awaitable[ToOrchestrator | None], message: ToModule, name: str
    ) -> None:
        try:
            answer = await outcome
            if answer is not None:
                await self._answer(answer, name)
        except Exception:  # the module's own code may raise anything; the link goes on
            _logger.exception("Handling a %s message failed.", p.op_of(message))

    async def _answer(self, answer: ToOrchestrator, name: str) -> None:
        try:
            await self.send(answer, via=name)
        except NetworkError as error:
            _logger.warning("An answer was lost: %s", error)

    def _answer_at_once(self, answer: ToOrchestrator, name: str) -> None:
        try:
            self.tell(answer, via=name)
        except NetworkError as error:
            _logger.warning("An answer was lost: %s", error)

    def _refuse(self, message: ToModule, name: str) -> None:
        if type(message) not in self._refusing:  # once, not for each of a flood
            self._refusing.add(type(message))
            _logger.warning(
                "%d messages %s are being handled; more are refused until half of them are done.",
                MOST_UNDER_WAY,
                p.op_of(message),
            )
        if isinstance(message, p.HttpRequest):
            text = b'{"error":"The module is busy; try again later."}'
            headers = {"content-type": "application/json", "retry-after": "1"}
            self._answer_at_once(p.HttpResponse(message.request_id, 503, headers, text), name)
