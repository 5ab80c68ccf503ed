"""Copy, export and save from Traffic."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

from tests.snap import producer, scene
from tests.snap.scene import filtered, screen_text, settled, until

from kiket_console.exporting import reading
from kiket_console.exporting.pieces import Piece, pieces
from kiket_console.text import visible
from kiket_console.ui import clipboard, handing_out
from kiket_console.ui.screens.menu import Menu
from kiket_console.ui.screens.traffic import TrafficScreen
from kiket_console.ui.widgets.entry import Entry
from kiket_console.ui.widgets.views import ListView

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest
    from textual.pilot import Pilot

    from kiket_console.ui.app import ConsoleApp

SMALL, TALL = (80, 24), (120, 36)


async def opened(pilot: Pilot[bool], app: ConsoleApp, *keys: str) -> Menu:
    await settled(pilot)
    await pilot.press(*keys)
    await until(pilot, lambda: isinstance(app.screen, Menu))
    menu = app.screen
    assert isinstance(menu, Menu)
    await until(pilot, lambda: menu._items.count > 0)
    await pilot.pause()
    return menu


def said(app: ConsoleApp) -> str:
    """Return what the console said in passing; on screen it is wrapped."""
    return " ".join(sentence.message for sentence in app._notifications)


async def test_each_key_copies_what_its_line_says(
    console: Callable[..., ConsoleApp], monkeypatch: pytest.MonkeyPatch
) -> None:
    app = console()
    async with app.run_test(size=TALL, notifications=True) as pilot:
        await opened(pilot, app, "y")
        shown = screen_text(app)
        assert "Copy of 1196 issue.created" in shown
        assert "request body" in shown
        assert "285 b" in shown
        await pilot.press("b")
        assert json.loads(app.clipboard)["issue"]["id"] == 46
        await until(pilot, lambda: "The request body is copied." in said(app))
        await opened(pilot, app, "y")
        await pilot.press("n")
        assert app.clipboard == "1196"
        await pilot.press("y", "c")  # faster than the menu is filled
        await until(pilot, lambda: "curl" in app.clipboard)
        await until(pilot, lambda: "Set $KIKET_WEBHOOK_SECRET" in said(app))
        assert "many terminals take less" not in said(app)
        monkeypatch.setattr(clipboard, "LARGE_BYTES", 10)
        await opened(pilot, app, "y")
        await pilot.press("b")
        await until(pilot, lambda: "many terminals take less" in said(app))
        clipboard.copy(app, "\x1b[2J\ud800", "A\x1b[31m thing")
        assert app.clipboard == "\x1b[2J?"
        await until(pilot, lambda: visible("A\x1b[31m thing is copied") in said(app))


async def test_the_path_and_the_value_under_the_cursor_are_copied(
    console: Callable[..., ConsoleApp],
) -> None:
    app = console()
    async with app.run_test(size=TALL, notifications=True) as pilot:
        await settled(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: "KIK-46" in screen_text(app))
        while app.place is not None and app.place.text.path_at_cursor != "$.issue.key":
            await pilot.press("down")
        await opened(pilot, app, "y")
        await pilot.press("p")
        assert app.clipboard == "$.issue.key"
        await opened(pilot, app, "y")
        await pilot.press("v")
        assert app.clipboard == '"KIK-46"'


async def test_arrows_and_enter_do_as_well_and_escape_copies_nothing(
    console: Callable[..., ConsoleApp],
) -> None:
    app = console()
    async with app.run_test(size=SMALL, notifications=True) as pilot:
        await opened(pilot, app, "y")
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.place)
        assert app.clipboard == ""
        await opened(pilot, app, "y")
        await pilot.press("down", "enter")
        await until(pilot, lambda: "Labelled" in app.clipboard)


async def test_an_export_asks_where_and_overwrites_nothing(
    console: Callable[..., ConsoleApp],
) -> None:
    app = console()
    async with app.run_test(size=TALL, notifications=True) as pilot:
        file = app.folder / "traffic-2-exchanges.har"
        file.write_text("mine")
        await opened(pilot, app, "space", "k", "space", "x")
        assert "unredacted" not in screen_text(app)  # of one exchange only
        await pilot.press("h")
        await until(pilot, lambda: bool(app.screen.query(Entry)))
        await pilot.press("enter")
        await until(pilot, lambda: "is there already" in screen_text(app))
        assert file.read_text() == "mine"
        app.screen.query_one(Entry).value = "new.har"
        await pilot.press("enter")
        written = app.folder / "new.har"
        await until(pilot, written.exists)
        await until(pilot, lambda: "new.har is written: 2 exchanges" in said(app))
        entries = json.loads(written.read_text())["log"]["entries"]
        assert [entry["_exchange"] for entry in entries] == [1195, 1196]
        assert written.stat().st_mode & 0o777 == 0o600


async def test_unredacted_is_chosen_for_one_and_said(console: Callable[..., ConsoleApp]) -> None:
    app = console()
    async with app.run_test(size=TALL, notifications=True) as pilot:
        menu = await opened(pilot, app, "y")
        await pilot.press("exclamation_mark")
        await until(pilot, lambda: menu._items._generation == 2)
        assert "unredacted" in screen_text(app).split("Copy of")[1].splitlines()[0]
        await pilot.press("j")
        assert json.loads(app.clipboard)["id"] == 1196
        await until(pilot, lambda: "unredacted, is copied" in said(app))


async def test_what_is_too_much_to_hand_out_is_said_in_the_menu(
    console: Callable[..., ConsoleApp], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "MOST", 1)
    app = console()
    async with app.run_test(size=TALL, notifications=True) as pilot:
        await settled(pilot)
        await pilot.press("space", "k", "space", "x")
        await until(pilot, lambda: "2 exchanges are too many for one file" in screen_text(app))
        await pilot.press("escape")
        assert isinstance(app.screen, TrafficScreen)


async def test_what_is_made_too_late_is_not_taken_for_what_was_asked_for_since(
    console: Callable[..., ConsoleApp], monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()

    def late(*arguments: Any, redact: bool, **options: Any) -> list[Piece]:
        if not redact:
            go_on.wait(60)
        return pieces(*arguments, redact=redact, **options)

    monkeypatch.setattr(handing_out, "pieces", late)
    app = console()
    async with app.run_test(size=TALL, notifications=True) as pilot:
        await opened(pilot, app, "y")
        await pilot.press("j")
        redacted = app.clipboard
        menu = await opened(pilot, app, "y")
        await pilot.press("exclamation_mark")
        assert not menu._items.count, "what is there was made in another way"
        await pilot.press("exclamation_mark")
        await until(pilot, lambda: menu._items.count > 0)
        go_on.set()
        await filtered(pilot)
        app.copy_to_clipboard("")
        await pilot.press("j")
        assert app.clipboard == redacted


async def test_a_menu_whose_items_are_not_made_yet_does_not_cover_the_screen(
    console: Callable[..., ConsoleApp], monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()

    def late(*arguments: Any, **options: Any) -> list[Piece]:
        go_on.wait(60)
        return pieces(*arguments, **options)

    monkeypatch.setattr(handing_out, "pieces", late)
    app = console()
    async with app.run_test(size=TALL) as pilot:
        await settled(pilot)
        await pilot.press("y")
        await until(pilot, lambda: isinstance(app.screen, Menu))
        await until(pilot, lambda: app.screen.query_one(ListView).size.height > 0)
        assert app.screen.query_one(ListView).size.height == 1
        go_on.set()
        await until(pilot, lambda: app.screen.query_one(ListView).size.height > 5)


async def test_what_cannot_be_a_test_is_refused_before_a_name_is_asked_for(
    console: Callable[..., ConsoleApp],
) -> None:
    story = scene.Story()
    delivery = story.webhook("issue.created", "v1", b"{}", 200, 900)
    story.call(delivery, "POST extensions/logs", 204, 90, after_us=10)
    producer.tell_of_messages(story)
    app = console(story)
    async with app.run_test(size=TALL, notifications=True) as pilot:
        await settled(pilot)
        await pilot.press("G", "s")
        await until(pilot, lambda: "is a message to a producer, not a delivery" in said(app))
        await pilot.press("g", "j", "s")
        await until(pilot, lambda: "is a call, not a delivery" in said(app))
        assert not app.screen.query(Entry)


async def test_a_delivery_is_saved_as_a_test(console: Callable[..., ConsoleApp]) -> None:
    app = console()

    def files() -> list[Path]:
        return sorted((app.folder / "tests").glob("*"))

    async with app.run_test(size=TALL, notifications=True) as pilot:
        await settled(pilot)
        await pilot.press("s")
        await until(pilot, lambda: bool(app.screen.query(Entry)))
        assert app.screen.query_one(Entry).value == "issue_created_v1"
        await pilot.press("enter")
        await until(pilot, lambda: len(files()) == 2)
        assert [file.name for file in files()] == [
            "issue_created_v1.json",
            "test_issue_created_v1.py",
        ]
        await until(pilot, lambda: "is written, with its fixture" in said(app))
        await pilot.press("s")
        await until(pilot, lambda: bool(app.screen.query(Entry)))
        await pilot.press("enter")
        await until(pilot, lambda: "is there already" in screen_text(app))
