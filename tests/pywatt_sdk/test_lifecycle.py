"""A module starts, serves and ends as the wire specification §1 says (over real pipes)."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from tests.pywatt_sdk.living import Living, announced, greeter, init_line

from pywatt_sdk import _protocol as p
from pywatt_sdk._assembly import Plan
from pywatt_sdk.core.error import BootstrapError, HandshakeError, SecretError

if TYPE_CHECKING:
    from pywatt_sdk.core.state import AppState

OURS = "kiket-console/0.1"


class Slow:
    """An app whose one request is under way until a test lets it go on."""

    def __init__(self) -> None:
        self.entered, self.gate = asyncio.Event(), asyncio.Event()

    def plan(self, **options: Any) -> Plan:
        async def wait(_: object) -> PlainTextResponse:
            self.entered.set()
            await self.gate.wait()
            return PlainTextResponse("finished")

        return Plan(factory=lambda _: Starlette(routes=[Route("/", wait)]), **options)


async def test_it_announces_where_it_really_listens_and_serves_there() -> None:
    async with announced() as (_, url), httpx.AsyncClient(timeout=120) as http:
        assert not url.endswith(":0")
        assert (await http.get(url)).json() == {"module": "greeter"}


@pytest.mark.parametrize("orchestrator", [None, OURS])
async def test_without_http_it_is_asked_by_messages(orchestrator: str | None) -> None:
    """Ours is told that nothing listens; another one hears what Rust modules say (§5.1)."""
    plan = Plan(factory=greeter, bind_http=False)
    async with Living(plan, listen="127.0.0.1:7001", orchestrator=orchestrator) as module:
        if orchestrator is not None:
            await module.hear(p.Hello)
        announce = await module.hear(p.Announce)
        assert announce.listen == ("127.0.0.1:7001" if orchestrator is None else "127.0.0.1:0")
        module.say(p.HttpRequest("r-1", "GET", "/", {}))
        assert (await module.hear(p.HttpResponse)).body == b'{"module":"greeter"}'


@pytest.mark.parametrize(("orchestrator", "status"), [(None, 200), (OURS, 421)])
async def test_a_proxy_in_front_may_have_any_name(orchestrator: str | None, status: int) -> None:
    async with Living(orchestrator=orchestrator) as module, httpx.AsyncClient(timeout=120) as http:
        if orchestrator is not None:
            await module.hear(p.Hello)
        url = f"http://{(await module.hear(p.Announce)).listen}"
        answer = await http.get(url, headers={"host": "api.example", "origin": "http://a.example"})
        assert answer.status_code == status


async def test_it_announces_its_routes_and_its_health() -> None:
    routes = (p.Endpoint("/", ("GET",)), p.Endpoint("/in", ("POST",), "jwt"))
    async with Living(Plan(factory=greeter, endpoints=routes)) as module:
        announce = await module.hear(p.Announce)
    assert announce.endpoints == (*routes, p.Endpoint("/health", ("GET",)))


async def test_to_an_orchestrator_that_tells_its_name_it_says_hello_first() -> None:
    async with Living(orchestrator=OURS) as module:
        hello = await module.hear(p.Hello)
        await module.hear(p.Announce)
    assert (hello.sdk, hello.accepts) == ("pywatt_sdk", ("body_base64",))


async def test_secrets_are_asked_for_one_after_the_other_as_rust_modules_do() -> None:
    async with Living(Plan(factory=greeter, secrets=("A", "B"))) as module:
        assert (await module.hear(p.GetSecret)).name == "A"
        assert module.heard.empty()
        module.say(p.Secret("A", "alpha"))
        assert (await module.hear(p.GetSecret)).name == "B"
        module.say(p.Secret("B", "beta"))
        await module.hear(p.Announce)


async def test_the_state_builder_is_given_the_init_data_and_the_secrets() -> None:
    seen: list[Any] = []

    async def build(init: p.Init, secrets: dict[str, Any]) -> str:
        return f"{init.module_id} knows {secrets['KEY'].expose_secret()}"

    def create(state: AppState[str]) -> Starlette:
        seen.append(state.user_state)
        return greeter(state)

    plan = Plan(factory=create, secrets=("KEY",), state_builder=build)
    async with Living(plan, orchestrator=OURS) as module:
        await module.hear(p.Hello)
        await module.hear(p.GetSecret)
        module.say(p.Secret("KEY", "opensesame"))
        await module.hear(p.Announce)
    assert seen == ["greeter knows opensesame"]


async def test_without_a_secret_it_does_not_start_and_says_which() -> None:
    async with Living(Plan(factory=greeter, secrets=("KEY",)), orchestrator=OURS) as module:
        await module.hear(p.Hello)
        await module.hear(p.GetSecret)
        module.say(p.Secret("KEY", "", error="no such secret"))
        failure = await module.ended()
    assert isinstance(failure, SecretError)
    assert "'KEY'" in str(failure)
    assert module.heard.empty()


@pytest.mark.parametrize(
    ("first", "words"),
    [
        (b"{broken\n", "is no init line"),
        (b'{"module_id": "test"}\n', "is no init line"),
        (b"x" * (1024 * 1024 + 1) + b"\n", "exceeded 1 MiB"),
    ],
    ids=["broken JSON", "a field alone", "over 1 MiB"],
)
async def test_a_first_line_that_is_no_init_line_ends_it(first: bytes, words: str) -> None:
    async with Living(first=first) as module:
        failure = await module.ended()
    assert isinstance(failure, HandshakeError)
    assert words in str(failure)


async def test_stdin_that_ends_before_the_first_line_is_an_error() -> None:
    async with Living(first=b"") as module:
        await module.hang_up()
        failure = await module.ended()
    assert str(failure) == "handshake failed: stdin closed unexpectedly during handshake"


async def test_what_its_own_code_raises_ends_the_start() -> None:
    def create(state: AppState[Any]) -> None:
        raise LookupError(f"no table for {state.module_id}")

    async with Living(Plan(factory=create)) as module:
        failure = await module.ended()
    assert isinstance(failure, LookupError)


@pytest.mark.parametrize(
    ("returned", "words"), [(None, "nothing"), ({}, "a dict, which is no web app")]
)
async def test_a_function_that_returns_no_app_is_told_so(returned: object, words: str) -> None:
    def create(_: AppState[Any]) -> object:
        return returned

    async with Living(Plan(factory=create)) as module:
        failure = await module.ended()
    assert isinstance(failure, BootstrapError)
    assert f"create() returned {words}; return the app that it made" in str(failure)


# --- steady state ---


async def test_a_slow_handler_keeps_nothing_else_waiting() -> None:
    gate = asyncio.Event()

    async def wait(_: object) -> PlainTextResponse:
        await gate.wait()
        return PlainTextResponse("done")

    plan = Plan(factory=lambda _: Starlette(routes=[Route("/", wait)]))
    async with Living(plan, orchestrator=OURS) as module:
        await module.hear(p.Hello)
        await module.hear(p.Announce)
        module.say(p.HttpRequest("slow", "GET", "/", {}), p.Heartbeat())
        await module.hear(p.HeartbeatAck)
        gate.set()
        answer = await module.hear(p.HttpResponse)
    assert (answer.request_id, answer.body) == ("slow", b"done")


async def test_a_heartbeat_on_stdio_is_answered_only_where_that_is_understood() -> None:
    async with announced() as (module, _):
        module.say(p.Heartbeat(), p.HttpRequest("h", "GET", "/", {}))
        await module.hear(p.HttpResponse)  # and no heartbeat_ack before it


async def test_lines_that_are_no_messages_are_told_and_skipped(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with announced() as (module, _):
        module.channel.send(b'{"op":"dance"}\n{"op":\n[1]\n\xff\xfe\n\n')
        module.say(p.HttpRequest("h", "GET", "/", {}))
        await module.hear(p.HttpResponse)
    assert caplog.text.count("was skipped") == 4


async def test_a_repeated_request_is_answered_once() -> None:
    """An orchestrator repeats a stdio request until it is answered (specification §0.6)."""
    slow = Slow()
    async with announced(slow.plan()) as (module, _):
        request = p.HttpRequest("same", "GET", "/", {})
        module.say(request, request, request)
        await slow.entered.wait()
        slow.gate.set()
        await module.hear(p.HttpResponse)
        module.say(p.Shutdown())
        await module.ended()
        assert module.heard.empty()


@pytest.mark.parametrize("orchestrator", [OURS, None])
async def test_rotated_secrets_are_fetched_again_and_acknowledged(orchestrator: str | None) -> None:
    """An orchestrator of Rust modules hears at once that it was heard."""
    states: list[AppState[Any]] = []

    def create(state: AppState[Any]) -> Starlette:
        states.append(state)
        return greeter(state)

    plan = Plan(factory=create, secrets=("KEY",), rotate=True)
    async with Living(plan, orchestrator=orchestrator) as module:
        if orchestrator:
            await module.hear(p.Hello)
        await module.hear(p.GetSecret)
        module.say(p.Secret("KEY", "the old value"))
        await module.hear(p.Announce)
        module.say(p.Rotated(("KEY",), "r1"))
        if not orchestrator:
            ack = await module.hear(p.RotationAck)
        await module.hear(p.GetSecret)
        module.say(p.Secret("KEY", "the new value", "r1"))
        if orchestrator:
            ack = await module.hear(p.RotationAck)
        secret = await states[0].get_secret("KEY")
    assert (ack.rotation_id, ack.status) == ("r1", "success")
    assert secret.expose_secret() == "the new value"


# --- the end ---


@pytest.mark.parametrize("end", ["shutdown", "stdin", "signal"])
async def test_what_is_under_way_is_finished_before_it_ends(end: str) -> None:
    slow = Slow()
    async with announced(slow.plan()) as (module, url), httpx.AsyncClient(timeout=120) as http:
        async with asyncio.TaskGroup() as group:
            direct = group.create_task(http.get(url))
            await slow.entered.wait()
            if end == "shutdown":
                module.say(p.Shutdown())
            elif end == "stdin":
                await module.hang_up()
            else:
                module.life.hurry("SIGTERM came.")
            await module.life.stopping.wait()
            slow.gate.set()
        assert direct.result().text == "finished"
        assert await module.ended() is None


async def test_a_request_that_came_as_a_message_is_finished_too_and_later_ones_are_refused() -> (
    None
):
    slow = Slow()
    async with announced(slow.plan()) as (module, _):
        module.say(p.HttpRequest("first", "GET", "/", {}))
        await slow.entered.wait()
        module.say(p.Shutdown())
        await module.life.stopping.wait()
        await asyncio.sleep(0)  # the life takes note
        module.say(p.HttpRequest("late", "GET", "/", {}))
        refused = await module.hear(p.HttpResponse)
        slow.gate.set()
        answer = await module.hear(p.HttpResponse)
        assert await module.ended() is None
    assert (refused.request_id, refused.status_code) == ("late", 503)
    assert (answer.request_id, answer.status_code) == ("first", 200)


async def test_what_takes_too_long_is_cut_off() -> None:
    slow = Slow()
    async with announced(slow.plan(drain_s=0.05)) as (module, _):
        module.say(p.HttpRequest("stuck", "GET", "/", {}))
        await slow.entered.wait()
        module.say(p.Shutdown())
        assert await module.ended() is None


async def test_a_second_signal_ends_it_at_once() -> None:
    slow = Slow()
    async with announced(slow.plan()) as (module, _):
        module.say(p.HttpRequest("stuck", "GET", "/", {}))
        await slow.entered.wait()
        module.life.hurry("SIGTERM came.")
        module.life.hurry("SIGTERM came.")
        assert await module.ended() is None


async def test_it_can_be_ended_while_it_waits_for_a_secret() -> None:
    async with Living(Plan(factory=greeter, secrets=("KEY",))) as module:
        await module.hear(p.GetSecret)
        await module.hang_up()
        assert await module.ended() is None


async def test_what_the_state_was_asked_to_close_is_closed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    closed: list[str] = []

    async def close() -> None:
        closed.append("pool")

    def create(state: AppState[Any]) -> Starlette:
        state.on_close(close)
        return greeter(state)

    async with announced(Plan(factory=create)) as (module, _):
        module.say(p.Shutdown())
        assert await module.ended() is None
    assert closed == ["pool"]
    assert "The orchestrator said shutdown." in caplog.text


def test_the_init_line_of_these_tests_is_one_that_rust_accepts() -> None:
    assert p.decode_init(init_line().strip(), strict=True).module_id == "greeter"
