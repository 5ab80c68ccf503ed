"""A module's TCP port and Unix socket: who is let in, and what is done with the rest."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
import socket
from pathlib import Path
from typing import Any

import pytest
from tests.kiket_console.engine.orchestrator.playing import (
    ANNOUNCE,
    HEADER,
    HELLO,
    PATIENCE_S,
    Stage,
    on_stage,
    until,
)

from kiket_console.engine.orchestrator import admission
from kiket_console.ipc import Kind
from pywatt_sdk import _protocol as p


@pytest.fixture(autouse=True)
def be_patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a module take its time to prove who it is."""
    monkeypatch.setattr(admission, "PROOF_LIMIT_S", PATIENCE_S)


def state(stage: Stage, channel: str) -> str:
    """Say how a channel is."""
    return next(each.state for each in stage.session.facts.channels if each.name == channel)


def proof(init: dict[str, Any], nonce: str, module_id: str = "search") -> dict[str, Any]:
    """Answer a challenge as our SDK does."""
    key = init["auth_token"].encode()
    shown = hmac.new(key, f"{nonce}:{module_id}".encode(), hashlib.sha256).hexdigest()
    return {"op": "identify", "module_id": module_id, "proof": shown}


@pytest.mark.parametrize("kind", ["tcp", "uds"])
async def test_a_process_of_the_modules_tree_is_let_in_and_hears_heartbeats(kind: str) -> None:
    async with on_stage(beat_s=0.05) as stage:
        assert state(stage, kind) == "listening"
        wire = await stage.connects(kind)
        assert await wire.hears() == {"op": "heartbeat"}
        assert state(stage, kind) == "connected"
        wire.say({"op": "heartbeat_ack"})
        await until(lambda: stage.session.facts.heartbeats)
        wire.close()
        await until(lambda: state(stage, kind).startswith("closed"))  # it may say how


@pytest.mark.parametrize("kind", ["tcp", "uds"])
async def test_another_process_is_not(kind: str) -> None:
    other = await asyncio.create_subprocess_exec("cat", stdin=asyncio.subprocess.PIPE)
    async with on_stage(pid=other.pid) as stage:
        wire = await stage.connects(kind)
        assert await wire.hears() == {}
        assert state(stage, kind) == "listening"
        assert "another process" in stage.notes[0][1]
    await other.communicate(b"")


@pytest.mark.parametrize("kind", ["tcp", "uds"])
async def test_a_module_of_ours_proves_its_token_whatever_its_process(kind: str) -> None:
    async with on_stage(pid=1) as stage:
        stage.say(HELLO)
        await stage.hears_one("heartbeat")
        wire = await stage.connects(kind)
        challenge = await wire.hears()
        assert challenge["op"] == "challenge"
        wire.say(proof(stage.init, challenge["nonce"]))
        await wire.hears_one("heartbeat")
        assert state(stage, kind) == "connected"


async def test_a_wrong_proof_another_name_and_any_other_message_are_refused() -> None:
    async with on_stage() as stage:
        stage.say(HELLO)
        await stage.hears_one("heartbeat")
        for answer in (
            lambda nonce: proof({"auth_token": "guessed"}, nonce),
            lambda nonce: proof(stage.init, nonce, "another"),
            lambda _: proof(stage.init, "an older nonce"),
            lambda _: {"op": "heartbeat_ack"},
        ):
            wire = await stage.connects()
            wire.say(answer((await wire.hears())["nonce"]))
            assert await wire.hears() == {}
        assert state(stage, "tcp") == "listening"
        assert len(stage.notes) == 1  # not one for each: strangers may try as often as they like
        assert stage.others.heard_of == []


async def test_what_a_stranger_sends_is_neither_kept_nor_taken_for_the_modules() -> None:
    async with on_stage() as stage:
        stage.say(HELLO)
        await stage.hears_one("heartbeat")
        for raw in (HEADER.pack(1, 9) + b"{", HEADER.pack(1024**2, 1) + bytes(64 * 1024)):
            wire = await stage.connects()
            assert (await wire.hears())["op"] == "challenge"
            wire.writer.write(raw)
            assert await wire.hears() == {}
        assert stage.session.facts.stray == 0
        assert not [each for each in stage.tape.taken if each.frame.kind is Kind.INVALID]


async def test_a_proof_may_be_followed_by_messages_at_once() -> None:
    async with on_stage() as stage:
        stage.say(HELLO)
        await stage.hears_one("heartbeat")
        wire = await stage.connects()
        wire.say(proof(stage.init, (await wire.hears())["nonce"]))
        wire.say({"op": "heartbeat_ack", "padding": "x" * 200_000})
        await until(lambda: stage.session.facts.heartbeats)


async def test_silence_proves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "PROOF_LIMIT_S", 0.05)
    async with on_stage() as stage:
        stage.say(HELLO)
        await stage.hears_one("heartbeat")
        wire = await stage.connects()
        assert (await wire.hears())["op"] == "challenge"
        assert await wire.hears() == {}
        assert "proved nothing within" in stage.notes[0][1]


async def test_who_has_proved_nothing_at_the_modules_end_is_sent_away() -> None:
    async with on_stage() as stage:
        stage.say(HELLO)
        await stage.hears_one("heartbeat")
        wire = await stage.connects()
        assert (await wire.hears())["op"] == "challenge"
        stage.end()
        assert await wire.is_closed()


async def test_a_crowd_at_the_door_is_sent_away() -> None:
    async with on_stage() as stage:
        stage.say(HELLO)
        await stage.hears_one("heartbeat")
        wires = [await stage.connects() for _ in range(8)]
        seen = [await wire.hears() for wire in wires]
        assert sum(each.get("op") == "challenge" for each in seen) == 4
        for wire in wires:
            wire.close()


async def test_a_newer_connection_takes_the_place_of_the_older() -> None:
    async with on_stage() as stage:
        older = await stage.connects()
        assert (await older.hears())["op"] == "heartbeat"
        newer = await stage.connects()
        assert (await newer.hears())["op"] == "heartbeat"
        assert await older.is_closed()
        assert state(stage, "tcp") == "connected"


async def test_what_is_no_frame_ends_the_connection_alone() -> None:
    async with on_stage() as stage:
        for raw in (HEADER.pack(0xFFFFFFFF, 1), HEADER.pack(1, 9) + b"{", HEADER.pack(1, 0) + b"{"):
            wire = await stage.connects()
            assert (await wire.hears())["op"] == "heartbeat"
            wire.writer.write(raw)
            assert await wire.is_closed()
        wire = await stage.connects()
        assert (await wire.hears())["op"] == "heartbeat"
        wire.writer.write(HEADER.pack(100, 1) + b"half")
        await wire.writer.drain()
        wire.close()
        await until(lambda: stage.session.facts.stray == 4)
        invalid = [each.frame.op for each in stage.tape.taken if each.frame.kind is Kind.INVALID]
        assert invalid == ["bad frame"] * 4
        stage.say(ANNOUNCE)
        await stage.session.announced


async def test_what_is_no_frame_is_told_though_it_is_the_first_that_comes() -> None:
    async with on_stage() as stage:
        with socket.socket(socket.AF_UNIX) as wire:
            wire.connect(stage.init["ipc_channel"]["socket_path"])
            wire.sendall(HEADER.pack(0xFFFFFFFF, 1))  # it is there when the engine takes the call
            await until(lambda: stage.session.facts.stray)
        assert "4294967295" in stage.notes[0][1]


async def test_messages_of_others_go_in_frames_where_there_are_any() -> None:
    async with on_stage() as stage:
        stage.say(ANNOUNCE)
        await stage.session.announced
        message = p.RoutedModuleMessage(
            "a", p.new_uuid(), p.Payload(b"{}"), target_endpoint="greet", expects_reply=True
        )
        stage.session.send(message)
        on_stdin = await stage.hears()
        assert on_stdin["payload"]["data"] == [123, 125]
        wire = await stage.connects()
        await wire.hears_one("heartbeat")
        stage.session.send(message)
        framed = await wire.hears_one("routed_module_message")
        assert "target_endpoint" not in framed
        with pytest.raises(ConnectionError, match="no uds channel"):
            stage.session.send(message, _by("uds"))


async def test_its_socket_is_private_and_goes_with_it() -> None:
    async with on_stage() as stage:
        place = Path(stage.init["ipc_channel"]["socket_path"])
        assert place.stat().st_mode & 0o777 == 0o600  # noqa: ASYNC240  # it is quick
        assert len(str(place)) < 100
    assert not place.exists()  # noqa: ASYNC240  # it is quick


async def test_hundreds_of_reconnections_leave_nothing_behind() -> None:
    async with on_stage() as stage:
        tasks = len(asyncio.all_tasks())
        descriptors = len(os.listdir("/dev/fd"))  # noqa: PTH208
        stage.say(HELLO)
        await stage.hears_one("heartbeat")
        for _ in range(200):
            wire = await stage.connects("uds")
            wire.writer.write(HEADER.pack(100, 1) + b"half")
            wire.close()
            await wire.writer.wait_closed()
        await until(lambda: len(asyncio.all_tasks()) <= tasks)
        await until(lambda: len(os.listdir("/dev/fd")) <= descriptors + 2)  # noqa: PTH208


def _by(channel: str) -> Any:
    from kiket_console.engine.orchestrator.ports import Errand

    return Errand(channel=channel)
