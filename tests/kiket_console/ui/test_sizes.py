"""Terminals from 20 by 5 to 400 by 120 cells, resized while every place and dialog is open."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.snap.scene import screen_text, settled, until

if TYPE_CHECKING:
    from collections.abc import Callable

    from kiket_console.ui.app import ConsoleApp

SIZES = ((20, 5), (400, 120), (1, 1), (80, 24))
SMALLEST = (20, 5)
OPENED_BY = {
    "traffic": (),
    "details": ("enter",),
    "signature": ("enter", *["right_square_bracket"] * 3),
    "processes": ("2",),
    "logs": ("3",),
    "secret": ("6", "a"),
    "message": ("7", "i", "f2"),
    "platform": ("8", "enter"),
    "row of the platform": ("8", "a"),
    "failure": ("8", "f", "x"),
    "palette": ("ctrl+p",),
    "command line": ("colon", "t"),
    "keys": ("question_mark",),
    "colours": ("T",),
    "leave": ("q",),
    "filter": ("slash", "s"),
    "note": ("semicolon",),
    "trigger": ("t",),
    "edit": ("e",),
    "ways": ("R",),
    "difference": ("d",),
    "copy": ("y",),
    "export": ("x",),
    "test": ("s",),
    "kill": ("2", "K"),
}


@pytest.mark.parametrize("opened", OPENED_BY)
async def test_no_size_and_no_resize_is_too_much(
    console: Callable[..., ConsoleApp], opened: str
) -> None:
    app = console()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await settled(pilot)
        await pilot.press(*OPENED_BY[opened])
        for size in SIZES:
            await pilot.resize_terminal(*size)
            await pilot.pause()
            assert app.crash is None
            lines = screen_text(app).splitlines()
            assert len(lines) <= size[1]
        assert len(screen_text(app).split()) > 10  # it is all there again


@pytest.mark.parametrize(
    ("place", "row"),
    [("1", "1196"), ("2", "mark"), ("3", "14:05:38"), ("6", "API_KEY"), ("8", "contacts")],
)
async def test_in_the_smallest_terminal_the_selected_row_can_be_read(
    console: Callable[..., ConsoleApp], place: str, row: str
) -> None:
    app = console()
    async with app.run_test(size=SMALLEST) as pilot:
        await settled(pilot)
        await pilot.press(place)
        await until(
            pilot,
            lambda: any(
                line.startswith("▌") and row in line for line in screen_text(app).splitlines()
            ),
        )
        assert "rec ok" in screen_text(app)


@pytest.mark.parametrize(
    ("size", "said"),
    [((19, 30), "Needs 20 by 5"), ((100, 4), "Make the terminal 20 by 5 at least.")],
)
async def test_a_smaller_one_says_what_is_needed(
    console: Callable[..., ConsoleApp], size: tuple[int, int], said: str
) -> None:
    app = console()
    async with app.run_test(size=size) as pilot:
        await settled(pilot)
        assert screen_text(app).strip() == said
        await pilot.press("q")
        await pilot.pause()
        assert screen_text(app).strip() == said


async def test_in_the_smallest_terminal_the_way_out_is_shown(
    console: Callable[..., ConsoleApp],
) -> None:
    app = console()
    async with app.run_test(size=(34, 5)) as pilot:
        await settled(pilot)
        await pilot.press("q")
        await until(pilot, lambda: "▌Detach" in screen_text(app))
