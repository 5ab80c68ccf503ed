"""What is typed in one go reaches what each key opens, and never acts as a command elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.snap.scene import settled, until
from textual.events import Key, Paste

from kiket_console.ui.screens.chooser import Chooser
from kiket_console.ui.screens.help import KeysScreen
from kiket_console.ui.screens.processes import ProcessesScreen
from kiket_console.ui.screens.traffic import TrafficScreen
from kiket_console.ui.widgets.prompt import Prompt

if TYPE_CHECKING:
    from collections.abc import Callable

    from kiket_console.ui.app import ConsoleApp

SIZE = (100, 30)


def burst(app: ConsoleApp, *keys: str) -> None:
    """Press keys as a terminal hands them on that had them ready: all before the first one acts."""
    for key in keys:
        app.post_message(Key(key, key if len(key) == 1 else None))


async def test_a_filter_typed_in_one_go_is_the_filter(console: Callable[..., ConsoleApp]) -> None:
    app = console()
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        burst(app, "slash", *"resend:delete")
        await until(pilot, lambda: bool(app.query(Prompt)))
        await until(pilot, lambda: app.query_one(Prompt).text == "resend:delete")
        assert isinstance(app.screen, TrafficScreen)


async def test_what_is_pasted_after_a_key_stays_after_it(
    console: Callable[..., ConsoleApp],
) -> None:
    app = console()
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        burst(app, "slash", "a")
        app.post_message(Paste("bc"))
        burst(app, "d")
        await until(pilot, lambda: bool(app.query(Prompt)))
        await until(pilot, lambda: app.query_one(Prompt).text == "abcd")


async def test_keys_reach_the_dialog_that_a_key_before_them_opened(
    console: Callable[..., ConsoleApp],
) -> None:
    app = console()
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        burst(app, "question_mark", "escape", "question_mark", "escape", "slash", "q")
        await until(pilot, lambda: bool(app.query(Prompt)))
        await until(pilot, lambda: app.query_one(Prompt).text == "q")
        assert not isinstance(app.screen, KeysScreen)


async def test_what_a_key_closes_is_closed_before_the_next_one(
    console: Callable[..., ConsoleApp],
) -> None:
    app = console()
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        burst(app, *(("slash", "x", "escape") * 5), "2", "1", "slash", "y")
        await until(pilot, lambda: [each.text for each in app.query(Prompt)] == ["y"])


async def test_a_letter_right_behind_escape_is_a_key_of_its_own(
    console: Callable[..., ConsoleApp],
) -> None:
    """Terminals send both as one sequence, which otherwise means alt and the letter."""
    app = console()
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        burst(app, "slash", "x")
        await until(pilot, lambda: [each.text for each in app.query(Prompt)] == ["x"])
        app.post_message(Key("alt+2", "2"))
        await until(pilot, lambda: isinstance(app.screen, ProcessesScreen))
        app.post_message(Key("alt+1", "1"))
        await until(pilot, lambda: isinstance(app.screen, TrafficScreen))
        assert not app.query(Prompt)
        app.post_message(Key("alt+shift+t", "T"))
        await until(pilot, lambda: isinstance(app.screen, Chooser))
