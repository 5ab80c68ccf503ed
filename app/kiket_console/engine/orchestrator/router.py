"""Messages from module to module, and their replies (pywatt wire specification §8.2).

    A ── route_to_module ──► router ── routed_module_message ──► B
    A ◄─ routed_module_response ── router ◄── route_to_module, same request_id ── B

Payloads pass byte for byte. Whoever waits for a reply that cannot come is told why: there is no op
for that, so it is a reply whose payload is `{"error": sentence, "code": word}`. Messages to a
module that is being started are kept, some of them, for some time, and go in their order.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from typing import TYPE_CHECKING, Final

from msgspec import Struct
from msgspec.structs import replace

from kiket_console.engine import trace
from kiket_console.engine.orchestrator.ports import Errand
from kiket_console.model import State
from pywatt_sdk._protocol import Payload, RoutedModuleMessage, RoutedModuleResponse

if TYPE_CHECKING:
    from collections.abc import Callable

    from kiket_console.engine.orchestrator.peers import Peers
    from kiket_console.engine.orchestrator.ports import Peer, Tape
    from pywatt_sdk._protocol import RouteToModule, ToModule

WAITING_LIMIT: Final = 1000
"""How many requests of one module may wait for their replies; of more, the oldest is given up."""
PATIENCE_S: Final = 120.0
"""After which a request is given up that nobody answered."""
AGAIN_S: Final = 10.0
"""After which the same may be said again in a module's log."""
HELD_LIMIT: Final = 100
HELD_BYTES: Final = 16 * 1024 * 1024
"""What may wait for one module that is being started."""

NO_MODULE: Final = "target_module_not_found"
FAILED: Final = "orchestrator_error"
TIMEOUT: Final = "timeout"
"""What `code` says to who is told why no reply comes."""


class _Person(Struct, frozen=True, eq=False):
    """Somebody who sends by hand under a module's name; they are told by the tape."""

    name: str
    label: str = "console"

    def send(self, message: ToModule, errand: Errand | None = None) -> None:
        """Send nothing: what it is about is taken down already."""


class _Waiting(Struct, eq=False):
    """A request that was passed on, until its reply."""

    source: Peer | _Person
    target: str
    request_id: str
    asked: int | None
    """The exchange of the source's message."""
    deadline_s: float
    carrier: str = ""
    """The label of the start that has it."""
    passed_on: int | None = None
    """The exchange of the message to the target."""


class _Held(Struct):
    """A message to a module that is being started."""

    source: Peer
    message: RouteToModule
    asked: int | None
    deadline_s: float


class Router:
    """Pass messages between *peers*.

    *is_starting* tells whether a module that does not run is on its way, *known* names the
    modules there are. *note* takes a module's name and a sentence for its log.
    """

    def __init__(
        self,
        peers: Peers,
        tape: Tape,
        *,
        is_starting: Callable[[str], bool],
        known: Callable[[], tuple[str, ...]],
        note: Callable[[str, str], None],
        hold_s: float = 10.0,
    ) -> None:
        self._peers = peers
        self._tape = tape
        self._is_starting = is_starting
        self._known = known
        self._note = note
        self._hold_s = hold_s
        self._waiting: dict[str, dict[str, _Waiting]] = {}
        """By source and request_id, the oldest first."""
        self._over: dict[str, dict[str, None]] = {}
        """Requests that nobody waits for any more: another reply to them is no request."""
        self._held: dict[str, deque[_Held]] = {}
        self._ours: set[str] = set()
        """Starts built with our SDK; others may not know what is ours."""
        self._looking: asyncio.TimerHandle | None = None
        self._told: dict[str, tuple[str, float]] = {}
        """What was said last in each module's log, and from when on it may be said again."""

    @property
    def waiting(self) -> int:
        """How many requests wait for a reply."""
        return sum(map(len, self._waiting.values()))

    @property
    def held(self) -> int:
        """How many messages wait for a module that is being started."""
        return sum(map(len, self._held.values()))

    def answered(self, peer: Peer, message: RouteToModule) -> int | None:
        """Return the exchange that *message* replies to; None when it is a request of its own."""
        waiting = self._found(peer, message)
        return None if waiting is None else waiting.passed_on

    def take(self, peer: Peer, message: RouteToModule, exchange_id: int | None) -> None:
        """Pass on what *peer* sends to another module: a request, or the reply to one."""
        waiting = self._found(peer, message)
        if waiting is not None:
            self._reply(peer, waiting, message)
        elif message.request_id in self._over.get(message.target_module_id, ()):
            said = f"It replies again, or late, to {message.target_module_id}; nobody waits for it."
            self._end(exchange_id, said)
            self._tell(peer.name, said)
        else:
            self._ask(_Held(peer, message, exchange_id, self._now_s() + self._hold_s))

    def send_by_hand(self, peer: Peer, message: RoutedModuleMessage, errand: Errand) -> None:
        """Send *peer* a message of a person's, whose reply is theirs whoever they name as source.

        Raises ConnectionError when it takes nothing any more.
        """
        if peer.label in self._ours and message.traceparent is None:
            traceparent = trace.new_trace().parent(trace.new_span_id())
            message = replace(message, traceparent=traceparent)
        peer.send(message, errand)
        if message.expects_reply is not False:
            self._wait(
                _Waiting(
                    _Person(message.source_module_id),
                    peer.name,
                    message.original_request_id,
                    None,
                    self._now_s() + PATIENCE_S,
                    peer.label,
                    errand.exchange_id,
                )
            )

    def joined(self, peer: Peer) -> None:
        """Let go what was kept for *peer*'s module."""
        if peer.facts.sdk:
            self._ours.add(peer.label)
        for held in self._held.pop(peer.name, ()):
            self._pass_on(held, peer)

    def gone(self, peer: Peer) -> None:
        """Give up what *peer* has not answered, and what nobody can be told any more."""
        self._ours.discard(peer.label)
        for waiting in [each for asked in self._waiting.values() for each in asked.values()]:
            if waiting.carrier == peer.label:
                self._fail(waiting, f"{peer.label} ended before it replied.", FAILED)
            elif waiting.source is peer:
                self._forget(waiting)
                self._end(waiting.asked, f"{peer.label} ended before the reply came.")
        for name, queue in list(self._held.items()):
            kept = deque(held for held in queue if held.source is not peer)
            if kept:
                self._held[name] = kept
            else:
                del self._held[name]

    def close(self) -> None:
        """Look no more whether something takes too long."""
        if self._looking is not None:
            self._looking.cancel()
            self._looking = None

    # Requests

    def _found(self, peer: Peer, message: RouteToModule) -> _Waiting | None:
        """Return the request that a message replies to: one of its target's, made to *peer*."""
        waiting = self._waiting.get(message.target_module_id, {}).get(message.request_id)
        return waiting if waiting is not None and waiting.target == peer.name else None

    def _ask(self, asked: _Held) -> None:
        name = asked.message.target_module_id
        peer = self._peers.newest(name)
        if peer is not None:
            self._pass_on(asked, peer)
        elif name not in self._known():
            there = ", ".join(self._known())
            self._refuse(asked, f"No module is called {name!r} here; there is {there}.", NO_MODULE)
        elif not self._is_starting(name):
            self._refuse(asked, f"{name} does not run, and is not being started.", FAILED)
        else:
            self._hold(name, asked)

    def _hold(self, name: str, asked: _Held) -> None:
        queue = self._held.setdefault(name, deque())
        size = sum(len(held.message.payload.data) for held in queue)
        if len(queue) >= HELD_LIMIT or size + len(asked.message.payload.data) > HELD_BYTES:
            self._refuse(asked, f"{len(queue)} messages wait for {name} already.", FAILED)
            return
        queue.append(asked)
        self._look_later()

    def _pass_on(self, asked: _Held, peer: Peer) -> None:
        message, source = asked.message, asked.source
        errand = Errand(parent=asked.asked)
        is_ours = peer.label in self._ours
        passed = RoutedModuleMessage(
            source_module_id=source.name,
            original_request_id=message.request_id,
            payload=message.payload,
            target_endpoint=message.target_endpoint if is_ours else None,
            expects_reply=message.expects_reply if is_ours else None,
            traceparent=self._tape.traceparent(asked.asked) if is_ours else None,
        )
        try:
            peer.send(passed, errand)
        except ConnectionError as error:
            self._refuse(asked, str(error) or f"{peer.label} takes nothing any more.", FAILED)
            return
        if message.expects_reply is not False:
            self._wait(
                _Waiting(
                    source,
                    peer.name,
                    message.request_id,
                    asked.asked,
                    self._now_s() + PATIENCE_S,
                    peer.label,
                    errand.exchange_id,
                )
            )

    def _wait(self, waiting: _Waiting) -> None:
        asked = self._waiting.setdefault(waiting.source.name, {})
        same = asked.get(waiting.request_id)
        if same is not None:
            self._forget(same)
            self._end(same.asked, "Another request has the same request_id.")
            self._end(same.passed_on, "Another request has the same request_id.")
        elif len(asked) >= WAITING_LIMIT:
            oldest = next(iter(asked.values()))
            self._fail(oldest, f"{WAITING_LIMIT} newer requests wait for replies too.", FAILED)
        self._waiting.setdefault(waiting.source.name, {})[waiting.request_id] = waiting
        self._look_later()

    # Replies

    def _reply(self, peer: Peer, waiting: _Waiting, message: RouteToModule) -> None:
        self._forget(waiting)
        reply = RoutedModuleResponse(
            source_module_id=peer.name, request_id=message.request_id, payload=message.payload
        )
        self._answer(waiting.source, waiting.asked, reply)

    def _refuse(self, asked: _Held, sentence: str, code: str) -> None:
        """Tell who asked why nothing is passed on."""
        message = asked.message
        if message.expects_reply is False:
            self._end(asked.asked, sentence)
            self._tell(asked.source.name, sentence)
            return
        reply = RoutedModuleResponse(
            source_module_id=message.target_module_id,
            request_id=message.request_id,
            payload=_error(sentence, code),
        )
        self._answer(asked.source, asked.asked, reply, sentence)

    def _fail(self, waiting: _Waiting, sentence: str, code: str) -> None:
        """Tell who waits for a reply why none comes."""
        self._forget(waiting)
        self._end(waiting.passed_on, sentence)
        reply = RoutedModuleResponse(
            source_module_id=waiting.target,
            request_id=waiting.request_id,
            payload=_error(sentence, code),
        )
        self._answer(waiting.source, waiting.asked, reply, sentence)

    def _answer(
        self,
        source: Peer | _Person,
        asked: int | None,
        reply: RoutedModuleResponse,
        sentence: str = "",
    ) -> None:
        if sentence and not isinstance(source, _Person):
            self._tell(source.name, sentence)
        try:
            source.send(reply, Errand(answers=asked))
        except ConnectionError as error:
            self._end(asked, str(error) or f"{source.label} ended before the reply came.")

    def _forget(self, waiting: _Waiting) -> None:
        name = waiting.source.name
        asked = self._waiting.get(name, {})
        asked.pop(waiting.request_id, None)
        if not asked:
            self._waiting.pop(name, None)
        over = self._over[name] = self._over.pop(name, {})  # the last of them now
        over[waiting.request_id] = None
        for kept in (over, self._over):  # a person may send under any number of names
            if len(kept) > WAITING_LIMIT:
                kept.pop(next(iter(kept)))

    def _tell(self, module: str, sentence: str) -> None:
        """Say something in a module's log, not again and again."""
        before, due_s = self._told.get(module, ("", 0.0))
        now_s = self._now_s()
        if sentence != before or now_s >= due_s:
            self._told[module] = sentence, now_s + AGAIN_S
            self._note(module, sentence)

    def _end(self, exchange_id: int | None, sentence: str) -> None:
        self._tape.reply(exchange_id, None, state=State.FAILED, error=sentence)

    # What takes too long

    def _now_s(self) -> float:
        return asyncio.get_running_loop().time()

    def _look_later(self) -> None:
        if self._looking is None:
            self._looking = asyncio.get_running_loop().call_later(1.0, self._look)

    def _look(self) -> None:
        self._looking = None
        now_s = self._now_s()
        for waiting in [each for asked in self._waiting.values() for each in asked.values()]:
            if waiting.deadline_s <= now_s:
                said = f"{waiting.carrier} has not replied within {PATIENCE_S:g} s."
                self._fail(waiting, said, TIMEOUT)
        for name, queue in list(self._held.items()):
            while queue and (queue[0].deadline_s <= now_s or not self._is_starting(name)):
                said = f"{name} was not ready within {self._hold_s:g} s."
                self._refuse(queue.popleft(), said, FAILED)
            if not queue:
                self._held.pop(name, None)
        if self._waiting or self._held:
            self._look_later()


def _error(sentence: str, code: str) -> Payload:
    return Payload(json.dumps({"error": sentence, "code": code}).encode())
