"""Messages between modules: sent, asked, handled."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace
from pydantic import BaseModel
from tests.pywatt_sdk.far_end import FarEnd

from kiket_core import trace
from pywatt_sdk._link import Link
from pywatt_sdk._protocol import (
    EncodingFormat,
    Payload,
    RoutedModuleMessage,
    RoutedModuleResponse,
    RouteToModule,
    decode_to_orchestrator,
    encode_frame,
)
from pywatt_sdk.communication.message import EncodedMessage
from pywatt_sdk.core.error import ConfigError, NetworkError
from pywatt_sdk.internal.messaging import (
    Failure,
    InternalMessagingClient,
    InternalMessagingError,
    Sender,
    create_messaging_client,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ID = "11111111-2222-4333-8444-555555555555"


@dataclass
class Greeting:
    """What a test asks for."""

    text: str


class Model(BaseModel):
    """The same as a pydantic model."""

    text: str


@pytest.fixture
async def link() -> AsyncIterator[Link]:
    async with Link(is_ours=True) as link:
        yield link


@pytest.fixture
def orchestrator(link: Link) -> FarEnd:
    return FarEnd(link)


@pytest.fixture
def client(link: Link, orchestrator: FarEnd) -> InternalMessagingClient:
    return InternalMessagingClient("mod-a", link)


def told(
    value: object, *, source: str = "mod-b", endpoint: str | None = None, asks: bool | None = None
) -> RoutedModuleMessage:
    """Return a message as an orchestrator passes it on, in its wrapper."""
    wrapper = {"id": ID, "content": value, "metadata": {}}
    return RoutedModuleMessage(source, ID, Payload(json.dumps(wrapper).encode()), endpoint, asks)


def content(message: RouteToModule) -> Any:
    """Return what a module put into a message."""
    return json.loads(message.payload.data)


async def replied(
    client: InternalMessagingClient, orchestrator: FarEnd, reply: object, kind: type[Any]
) -> Any:
    """Ask for something, and have it replied."""
    async with asyncio.TaskGroup() as group:
        asked = group.create_task(client.send_request("mod-b", "greet", {"name": "x"}, kind))
        request = await orchestrator.hears(RouteToModule)
        data = json.dumps(reply).encode()
        orchestrator.say(RoutedModuleResponse("mod-b", request.request_id, Payload(data)))
    return asked.result()


async def test_a_message_goes_to_a_module_in_a_wrapper(
    client: InternalMessagingClient, orchestrator: FarEnd
) -> None:
    await client.send_message("mod-b", {"type": "notification", "data": 1})
    await client.send_message("mod-b:orders", "text")

    first, second = [await orchestrator.hears(RouteToModule) for _ in "12"]
    assert (first.target_module_id, first.target_endpoint) == ("mod-b", "default")
    assert content(first)["content"] == {"type": "notification", "data": 1}
    assert content(first).keys() == {"id", "content", "metadata"}
    assert first.expects_reply is False
    assert (second.target_module_id, second.target_endpoint) == ("mod-b", "orders")
    assert first.request_id != second.request_id


async def test_other_orchestrators_are_told_nothing_that_they_do_not_know() -> None:
    async with Link() as link:
        orchestrator = FarEnd(link)
        await InternalMessagingClient("mod-a", link).send_message("mod-b", {})
        assert (await orchestrator.hears(RouteToModule)).expects_reply is None


@pytest.mark.parametrize(
    ("reply", "kind", "result"),
    [
        ({"text": "hi"}, dict, {"text": "hi"}),
        ({"text": "hi"}, Greeting, Greeting("hi")),
        ({"text": "hi"}, Model, Model(text="hi")),
        ([1, 2], list[int], [1, 2]),
        ("hi", str, "hi"),
        (None, type(None), None),
        ({"error": "x", "more": 1}, dict, {"error": "x", "more": 1}),
    ],
)
async def test_a_reply_is_of_the_type_that_was_asked_for(
    client: InternalMessagingClient,
    orchestrator: FarEnd,
    reply: object,
    kind: type,
    result: object,
) -> None:
    assert await replied(client, orchestrator, reply, kind) == result


@pytest.mark.parametrize(
    ("reply", "failure", "text"),
    [
        (["no", "dict"], Failure.DESERIALIZATION, "the reply is no dict"),
        ({"error": "no such module", "code": "target_module_not_found"},
         Failure.TARGET_MODULE_NOT_FOUND, "no such module"),
        ({"error": "out of stock"}, Failure.APPLICATION, "out of stock"),
        ({"error": "?", "code": "new_code"}, Failure.APPLICATION, "?"),
    ],
)  # fmt: skip
async def test_a_reply_may_say_why_there_is_none(
    client: InternalMessagingClient,
    orchestrator: FarEnd,
    reply: object,
    failure: Failure,
    text: str,
) -> None:
    with pytest.raises(ExceptionGroup) as raised:
        await replied(client, orchestrator, reply, dict)

    (error,) = raised.value.exceptions
    assert isinstance(error, InternalMessagingError)
    assert error.failure is failure
    assert text in str(error)


async def test_a_request_is_given_up_in_time_and_when_the_link_ends(
    client: InternalMessagingClient, link: Link
) -> None:
    with pytest.raises(InternalMessagingError, match=r"did not reply within 0\.01 s") as raised:
        await client.send_request("mod-b", "greet", {}, timeout=0.01)
    assert raised.value.failure is Failure.TIMEOUT

    link.close("The orchestrator went away.")
    with pytest.raises(InternalMessagingError, match="The orchestrator went away") as raised:
        await client.send_request("mod-b", "greet", {})
    assert raised.value.failure is Failure.NETWORK
    with pytest.raises(InternalMessagingError, match="was not sent"):
        await client.send_message("mod-b", {})


async def test_what_has_no_json_form_is_not_sent(client: InternalMessagingClient) -> None:
    with pytest.raises(InternalMessagingError, match="no JSON form") as raised:
        await client.send_message("mod-b", object())
    assert raised.value.failure is Failure.SERIALIZATION
    with pytest.raises(InternalMessagingError, match="MSGPACK is not spoken"):
        await client.send_notification("mod-b", "x", {}, EncodingFormat.MSGPACK)


async def test_encodings_and_encoded_messages(
    client: InternalMessagingClient, orchestrator: FarEnd
) -> None:
    ready = EncodedMessage(b"[1]")
    await client.send_message("mod-b", ready)
    await client.send_notification("mod-b", "x", Model(text="hi"), EncodingFormat.BASE64)
    assert (await orchestrator.hears(RouteToModule)).payload == Payload(b"[1]")
    sent = (await orchestrator.hears(RouteToModule)).payload
    assert sent.format is EncodingFormat.BASE64

    heard: asyncio.Queue[Any] = asyncio.Queue()
    client.on_message()(heard.put_nowait)
    orchestrator.say(
        RoutedModuleMessage("mod-b", ID, sent),
        RoutedModuleMessage("mod-b", ID, Payload(b"\xff\x00", EncodingFormat.BINARY)),
    )
    assert [await heard.get(), await heard.get()] == [{"text": "hi"}, b"\xff\x00"]


async def test_handlers_are_found_by_type_endpoint_and_sender(
    client: InternalMessagingClient, orchestrator: FarEnd
) -> None:
    heard: list[object] = []

    @client.on_message("notification")
    async def of_type(message: dict[str, Any]) -> None:
        heard.append(("type", message["data"]))

    @client.on_message("orders")
    def of_endpoint(message: object, sender: Sender) -> None:
        heard.append(("endpoint", sender))

    @client.on_message()
    def of_others(message: object, more: int = 0) -> None:
        heard.append(("other", message))

    def of_source(source: str, request_id: str, payload: EncodedMessage) -> str:
        heard.append((source, payload.value()["content"]))
        return "done"

    client.register_handler("rust", of_source)
    orchestrator.say(
        told({"type": "notification", "data": 1}),
        told("o", endpoint="orders"),
        told("x", endpoint="default"),
        told("r", source="rust"),
    )

    assert content(await orchestrator.hears(RouteToModule)) == "done"
    assert heard == [
        ("type", 1),
        ("endpoint", Sender("mod-b", ID, "orders")),
        ("other", "x"),
        ("rust", "r"),
    ]
    assert client.remove_handler("rust")
    assert not client.remove_handler("rust")


async def test_what_a_handler_returns_is_the_bare_reply(
    client: InternalMessagingClient, orchestrator: FarEnd
) -> None:
    @client.on_message("greet")
    async def greet(message: dict[str, str]) -> Greeting | None:
        return Greeting(f"hello {message['name']}") if message["name"] else None

    orchestrator.say(told({"name": "x"}, endpoint="greet", asks=True))
    reply = await orchestrator.hears(RouteToModule)
    assert (reply.target_module_id, reply.request_id) == ("mod-b", ID)
    assert content(reply) == {"text": "hello x"}
    assert reply.expects_reply is False

    orchestrator.say(told({"name": ""}, endpoint="greet", asks=True))
    assert content(await orchestrator.hears(RouteToModule)) is None

    orchestrator.say(
        told({"name": "x"}, endpoint="greet", asks=False), told({"name": ""}, endpoint="greet")
    )
    await asyncio.sleep(0)
    assert not orchestrator.has_heard_more


async def test_a_handler_that_fails_replies_why_without_its_insides(
    client: InternalMessagingClient, orchestrator: FarEnd, caplog: pytest.LogCaptureFixture
) -> None:
    @client.on_message("fail")
    def fail(message: object) -> None:
        raise KeyError("inside")

    @client.on_message("refuse")
    def refuse(message: object) -> None:
        raise InternalMessagingError("out of stock")

    orchestrator.say(
        told(1, endpoint="fail"), told(1, endpoint="refuse"), told(1, endpoint="none", asks=True)
    )
    replies = [content(await orchestrator.hears(RouteToModule)) for _ in "123"]

    assert replies == [
        {"error": "mod-a failed to handle it: KeyError; its log has the details.",
         "code": "application_error"},
        {"error": "out of stock", "code": "application_error"},
        {"error": "mod-a handles no message of that type, endpoint or sender",
         "code": "target_endpoint_not_found"},
    ]  # fmt: skip
    assert "KeyError: 'inside'" in caplog.text


async def test_a_handler_is_in_the_trace_of_the_message(
    client: InternalMessagingClient, orchestrator: FarEnd
) -> None:
    """So are its log lines and its calls; the next message, which names none, is in none."""
    client.on_message()(lambda _: {"trace": trace.current_trace_id()})
    named = replace(told({}, asks=True), traceparent=f"00-{'a' * 32}-{'b' * 16}-01")

    orchestrator.say(named, told({}, asks=True))

    replies = [content(await orchestrator.hears(RouteToModule)) for _ in "12"]
    assert replies == [{"trace": "a" * 32}, {"trace": None}]


async def test_a_payload_that_is_not_what_it_says_is_refused(
    client: InternalMessagingClient, orchestrator: FarEnd
) -> None:
    client.on_message()(lambda message: message)

    orchestrator.say(RoutedModuleMessage("mod-b", ID, Payload(b"\xff not json")))

    assert content(await orchestrator.hears(RouteToModule))["code"] == "deserialization_error"


async def test_a_reply_that_comes_as_a_message_is_a_reply(
    client: InternalMessagingClient, orchestrator: FarEnd
) -> None:
    """Two modules would answer each other for ever, under an orchestrator that converts nothing."""
    heard: list[object] = []
    client.on_message()(heard.append)
    async with asyncio.TaskGroup() as group:
        asked = group.create_task(client.send_request("mod-b", "greet", {}))
        request = await orchestrator.hears(RouteToModule)
        back = RoutedModuleMessage("mod-b", request.request_id, Payload(b'{"n":1}'))
        orchestrator.say(back, back)

    assert asked.result() == {"n": 1}
    assert heard == []
    assert not orchestrator.has_heard_more


async def test_a_reply_can_be_brought_by_hand(
    client: InternalMessagingClient, orchestrator: FarEnd
) -> None:
    async with asyncio.TaskGroup() as group:
        asked = group.create_task(client.send_request("mod-b", "greet", {}))
        request = await orchestrator.hears(RouteToModule)
        payload = {"data": list(b'{"n":1}'), "format": "Json"}
        client.handle_response({
            "source_module_id": "mod-b", "request_id": request.request_id, "payload": payload,
        })  # fmt: skip

    assert asked.result() == {"n": 1}


async def test_a_closed_client_handles_nothing(
    client: InternalMessagingClient, orchestrator: FarEnd
) -> None:
    heard: list[object] = []
    client.on_message()(heard.append)

    await client.close()
    orchestrator.say(told("x"))

    assert heard == []


async def test_a_client_can_have_a_tcp_channel_of_its_own() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readexactly(5)
        request = decode_to_orchestrator(await reader.readexactly(int.from_bytes(head[:4], "big")))
        assert isinstance(request, RouteToModule)
        assert request.expects_reply is None
        writer.write(
            encode_frame(RoutedModuleResponse("mod-b", request.request_id, Payload(b'{"n":1}')))
        )
        assert await reader.read() == b""
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1") as server:
        host, port = server.sockets[0].getsockname()
        client = await create_messaging_client("mod-a", f"{host}:{port}")
        assert await client.send_request("mod-b", "x", {}) == {"n": 1}
        await client.close()

    with pytest.raises(NetworkError):
        await create_messaging_client("mod-a", f"{host}:{port}")
    with pytest.raises(ConfigError, match=r"such as 127\.0\.0\.1:9000"):
        await create_messaging_client("mod-a", "somewhere")


async def test_without_an_orchestrator_there_is_nobody_to_send_to() -> None:
    client = await create_messaging_client("mod-a")

    with pytest.raises(InternalMessagingError, match="TestOrchestrator"):
        await client.send_message("mod-b", {})


def test_a_function_that_cannot_handle_is_refused() -> None:
    def four(one: str, two: str, three: str, four: str) -> None: ...

    client = InternalMessagingClient("mod-a")

    for handler in (four, lambda: None):
        with pytest.raises(TypeError, match="must take a message"):
            client.on_message("x")(handler)
