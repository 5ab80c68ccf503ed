"""A module that floods holds up itself alone, and the memory of nobody."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import time

from tests.kiket_console.engine.orchestrator.playing import ANNOUNCE, HELLO, on_stage, until

from kiket_console.engine.orchestrator.turns import Turns
from pywatt_sdk._channels import Lines


async def test_what_overdraws_waits_and_then_goes_on() -> None:
    seen: list[bytes] = []
    turns = Turns(share=0.5, burst_s=0.001)

    def take(raw: bytes) -> None:
        began_s = time.perf_counter()
        seen.append(raw)
        while time.perf_counter() - began_s < 0.0005:
            pass
        turns.took(began_s, lines)

    lines = Lines(take)
    lines.data_received(b"x\n" * 20)
    assert 0 < len(seen) < 20
    await until(lambda: len(seen) == 20)
    assert turns.rests > 1


async def test_others_are_served_while_one_floods() -> None:
    async with on_stage() as flooding, on_stage() as quiet, asyncio.TaskGroup() as tasks:
        flooding.say(HELLO, ANNOUNCE)
        quiet.say(HELLO, ANNOUNCE)
        await flooding.session.announced
        await quiet.session.announced
        line = json.dumps({"op": "port_request", "request_id": "p"}).encode() + b"\n"
        os.set_blocking(flooding.to_session, False)
        loop = asyncio.get_running_loop()

        def flood() -> None:
            with contextlib.suppress(BlockingIOError):  # it has to wait
                os.write(flooding.to_session, line * 500)

        loop.add_writer(flooding.to_session, flood)
        looks = 0

        async def look() -> None:
            nonlocal looks
            while flooding.session.facts.frames_out < 4_000:
                await asyncio.sleep(0)
                looks += 1

        before = len(quiet.others.heard_of)
        looking = tasks.create_task(look())
        await until(lambda: flooding.session.facts.frames_out > 1_000)
        quiet.say({"op": "port_request", "request_id": "q"})
        await until(lambda: len(quiet.others.heard_of) > before)
        assert flooding.session.facts.frames_out < 4_000, "it was heard behind the flood"
        async with asyncio.timeout(60):
            await looking
        loop.remove_writer(flooding.to_session)
        assert looks > 20


async def test_a_line_of_any_length_takes_no_more_memory_than_one_may_have() -> None:
    async with on_stage(body_bytes=64 * 1024) as stage:
        await asyncio.to_thread(_write_a_long_line, stage.to_session)
        stage.say(ANNOUNCE)
        await stage.session.announced
        await until(lambda: stage.session.facts.stray == 1)
        assert stage.tape.of("too long").frame.raw == b""


def _write_a_long_line(place: int) -> None:
    for _ in range(200):  # a hundred times what is permitted
        os.write(place, b"x" * 160 * 1024)
    os.write(place, b"\n")
