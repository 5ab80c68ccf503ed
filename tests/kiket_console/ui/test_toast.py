from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from tests.snap.scene import screen_text, settled, until
from textual.app import App
from textual.widgets._toast import Toast

from kiket_console.ui.screens.menu import Menu
from kiket_console.ui.toast import Sentence

if TYPE_CHECKING:
    from collections.abc import Callable

    from kiket_console.ui.app import ConsoleApp


def test_a_sentence_whose_time_is_over_has_expired_and_a_moment_left() -> None:
    sentence = Sentence("saved", timeout=4, raised_at=time.time() - 5)
    assert sentence.has_expired
    assert sentence.time_left > 0


def test_a_sentence_that_is_fresh_has_its_time_left() -> None:
    sentence = Sentence("saved", timeout=4_000)
    assert not sentence.has_expired
    assert 3_000 < sentence.time_left <= 4_000


async def test_what_is_said_again_stands_there_once_and_for_its_whole_time(
    console: Callable[..., ConsoleApp],
) -> None:
    app = console(empty=True)
    async with app.run_test(notifications=True) as pilot:
        app.say("No engine runs.")
        await until(pilot, lambda: len(app.screen.query(Toast)) == 1)
        [first] = app._notifications
        app.say("No engine runs.")
        app.say("Another thing.")
        await until(pilot, lambda: len(app.screen.query(Toast)) == 2)
        assert [each.message for each in app._notifications] == [
            "No engine runs.",
            "Another thing.",
        ]
        assert first not in app._notifications


async def test_it_stands_on_the_dialog_above_and_not_below_it_too(
    console: Callable[..., ConsoleApp],
) -> None:
    """Below, it would stay when its time is over, and shine through beside the next one."""
    app = console()
    async with app.run_test(notifications=True) as pilot:
        await settled(pilot)
        app.say("Nothing was sent.")
        await until(pilot, lambda: "Nothing was sent." in screen_text(app))
        await pilot.press("y")
        await until(pilot, lambda: isinstance(app.screen, Menu))
        app.clear_notifications()
        await until(pilot, lambda: "Nothing was sent." not in screen_text(app))
        app.say("Something was.")
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.place)
        await until(pilot, lambda: "Something was." in screen_text(app))


async def test_showing_one_that_expired_meanwhile_does_not_stop_the_clock() -> None:
    """It expires after it was listed and before it is mounted, as happens under load."""
    app: App[None] = App()
    async with app.run_test() as pilot, asyncio.timeout(60):
        await app.screen.mount(Toast(Sentence("saved", timeout=4, raised_at=time.time() - 5)))
        while app.screen.query(Toast):
            await pilot.pause(0.01)
