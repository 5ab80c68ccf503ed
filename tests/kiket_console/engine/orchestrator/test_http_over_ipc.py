"""HTTP requests over a module's channels, as a module of ours and one of Rust's need them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.kiket_console.engine.orchestrator.playing import (
    ANNOUNCE,
    HELLO,
    PATIENCE_S,
    Stage,
    on_stage,
    until,
)

from kiket_console.engine.orchestrator import http_over_ipc, rotation
from kiket_console.model import State
from pywatt_sdk import _protocol as p


def request(request_id: str = "h-1", method: str = "GET", **facts: Any) -> p.HttpRequest:
    """Return a request."""
    return p.HttpRequest(request_id, method, facts.pop("uri", "/api?x=1"), {}, **facts)


def answer(request_id: str, body: str = "") -> dict[str, Any]:
    """Return an answer as it goes over stdio: without `op`."""
    content = {
        "request_id": request_id,
        "status_code": 200,
        "headers": {},
        "body": list(body.encode()),
    }
    return {"content": content, "metadata": {}}


async def of_another_sdk(stage: Stage) -> None:
    """Let the stage's module be one that has announced and is not ours."""
    stage.say(ANNOUNCE)
    await stage.session.announced


async def of_ours(stage: Stage) -> None:
    """Let the stage's module be one of ours."""
    stage.say(HELLO, ANNOUNCE)
    await stage.session.announced
    await stage.hears_one("heartbeat")


async def test_a_safe_request_is_sent_until_it_is_answered_and_a_second_answer_is_nothing() -> None:
    async with on_stage() as stage, asyncio.TaskGroup() as tasks:
        await of_another_sdk(stage)
        asked = tasks.create_task(stage.session.http(request(), PATIENCE_S))
        for _ in range(3):
            seen = await stage.hears()
            assert (seen["op"], seen["request_id"], seen["uri"]) == (
                "http_request",
                "h-1",
                "/api?x=1",
            )
        stage.say(answer("h-1", "first"), answer("h-1", "second"))
        assert (await asked).body == b"first"
        took = stage.tape.of("http_request")
        assert (took.status, took.frame.method, took.frame.path) == (200, "GET", "/api?x=1")
        assert stage.tape.ops() == ["init", "announce", "http_request"]
        assert await stage.is_still("http_request")


async def test_one_that_may_do_something_is_sent_once() -> None:
    async with on_stage() as stage, asyncio.TaskGroup() as tasks:
        await of_another_sdk(stage)
        asked = tasks.create_task(
            stage.session.http(request(method="POST", body=b"hi"), PATIENCE_S)
        )
        assert (await stage.hears())["body"] == [104, 105]
        assert await stage.is_still("http_request")
        stage.say(answer("h-1"))
        assert (await asked).status_code == 200


async def test_a_module_of_another_sdk_gets_one_at_a_time() -> None:
    async with on_stage() as stage, asyncio.TaskGroup() as tasks:
        await of_another_sdk(stage)
        first = tasks.create_task(stage.session.http(request("h-1", "POST"), PATIENCE_S))
        second = tasks.create_task(stage.session.http(request("h-2", "POST"), PATIENCE_S))
        assert (await stage.hears())["request_id"] == "h-1"
        assert stage.tape.ops().count("http_request") == 1  # both have been asked by now
        stage.say(answer("h-1"))
        assert (await stage.hears())["request_id"] == "h-2"
        stage.say(answer("h-2"))
        await asyncio.gather(first, second)


async def test_one_of_ours_gets_many_at_once_and_bodies_in_base64() -> None:
    async with on_stage() as stage, asyncio.TaskGroup() as tasks:
        await of_ours(stage)
        asked = [
            tasks.create_task(stage.session.http(request(f"h-{n}", "POST", body=b"hi"), PATIENCE_S))
            for n in range(3)
        ]
        seen = [await stage.hears_one("http_request") for _ in asked]
        assert [each["body"] for each in seen] == ["aGk="] * 3
        assert stage.session.under_way == 3
        for each in reversed(seen):
            stage.say(answer(each["request_id"], each["request_id"]))
        assert [(await each).body for each in asked] == [b"h-0", b"h-1", b"h-2"]
        assert stage.session.under_way == 0


async def test_replies_to_nothing_and_second_replies_are_taken_down_as_such() -> None:
    async with on_stage() as stage, asyncio.TaskGroup() as tasks:
        await of_ours(stage)
        asked = tasks.create_task(stage.session.http(request(), PATIENCE_S))
        await stage.hears_one("http_request")
        stage.say(answer("h-1"), answer("h-1"), answer("never asked"))
        await asked
        ack = {"op": "rotation_ack", "rotation_id": "r", "status": "success"}
        stage.say(ack)
        await until(lambda: len(stage.tape.taken) == 7)
        assert stage.tape.ops()[4:] == ["second reply", "reply to nothing", "reply to nothing"]


@pytest.mark.parametrize(
    "raw",
    [
        b'{"content": {"request_id": "h-1", "status_code": 99999, "headers": {}}}\n',
        b'{"op": "http_response", "request_id": "h-1", "status_code": 200, "body": [300]}\n',
    ],
    ids=["of another SDK", "flat"],
)
async def test_an_answer_that_cannot_be_read_is_waited_for_no_longer(raw: bytes) -> None:
    async with on_stage() as stage:
        await of_another_sdk(stage)
        asked = asyncio.ensure_future(stage.session.http(request(), PATIENCE_S))
        await stage.hears_one("http_request")
        stage.write(b'{"request_id": ["of nobody"]}\n[1]\n' + raw)
        with pytest.raises(ConnectionError, match="search#1 gave an answer that cannot be read: "):
            await asked
        took = stage.tape.of("http_request")
        assert (took.state, "cannot be read" in (took.error or "")) == (State.FAILED, True)
        assert stage.session.under_way == 0
        assert stage.session.facts.stray == 3


async def test_silence_has_an_end_and_a_late_answer_is_a_second_one() -> None:
    async with on_stage() as stage:
        await of_ours(stage)
        with pytest.raises(TimeoutError):
            await stage.session.http(request(), 0.01)
        took = stage.tape.of("http_request")
        assert (took.state, took.error) == (
            State.FAILED,
            "The module did not answer within 0.01 s.",
        )
        stage.say(answer("h-1"))
        await until(lambda: stage.tape.ops()[-1] == "second reply")


@pytest.mark.parametrize(
    "malformed",
    [
        {"method": "GET\r\nX: y"},
        {"uri": "no-slash"},
        {"uri": "/a b"},
        {"uri": "/\u00e9"},
        {"uri": "/a\n"},
    ],
)
async def test_what_is_malformed_never_reaches_the_module(malformed: dict[str, str]) -> None:
    async with on_stage() as stage:
        await of_another_sdk(stage)
        refused = await stage.session.http(request(**malformed), PATIENCE_S)
        assert refused.status_code == 400
        bad_header = p.HttpRequest("h", "GET", "/", {"x": "a\r\nb"})
        assert (await stage.session.http(bad_header, PATIENCE_S)).status_code == 400
        assert stage.tape.ops() == ["init", "announce"]


async def test_the_end_of_the_module_is_told_to_who_waits() -> None:
    async with on_stage() as stage, asyncio.TaskGroup() as tasks:
        await of_ours(stage)

        async def ask() -> str:
            with pytest.raises(ConnectionError) as caught:
                await stage.session.http(request(), PATIENCE_S)
            return str(caught.value)

        asked = tasks.create_task(ask())
        await stage.hears_one("http_request")
        stage.end()
        assert await asked == "search#1 ended."
        with pytest.raises(ConnectionError, match="has ended"):
            await stage.session.http(request("h-2"), PATIENCE_S)


async def test_what_was_sent_by_hand_is_answered_or_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with on_stage() as stage:
        await of_ours(stage)
        stage.session.send(request("answered"))
        stage.session.send(p.Rotated(("A",), "rot-1"))
        stage.say(
            answer("answered"), {"op": "rotation_ack", "rotation_id": "rot-1", "status": "success"}
        )
        await until(lambda: all(each.ended for each in stage.tape.taken))
        assert [each.error for each in stage.tape.taken if each.error] == []
        monkeypatch.setattr(http_over_ipc, "LIMIT_S", 0.05)
        monkeypatch.setattr(rotation, "LIMIT_S", 0.05)
        stage.session.send(request("silent"))
        stage.session.send(p.Rotated(("A",), "rot-2"))
        await until(lambda: all(each.ended for each in stage.tape.taken))
        assert [each.error for each in stage.tape.taken if each.error] == [
            "The module did not answer within 0.05 s.",
            "The module did not acknowledge the rotation within 0.05 s.",
        ]
        assert stage.session.under_way == 0
