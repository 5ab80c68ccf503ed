"""A module that does not answer is degraded after three heartbeats, unhealthy after ten."""

from __future__ import annotations

from tests.kiket_console.engine.orchestrator.playing import (
    ANNOUNCE,
    HELLO,
    on_stage,
    until,
)

from kiket_console.engine.orchestrator.heartbeats import Heartbeats


async def test_silence_is_degraded_then_unhealthy_and_one_answer_makes_it_well() -> None:
    words: list[str] = []
    beats: list[int] = []
    hearts = Heartbeats(lambda: beats.append(1), lambda: words.append(hearts.word), every_s=0.002)
    hearts.start()
    assert len(beats) == 1
    await until(lambda: words == ["degraded", "unhealthy"])
    assert len(beats) >= 10
    hearts.acknowledged()
    assert words[-1] == ""
    assert hearts.answered == 1
    assert hearts.answered_us > 0
    hearts.stop()


async def test_a_module_that_answers_none_is_not_called_ready() -> None:
    async with on_stage(beat_s=0.005) as stage:
        stage.say(ANNOUNCE)
        await stage.session.announced
        stage.session.became_ready()
        wire = await stage.connects()
        await until(lambda: stage.session.facts.handshake == "unhealthy")
        wire.say({"op": "heartbeat_ack"})
        await until(lambda: stage.session.facts.handshake != "unhealthy")
        wire.close()
        await until(lambda: stage.session.facts.handshake == "ready")


async def test_one_of_ours_is_asked_on_stdio_too() -> None:
    async with on_stage(beat_s=0.005) as stage:
        stage.say(HELLO)
        await stage.hears_one("heartbeat")
        stage.say({"op": "heartbeat_ack"})
        await until(lambda: stage.session.facts.heartbeats == 1)
        assert stage.tape.ops() == ["init", "hello"]


async def test_heartbeats_are_taken_down_where_that_is_wanted() -> None:
    async with on_stage(records_heartbeats=True) as stage:
        stage.say(HELLO, {"op": "heartbeat_ack"})
        await until(lambda: len(stage.tape.taken) >= 4)
        assert stage.tape.ops()[:4] == ["init", "hello", "heartbeat", "heartbeat_ack"]
