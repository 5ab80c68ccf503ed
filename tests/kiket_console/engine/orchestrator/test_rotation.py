"""A module is told that a secret has a new value, says so, and gets it."""

from __future__ import annotations

import asyncio

import pytest
from tests.kiket_console.engine.orchestrator.playing import (
    ANNOUNCE,
    HELLO,
    PATIENCE_S,
    Vault,
    on_stage,
)

from kiket_console.engine.orchestrator import rotation
from kiket_console.model import State
from pywatt_sdk import _protocol as p

ACK = {"op": "rotation_ack", "rotation_id": "rot-1", "status": "success"}
SECRETS = {"secrets": ("A", "B")}


async def test_another_sdk_is_told_fed_a_line_and_given_the_values(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rotation, "AGAIN_S", PATIENCE_S)
    async with on_stage(spec=SECRETS, vault=Vault(A="new")) as stage, asyncio.TaskGroup() as tasks:
        stage.say(ANNOUNCE)
        await stage.session.announced
        rotating = tasks.create_task(stage.session.rotate(("A", "OTHERS"), "rot-1", PATIENCE_S))
        assert await stage.hears() == {"op": "rotated", "keys": ["A"], "rotation_id": "rot-1"}
        stage.say(ACK)
        assert await stage.hears() == {"op": "heartbeat"}
        pushed = {"op": "secret", "name": "A", "value": "new", "rotation_id": "rot-1"}
        assert await stage.hears() == pushed
        assert await rotating == p.RotationAck("rot-1", "success")
        rotated = stage.tape.of("rotated")
        assert rotated.reply is not None
        assert rotated.reply.op == "rotation_ack"


async def test_what_it_asks_for_itself_is_not_sent_again() -> None:
    async with on_stage(spec=SECRETS, vault=Vault(A="new")) as stage, asyncio.TaskGroup() as tasks:
        stage.say(HELLO, ANNOUNCE)
        await stage.session.announced
        rotating = tasks.create_task(stage.session.rotate(("A",), "rot-1", PATIENCE_S))
        await stage.hears_one("rotated")
        stage.say({"op": "get_secret", "name": "A"})
        assert await stage.hears_one("secret") == {"op": "secret", "name": "A", "value": "new"}
        stage.say(ACK)
        await rotating
        assert stage.tape.ops().count("secret") == 0


async def test_what_the_person_set_wins_until_it_is_rotated() -> None:
    answers = {"A": "of the shell"}
    playing = on_stage(spec=SECRETS, vault=Vault(A="new"), answers=answers)
    async with playing as stage, asyncio.TaskGroup() as tasks:
        stage.say(HELLO, ANNOUNCE, {"op": "get_secret", "name": "A"})
        assert (await stage.hears_one("secret"))["value"] == "of the shell"
        rotating = tasks.create_task(stage.session.rotate(("A",), "rot-1", PATIENCE_S))
        await stage.hears_one("rotated")
        stage.say(ACK)
        assert (await stage.hears_one("secret"))["value"] == "new"
        await rotating


async def test_silence_is_told_again_and_taken_down_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rotation, "AGAIN_S", 0.02)
    async with on_stage(spec=SECRETS, vault=Vault(A="new")) as stage, asyncio.TaskGroup() as tasks:
        stage.say(ANNOUNCE)
        await stage.session.announced
        rotating = tasks.create_task(stage.session.rotate(("A",), "rot-1", PATIENCE_S))
        for _ in range(3):
            assert (await stage.hears())["op"] == "rotated"
        stage.say(ACK)
        assert await rotating == p.RotationAck("rot-1", "success")
        assert stage.tape.ops().count("rotated") == 1


async def test_silence_has_an_end_that_is_said_and_the_value_comes_all_the_same() -> None:
    async with on_stage(spec=SECRETS, vault=Vault(A="new")) as stage:
        stage.say(ANNOUNCE)
        await stage.session.announced
        assert await stage.session.rotate(("A",), "rot-1", 0.05) is None
        rotated = stage.tape.of("rotated")
        said = "The module did not acknowledge the rotation within 0.05 s."
        assert (rotated.state, rotated.error) == (State.FAILED, said)
        assert (await stage.hears_one("secret"))["value"] == "new"


async def test_a_refusal_is_handed_on_and_nothing_is_said_of_others_secrets() -> None:
    async with on_stage(spec=SECRETS, vault=Vault(A="new")) as stage, asyncio.TaskGroup() as tasks:
        stage.say(HELLO, ANNOUNCE)
        await stage.session.announced
        rotating = tasks.create_task(stage.session.rotate(("A",), "rot-1", PATIENCE_S))
        await stage.hears_one("rotated")
        stage.say({**ACK, "status": "error", "message": "no connection with it"})
        assert await rotating == p.RotationAck("rot-1", "error", "no connection with it")
        assert stage.tape.of("rotated").error == "no connection with it"
        assert (await stage.session.rotate(("OTHERS",), "rot-2", PATIENCE_S)) is not None
        assert stage.tape.ops().count("rotated") == 1


async def test_its_end_is_told_to_who_waits() -> None:
    async with on_stage(spec=SECRETS, vault=Vault(A="new")) as stage, asyncio.TaskGroup() as tasks:
        stage.say(HELLO, ANNOUNCE)
        await stage.session.announced

        async def rotate() -> None:
            with pytest.raises(ConnectionError):
                await stage.session.rotate(("A",), "rot-1", PATIENCE_S)

        rotating = tasks.create_task(rotate())
        await stage.hears_one("rotated")
        stage.end()
        await rotating
