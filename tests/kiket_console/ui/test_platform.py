"""Platform: collections, their rows, one row; added, changed, deleted, and taken back."""

from __future__ import annotations

import asyncio
import gc
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace
from tests.snap.platform import COLLECTIONS, CONTACTS
from tests.snap.scene import screen_text, settled, until

from kiket_console.model import Notice
from kiket_console.ui import platform_changes
from kiket_console.ui.paint import platform as paint
from kiket_console.ui.platform_rows import PlatformRows, Words, said_in
from kiket_console.ui.screens import reading
from kiket_console.ui.screens.row import RowScreen
from kiket_console.ui.screens.traffic import TrafficScreen
from kiket_console.wire import ForcedFailure, PlatformSettings, PlatformState

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.snap import scene
    from textual.pilot import Pilot

    from kiket_console.ui.app import ConsoleApp

SMALL, TALL = (80, 24), (120, 36)


async def to_contacts(pilot: Pilot[Any]) -> None:
    """Go to the rows of the contacts."""
    await settled(pilot)
    await pilot.press("8", "enter")
    await until(pilot, lambda: "grace@example.com" in screen_text(pilot.app))


async def rewrite(pilot: Pilot[Any], text: str) -> None:
    """Put another text into the editor."""
    await until(pilot, lambda: isinstance(pilot.app.screen, RowScreen))
    screen = pilot.app.screen
    assert isinstance(screen, RowScreen)
    screen._editor.enter_text(text)
    await pilot.press("f5")


async def test_collections_say_how_many_rows_they_have_and_show_the_newest(
    console: Callable[..., ConsoleApp],
) -> None:
    """What acts on a terminal is shown as text."""
    app = console()
    async with app.run_test(size=TALL) as pilot:
        await settled(pilot)
        await pilot.press("8")
        await until(pilot, lambda: "Karl-Heinz Größe" in screen_text(app))
        shown = screen_text(app)
        assert "4 collections, 6 rows" in shown
        assert "http://127.0.0.1:41233/api/v1/ext/custom_data/com.example.marketing/con" in shown
        await pilot.press("j")
        await until(pilot, lambda: "A hot lead\\x1b[31m" in screen_text(app))
        await pilot.press("s")
        await until(pilot, lambda: "/webhooks/ext/Vn3kQ/{action}" in screen_text(app))


async def test_enter_goes_in_and_escape_goes_out_step_by_step(
    console: Callable[..., ConsoleApp],
) -> None:
    """A row's details are its JSON; each step out is one key."""
    app = console()
    async with app.run_test(size=SMALL) as pilot:
        await to_contacts(pilot)
        await pilot.press("j", "enter")
        await until(pilot, lambda: '"name": "Karl-Heinz' in screen_text(app))
        await pilot.press("escape")
        assert "Platform / contacts" in screen_text(app)
        await pilot.press("slash", *"tier=paid", "enter")
        await until(pilot, lambda: "2 of 3 rows" in screen_text(app))
        await pilot.press("escape")
        assert "3 rows" in screen_text(app)
        await pilot.press("escape")
        assert "4 collections" in screen_text(app)
        await pilot.press("escape")
        assert "4 collections" in screen_text(app)


async def test_a_row_is_added_changed_and_deleted_and_each_is_taken_back(
    console: Callable[..., ConsoleApp], engine: scene.ToldEngine
) -> None:
    """The editor begins with the columns that a person can set; only what differs is changed.

    What was left out becomes null; what the platform sets is not in the text. A deleted row comes
    back under its number.
    """
    app, asked = console(), engine.platform.asked
    async with app.run_test(size=TALL) as pilot:
        await to_contacts(pilot)
        await pilot.press("a")
        await until(pilot, lambda: "text     required   unique" in screen_text(app))
        await rewrite(pilot, '{"email": "alan@example.com", "score": 1.5}')
        await until(pilot, lambda: "▌  4  alan@example.com" in screen_text(app))
        await pilot.press("u")
        await until(pilot, lambda: "alan@example.com" not in screen_text(app))
        assert asked == [
            ("add", CONTACTS, {"email": "alan@example.com", "score": 1.5}),
            ("remove", CONTACTS, 4),
        ]

        asked.clear()
        await pilot.press("g", "e")
        await rewrite(
            pilot,
            '{"email": "grace@example.com", "name": "Grace B. Hopper", "tier": "paid",'
            ' "score": 97}',
        )
        await until(pilot, lambda: "Grace B. Hopper" in screen_text(app))
        assert asked == [("change", CONTACTS, 3, {"name": "Grace B. Hopper", "profile": None})]
        await pilot.press("u")
        await until(pilot, lambda: "Navy" in screen_text(app))
        assert "Grace B. Hopper" not in screen_text(app)

        asked.clear()
        await pilot.press("g", "j", "delete")
        await until(pilot, lambda: "2 rows" in screen_text(app))
        assert "Karl-Heinz" not in screen_text(app)
        await pilot.press("u")
        await until(pilot, lambda: "▌  2  karlheinz@example.com" in screen_text(app))
        assert asked == [("remove", CONTACTS, 2), ("restore", CONTACTS, 2)]


async def test_what_cannot_be_saved_stays_in_the_editor(
    console: Callable[..., ConsoleApp], engine: scene.ToldEngine
) -> None:
    """It says why, be it the text itself or the platform; leaving asks.

    For what only code writes there is no editor.
    """
    engine.platform.refusal = "email is there already."
    app = console()
    async with app.run_test(size=SMALL, notifications=True) as pilot:
        await to_contacts(pilot)
        await pilot.press("a")
        for typed, said in (
            ('{"email": ', "That is no JSON. Line 1"),
            ('{"email": "x"}', "email is there already."),
        ):
            await rewrite(pilot, typed)
            await until(pilot, lambda said=said: said in screen_text(app))  # type: ignore[misc]  # it is called at once
        await pilot.press("escape")
        await until(pilot, lambda: "What you changed was not saved." in screen_text(app))
        await pilot.press("right", "enter")
        await until(pilot, lambda: "Platform / contacts" in screen_text(app))
        await pilot.press("escape", "j", "a")
        said = "written by calls of your code alone"
        await until(pilot, lambda: said in " ".join(screen_text(app).split()))
        assert engine.platform.asked == []


async def test_calls_are_made_to_fail_by_one_line_and_settings_are_edited_as_json(
    console: Callable[..., ConsoleApp], engine: scene.ToldEngine
) -> None:
    """A mistake is pointed at, a wrong setting named by its path.

    What is forced is said as long as it is, and then calls are answered as usual again.
    """
    app = console()
    async with app.run_test(size=TALL) as pilot:
        await settled(pilot)
        await pilot.press("8", "f")
        await until(pilot, lambda: "called lately" in screen_text(app))
        await pilot.press(*"get sla/* 9", "enter")
        await until(pilot, lambda: '"9" is no path, status' in screen_text(app))
        await pilot.press("backspace", *"429 2x", "enter")
        await until(pilot, lambda: "1 failure is forced" in screen_text(app))
        assert engine.platform.settings.failures == (ForcedFailure("GET sla/*", 429, 0, 2),)
        await pilot.press("s")
        await until(pilot, lambda: "GET sla/*  429  2 more times" in screen_text(app))
        await pilot.press("f", *"none", "enter")
        await until(pilot, lambda: "none is forced" in screen_text(app))
        await pilot.press("u")
        await until(pilot, lambda: "GET sla/*  429" in screen_text(app))

        await pilot.press("e")
        await rewrite(pilot, '{"rate_limit_per_minute": "many"}')
        await until(pilot, lambda: "$.rate_limit_per_minute" in screen_text(app))
        await rewrite(pilot, '{"rate": 5}')
        await until(pilot, lambda: 'There is no setting "rate".' in screen_text(app))
        await rewrite(pilot, '{"rate_limit_per_minute": 5, "granted_scopes": ["custom_data.read"]}')
        await until(pilot, lambda: "5 calls a minute for each" in screen_text(app))
        wanted = PlatformSettings(5, ("custom_data.read",))
        assert replace(engine.platform.settings, failures=()) == wanted


async def test_what_a_call_changes_is_shown_as_it_comes(
    console: Callable[..., ConsoleApp], engine: scene.ToldEngine
) -> None:
    """The cursor stays on its row."""
    app = console()
    async with app.run_test(size=SMALL) as pilot:
        await to_contacts(pilot)
        await pilot.press("j")
        row = {"id": 9, "email": "new@example.com"}
        engine.platform.kept[CONTACTS].insert(0, row)
        engine.news.put_nowait(Notice(1197, 5, 1, 1))
        await until(pilot, lambda: "new@example.com" in screen_text(app))
        assert "▌  2  karlheinz" in screen_text(app)


async def test_what_takes_long_to_read_is_read_to_its_end_however_much_changes(
    console: Callable[..., ConsoleApp],
    engine: scene.ToldEngine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What changed meanwhile is read afterwards."""
    monkeypatch.setattr(reading, "READ_EVERY_S", 0.01)
    app = console()
    async with app.run_test(size=SMALL) as pilot:
        await to_contacts(pilot)
        begun, go_on = asyncio.Event(), asyncio.Event()
        state = engine.platform.state

        async def slow() -> PlatformState:
            begun.set()
            await go_on.wait()
            return await state()

        engine.platform.state = slow  # type: ignore[method-assign]  # until it is told to go on
        engine.platform.kept[CONTACTS].insert(0, {"id": 8, "email": "first@example.com"})
        for change in range(5, 25):
            engine.news.put_nowait(Notice(1197, change, 1, 1))
        await begun.wait()
        place = app.place
        assert isinstance(place, reading.ReadingScreen)
        await until(pilot, lambda: place._again)
        engine.platform.kept[CONTACTS].insert(0, {"id": 9, "email": "second@example.com"})
        go_on.set()
        await until(pilot, lambda: "first@example.com" in screen_text(app))
        await until(pilot, lambda: "second@example.com" in screen_text(app))


async def test_the_last_of_many_rows_is_on_screen_when_it_is_gone_to(
    console: Callable[..., ConsoleApp], engine: scene.ToldEngine
) -> None:
    """More are read than one page of the engine has."""
    rows = [{"id": number, "email": f"p{number}@example.com"} for number in range(700, 0, -1)]
    engine.platform.kept[CONTACTS] = rows
    app = console()
    async with app.run_test(size=TALL) as pilot:
        await settled(pilot)
        await pilot.press("8", "enter")
        await until(pilot, lambda: "p700@example.com" in screen_text(app))
        await pilot.press("G")
        await until(pilot, lambda: "▌   1  p1@example.com" in screen_text(app))


async def test_reading_again_before_the_last_read_began_leaves_nothing_behind(
    console: Callable[..., ConsoleApp],
) -> None:
    """A coroutine that is never awaited would be complained of, and fail this."""
    app = console()
    async with app.run_test(size=SMALL) as pilot:
        await to_contacts(pilot)
        place = app.place
        assert isinstance(place, reading.ReadingScreen)
        for _ in range(3):
            place.read()
            place.read()
        gc.collect()
        await until(pilot, lambda: place._reading is None)


async def test_a_collection_leads_to_its_calls(console: Callable[..., ConsoleApp]) -> None:
    app = console()
    async with app.run_test(size=SMALL) as pilot:
        await to_contacts(pilot)
        await pilot.press("colon", *"rows notifications", "enter")
        await until(pilot, lambda: "Platform / Notifications" in screen_text(app))
        await pilot.press("c")
        await until(pilot, lambda: isinstance(app.place, TrafficScreen))
        await until(pilot, lambda: "path:/api/v1/extensions/notifications*" in screen_text(app))


async def test_a_row_leads_to_the_call_that_wrote_it(
    console: Callable[..., ConsoleApp], engine: scene.ToldEngine
) -> None:
    """Where that is not there any more, it leads to all calls."""
    engine.platform.kept["notifications"][0]["exchange_id"] = 1193
    app = console()
    async with app.run_test(size=SMALL) as pilot:
        await to_contacts(pilot)
        await pilot.press("escape", "j", "enter", "c")
        await until(pilot, lambda: "▌ 1193" in screen_text(app))


async def test_a_row_too_large_to_type_into_is_read_here_and_edited_elsewhere(
    console: Callable[..., ConsoleApp],
    engine: scene.ToldEngine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is laid out beside the screen; `e` opens the person's own editor at once."""
    large = {"id": 9, "email": "large@example.com", "profile": {"text": "x" * 200_000}}
    engine.platform.kept[CONTACTS].insert(0, large)
    edited = '{"email": "small@example.com", "profile": null}'
    monkeypatch.setattr(platform_changes, "edit_text", lambda *_: edited)
    app = console()
    async with app.run_test(size=TALL) as pilot:
        await settled(pilot)
        await pilot.press("8", "enter")
        await until(pilot, lambda: '"text": "xxxx' in screen_text(app))
        await pilot.press("e")
        await until(pilot, lambda: "small@example.com" in screen_text(app))
        changes = {"email": "small@example.com", "profile": None}
        assert engine.platform.asked == [("change", CONTACTS, 9, changes)]


@pytest.mark.parametrize("names", [("marketing",), ("marketing", "billing")])
def test_an_address_is_shown_whole_however_narrow_it_is(names: tuple[str, ...]) -> None:
    """It is read off, and typed into the settings of another service."""
    url = "http://127.0.0.1:8702/webhooks/ext/WtiRI1QIjUloCvu76Nuz7EPH/{action}"
    state = PlatformState(COLLECTIONS, PlatformSettings(), dict.fromkeys(names, url))
    lines = paint.addresses(state, None, 60)

    assert all(sum(len(text) for text, _ in line) <= 60 for line in lines)
    assert "".join(text.strip() for line in lines for text, _ in line).count(url) == len(names)


def test_words_are_found_in_any_member_and_compared_with_one() -> None:
    """A value is compared as it is written in JSON, a text without its quotes."""
    row = {"id": 1, "name": "Ada", "score": 4, "paid": True, "tags": ["Web", None]}
    for text in ("ada", "web ADA", "score=4", "paid=true", "name=ada", 'tags=["web",', "id=1 ada"):
        assert Words(text).let_through(row, said_in(row)) is not text.startswith("tags"), text
    for text in ("bob", "score=44", "name=ad", "ada bob"):
        assert not Words(text).let_through(row, said_in(row)), text


def test_nothing_is_known_before_the_engine_has_answered() -> None:
    rows = PlatformRows(lambda: None)

    assert (rows.count, rows.cursor) == (0, -1)
    assert "has not answered" in "".join(text for line in rows.teach(80) for text, _ in line)
