"""What a worker's thread found is handed over, unless the worker was cancelled meanwhile."""

from __future__ import annotations

import threading

import pytest
from tests.snap.scene import until
from textual.app import App

from kiket_console.ui.threads import hand_over


@pytest.mark.parametrize(("cancelled", "taken"), [(False, ["found"]), (True, [])])
async def test_what_nobody_waits_for_any_more_is_dropped(cancelled: bool, taken: list[str]) -> None:
    app: App[None] = App()
    begun, go_on, ended = threading.Event(), threading.Event(), threading.Event()
    got: list[str] = []

    def work() -> None:
        begun.set()
        go_on.wait(60)
        hand_over(app, got.append, "found")
        ended.set()

    async with app.run_test() as pilot:
        worker = app.run_worker(work, thread=True)
        await until(pilot, begun.is_set)
        if cancelled:
            worker.cancel()
        go_on.set()
        await until(pilot, ended.is_set)
    assert got == taken
