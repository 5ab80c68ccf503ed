"""Where the details are, which pane has the room, and a list that is held still."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.snap import scene
from tests.snap.scene import screen_text, settled, until

from kiket_console.model import Notice
from kiket_console.store.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Callable

    from kiket_console.paths import ProjectPaths
    from kiket_console.ui.app import ConsoleApp

LIST, SIDE, STACKED = "list", "side", "stacked"


def layout(app: ConsoleApp) -> str:
    """Return where the details are, by where their panes lie on screen."""
    place = app.place
    assert place is not None
    shown, details = place.query_one("#list-pane").region, place.query_one("#details").region
    if not shown or not details:
        return LIST
    return SIDE if shown.y == details.y else STACKED


async def test_the_layout_goes_by_the_size_until_a_person_chooses_one(
    console: Callable[..., ConsoleApp],
) -> None:
    app = console()
    order = [LIST, SIDE, STACKED]
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        assert layout(app) == LIST
        await pilot.resize_terminal(200, 50)
        await until(pilot, lambda: layout(app) == SIDE)
        for step in range(1, 5):
            await pilot.press("minus")
            await until(pilot, lambda step=step: layout(app) == order[(1 + step) % 3])  # type: ignore[misc]  # it is called at once
        await pilot.resize_terminal(150, 45)
        await pilot.pause()
        assert layout(app) == STACKED


async def test_the_pane_that_has_the_focus_gets_all_room_and_gives_it_back(
    console: Callable[..., ConsoleApp],
) -> None:
    app = console()
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        await pilot.press("z")
        await until(pilot, lambda: "Request" not in screen_text(app))
        await pilot.press("enter")
        await until(pilot, lambda: "Request" in screen_text(app))
        assert "14:05:38" not in screen_text(app)
        await pilot.press("z")
        await until(pilot, lambda: "14:05:38" in screen_text(app))
        assert layout(app) == STACKED


async def test_a_line_to_type_into_leaves_open_details_open(
    console: Callable[..., ConsoleApp],
) -> None:
    app = console()
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.press("enter", "semicolon")
        await until(pilot, lambda: "note on 1196" in screen_text(app))
        assert '"key": "KIK-46"' in screen_text(app)
        await pilot.press("escape")
        await until(pilot, lambda: "note on 1196" not in screen_text(app))
        assert '"key": "KIK-46"' in screen_text(app)


async def test_a_list_that_is_held_still_counts_what_comes(
    console: Callable[..., ConsoleApp], engine: scene.ToldEngine, paths: ProjectPaths
) -> None:
    app = console()
    async with app.run_test(size=(100, 24)) as pilot:
        await settled(pilot)
        await pilot.press("p")
        await until(pilot, lambda: "paused, 0 new, p to go on" in screen_text(app))
        story = scene.Story()
        story._id = 1196
        for number in range(2):
            story.webhook("issue.paused", "v1", scene.issue(number), 200, 9)
        writer = Writer(paths.store)
        newest = writer.submit(story.rows).result(60)
        writer.close()
        engine.news.put_nowait(Notice(newest.newest_exchange, newest.newest_change, 9, 1))
        await until(pilot, lambda: "paused, 2 new, p to go on" in screen_text(app))
        assert "issue.paused" not in screen_text(app)
        await pilot.press("p")
        await until(pilot, lambda: screen_text(app).count("issue.paused") == 2)
        assert "19 exchanges · following" in screen_text(app)
