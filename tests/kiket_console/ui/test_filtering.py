"""A list is narrowed by typing: what is shown, counted, restored, remembered and taught."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from tests.snap import scene
from tests.snap.scene import screen_text, settled, until

from kiket_console import paths as places
from kiket_console.filters import FilterError
from kiket_console.model import Notice, State
from kiket_console.store.reader import Reader
from kiket_console.store.records import AttemptEnd, NewAttempt
from kiket_console.store.writer import Writer
from kiket_console.ui import scan
from kiket_console.ui.log_filters import LogFilters
from kiket_console.ui.screens.traffic import TrafficScreen
from kiket_console.ui.traffic_filters import TrafficFilters, toggled_marks
from kiket_console.ui.widgets.prompt import Prompt

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any

    from textual.pilot import Pilot

    from kiket_console.paths import ProjectPaths
    from kiket_console.ui.app import ConsoleApp

LOW, TALL = (100, 24), (120, 36)
ALL = 17


def traffic(app: ConsoleApp) -> TrafficScreen:
    assert isinstance(app.place, TrafficScreen)
    return app.place


def shown(app: ConsoleApp) -> list[int]:
    feed = traffic(app).feed
    return [feed.id_at(position) for position in range(feed.count)]


def selected(app: ConsoleApp) -> int | None:
    return traffic(app).feed.selected_id


async def typed(pilot: Pilot[Any], text: str) -> None:
    """Type a filter, as a whole, into the line that is open or that `/` opens."""
    if not pilot.app.query(Prompt):
        await pilot.press("slash")
        await until(pilot, lambda: bool(pilot.app.query(Prompt)))
    pilot.app.query_one(Prompt).text = text
    await pilot.pause()


async def test_the_list_narrows_while_a_person_types_and_the_cursor_stays_on_its_exchange(
    console: Callable[..., ConsoleApp],
) -> None:
    app = console()
    async with app.run_test(size=LOW, notifications=True) as pilot:
        await settled(pilot)
        await pilot.press("slash", *"event")
        await until(pilot, lambda: "event:" in screen_text(app))
        await typed(pilot, "event:issue.*")
        await until(pilot, lambda: len(shown(app)) == 9)
        await until(pilot, lambda: "9 of 17 exchanges · 2 errors hidden" in screen_text(app))
        await pilot.press("enter")
        await until(pilot, lambda: not app.query(Prompt))
        await until(pilot, lambda: " / event:issue.*" in screen_text(app))
        assert selected(app) == 1196
        await pilot.press("escape")
        await until(pilot, lambda: len(shown(app)) == ALL)
        await until(pilot, lambda: " / event" not in screen_text(app))
        traffic(app).go_to(1191)
        await typed(pilot, "status:>=400")
        await until(pilot, lambda: shown(app) == [1189, 1191, 1193, 1194])
        assert selected(app) == 1191
        await typed(pilot, "event:sla.*")
        await until(pilot, lambda: shown(app) == [1188])
        await pilot.press("escape")
        await until(pilot, lambda: len(shown(app)) == ALL)
        assert selected(app) == 1191


async def test_what_cannot_be_read_leaves_the_list_and_says_where_and_what_is_meant(
    console: Callable[..., ConsoleApp],
) -> None:
    """A value that is still to come is no mistake until it is entered."""
    app = console()
    async with app.run_test(size=LOW, notifications=True) as pilot:
        await settled(pilot)
        await typed(pilot, "event:")
        await until(pilot, lambda: "For example event:issue.*." in screen_text(app))
        assert "missing" not in screen_text(app)
        await pilot.press("enter")
        await until(pilot, lambda: "▲ A value is missing after event:" in screen_text(app))
        await typed(pilot, "status:500")
        await until(pilot, lambda: shown(app) == [1191])
        await typed(pilot, "status:500 evnt:x")
        said = "▲ Unknown field 'evnt': did you mean event:?"
        await until(pilot, lambda: said in screen_text(app))
        await until(pilot, lambda: "did you mean this?" in screen_text(app))
        assert shown(app) == [1191]
        await pilot.press("enter")
        await pilot.pause()
        assert app.query(Prompt), "it cannot be kept"
        app.query_one(Prompt).text = "evnt:issue.*"
        await until(pilot, lambda: "did you mean this?" in screen_text(app))
        await pilot.press("tab", "enter")
        await until(pilot, lambda: traffic(app).filter_text == "event:issue.*")


async def test_escape_restores_what_was_there_before_and_a_filter_is_suspended_and_resumed(
    console: Callable[..., ConsoleApp],
) -> None:
    app = console()
    async with app.run_test(size=LOW, notifications=True) as pilot:
        await settled(pilot)
        await pilot.press("ctrl+t")
        await until(pilot, lambda: "There is no filter to suspend." in screen_text(app))
        await typed(pilot, "status:500")
        await pilot.press("enter")
        await until(pilot, lambda: shown(app) == [1191])
        await typed(pilot, "sla")
        await until(pilot, lambda: 1188 in shown(app))
        await pilot.press("escape")
        await until(pilot, lambda: shown(app) == [1191])
        assert traffic(app).filter_text == "status:500"
        await pilot.press("ctrl+t")
        await until(pilot, lambda: len(shown(app)) == ALL)
        said = "/ status:500   suspended, ctrl+t resumes it"
        await until(pilot, lambda: said in screen_text(app))
        await pilot.press("ctrl+t")
        await until(pilot, lambda: shown(app) == [1191])


async def test_the_cursor_is_on_screen_at_once_and_the_details_are_those_of_its_row(
    console: Callable[..., ConsoleApp],
) -> None:
    """One row needs no scroll bar; the list scrolls all the same before it has one again."""
    app = console()
    async with app.run_test(size=TALL) as pilot:
        await settled(pilot)
        for row_id in (1190, 1184, 1181):
            await typed(pilot, f"id:{row_id}")
            await until(pilot, lambda row_id=row_id: shown(app) == [row_id])  # type: ignore[misc]
            await pilot.press("enter")
            await until(pilot, lambda row_id=row_id: f"─ {row_id} " in screen_text(app))  # type: ignore[misc]
        await settled(pilot)
        assert traffic(app).list.max_scroll_y == 0
        traffic(app).action_suspend()
        traffic(app).go_to(1196)
        await settled(pilot)
        found = traffic(app).list
        assert found.first_shown <= traffic(app).feed.cursor <= found.last_shown


async def test_how_a_mixed_filter_was_read_is_said_and_can_be_changed(
    console: Callable[..., ConsoleApp],
) -> None:
    app = console()
    async with app.run_test(size=TALL, notifications=True) as pilot:
        await settled(pilot)
        await typed(pilot, "status:500 OR status:404 event:issue.*")
        await pilot.press("enter")
        await until(pilot, lambda: shown(app) == [1191])
        read = "read as status:500 OR (status:404 AND event:issue.*), alt+g regroups"
        await until(pilot, lambda: read in screen_text(app))
        await pilot.press("alt+g")
        grouped = "(status:500 OR status:404) event:issue.*"
        await until(pilot, lambda: traffic(app).filter_text == grouped)
        await until(pilot, lambda: "read as" not in screen_text(app))
        await pilot.click("#filter-bar")
        await typed(pilot, "sla OR issue status:404")
        await until(pilot, lambda: "read as sla OR (issue AND status:404)" in screen_text(app))
        await pilot.press("alt+g")
        await until(pilot, lambda: app.query_one(Prompt).text == "(sla OR issue) status:404")
        await until(pilot, lambda: traffic(app).filter_text == "(sla OR issue) status:404")


async def test_a_filter_that_hides_all_or_what_was_gone_to_says_how_to_see_it_again(
    console: Callable[..., ConsoleApp],
) -> None:
    app = console()
    async with app.run_test(size=LOW, notifications=True) as pilot:
        await settled(pilot)
        await typed(pilot, "event:nothing.like.it")
        await pilot.press("enter")
        await until(pilot, lambda: "None of 17 exchanges matches." in screen_text(app))
        assert "esc     leaves the filter" in screen_text(app)
        assert "0 of 17 exchanges · 4 errors hidden" in screen_text(app)
        await pilot.press("j", "space", "v", "m", "enter", "escape", "escape")
        await until(pilot, lambda: len(shown(app)) == ALL)
        await typed(pilot, "status:500")
        await pilot.press("enter")
        await until(pilot, lambda: shown(app) == [1191])
        app.show_exchange(1194)
        await until(pilot, lambda: "The filter hides 1194; esc clears it." in screen_text(app))
        assert selected(app) == 1191


async def test_what_was_typed_is_remembered_in_a_private_file(
    console: Callable[..., ConsoleApp], paths: ProjectPaths
) -> None:
    app = console()
    async with app.run_test(size=LOW, notifications=True) as pilot:
        await settled(pilot)
        for text in ("status:500", "sla"):
            await typed(pilot, text)
            await pilot.press("enter")
            await until(pilot, lambda: not app.query(Prompt))
        await pilot.press("escape", "slash")
        await until(pilot, lambda: bool(app.query(Prompt)))
        await pilot.press("up", "up")
        assert app.query_one(Prompt).text == "status:500"
        await until(pilot, lambda: shown(app) == [1191])
    file = paths.state / "filters.history"
    assert file.read_text().split("\n") == ["status:500", "sla", ""]
    assert file.stat().st_mode & 0o777 == 0o600


async def test_a_filter_is_saved_used_by_its_name_and_missed_when_it_is_forgotten(
    console: Callable[..., ConsoleApp],
) -> None:
    app = console()
    async with app.run_test(size=LOW, notifications=True) as pilot:
        await settled(pilot)
        await pilot.press("colon", *"save bad", "enter")
        await until(pilot, lambda: "There is no filter to save." in screen_text(app))
        await typed(pilot, "status:>=500")
        await pilot.press("enter", "colon", *"save bad", "enter")
        await until(pilot, lambda: "Saved: @bad stands for status:>=500" in screen_text(app))
        assert places.filters_file().read_text() == 'bad = "status:>=500"\n'
        await pilot.press("escape")
        await typed(pilot, "@bad")
        await pilot.press("enter")
        await until(pilot, lambda: shown(app) == [1191])
        await pilot.press("colon", *"forget bad", "enter")
        await until(pilot, lambda: "@bad is forgotten." in screen_text(app))
        assert places.filters_file().read_text() == ""
        await pilot.press("M")
        await until(pilot, lambda: "No filter is saved as @bad" in screen_text(app))
        assert shown(app) == [1191], "what was in effect stays"


@pytest.mark.parametrize("language", [TrafficFilters, LogFilters])
def test_a_mistake_is_where_it_was_typed_whatever_space_stands_before_it(
    language: type[TrafficFilters | LogFilters], tmp_path: Path
) -> None:
    with pytest.raises(FilterError) as refused:
        language(tmp_path).parse("   nope:x")
    assert refused.value.column == 3
    assert language(tmp_path).parse("  since:1h ").text == "since:1h"


async def test_saved_filters_that_cannot_be_read_are_no_more_than_a_sentence(
    console: Callable[..., ConsoleApp],
) -> None:
    file = places.filters_file()
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("this is [ no toml")
    app = console()
    async with app.run_test(size=LOW, notifications=True) as pilot:
        await settled(pilot)
        for keys in (["slash", "@"], ["colon", *"forget x"], ["colon", *"filter @x", "enter"]):
            await pilot.press(*keys)
            if "forget" in "".join(keys):
                await settled(pilot)
                await pilot.press("enter")
            await until(pilot, lambda: "filters.toml" in screen_text(app))
            await settled(pilot)
            app.clear_notifications()
            await pilot.press("escape", "escape")
            await until(pilot, lambda: "filters.toml" not in screen_text(app))


async def test_only_marked_exchanges_are_shown_within_what_is_shown(
    console: Callable[..., ConsoleApp],
) -> None:
    app = console()
    async with app.run_test(size=LOW, notifications=True) as pilot:
        await settled(pilot)
        await pilot.press("M")
        await until(pilot, lambda: shown(app) == [1191])
        await pilot.press("M")
        await until(pilot, lambda: len(shown(app)) == ALL)
        await typed(pilot, "status:404 OR status:500")
        await pilot.press("enter", "M")
        await until(pilot, lambda: shown(app) == [1191])
        assert traffic(app).filter_text == "is:marked (status:404 OR status:500)"
        await pilot.press("M")
        await until(pilot, lambda: shown(app) == [1191, 1194])


@pytest.mark.parametrize(
    ("text", "toggled"),
    [
        ("", "is:marked"),
        ("is:marked", ""),
        ("a OR b", "is:marked (a OR b)"),
        ("is:marked (a OR b)", "a OR b"),
        ("is:marked (a) OR (b)", "is:marked (is:marked (a) OR (b))"),
    ],
)
def test_marks_are_asked_for_around_the_whole_filter(text: str, toggled: str) -> None:
    assert toggled_marks(text) == toggled


async def test_rows_that_come_or_change_appear_and_go_beside_the_cursor(
    console: Callable[..., ConsoleApp], engine: scene.ToldEngine, paths: ProjectPaths
) -> None:
    app = console()
    async with app.run_test(size=LOW, notifications=True) as pilot:
        await settled(pilot)
        await typed(pilot, "is:pending OR status:>=500")
        await pilot.press("enter")
        await until(pilot, lambda: shown(app) == [1191])
        await pilot.press("f")
        story = scene.Story()
        story._id = 1196
        for _ in range(3):
            story.webhook("issue.created", "v1", scene.issue(1), 200, 1, state=State.RECEIVED)
        writer = Writer(paths.store)
        newest = writer.submit(story.rows).result(60)
        engine.news.put_nowait(Notice(newest.newest_exchange, newest.newest_change, 9, 1))
        await until(pilot, lambda: shown(app) == [1191, 1197, 1198, 1199])
        assert selected(app) == 1191
        await pilot.press("j")
        assert selected(app) == 1197

        for number, status in ((1197, 200), (1198, 200), (1199, 500)):
            writer.submit([NewAttempt(number, 1, "marketing#3", story.at_us)])
            end = AttemptEnd(number, 1, State.FORWARDED, status, 900)
            newest = writer.submit([end]).result(60)
        writer.close()
        engine.news.put_nowait(Notice(newest.newest_exchange, newest.newest_change, 9, 1))
        await until(pilot, lambda: shown(app) == [1191, 1197, 1199])
        assert selected(app) == 1197, "it stays while a person looks at it"
        await pilot.press("j")
        await until(pilot, lambda: shown(app) == [1191, 1199])
        assert selected(app) == 1199


async def test_the_bar_works_in_any_size(console: Callable[..., ConsoleApp]) -> None:
    app = console()
    async with app.run_test(size=(20, 5), notifications=True) as pilot:
        await settled(pilot)
        for size in ((20, 5), (40, 12)):
            await typed(pilot, "status:500 evnt")
            await pilot.press("colon", "tab")
            await pilot.resize_terminal(100, 30)
            await typed(pilot, "status:500")
            await pilot.resize_terminal(*size)
            await pilot.press("enter")
            await until(pilot, lambda: shown(app) == [1191])
            await pilot.press("escape")
            await until(pilot, lambda: len(shown(app)) == ALL)


async def test_while_older_rows_are_looked_at_the_list_says_so_and_the_details_stay(
    console: Callable[..., ConsoleApp], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader that paints nothing looks, so that a long look never holds the list up."""
    may_go_on = threading.Event()
    original = Reader.matching
    asked: list[Reader] = []

    def held(reader: Reader, wanted: Any, low: int, high: int) -> Any:
        asked.append(reader)
        if wanted.text == "status:500" and high < 1193:
            may_go_on.wait(60)
        return original(reader, wanted, low, high)

    monkeypatch.setattr(Reader, "matching", held)
    monkeypatch.setattr(scan, "FIRST_STEP", 4)
    monkeypatch.setattr("kiket_console.ui.screens.scanning.TELL_EVERY_S", 0.0)
    app = console()
    async with app.run_test(size=TALL, notifications=True) as pilot:
        await settled(pilot)
        await pilot.press("colon", *"filter status:500", "enter")
        await until(pilot, lambda: "Looking for what matches." in screen_text(app))
        said = "0 of 17 exchanges · 2 errors hidden · looking, 24%"
        await until(pilot, lambda: said in screen_text(app))
        assert '"key": "KIK-46"' in screen_text(app)
        may_go_on.set()
        await until(pilot, lambda: shown(app) == [1191])
        await until(pilot, lambda: '"key": "KIK-43"' in screen_text(app))
        assert asked
        assert app.reader._reader not in asked
