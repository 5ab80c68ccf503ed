"""Steps of a person that several tests take."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kiket_console.ui.app import ConsoleApp
from kiket_console.ui.screens.question import QuestionScreen
from kiket_console.ui.screens.traffic import TrafficScreen

if TYPE_CHECKING:
    from textual.pilot import Pilot


async def closed(pilot: Pilot[bool]) -> None:
    """Close whatever is open and go back to the list of the place."""
    app = pilot.app
    assert isinstance(app, ConsoleApp)
    for _ in range(30):
        place = app.place
        if place is not None and place is app.screen and place.list.has_focus:
            break
        await pilot.press("escape")
        await pilot.pause()
        if isinstance(app.screen, QuestionScreen) and app.screen._asked == "Leave the editor?":
            await pilot.press("right", "enter")  # what was pasted is not kept
            await pilot.pause()
    assert app.screen is app.place, app.screen
    await pilot.press("escape")


async def stepped_out(pilot: Pilot[bool]) -> None:
    """Close whatever is open and go back to Traffic."""
    await closed(pilot)
    app = pilot.app
    assert isinstance(app, ConsoleApp)
    if not isinstance(app.place, TrafficScreen):
        await pilot.press("1", "escape")
