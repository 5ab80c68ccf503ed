"""Messages between modules: passed on, replied to, kept for a while, and never without an end."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import pytest
from tests.kiket_console.engine.orchestrator.parties import Notes, Party

from kiket_console.engine.orchestrator import router as routing
from kiket_console.engine.orchestrator.peers import Peers
from kiket_console.engine.orchestrator.ports import Errand
from kiket_console.engine.orchestrator.router import Router
from kiket_core import trace
from pywatt_sdk._protocol import (
    Payload,
    RoutedModuleMessage,
    RoutedModuleResponse,
    RouteToModule,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PAYLOAD = Payload(b'{"ping":\xff}')
"""Bytes that are no JSON: nobody on the way has to understand them."""


class House:
    """A router with modules `a` and `b`, and `late`, which is being started."""

    def __init__(self) -> None:
        self.peers, self.tape = Peers(), Notes()
        self.notes: list[tuple[str, str]] = []
        self.starting = {"late"}
        self.router = Router(
            self.peers,
            self.tape,
            is_starting=self.starting.__contains__,
            known=lambda: ("a", "b", "late"),
            note=lambda module, sentence: self.notes.append((module, sentence)),
        )
        self.a, self.b = self.join(Party("a")), self.join(Party("b"))

    def join(self, party: Party) -> Party:
        """Let a module run."""
        self.peers.joined(party)
        self.router.joined(party)
        return party

    def end(self, party: Party) -> None:
        """End a module."""
        party.has_ended = True
        self.peers.gone(party)
        self.router.gone(party)

    def say(
        self, source: Party, target: str, request_id: str = "", *, exchange: int = 7, **more: bool
    ) -> str:
        """Let a module send a message to another."""
        request_id = request_id or str(uuid4())
        message = RouteToModule(target, "greet", request_id, PAYLOAD, **more)
        self.router.take(source, message, exchange)
        return request_id


@pytest.fixture
async def house() -> AsyncIterator[House]:
    made = House()
    yield made
    made.router.close()


def _error(party: Party) -> str:
    """Return what the last message tells of why there is no reply."""
    reply = party.sent[-1]
    assert isinstance(reply, RoutedModuleResponse)
    said: str = json.loads(reply.payload.data)["error"]
    return said


async def test_a_message_and_its_reply_pass_byte_for_byte(house: House) -> None:
    request_id = house.say(house.a, "b", exchange=7)

    assert house.b.sent == [RoutedModuleMessage("a", request_id, PAYLOAD, "greet")]
    assert house.b.errands[0].parent == 7  # what the first has caused
    reply = RouteToModule("a", "reply", request_id, Payload(b"\x00"))
    assert house.router.answered(house.b, reply) == house.b.errands[0].exchange_id
    house.router.take(house.b, reply, 9)
    assert house.a.sent == [RoutedModuleResponse("b", request_id, Payload(b"\x00"))]
    assert house.a.errands[0].answers == 7
    assert house.router.waiting == 0


async def test_what_a_message_is_a_part_of_goes_with_it_to_modules_that_know_that(
    house: House,
) -> None:
    house.tape.traces[7] = f"00-{'a' * 32}-{'b' * 16}-01"
    rust = house.join(Party("rust", sdk=""))
    for target in ("b", "rust"):
        house.say(house.a, target, exchange=7)

    assert house.b.sent[0].traceparent == house.tape.traces[7]
    assert rust.sent[0].traceparent is None


async def test_a_person_begins_a_trace_and_may_say_another(house: House) -> None:
    for said in (None, "mine"):
        message = RoutedModuleMessage("console", str(uuid4()), PAYLOAD, traceparent=said)
        house.router.send_by_hand(house.b, message, Errand())

    first, second = house.b.sent
    assert trace.read(first.traceparent)
    assert second.traceparent == "mine"


async def test_two_modules_may_choose_the_same_id(house: House) -> None:
    same = str(UUID(int=1))
    c = house.join(Party("c"))
    house.say(house.a, "b", same)
    house.say(c, "b", same)

    house.say(house.b, "c", same)

    assert [type(each) for each in c.sent] == [RoutedModuleResponse]
    assert house.a.sent == []


async def test_only_the_module_that_was_asked_can_reply(house: House) -> None:
    request_id = house.say(house.a, "b")
    forger = house.join(Party("forger"))

    house.say(forger, "a", request_id)

    assert isinstance(house.a.sent[0], RoutedModuleMessage)  # a message of its own, from itself
    assert house.a.sent[0].source_module_id == "forger"
    assert house.router.waiting == 2


async def test_a_second_reply_is_nobodys_request(house: House) -> None:
    request_id = house.say(house.a, "b")
    house.say(house.b, "a", request_id)

    house.say(house.b, "a", request_id, exchange=12)

    assert len(house.a.sent) == 1
    assert house.tape.ended[-1][0] == 12
    assert "replies again" in house.notes[-1][1]


async def test_who_asks_for_a_module_that_is_not_there_is_told(house: House) -> None:
    house.say(house.a, "nobody")

    assert _error(house.a) == "No module is called 'nobody' here; there is a, b, late."
    assert json.loads(house.a.sent[-1].payload.data)["code"] == "target_module_not_found"
    assert house.a.errands[-1].answers == 7


async def test_a_notification_gets_no_answer_but_a_line_in_the_log(house: House) -> None:
    house.say(house.a, "nobody", expects_reply=False)
    house.say(house.a, "b", expects_reply=False)

    assert house.a.sent == []
    assert house.notes == [("a", "No module is called 'nobody' here; there is a, b, late.")]
    assert house.router.waiting == 0


async def test_a_module_that_ends_before_it_replies_is_answered_for(house: House) -> None:
    house.say(house.a, "b")
    newer = house.join(Party("b", starts=2))
    house.say(house.a, "b")

    house.end(house.b)

    assert _error(house.a) == "b#1 ended before it replied."
    assert len(newer.sent) == 1
    assert house.router.waiting == 1


async def test_a_reply_to_a_start_that_has_ended_does_not_reach_the_next_one(house: House) -> None:
    request_id = house.say(house.a, "b", exchange=7)
    newer = house.join(Party("a", starts=2))
    house.end(house.a)

    house.say(house.b, "a", request_id, exchange=8)

    assert newer.sent == []
    assert [exchange for exchange, _ in house.tape.ended] == [7, 8]


async def test_the_older_start_replies_to_what_it_took_while_a_newer_one_takes_the_rest(
    house: House,
) -> None:
    request_id = house.say(house.a, "b")
    newer = house.join(Party("b", starts=2))
    house.say(house.a, "b")

    house.say(house.b, "a", request_id)

    assert [type(each) for each in house.a.sent] == [RoutedModuleResponse]
    assert len(newer.sent) == len(house.b.sent) == 1


async def test_messages_to_a_module_that_starts_are_kept_in_their_order(house: House) -> None:
    first, second = house.say(house.a, "late"), house.say(house.b, "late")

    late = house.join(Party("late"))

    assert [each.original_request_id for each in late.sent] == [first, second]
    assert house.router.held == 0


async def test_only_so_many_messages_are_kept(house: House) -> None:
    for _ in range(routing.HELD_LIMIT + 1):
        house.say(house.a, "late")

    assert _error(house.a) == f"{routing.HELD_LIMIT} messages wait for late already."
    assert house.router.held == routing.HELD_LIMIT


async def test_a_module_that_does_not_come_is_answered_for(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.say(house.a, "late")
    house.starting.clear()

    await _looked(house, monkeypatch)

    assert _error(house.a) == "late was not ready within 10 s."


async def test_a_request_that_nobody_answers_is_given_up(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routing, "PATIENCE_S", -1.0)
    house.say(house.a, "b")

    await _looked(house, monkeypatch)

    assert "b#1 has not replied" in _error(house.a)
    assert json.loads(house.a.sent[-1].payload.data)["code"] == "timeout"


async def _looked(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the router look at what takes too long now, which it does once a second."""
    del monkeypatch
    house.router._look()
    await asyncio.sleep(0)


async def test_of_too_many_requests_the_oldest_is_given_up(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routing, "WAITING_LIMIT", 2)
    for _ in range(3):
        house.say(house.a, "b")

    assert house.router.waiting == 2
    assert "2 newer requests wait" in _error(house.a)


async def test_the_log_says_the_same_once_in_a_while(house: House) -> None:
    for _ in range(3):
        house.say(house.a, "nobody")
        house.say(house.b, "nobody")

    assert [module for module, _ in house.notes] == ["a", "b"]


async def test_what_is_over_is_remembered_for_a_while_only(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routing, "WAITING_LIMIT", 2)
    for name in ("x", "y", "z"):
        party = house.join(Party(name))
        for _ in range(3):
            request_id = house.say(party, "b")
            house.say(house.b, name, request_id)

    assert [(name, len(ids)) for name, ids in house.router._over.items()] == [("y", 2), ("z", 2)]


async def test_a_module_may_write_to_itself(house: House) -> None:
    request_id = house.say(house.a, "a")
    house.say(house.a, "a", request_id)

    assert [type(each) for each in house.a.sent] == [RoutedModuleMessage, RoutedModuleResponse]
