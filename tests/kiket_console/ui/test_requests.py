"""Pinning, deleting and undoing in Traffic, on a real store that really changes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from tests.snap import scene
from tests.snap.scene import screen_text, settled, until

from kiket_console.client import EngineGone
from kiket_console.engine.curator import Curator
from kiket_console.errors import ConsoleError
from kiket_console.model import Notice
from kiket_console.store.reader import Reader
from kiket_console.store.writer import Writer
from kiket_console.ui.app import ConsoleApp
from kiket_console.ui.screens.traffic import TrafficScreen
from kiket_console.ui.widgets.prompt import Prompt

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from kiket_console.paths import ProjectPaths
    from kiket_console.store.records import Committed
    from kiket_console.wire import Selection

SMALL = (80, 24)
TALL = (120, 36)


class CuratingEngine(scene.ToldEngine):
    """An engine that changes the store as it is asked, and says so."""

    def __init__(self, paths: ProjectPaths) -> None:
        super().__init__()
        self.writer = Writer(paths.store)
        self.reader = Reader(paths.store)
        self._curator = Curator(self.writer, self.reader, str)
        self.pin = self._curator.pin  # type: ignore[method-assign]  # what it is asked, it does
        self.note = self._curator.note  # type: ignore[method-assign]  # likewise
        self.remove = self._curator.remove  # type: ignore[method-assign]  # likewise
        self.restore = self._curator.restore  # type: ignore[method-assign]  # likewise
        self._loop = asyncio.get_running_loop()
        self.writer.on_commit = self._committed

    def _committed(self, committed: Committed) -> None:
        """Tell of a commit; called in the writer's thread."""
        numbers = (committed.newest_exchange, committed.newest_change, committed.newest_log)
        notice = Notice(*numbers, 1, committed.removals)
        self._loop.call_soon_threadsafe(self.news.put_nowait, notice)


@pytest.fixture
async def engine(paths: ProjectPaths) -> AsyncIterator[CuratingEngine]:
    scene.write_store(paths.store)
    made = CuratingEngine(paths)
    yield made
    made.reader.close()
    made.writer.close()


@pytest.fixture
def app(paths: ProjectPaths, engine: CuratingEngine) -> ConsoleApp:
    return ConsoleApp(paths, open_engine=lambda: engine)


def traffic(app: ConsoleApp) -> TrafficScreen:
    assert isinstance(app.place, TrafficScreen)
    return app.place


def selected(app: ConsoleApp) -> int | None:
    found = traffic(app).feed.selected
    return found.id if found is not None else None


async def test_a_deleted_delivery_goes_with_its_calls_and_u_brings_all_back(
    app: ConsoleApp, engine: CuratingEngine
) -> None:
    async with app.run_test(size=TALL, notifications=True) as pilot:
        await settled(pilot)
        traffic(app).go_to(1191)
        await pilot.press("delete")
        said = "Deleted 1191 issue.transitioned and 2 calls; u undoes it."
        await until(pilot, lambda: said in screen_text(app))
        assert 1191 not in engine.reader.ids()
        await until(pilot, lambda: selected(app) == 1194)
        await until(pilot, lambda: "─ 1194 comment.created v1" in screen_text(app))
        assert "POST notifications" not in screen_text(app)
        await pilot.press("u")
        await until(pilot, lambda: selected(app) == 1191)
        await until(pilot, lambda: "POST notifications" in screen_text(app))
        await until(pilot, lambda: "1191 issue.transitioned is back." in screen_text(app))


async def test_a_marked_exchange_has_a_sign_and_u_takes_it_away(app: ConsoleApp) -> None:
    async with app.run_test(size=SMALL, notifications=True) as pilot:
        await settled(pilot)
        traffic(app).go_to(1194)
        await pilot.press("m")
        await until(pilot, lambda: "1194★" in screen_text(app))
        await until(pilot, lambda: "Marked 1194 comment.created: it is kept." in screen_text(app))
        await pilot.press("u")
        await until(pilot, lambda: "1194★" not in screen_text(app))
        await pilot.press("m")
        await until(pilot, lambda: "1194★" in screen_text(app))
        await pilot.press("m")
        await until(pilot, lambda: "1194★" not in screen_text(app))


async def test_what_is_selected_is_marked_noted_and_deleted_together_and_undone_in_steps(
    app: ConsoleApp, engine: CuratingEngine
) -> None:
    def marked() -> set[int]:
        return {each.id for each in engine.reader.page(engine.reader.ids()) if each.pinned}

    def noted() -> dict[int, str]:
        return {each.id: each.note for each in engine.reader.page([1194, 1195, 1196]) if each.note}

    async with app.run_test(size=TALL, notifications=True) as pilot:
        await settled(pilot)
        await engine.note([1194], "was here before")
        await pilot.press("k", "v", "k", "v", "m")
        await until(pilot, lambda: marked() == {1191, 1194, 1195})
        await until(pilot, lambda: "Marked 2 exchanges: they are kept." in screen_text(app))
        await pilot.press("semicolon", *"odd", "enter")
        await until(pilot, lambda: noted() == {1194: "odd", 1195: "odd"})
        await until(pilot, lambda: screen_text(app).count("✎") == 3)  # with the details' title
        await pilot.press("delete")
        await until(pilot, lambda: list(engine.reader.ids())[-2:] == [1193, 1196])
        assert "selected" not in screen_text(app)
        await pilot.press("u")
        await until(pilot, lambda: list(engine.reader.ids())[-2:] == [1195, 1196])
        await pilot.press("u")
        await until(pilot, lambda: noted() == {1194: "was here before"})
        await pilot.press("u")
        await until(pilot, lambda: marked() == {1191})


async def test_a_note_is_changed_from_where_it_was_and_a_long_one_is_not_taken(
    app: ConsoleApp, engine: CuratingEngine
) -> None:
    async with app.run_test(size=SMALL, notifications=True) as pilot:
        await settled(pilot)
        await engine.note([1196], "odd")
        await until(pilot, lambda: "✎" in screen_text(app))
        await pilot.press("semicolon")
        await until(pilot, lambda: " note on 1196 odd" in screen_text(app))
        app.query_one(Prompt).text = "x" * 501
        await pilot.press("enter")
        refused = "A note has 500 characters at most, and this has 501."
        await until(pilot, lambda: refused in screen_text(app))
        app.query_one(Prompt).text = ""
        await pilot.press("enter")
        await until(pilot, lambda: "✎" not in screen_text(app))
        await until(pilot, lambda: "Removed the note of 1196" in screen_text(app))


async def test_everything_can_be_deleted_and_undone_one_step_after_the_other(
    app: ConsoleApp, engine: CuratingEngine
) -> None:
    async with app.run_test(size=SMALL, notifications=True) as pilot:
        await settled(pilot)
        await engine.remove(list(engine.reader.ids())[:-4])
        everything = list(engine.reader.ids())
        await until(pilot, lambda: traffic(app).feed.count == len(everything))
        removed = 0
        while engine.reader.ids():
            before = len(engine.reader.ids())
            await pilot.press("delete")
            await until(pilot, lambda before=before: traffic(app).feed.count < before)  # type: ignore[misc]  # a loop's lambda
            removed += 1
        await until(pilot, lambda: "Nothing has arrived yet." in screen_text(app))
        await pilot.press("delete", "m")
        for _ in range(removed):
            before = len(engine.reader.ids())
            await pilot.press("u")
            await until(pilot, lambda before=before: traffic(app).feed.count > before)  # type: ignore[misc]  # a loop's lambda
        assert list(engine.reader.ids()) == everything
        await pilot.press("u")
        await until(pilot, lambda: "There is nothing to undo." in screen_text(app))


async def test_deleting_the_last_exchange_from_its_details_steps_out_of_them(
    app: ConsoleApp, engine: CuratingEngine
) -> None:
    async with app.run_test(size=SMALL, notifications=True) as pilot:
        await settled(pilot)
        await engine.remove([each for each in engine.reader.ids() if each != 1194])
        await until(pilot, lambda: traffic(app).feed.count == 1)
        await pilot.press("enter")
        await until(pilot, lambda: traffic(app).opened)
        await pilot.press("delete")
        await until(pilot, lambda: "Nothing has arrived yet." in screen_text(app))
        assert not traffic(app).opened


async def test_what_another_program_removed_leaves_this_list_as_well(
    app: ConsoleApp, engine: CuratingEngine
) -> None:
    """Also while another place is shown."""
    async with app.run_test(size=SMALL, notifications=True) as pilot:
        await settled(pilot)
        await engine.remove([1194])
        await until(pilot, lambda: "comment.created" not in screen_text(app))
        await pilot.press("3")
        await engine.restore([1194])
        await until(pilot, lambda: app.newest.removals == 2)
        await pilot.press("1")
        await until(pilot, lambda: "comment.created" in screen_text(app))


async def test_what_another_program_removed_leaves_a_narrowed_list_and_comes_back_to_it(
    app: ConsoleApp, engine: CuratingEngine
) -> None:
    async with app.run_test(size=SMALL, notifications=True) as pilot:
        await settled(pilot)
        await pilot.press("colon", *"filter is:error", "enter")
        await until(pilot, lambda: traffic(app).feed.count == 4)
        await engine.remove([1194])
        await until(pilot, lambda: "3 of 16 exchanges" in screen_text(app))
        await engine.restore([1194])
        await until(pilot, lambda: "4 of 17 exchanges" in screen_text(app))
        assert "comment.created" in screen_text(app)


async def test_a_log_line_of_a_deleted_exchange_says_that_it_is_gone(
    app: ConsoleApp, engine: CuratingEngine
) -> None:
    async with app.run_test(size=SMALL, notifications=True) as pilot:
        await settled(pilot)
        await engine.remove([1191])
        await pilot.press("3", "k", "c")
        await until(pilot, lambda: "Exchange 1191 is not there any more." in screen_text(app))


async def test_u_right_behind_delete_waits_for_it_and_brings_back_what_it_took(
    app: ConsoleApp, engine: CuratingEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    remove, may_go_on = engine.remove, asyncio.Event()

    async def slowly(ids: Sequence[int]) -> Selection:
        await may_go_on.wait()
        return await remove(ids)

    monkeypatch.setattr(engine, "remove", slowly)
    async with app.run_test(size=SMALL, notifications=True) as pilot:
        await settled(pilot)
        await pilot.press("delete", "u")
        may_go_on.set()
        await until(pilot, lambda: "1196 issue.created is back." in screen_text(app))
        assert 1196 in engine.reader.ids()


async def test_what_an_absent_engine_could_not_undo_can_be_undone_later(
    app: ConsoleApp, engine: CuratingEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def gone(ids: Sequence[int]) -> Selection:
        raise EngineGone("/srv/marketing")

    async with app.run_test(size=SMALL, notifications=True) as pilot:
        await settled(pilot)
        await pilot.press("delete")
        await until(pilot, lambda: 1196 not in engine.reader.ids())
        with monkeypatch.context() as absent:
            absent.setattr(engine, "restore", gone)
            await pilot.press("u")
            await until(pilot, lambda: "No engine runs for" in screen_text(app))
        await pilot.press("u")
        await until(pilot, lambda: 1196 in engine.reader.ids())


async def test_a_refusal_is_said_and_leaves_nothing_to_undo(
    app: ConsoleApp, engine: CuratingEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(ids: Sequence[int]) -> Selection:
        raise ConsoleError("The store could not be written: the disk is full.")

    monkeypatch.setattr(engine, "remove", refuse)
    async with app.run_test(size=SMALL, notifications=True) as pilot:
        await settled(pilot)
        await pilot.press("delete")
        await until(pilot, lambda: "the disk is full" in screen_text(app))
        await pilot.press("u")
        await until(pilot, lambda: "There is nothing to undo." in screen_text(app))
