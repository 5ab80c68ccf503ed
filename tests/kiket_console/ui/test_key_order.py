"""What is typed in one go reaches what each key opens, and never acts as a command elsewhere."""

from __future__ import annotations

import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest
from tests.snap.scene import settled, until
from textual._xterm_parser import XTermParser
from textual.constants import ESCAPE_DELAY
from textual.events import Key, Paste

from kiket_console.ui.key_order import Followed, KeyOrder, tell_digits_from_signs
from kiket_console.ui.screens.chooser import Chooser
from kiket_console.ui.screens.help import KeysScreen
from kiket_console.ui.screens.processes import ProcessesScreen
from kiket_console.ui.screens.traffic import TrafficScreen
from kiket_console.ui.screens.trigger import TriggerScreen
from kiket_console.ui.widgets.editor import Editor
from kiket_console.ui.widgets.entry import Entry
from kiket_console.ui.widgets.prompt import Prompt

if TYPE_CHECKING:
    from collections.abc import Callable

    from kiket_console.filters import Filter
    from kiket_console.ui.app import ConsoleApp

SIZE = (100, 30)
CHARACTERS = {"slash": "/", "question_mark": "?"}


def burst(app: ConsoleApp, *keys: str) -> None:
    """Press keys as a terminal hands them on that had them ready: all before the first one acts."""
    for key in keys:
        character = key if len(key) == 1 else CHARACTERS.get(key)
        app.post_message(Key(key, character))


async def test_a_filter_typed_or_pasted_in_one_go_is_the_filter(
    console: Callable[..., ConsoleApp],
) -> None:
    app = console()
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        burst(app, "slash", *"resend:delete")
        await until(pilot, lambda: [each.text for each in app.query(Prompt)] == ["resend:delete"])
        assert app.screen is app.place
        burst(app, "escape", "slash", "a")
        app.post_message(Paste("bc"))
        burst(app, "d")
        await until(pilot, lambda: [each.text for each in app.query(Prompt)] == ["abcd"])
        # and what is typed reaches the dialog that a key before it opened
        burst(app, "escape", *(("question_mark", "escape") * 2), "slash", "q")
        await until(pilot, lambda: [each.text for each in app.query(Prompt)] == ["q"])
        assert not isinstance(app.screen, KeysScreen)


async def test_keys_wait_for_a_dialog_that_has_to_be_read_first(
    console: Callable[..., ConsoleApp],
) -> None:
    """Each letter of it is a command in the list: `u` undoes, `d` compares, `s` saves, `A` ends."""
    app = console()
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        burst(app, "t", "u")
        await pilot.press("d")  # and not only what was typed before anything happened
        burst(app, *"ateds", "backspace")
        await until(pilot, lambda: bool(app.screen.query("#typed")))
        assert isinstance(app.screen, TriggerScreen)
        await until(pilot, lambda: app.screen.query_one("#typed", Entry).value == "udated")
        burst(app, "escape", "e", *"dA")
        await until(pilot, lambda: bool(app.screen.query("#edit-payload")))
        payload = app.screen.query_one("#edit-payload", Editor)
        await until(pilot, lambda: payload.text.startswith("dA"))


async def test_what_a_key_closes_is_closed_before_the_next_one(
    console: Callable[..., ConsoleApp],
) -> None:
    app = console()
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        burst(app, *(("slash", "x", "escape") * 5), "2", "1", "slash", "y")
        await until(pilot, lambda: [each.text for each in app.query(Prompt)] == ["y"])


async def test_keys_wait_for_what_was_entered_to_be_taken_in(
    console: Callable[..., ConsoleApp], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading it may take a while on a busy machine, with nothing typed behind it at first."""
    app = console()
    may_go_on = threading.Event()
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        place = app.screen
        assert isinstance(place, TrafficScreen)
        await pilot.press("slash", "x")
        await until(pilot, lambda: place.filter_text == "x")
        parse = place.language.parse

        def slow_to_parse(text: str) -> Filter:
            assert text != "x" or may_go_on.wait(60)
            return parse(text)

        monkeypatch.setattr(place.language, "parse", slow_to_parse)
        burst(app, "enter")
        await until(pilot, lambda: place.keys_wait)
        for _ in range(5):  # all that follows the key has gone around
            await pilot.pause(0)
        burst(app, "slash", *"evnt")
        for _ in range(5):
            await pilot.pause(0)
        may_go_on.set()
        await until(pilot, lambda: [each.text for each in app.query(Prompt)] == ["xevnt"])
        assert app.screen is place


async def test_what_is_entered_is_taken_in_before_the_next_key(
    console: Callable[..., ConsoleApp],
) -> None:
    app = console()
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        burst(app, *(("slash", "x", "enter") * 5), "slash", "y")
        await until(pilot, lambda: [each.text for each in app.query(Prompt)] == ["xxxxxy"])


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


@pytest.mark.skipif(sys.platform == "darwin", reason="Option and a digit are a sign there")
def test_a_digit_right_behind_escape_is_read_as_one() -> None:
    tell_digits_from_signs()
    parser = XTermParser()
    assert not list(parser.feed("\x1b4"))
    time.sleep(ESCAPE_DELAY)  # the parser reads the clock: past this nothing more belongs to it
    keys = [event for event in parser.tick() if isinstance(event, Key)]
    assert [(key.key, key.character) for key in keys] == [("alt+4", "4")]


async def test_keys_under_way_while_the_console_ends_go_nowhere(
    console: Callable[..., ConsoleApp],
) -> None:
    app = console()
    handed_on: list[object] = []

    async def hand_on(typed: object) -> bool:
        handed_on.append(typed)
        return False

    order = KeyOrder(app, hand_on)
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await order.take(Key("a", "a"))
    await order.followed(Followed(1))
    await order.take(Key("b", "b"))
    await order.followed(Followed(1, rounds=1))
    assert len(handed_on) == 1


async def test_a_dialog_that_opens_while_the_console_ends_is_no_fault(
    console: Callable[..., ConsoleApp],
) -> None:
    app = console(empty=True)
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        app.push_screen(Chooser("Which?", []))
    assert app.crash is None
