"""Jump mode: letters over what can be gone to, and what pressing one does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.snap.scene import screen_text, settled, until
from textual.geometry import Offset

from kiket_console.ui.screens.jump import LETTERS, JumpScreen, marks
from kiket_console.ui.screens.logs import LogsScreen
from kiket_console.ui.screens.traffic import TrafficScreen
from kiket_console.ui.widgets.bars import TabBar

if TYPE_CHECKING:
    from collections.abc import Callable

    from kiket_console.ui.app import ConsoleApp

TALL = (120, 36)


def jumps(app: ConsoleApp) -> bool:
    return isinstance(app.screen, JumpScreen)


async def test_a_letter_leads_to_a_pane_a_tab_a_link_a_place_and_a_field(
    console: Callable[..., ConsoleApp],
) -> None:
    app = console()
    async with app.run_test(size=TALL, notifications=True) as pilot:
        await settled(pilot)
        place = app.place
        assert isinstance(place, TrafficScreen)
        await pilot.press("ctrl+o")
        await until(pilot, lambda: " 1 Traffic   2 Processes   3 Logs" in screen_text(app))
        assert "\n d equest f Response g Headers" in screen_text(app)
        await pilot.press("s")
        await until(pilot, lambda: not jumps(app) and place.text.has_focus)
        await pilot.press("ctrl+o", "a")
        await until(pilot, lambda: place.list.has_focus)
        place.go_to(1191)
        await settled(pilot)
        await pilot.press("ctrl+o", "j")
        await until(pilot, lambda: "handler" in place.text.source.text(4))
        found = {mark.key: place.text.source.target(mark.at.y - place.text.region.y)
                 for mark in marks(place) if mark.spot.rank == 2}  # fmt: skip
        key = next(key for key, target in found.items() if "1193" in target)
        await pilot.press("ctrl+o", key)
        await until(pilot, lambda: "1193 POST notifications" in screen_text(app))
        await pilot.press("ctrl+o", "3")
        await until(pilot, lambda: isinstance(app.place, LogsScreen))
        await pilot.press("1", "slash", "x", "ctrl+o")
        await until(pilot, lambda: jumps(app))  # also while something is typed
        await pilot.press("escape", "y")
        assert place._prompt is not None
        prompt = place._prompt
        await until(pilot, lambda: prompt.text == "xy")  # it takes no letter from what is typed


async def test_it_is_left_by_any_other_key_and_shows_what_it_can(
    console: Callable[..., ConsoleApp],
) -> None:
    app = console()
    async with app.run_test(size=(40, 12), notifications=True) as pilot:
        await settled(pilot)
        for leave in ("escape", "ctrl+o", "z"):
            await pilot.press("ctrl+o")
            await until(pilot, lambda: jumps(app))
            await until(pilot, lambda: " 1 Traffic  2  3  4  6  7  8" in screen_text(app))
            await pilot.press(leave)
            await until(pilot, lambda: not jumps(app))
        await pilot.press("ctrl+o")
        await pilot.resize_terminal(60, 20)
        await until(pilot, lambda: not jumps(app))
        await pilot.press("o", "ctrl+o")
        await until(pilot, lambda: "nothing to jump to" in screen_text(app))


def test_each_has_a_letter_of_its_own_as_long_as_there_are_any() -> None:
    assert len({*LETTERS}) == len(LETTERS) == 62


async def test_tabs_are_where_they_are_clicked_however_close_they_stand(
    console: Callable[..., ConsoleApp],
) -> None:
    app = console()
    async with app.run_test(size=(60, 36), notifications=True) as pilot:
        await settled(pilot)
        bar = app.screen.query_one(TabBar)
        drawn = "".join(text for text, _ in bar.line(bar.size.width))
        await pilot.click(bar, offset=Offset(drawn.index("Timeline"), 0))
        await until(pilot, lambda: "came" in screen_text(app))
