"""Trouble with recording is told when it begins and when it is over, to everybody."""

from __future__ import annotations

import asyncio

from kiket_console.engine.recording import Recording


class Told:
    trouble = ""


async def test_each_turn_is_told_once_however_long_it_lasts() -> None:
    writer, told = Told(), list[str]()
    recording = Recording(writer, told.append)
    for trouble in ("", "The disk is full.", "The disk is full.", "It is gone.", "", ""):
        writer.trouble = trouble
        recording.look()
    assert told == ["Nothing is recorded: The disk is full.", "Recording works again."]


async def test_it_looks_by_itself() -> None:
    writer, turned = Told(), asyncio.Event()
    recording = Recording(writer, lambda _: turned.set())
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        looking = tasks.create_task(recording.run())
        await asyncio.sleep(0)
        writer.trouble = "The disk is full."
        await turned.wait()
        looking.cancel()
