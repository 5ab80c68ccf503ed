"""What a person sends to modules: any message, one that was recorded, a secret's new value."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.kiket_console.engine.orchestrator.parties import Notes, Party

from kiket_console.engine import bodies
from kiket_console.engine.link import Answer
from kiket_console.engine.orchestrator import ops
from kiket_console.engine.orchestrator.by_hand import ByHand
from kiket_console.engine.orchestrator.handing_over import HandingOver
from kiket_console.engine.orchestrator.peers import Peers
from kiket_console.engine.orchestrator.ports import Frame
from kiket_console.engine.orchestrator.router import Router
from kiket_console.engine.orchestrator.watched_tape import WatchedTape
from kiket_console.errors import ConsoleError
from kiket_console.ipc import Channel, Direction, Kind
from kiket_console.model import Detail, Exchange, Message, Source, State
from kiket_console.wire import IpcMessage
from kiket_core.secret import Redactor, redactor
from pywatt_sdk import _protocol as p

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from kiket_console.engine.orchestrator.gateway import Visit
    from kiket_console.wire import IpcResult

KEY = "a-value-that-nobody-sees"


class House:
    """A person, and the module `search`."""

    def __init__(self) -> None:
        self.peers = Peers()
        self.tape = WatchedTape(Notes())
        self.router = Router(
            self.peers,
            self.tape,
            is_starting=lambda _: False,
            known=lambda: ("search",),
            note=lambda _, __: None,
        )
        self.module = Party("search")
        self.peers.joined(self.module)
        self.router.joined(self.module)
        self.recorded: dict[int, Detail] = {}
        self.visits: list[Visit] = []
        self.by_hand = ByHand(
            self.peers.newest,
            self.router,
            self.tape,
            self,  # type: ignore[arg-type]  # of the gateway it asks `take`
            recorded=self.recorded.get,
            value_of=self.value_of,
        )

    async def value_of(self, name: str) -> str | None:
        """Return the value of the only secret."""
        return KEY if name == "API_KEY" else None

    async def take(self, visit: Visit) -> Answer:
        """Answer a request in the gateway's place."""
        self.visits.append(visit)
        visit.exchange_id, visit.channel = 77, "http"
        return Answer(200, (("x", "y"),), b'{"a": 1}')

    async def send(self, message: Any, op: str = "", **more: Any) -> IpcResult:
        """Send a message to the module."""
        raw = message if isinstance(message, bytes) else json.dumps(message).encode()
        return await self.by_hand.send(IpcMessage("search", raw, op, **more))

    def replies(self, exchange_id: int, message: p.ToOrchestrator) -> None:
        """Take down the module's reply to an exchange."""
        raw = p.encode_json(message)
        frame = Frame(
            "search", "search#1", Channel.TCP, Direction.OUT, raw, p.op_of(message), Kind.REQUEST
        )
        self.tape.reply(exchange_id, frame)

    def record(self, message: p.ToModule | bytes, channel: str = "tcp", **more: Any) -> int:
        """Record a message to the module; return its exchange."""
        raw = message if isinstance(message, bytes) else p.encode_json(message)
        redactor = Redactor()
        redactor.add("API_KEY", KEY)
        told: dict[str, Any] = {"source": Source.IPC, "direction": "in", "headers": ()} | more
        name = told.get("name", "http_request")
        exchange = Exchange(
            5, 0, told["source"], "search", name, "", "GET", "/hello?x=1", 0,
            State.FORWARDED, None, None, len(raw), "", "", None, False, None, 1, False,
            kind="req", direction=told["direction"], channel=channel,
        )  # fmt: skip
        request = Message(told["headers"], bodies.stored(raw, redactor))
        self.recorded[5] = Detail(exchange, request, None, (), ())
        return 5


@pytest.fixture
async def house() -> AsyncIterator[House]:
    made = House()
    yield made
    made.router.close()


@pytest.mark.parametrize("op", ops.OPS, ids=lambda op: op.op)
def test_every_sample_is_a_message(op: Any) -> None:
    ids = {each.name: "11111111-2222-4333-8444-555555555555" for each in op.fields
           if each.name in {"request_id", "id"} and op.sample.get(each.name) == ""}  # fmt: skip

    message = ops.read(json.dumps(op.sample | ids).encode())

    assert p.op_of(message) == op.op
    assert p.decode_to_module(p.encode_json(message), strict=True) is not None
    assert {each.name for each in op.fields} >= set(op.sample) - {"op"}


@pytest.mark.parametrize(
    ("message", "op", "why"),
    [
        (b"{", "", "is no JSON"),
        ([1], "", "A message is a JSON object."),
        ({}, "", "There is no op ''"),
        ({}, "rotatd", "did you mean 'rotated'?"),
        ({"op": 5}, "", "There is no op like that"),
        ({"uri": "/"}, "http_request", "http_request needs 'method', a text."),
        ({"method": 5, "uri": "/"}, "http_request", "'method' of http_request takes a text."),
        ({"method": "GET", "uri": "/", "headerz": {}}, "http_request", "did you mean 'headers'?"),
        ({"method": "GET", "uri": "/", "headers": {"a": 1}}, "http_request", "$.headers"),
        ({"method": "GET", "uri": "/", "body": "aGk="}, "http_request", "'body' takes an array"),
        ({"method": "GET", "uri": "/", "body": [256]}, "http_request", "'body' takes an array"),
        ({"keys": "A"}, "rotated", "'keys' of rotated takes a list."),
        ({"request_id": "1", "success": 1, "port": 0}, "port_response", "takes true or false"),
        ({"request_id": "1", "success": True, "port": 65536}, "port_response", "a whole number"),
        ({"source_module_id": "a", "payload": "x"}, "routed_module_message", "'payload' takes"),
        ({"source_module_id": "a", "payload": {"data": "x", "format": "Json"}},
         "routed_module_message", "'payload.data' takes"),
        ({"source_module_id": "a", "original_request_id": "7", "payload": {"text": ""}},
         "routed_module_message", "takes a UUID"),
        ({"x": 1}, "heartbeat", "heartbeat has no field 'x'; it has none."),
    ],
)  # fmt: skip
async def test_what_is_wrong_is_said_by_its_field(
    house: House, message: Any, op: str, why: str
) -> None:
    with pytest.raises(ConsoleError) as caught:
        await house.send(message, op)

    assert why in str(caught.value)
    assert house.module.sent == []


async def test_an_http_request_is_answered(house: House) -> None:
    house.module.answer_http = lambda asked: p.HttpResponse(
        asked.request_id, 201, {"a": "b"}, b'{"made": "' + asked.method.encode() + b'"}'
    )

    body = {"json": {"name": "Ada"}}
    result = await house.send({"method": "POST", "uri": "/x", "body": body}, "http_request")

    assert house.module.sent[0].body == b'{"name":"Ada"}'
    assert (result.exchange_id, result.status, result.ok) == (1001, 201, True)
    assert result.reply["body"] == {"json": {"made": "POST"}}


async def test_a_secret_in_an_answer_may_be_a_number_or_bytes(house: House) -> None:
    redactor.add("PORT", "81238")
    redactor.add("SEED", "seed-of-all")
    told = {"ports": [80, 81238], "81238": True, "seed": list(b"seed-of-all"), "at": ":81238/"}
    house.module.answer_http = lambda asked: p.HttpResponse(
        asked.request_id, 200, {}, json.dumps(told).encode()
    )

    result = await house.send({"method": "GET", "uri": "/"}, "http_request")

    assert result.reply["body"]["json"] == {
        "ports": [80, "[secret:PORT]"], "[secret:PORT]": True, "seed": "[[secret:SEED]]",
        "at": ":[secret:PORT]/",
    }  # fmt: skip


async def test_one_that_is_not_answered_says_so(house: House) -> None:
    silent = await house.send({"method": "GET", "uri": "/"}, "http_request", timeout_s=0.01)
    house.module.has_ended = True
    ended = await house.send({"method": "GET", "uri": "/"}, "http_request")

    assert (silent.state, silent.ok) == ("failed", False)
    assert silent.error == "search#1 did not answer within 0.01 s."
    assert ended.error == "search#1 takes nothing any more."


async def test_by_http_it_goes_to_the_modules_address(house: House) -> None:
    result = await house.send(
        {"method": "PUT", "uri": "/x", "headers": {"a": "b"}, "body": {"text": "hi"}},
        "http_request",
        channel="http",
    )

    (visit,) = house.visits
    assert (visit.module, visit.method, visit.path, visit.raw_body) == (
        "search",
        "PUT",
        "/x",
        b"hi",
    )
    assert (result.exchange_id, result.channel, result.status) == (77, "http", 200)
    assert result.reply["body"] == {"json": {"a": 1}}
    with pytest.raises(ConsoleError, match="Only http_request can go by HTTP"):
        await house.send({}, "heartbeat", channel="http")


async def test_a_channel_is_a_word(house: House) -> None:
    result = await house.send({}, "heartbeat", channel="tcp")
    assert (result.ok, result.reply, house.module.errands[0].channel) == (True, None, "tcp")

    with pytest.raises(ConsoleError, match='There is no channel "pigeon"'):
        await house.send({}, "heartbeat", channel="pigeon")


async def test_the_reply_to_a_routed_message_is_the_persons(house: House) -> None:
    """Whoever they name as its source, be it a module that runs."""
    other = Party("a")
    house.peers.joined(other)
    answer = p.Payload(b'{"hello": "Ada"}')

    def reply() -> None:
        """Reply as a module does: to who seems to have asked."""
        asked = house.module.sent[-1]
        message = p.RouteToModule("a", "reply", asked.original_request_id, answer)
        exchange_id = house.router.answered(house.module, message)
        assert exchange_id == house.module.errands[-1].exchange_id
        house.replies(exchange_id or 0, message)
        house.router.take(house.module, message, exchange_id)

    result = await _while(house, reply, {"source_module_id": "a", "payload": {"json": 1}},
                          "routed_module_message")  # fmt: skip

    assert result.reply["payload"] == {"json": {"hello": "Ada"}}
    assert other.sent == []
    assert house.router.waiting == 0


async def _while(
    house: House, act: Callable[[], None], message: dict[str, Any], op: str, **more: Any
) -> IpcResult:
    """Send a message, and let the module act once it came."""
    import asyncio

    async with asyncio.TaskGroup() as tasks:
        sending = tasks.create_task(house.send(message, op, **more))
        async with asyncio.timeout(120):
            await house.module.told.wait()
        await asyncio.sleep(0)
        act()
    return sending.result()


async def test_a_rotation_by_hand_waits_for_its_acknowledgement(house: House) -> None:
    result = await _while(
        house,
        lambda: house.replies(1001, p.RotationAck("r-1", "success")),
        {"keys": ["API_KEY"], "rotation_id": "r-1"},
        "rotated",
    )

    assert result.reply == {"op": "rotation_ack", "rotation_id": "r-1", "status": "success"}


async def test_a_reply_that_does_not_come_is_given_up(house: House) -> None:
    result = await house.send({"keys": ["A"]}, "rotated", timeout_s=0.01)

    assert (result.state, result.error) == ("failed", "No answer came within 0.01 s.")


async def test_a_secrets_marker_stands_for_its_value(house: House) -> None:
    await house.send({"name": "API_KEY", "value": "[secret:API_KEY]"}, "secret")

    assert house.module.sent[0].value == KEY
    with pytest.raises(ConsoleError, match="The secret OTHER has no value"):
        await house.send({"name": "API_KEY", "value": "[secret:OTHER]"}, "secret")


async def test_a_module_that_does_not_run_is_said(house: House) -> None:
    house.peers.gone(house.module)

    with pytest.raises(ConsoleError, match="No module 'search' runs"):
        await house.send({}, "heartbeat")


# What was recorded


async def test_a_recorded_message_is_sent_again_under_a_new_id(house: House) -> None:
    house.module.answer_http = lambda asked: p.HttpResponse(asked.request_id, 200, {})
    request = p.HttpRequest("old", "GET", "/x", {"authorization": KEY}, b"\xff")
    exchange_id = house.record(request)
    assert KEY.encode() not in house.recorded[5].request.body.raw

    result = await house.by_hand.replay(exchange_id)

    (again,) = house.module.sent
    assert again.request_id != "old"
    assert (again.uri, again.headers, again.body) == ("/x", {"authorization": KEY}, b"\xff")
    assert house.module.errands[0].replay_of == exchange_id
    assert house.module.errands[0].edited is False
    assert result.status == 200


async def test_a_recorded_request_over_http_goes_by_http_again(house: House) -> None:
    headers = (("x-a", "1"), ("traceparent", "old"), ("X-Request-ID", "old"))
    exchange_id = house.record(b"body", channel="http", headers=headers)

    result = await house.by_hand.replay(exchange_id)

    (visit,) = house.visits
    assert (visit.path, visit.raw_body, visit.headers) == ("/hello?x=1", b"body", headers[:1])
    assert (visit.replay_of, result.exchange_id) == (exchange_id, 77)


async def test_an_edited_message_puts_its_secrets_back(house: House) -> None:
    exchange_id = house.record(p.Secret("API_KEY", KEY))
    shown = house.recorded[5].request.body.raw
    edited = shown.replace(b'"name":"API_KEY"', b'"name":"API_KEY","rotation_id":"r-2"')

    await house.send(edited, like=exchange_id)
    await house.send(shown, like=exchange_id)

    assert [(each.value, each.rotation_id) for each in house.module.sent] == [
        (KEY, "r-2"),
        (KEY, None),
    ]
    assert [each.edited for each in house.module.errands] == [True, False]


async def test_a_body_in_base64_stays_one_when_it_is_edited(house: House) -> None:
    house.module.answer_http = lambda asked: p.HttpResponse(asked.request_id, 200, {})
    request = p.HttpRequest("r", "POST", "/x", {}, b"hello")
    exchange_id = house.record(p.encode_json(request, base64=True))

    await house.send(house.recorded[5].request.body.raw, like=exchange_id)

    assert house.module.sent[0].body == b"hello"


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"direction": "out"}, "came from search"),
        ({"source": Source.WEBHOOK}, "is no message of a module's"),
    ],
)
async def test_only_what_went_to_a_module_goes_there_again(
    house: House, more: dict[str, Any], why: str
) -> None:
    with pytest.raises(ConsoleError, match=why):
        await house.by_hand.replay(house.record(p.Heartbeat(), **more))


@pytest.mark.parametrize(
    ("raw", "name", "why"),
    [
        (b"garbage", "secret", "cannot be sent again"),
        (b'{"module_id":"a"}', "init", "at a module's start alone"),
    ],
)
async def test_what_is_no_message_is_not_sent_again(
    house: House, raw: bytes, name: str, why: str
) -> None:
    with pytest.raises(ConsoleError, match=why):
        await house.by_hand.replay(house.record(raw, name=name))
    with pytest.raises(ConsoleError, match="There is no exchange 6"):
        await house.by_hand.replay(6)


@pytest.mark.parametrize(
    ("message", "op"),
    [
        ({"op": "[secret:API_KEY]"}, ""),
        ({"[secret:API_KEY]": 1, "name": "A", "value": "b"}, "secret"),
        ({"method": "GET", "uri": "[secret:API_KEY]"}, "http_request"),
        ({"method": "GET [secret:API_KEY]", "uri": "/"}, "http_request"),
    ],
)
@pytest.mark.parametrize("channel", ["", "http"])
async def test_a_message_that_cannot_be_sent_shows_no_secret(
    house: House, message: Any, op: str, channel: str
) -> None:
    with pytest.raises(ConsoleError) as caught:
        await house.send(message, op, channel=channel)

    assert KEY not in str(caught.value)
    assert (house.module.sent, house.visits) == ([], [])


# Rotation


def handing(modules: list[Party], *restarted: str, failing: tuple[str, ...] = ()) -> HandingOver:
    """Return what hands values to *modules*, and starts *restarted* anew, some in vain."""

    async def serve(names: tuple[str, ...], timeout_s: float) -> tuple[str, ...]:
        assert (names, timeout_s) == (restarted, 0.5)
        return failing

    def restart(secret: str, *, is_kept: bool = True) -> tuple[str, ...]:
        assert (secret, is_kept) == ("KEY", True)
        return restarted

    return HandingOver(lambda: modules, restart, serve)


async def test_a_new_value_goes_to_those_who_have_the_old_one() -> None:
    took = Party("took", asked=(("KEY", True),), ack=p.RotationAck("r", "success"))
    refused = Party("refused", asked=(("KEY", True),), ack=p.RotationAck("r", "error", "no"))
    silent = Party("silent", asked=(("KEY", False),))
    ended = Party("ended", asked=(("KEY", True),), has_ended=True)
    other = Party("other", asked=(("OTHER", True),))
    modules = [took, refused, silent, ended, other]

    rotation = await handing(modules, "shop", "blog", failing=("blog",)).hand_out("KEY", 0.5)

    assert [(ack.module, ack.status) for ack in rotation.acks] == [
        ("ended", "no answer"),
        ("refused", "error"),
        ("silent", "no answer"),
        ("took", "success"),
    ]
    assert rotation.acks[1].message == "no"
    assert rotation.acks[2].message == "silent#1 did not confirm it within 0.5 s."
    assert not rotation.ok
    assert took.rotated == [(["KEY"], rotation.rotation_id)]
    assert other.rotated == []
    assert rotation.restarted == ("shop", "blog")
    assert rotation.failed == ("blog",)


async def test_what_does_not_come_to_serve_with_a_new_value_did_not_take_it() -> None:
    assert (await handing([], "shop").hand_out("KEY", 0.5)).ok
    assert not (await handing([], "shop", failing=("shop",)).hand_out("KEY", 0.5)).ok


async def test_a_module_that_repeats_the_new_value_does_not_show_it() -> None:
    ack = p.RotationAck("r", KEY, f"{KEY} is a fine value{'!' * 9000}")
    modules = [Party("lying", asked=(("KEY", True),), ack=ack)]
    redactor.add("KEY", KEY)

    (said,) = (await handing(modules).hand_out("KEY", 0.5)).acks

    assert (said.status, len(said.message)) == ("[secret:KEY]", 1000)
    assert said.message.startswith("[secret:KEY] is a fine value!")
