"""Terminals from 20 by 5 to 400 by 120 cells, resized while every place and dialog is open."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.kiket_console.ui.steps import stepped_out
from tests.snap.scene import screen_text, settled, until
from textual.events import Resize
from textual.geometry import Size

from kiket_console.ui import leaving

if TYPE_CHECKING:
    from collections.abc import Callable

    from kiket_console.ui.app import ConsoleApp

SMALLEST, LARGEST = (20, 5), (400, 120)
SIZES = ((1, 1), SMALLEST, (80, 24))
OPENED_BY: dict[str, tuple[tuple[str, ...], ...]] = {
    "places": (
        (), ("enter",), ("enter", *["right_square_bracket"] * 3), ("2",), ("3",), ("8", "enter"),
        ("8", "s"),
    ),
    "forms": (
        ("6", "a"), ("7", "i", "f2"), ("8", "a"), ("8", "f", "x"), ("t",), ("e",), ("R",),
        ("semicolon",), ("slash", "s"), ("colon", "t"),
    ),
    "dialogs": (
        ("ctrl+p",), ("question_mark",), ("T",), ("q",), ("d",), ("y",), ("x",), ("s",), ("2", "K"),
    ),
}  # fmt: skip
"""What opens each, from Traffic."""


@pytest.mark.parametrize("opened", OPENED_BY.values(), ids=OPENED_BY)
async def test_no_resize_is_too_much(
    console: Callable[..., ConsoleApp], opened: tuple[tuple[str, ...], ...]
) -> None:
    app = console()
    async with app.run_test(size=SIZES[-1], notifications=True) as pilot:
        await settled(pilot)
        for keys in opened:
            await pilot.press(*keys)
            for size in SIZES[keys != opened[0] :]:  # 1 by 1 shows the same of all
                await pilot.resize_terminal(*size)
                await pilot.pause()
                assert app.crash is None, (keys, size)
                await until(
                    pilot,  # the screen has its size before all on it is laid out for that
                    lambda size=size: (  # type: ignore[misc]  # it is called at once
                        app.screen.outer_size == size
                        and len(screen_text(app).splitlines()) <= size[1]
                    ),
                )
            await until(pilot, lambda: len(screen_text(app).split()) > 10)  # it is there again
            await stepped_out(pilot)


async def test_late_word_of_an_earlier_size_does_not_bring_that_back(
    console: Callable[..., ConsoleApp],
) -> None:
    app = console(empty=True)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.resize_terminal(100, 30)
        app.screen.post_message(Resize(Size(80, 24), Size(80, 24)))
        await pilot.pause()
        assert app.screen.outer_size == (100, 30)


async def test_no_terminal_is_too_large(console: Callable[..., ConsoleApp]) -> None:
    app = console()
    async with app.run_test(size=LARGEST, notifications=True) as pilot:
        await settled(pilot)
        for key in ("2", "3", "6", "7", "8", "1", "t"):
            await pilot.press(key)
            await pilot.pause()
            assert app.crash is None, key
            await until(pilot, lambda: len(screen_text(app).split()) > 50)


async def test_in_the_smallest_terminal_the_selected_row_can_be_read(
    console: Callable[..., ConsoleApp],
) -> None:
    app = console()
    async with app.run_test(size=SMALLEST) as pilot:
        await settled(pilot)
        for place, row in {
            "1": "1196", "2": "mark", "3": "14:05:38", "6": "API_KEY", "8": "contacts"
        }.items():  # fmt: skip
            await pilot.press(place)
            await until(
                pilot,
                lambda row=row: any(  # type: ignore[misc]  # it is called at once
                    line.startswith("▌") and row in line for line in screen_text(app).splitlines()
                ),
            )
            assert "rec ok" in screen_text(app)


async def test_a_smaller_one_says_what_is_needed(
    console: Callable[..., ConsoleApp], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leaving, "TWICE_WITHIN_S", 0)  # it is asked for again
    app = console()
    async with app.run_test(size=(19, 30)) as pilot:
        await settled(pilot)
        for size, said in (
            ((19, 30), "Needs 20 by 5"),
            ((100, 4), "Make the terminal 20 by 5 at least."),
        ):
            await pilot.resize_terminal(*size)
            for key in ("1", "q", "escape"):
                await pilot.press(key)
                await until(pilot, lambda said=said: screen_text(app).strip() == said)  # type: ignore[misc]  # it is called at once


async def test_in_the_smallest_terminal_the_way_out_is_shown(
    console: Callable[..., ConsoleApp],
) -> None:
    app = console()
    async with app.run_test(size=(34, 5)) as pilot:
        await settled(pilot)
        await pilot.press("q")
        await until(pilot, lambda: "▌Detach" in screen_text(app))
