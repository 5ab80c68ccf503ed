"""What a person looks at is told to the engine; what a list showed can be asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.snap.scene import filtered, settled, until

from kiket_console.ui import looking
from kiket_console.ui.screens.traffic import TrafficScreen

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest
    from tests.snap import scene

    from kiket_console.ui.app import ConsoleApp


async def test_what_stays_on_screen_while_a_person_is_there_is_looked_at(
    console: Callable[..., ConsoleApp], engine: scene.ToldEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looking, "TELL_EVERY", 1)
    monkeypatch.setattr(looking, "THERE_S", 600.0)  # however long a busy machine takes
    app = console()
    app.set_interval = lambda *_, **__: None  # type: ignore[assignment,method-assign]  # seconds pass by hand
    async with app.run_test(size=(120, 36), notifications=True) as pilot:
        await settled(pilot)
        place = app.place
        assert isinstance(place, TrafficScreen)
        for key in ("k", "k", "k"):
            place.tick()
            await pilot.press(key)
            await settled(pilot)
        assert engine.read == [], "it was stepped past"
        place.tick()
        place.tick()
        await until(pilot, lambda: engine.read == [1193])
        app.acted_s -= looking.THERE_S
        await pilot.pause()
        place.feed.select(1190)
        place.show_details()
        place.tick()
        place.tick()
        await pilot.pause()
        assert engine.read == [1193], "nobody is there"


async def test_what_the_list_showed_before_can_be_asked_for(
    console: Callable[..., ConsoleApp],
) -> None:
    app = console()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await settled(pilot)
        place = app.place
        assert isinstance(place, TrafficScreen)
        shown: dict[str, int] = {}
        for text in ("is:error", "@hidden", "@hidden src:api", "@focus", ""):
            await pilot.press("slash", "ctrl+u", *text, "enter")
            await filtered(pilot)
            shown[text] = place.feed.count
        assert shown["is:error"] + shown["@hidden"] == shown[""] == 17
        assert 0 < shown["@hidden src:api"] < shown["@hidden"], "it means what it meant"
        assert shown["@focus"] == 1
