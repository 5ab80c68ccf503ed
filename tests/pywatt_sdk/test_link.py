"""Which reply belongs to which request, and what a link does with what it hears."""

from __future__ import annotations

import asyncio
import inspect
import logging
import os
from typing import Any

import pytest
from tests.pywatt_sdk.far_end import FarEnd

from pywatt_sdk import _correlation, _link
from pywatt_sdk import _protocol as p
from pywatt_sdk._channels import Lines
from pywatt_sdk._link import Link
from pywatt_sdk._pipes import open_pipes
from pywatt_sdk._protocol import encode_line
from pywatt_sdk._trace import enter
from pywatt_sdk.core.error import LinkClosedError, NetworkError, ReplyTimeoutError
from pywatt_sdk.internal.messaging import InternalMessagingClient

DATABASE = p.ServiceType.DATABASE


def found(name: str) -> p.DiscoverServiceProvidersResponse:
    entry = p.ServiceProvider(
        provider_id=name,
        module_id="m",
        service_type=DATABASE,
        name=name,
        address="127.0.0.1:1",
        metadata={},
        is_healthy=True,
    )
    return p.DiscoverServiceProvidersResponse(success=True, providers=(entry,))


async def test_replies_find_their_askers_whatever_their_order() -> None:
    async with Link() as link, asyncio.TaskGroup() as group:
        far = FarEnd(link)
        first = group.create_task(link.ask(p.ServiceRequest("1", DATABASE)))
        second = group.create_task(link.ask(p.ServiceRequest("2", DATABASE)))
        await far.hears(p.ServiceRequest)
        await far.hears(p.ServiceRequest)
        for id_ in ("2", "1"):
            far.say(p.ServiceResponse(id_, DATABASE, success=True, connection_id=f"c{id_}"))
    assert (first.result().connection_id, second.result().connection_id) == ("c1", "c2")


async def test_one_secret_is_everybodys_who_asked_for_it() -> None:
    async with Link() as link, asyncio.TaskGroup() as group:
        far = FarEnd(link)
        asking = [group.create_task(link.ask(p.GetSecret("K"))) for _ in range(3)]
        await far.hears(p.GetSecret)
        far.say(p.Secret("other", "x"), p.Secret("K", "v"))
    assert [task.result().value for task in asking] == ["v"] * 3


async def test_replies_without_an_id_come_in_the_order_of_their_requests() -> None:
    async with Link() as link, asyncio.TaskGroup() as group:
        far = FarEnd(link)
        first = group.create_task(link.ask(p.DiscoverServiceProviders(DATABASE)))
        await far.hears(p.DiscoverServiceProviders)
        second = group.create_task(link.ask(p.DiscoverServiceProviders(DATABASE)))
        await far.hears(p.DiscoverServiceProviders)
        far.say(found("a"), found("b"))
    assert [task.result().providers[0].name for task in (first, second)] == ["a", "b"]


async def test_a_reply_that_comes_too_late_is_nobody_elses() -> None:
    async with Link() as link, asyncio.TaskGroup() as group:
        far = FarEnd(link)
        with pytest.raises(ReplyTimeoutError, match=r"discover_service_providers within 0\.01 s"):
            await link.ask(p.DiscoverServiceProviders(DATABASE), timeout_s=0.01)
        asking = group.create_task(link.ask(p.DiscoverServiceProviders(DATABASE)))
        await far.hears(p.DiscoverServiceProviders)
        await far.hears(p.DiscoverServiceProviders)
        far.say(found("late"), found("mine"))
    assert asking.result().providers[0].name == "mine"


@pytest.mark.parametrize("is_ours", [True, False], ids=["by operation", "by connection"])
async def test_operations_find_their_results_by_the_echo(is_ours: bool) -> None:
    async with Link(is_ours=is_ours) as link, asyncio.TaskGroup() as group:
        far = FarEnd(link)
        asked = [
            p.ServiceOperation("c", DATABASE, "query", {"n": n}, f"op-{n}" if is_ours else None)
            for n in (1, 2)
        ]
        tasks = [group.create_task(link.ask(each)) for each in asked]
        await far.hears(p.ServiceOperation)
        await far.hears(p.ServiceOperation)
        for each in reversed(asked) if is_ours else asked:
            far.say(p.ServiceOperationResult.to(each, result=each.params["n"]))
    assert [task.result().result for task in tasks] == [1, 2]


async def test_a_result_without_an_echo_is_the_only_askers() -> None:
    async with Link() as link, asyncio.TaskGroup() as group:
        far = FarEnd(link)
        task = group.create_task(link.ask(p.ServiceOperation("c", DATABASE, "ping", {})))
        await far.hears(p.ServiceOperation)
        far.say(p.ServiceOperationResult(success=True))
    assert task.result().success


async def test_what_has_no_reply_cannot_be_asked() -> None:
    async with Link() as link:
        FarEnd(link)
        with pytest.raises(TypeError, match="HeartbeatAck has no reply"):
            await link.ask(p.HeartbeatAck())


async def test_who_waits_when_the_link_ends_is_told_why() -> None:
    async with Link() as link, asyncio.TaskGroup() as group:
        far = FarEnd(link)
        task = group.create_task(_failure(link.ask(p.PortRequest("p"))))
        await far.hears(p.PortRequest)
        link.close("The orchestrator closed stdin.")
    assert isinstance(task.result(), LinkClosedError)
    assert "closed stdin" in str(task.result())
    with pytest.raises(LinkClosedError):
        link.tell(p.HeartbeatAck())


async def _failure(asking: Any) -> BaseException | None:
    try:
        await asking
    except NetworkError as error:
        return error
    return None


async def test_a_request_that_is_given_up_leaves_nothing_behind() -> None:
    async with Link() as link:
        FarEnd(link)
        asking = asyncio.ensure_future(link.ask(p.PortRequest("p")))
        await asyncio.sleep(0)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert len(link._asked) == 0


async def test_who_asks_again_and_again_without_a_reply_leaves_little_behind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A Rust orchestrator may never answer what a module polls for."""
    monkeypatch.setattr(_correlation, "_GRACE_S", 0.0)
    async with Link() as link:
        FarEnd(link)
        for each in range(5):
            for message in (
                p.DiscoverServiceProviders(DATABASE),
                p.ServiceOperation(f"c-{each}", DATABASE, "ping", {}),
            ):
                with pytest.raises(ReplyTimeoutError):
                    await link.ask(message, timeout_s=0.001)
        assert len(link._asked) <= 2


async def test_what_a_handler_returns_goes_back_by_the_same_channel() -> None:
    async with Link() as link:
        stdio, tcp = FarEnd(link), FarEnd(link, "tcp")
        link.on(p.Heartbeat, lambda _: p.HeartbeatAck())
        tcp.say(p.Heartbeat())
        await tcp.hears(p.HeartbeatAck)
        assert not stdio.has_heard_more


async def test_a_handler_that_raises_is_told_and_the_link_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(_: p.Heartbeat) -> None:
        raise LookupError("lost")

    async def fail_later(_: p.Heartbeat) -> None:
        raise LookupError("lost later")

    async with Link() as link:
        far = FarEnd(link)
        for handler in (fail, fail_later, lambda _: p.HeartbeatAck()):
            link.on(p.Heartbeat, handler)
        far.say(p.Heartbeat())
        await far.hears(p.HeartbeatAck)
        assert await link.finish(5)
    assert "lost" in caplog.text
    assert "lost later" in caplog.text


async def test_more_than_it_can_handle_is_refused(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(_link, "MOST_UNDER_WAY", 2)
    gate = asyncio.Event()

    async def wait(request: p.HttpRequest) -> p.HttpResponse:
        await gate.wait()
        return p.HttpResponse(request.request_id, 200, {})

    async def acknowledge(rotated: p.Rotated) -> p.RotationAck:
        return p.RotationAck(rotated.rotation_id, "success")

    async with Link() as link:
        far = FarEnd(link)
        link.on(p.HttpRequest, wait)
        link.on(p.Rotated, acknowledge)
        far.say(*(p.HttpRequest(str(n), "GET", "/", {}) for n in range(4)))
        refused = [await far.hears(p.HttpResponse) for _ in range(2)]
        far.say(p.Rotated(("K",), "r"))
        await far.hears(p.RotationAck)  # other kinds are handled all the same
        gate.set()
        answered = {(await far.hears(p.HttpResponse)).request_id for _ in range(2)}
    assert [(each.request_id, each.status_code) for each in refused] == [("2", 503), ("3", 503)]
    assert answered == {"0", "1"}
    assert caplog.text.count("http_request") == 1, "a flood is told once"


async def test_a_slow_orchestrator_is_waited_for() -> None:
    """Many large answers, and many small messages, are more than may wait for it at once."""
    many = 40

    async def answer(request: p.HttpRequest) -> p.HttpResponse:
        return p.HttpResponse(request.request_id, 200, {}, b"x" * 50_000)

    heard: asyncio.Queue[bytes] = asyncio.Queue()
    from_module, stdout = os.pipe()
    unread, to_module = os.pipe()
    async with Link(is_ours=True) as link:
        channel = Lines(lambda _: None, backlog_limit_bytes=300_000)
        await open_pipes(channel, os.fdopen(unread, "rb", 0), os.fdopen(stdout, "wb", 0))
        link.attach("stdio", channel)
        link.on(p.HttpRequest, answer)
        for each in range(many):
            link.heard("stdio", encode_line(p.HttpRequest(str(each), "GET", "/", {})))
        client = InternalMessagingClient("m", link)
        sending = asyncio.ensure_future(_send(client, 10 * many, "x" * 5_000))
        far = Lines(heard.put_nowait)
        await open_pipes(far, os.fdopen(from_module, "rb", 0), os.fdopen(to_module, "wb", 0))
        async with asyncio.timeout(120):
            said = [await heard.get() for _ in range(11 * many)]
            await sending
        assert sum(b"status_code" in each for each in said) == many
        far.close()


async def _send(client: InternalMessagingClient, times: int, message: str) -> None:
    for _ in range(times):
        await client.send_message("sink", message)


async def test_a_message_that_nobody_takes_is_told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with Link() as link:
        FarEnd(link).say(p.Rotated(("K",), "r"), p.Secret("K", "value-of-k"))
    assert "Nothing in this module takes a rotated message" in caplog.text
    assert "value-of-k" not in caplog.text


async def test_what_is_asked_without_any_channel_says_so() -> None:
    async with Link() as link:
        with pytest.raises(NetworkError, match="no channel is open yet"):
            link.tell(p.GetSecret("K"))


@pytest.mark.parametrize("channel", ["stdio", "tcp"])
@pytest.mark.parametrize("is_ours", [True, False])
async def test_what_is_said_during_a_request_names_its_trace_where_that_is_understood(
    channel: str, is_ours: bool
) -> None:
    trace = f"00-{'4b' * 16}-{'1' * 16}-01"
    async with Link(is_ours=is_ours) as link:
        far = FarEnd(link, channel)

        async def handle_request() -> None:
            enter([(b"host", b"localhost"), (b"traceparent", trace.encode())])
            link.tell(p.GetSecret("K"))

        await asyncio.ensure_future(handle_request())
        await far.hears(p.GetSecret)
        assert (f"00-{'4b' * 16}-".encode() in far.raw) is is_ours
        link.tell(p.GetSecret("K"))
        await far.hears(p.GetSecret)
        assert b"traceparent" not in far.raw


async def test_what_runs_beside_a_link_ends_with_it_and_does_not_end_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    started, ended = asyncio.Event(), asyncio.Event()

    async def run() -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def fail() -> None:
        raise LookupError("beside")

    async with Link() as link:
        far = FarEnd(link)
        link.keep(run())
        link.keep(fail())
        await started.wait()
        link.tell(p.HeartbeatAck())
        await far.hears(p.HeartbeatAck)
    assert ended.is_set()
    assert "beside" in caplog.text


async def test_what_had_no_time_to_begin_beside_a_link_is_put_away() -> None:
    async def run() -> None: ...

    work = run()
    async with Link() as link:
        link.keep(work)
    assert inspect.getcoroutinestate(work) == inspect.CORO_CLOSED
