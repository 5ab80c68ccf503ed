"""Processes, Logs, dialogs, leaving, and what happens when the engine or the console fails."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace
from tests.snap import scene
from tests.snap.scene import screen_text, settled, until
from textual.events import Key
from textual.worker import WorkerFailed

from kiket_console.errors import ConsoleError
from kiket_console.model import Notice, WorkerState
from kiket_console.ui import app as app_module
from kiket_console.ui import leaving
from kiket_console.ui.screens.processes import ProcessesScreen
from kiket_console.ui.screens.quit import QuitScreen
from kiket_console.ui.screens.traffic import TrafficScreen
from kiket_console.ui.widgets.bars import StatusBar

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.pilot import Pilot

    from kiket_console.paths import ProjectPaths
    from kiket_console.ui.app import ConsoleApp

SMALL = (80, 24)
TALL = (120, 36)


async def test_digits_and_the_palette_go_to_the_places_and_each_keeps_its_cursor(
    console: Callable[..., ConsoleApp],
) -> None:
    app = console()
    async with app.run_test(size=SMALL) as pilot:
        await settled(pilot)
        await pilot.press("g", "2")
        assert "─ Processes ─" in screen_text(app)
        await pilot.press("3")
        assert "─ Logs ─" in screen_text(app)
        await pilot.press("1")
        assert "▌ 1180" in screen_text(app)
        await pilot.press("ctrl+p", *"processes", "enter")
        await until(pilot, lambda: isinstance(app.screen, ProcessesScreen))


async def test_processes_say_what_runs_and_what_is_missing(
    console: Callable[..., ConsoleApp],
) -> None:
    app = console()
    async with app.run_test(size=TALL) as pilot:
        await settled(pilot)
        await pilot.press("2")
        await until(pilot, lambda: "CRM_TOKEN missing" in screen_text(app))
        shown = screen_text(app)
        assert "serving · health check 4 s ago" in shown
        assert "issue.created v1 v2" in shown
        assert "comment.created · the manifest names it, no handler takes it" in shown
        assert "http://127.0.0.1:8700/webhooks/{event}" in shown


async def test_broken_code_is_shown_with_its_traceback_at_80_by_24(
    console: Callable[..., ConsoleApp], engine: scene.ToldEngine
) -> None:
    engine.said = scene.status(scene.worker(**scene.BROKEN))
    app = console()
    async with app.run_test(size=SMALL) as pilot:
        await settled(pilot)
        assert "✗ broken, old code serves: NameError: name" in screen_text(app)
        await pilot.press("2")
        await until(pilot, lambda: "crm.py:17" in screen_text(app))
        assert "for contact in contacs}" in screen_text(app)


async def test_a_worker_is_restarted_started_and_stopped_by_key(
    console: Callable[..., ConsoleApp], engine: scene.ToldEngine
) -> None:
    app = console()
    async with app.run_test(size=SMALL) as pilot:
        await settled(pilot)
        await pilot.press("2")
        for state, verbs in (
            (WorkerState.SERVING, {"r": "restart", "ctrl+r": "restart", "s": "stop"}),
            (WorkerState.STOPPED, {"r": "start", "s": "start"}),
        ):
            engine.said = scene.status(scene.worker(state=state))
            app.heard_status(engine.said)
            for key, verb in verbs.items():
                engine.asked.clear()
                await pilot.press(key)
                await until(
                    pilot,
                    lambda verb=verb: engine.asked == [("worker", "marketing", verb)],  # type: ignore[misc]  # it is called at once
                )


async def test_a_traceback_in_the_logs_shows_its_end_in_the_list_and_all_of_it_below(
    console: Callable[..., ConsoleApp],
) -> None:
    app = console()
    async with app.run_test(size=TALL) as pilot:
        await settled(pilot)
        await pilot.press("3", "k")
        await until(pilot, lambda: 'File "/srv/marketing/crm.py", line 17' in screen_text(app))
        assert "issue.transitioned failed  ⏎ KeyError: 'reporter'  +6" in screen_text(app)
        await pilot.press("c")
        await until(pilot, lambda: isinstance(app.place, TrafficScreen))
        assert isinstance(app.place, TrafficScreen)
        assert app.place.feed.selected is not None
        assert app.place.feed.selected.id == 1191


async def test_colours_are_previewed_and_every_theme_that_textual_has_can_be_worn(
    console: Callable[..., ConsoleApp],
) -> None:
    app = console()
    async with app.run_test(size=SMALL) as pilot:
        await settled(pilot)
        await pilot.press("T", "down")
        await until(pilot, lambda: app.theme == "kiket-dawn")
        await pilot.press("escape")
        await until(pilot, lambda: app.theme == "kiket-dusk")
        await pilot.press("T", "down", "enter")
        await until(pilot, lambda: app.theme == "kiket-dawn" and app.screen is app.place)
        for name in app.available_themes:
            app.theme = name
            await pilot.pause()
        assert app.crash is None


async def test_leaving_asks_and_the_first_answer_loses_nothing(
    console: Callable[..., ConsoleApp], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`q` asks, and in the question takes it back; each answer has its letter, too."""
    monkeypatch.setattr(leaving, "TWICE_WITHIN_S", 0)  # it is asked for again and again
    app = console()
    ended: list[bool] = []
    app.exit = ended.append  # type: ignore[method-assign]  # it goes on, to be left again
    async with app.run_test(size=SMALL) as pilot:
        await settled(pilot)
        for keys in (["q", "escape"], ["q", "left", "enter"], ["q", "q"], ["escape"]):
            await pilot.press(*keys)
            await until(pilot, lambda: app.screen is app.place)
            assert not ended
        for keys, stop in (
            (["q", "enter"], False),
            (["q", "right", "enter"], True),
            (["q", "j", "k", "d"], False),
            (["q", "l", "h", "s"], True),
            (["enter", "q", "q", "enter"], False),
        ):
            await pilot.press(*keys)
            await until(pilot, lambda: bool(ended))
            assert ended.pop() is stop
            await until(pilot, lambda: app.screen is app.place)
        for keys in (
            ["colon", "q", "enter"],
            ["colon", *"exit", "enter"],
            ["ctrl+p", *"leave", "enter"],
        ):
            await pilot.press(*keys)
            await until(pilot, lambda: isinstance(app.screen, QuitScreen))
            await pilot.press("escape")
            await until(pilot, lambda: app.screen is app.place)


async def test_leaving_twice_at_once_stops_all(console: Callable[..., ConsoleApp]) -> None:
    app = console()
    async with app.run_test(size=SMALL) as pilot:
        await settled(pilot)
        await pilot.press("ctrl+q", "ctrl+q")
        await until(pilot, lambda: app.return_value is not None)
    assert app.return_value is True


async def test_the_question_says_how_many_workers_run_and_wraps_where_it_is_narrow(
    console: Callable[..., ConsoleApp],
    engine: scene.ToldEngine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(leaving, "TWICE_WITHIN_S", 0)  # it is asked for again
    app = console()
    async with app.run_test(size=(40, 12)) as pilot:
        await settled(pilot)
        await pilot.press("q")
        await until(pilot, lambda: "Leave?" in screen_text(app))
        shown = [line.strip() for line in screen_text(app).splitlines()]
        first = shown.index("1 worker runs. Detach keeps it")
        assert shown[first + 1] == "and the recording."
        assert shown[first + 3].split() == ["▌Detach", "Stop", "all", "Cancel"]
        await pilot.press("escape")
        await pilot.resize_terminal(*SMALL)
        workers = scene.status(scene.worker(), scene.worker(name="billing"))
        engine.said = replace(workers, vault="this session only")
        app.heard_status(engine.said)
        await pilot.press("q")
        sentence = "2 workers run. Detach keeps them and the recording."
        await until(pilot, lambda: sentence in screen_text(app))
        assert "Stop all forgets the secrets of this session." in screen_text(app)


async def test_a_demo_cannot_be_detached_from(console: Callable[..., ConsoleApp]) -> None:
    app = console(demo=True)
    async with app.run_test(size=SMALL) as pilot:
        await settled(pilot)
        await pilot.press("q")
        await until(pilot, lambda: "Stop all" in screen_text(app))
        assert "Detach" not in screen_text(app)
        await pilot.press("enter")
        await until(pilot, lambda: app.return_value is True)


async def test_ctrl_c_says_how_to_leave_also_while_typing(
    console: Callable[..., ConsoleApp],
) -> None:
    app = console()
    async with app.run_test(size=SMALL, notifications=True) as pilot:
        await settled(pilot)
        await pilot.press("t")
        await until(pilot, lambda: "Trigger an event" in screen_text(app))
        await pilot.press("ctrl+c")
        await until(pilot, lambda: "Press ctrl+c again to leave." in screen_text(app))
        await pilot.press("ctrl+c")
        await until(pilot, lambda: "Leave?" in screen_text(app))


async def test_q_after_ctrl_c_asks_and_stops_nothing(console: Callable[..., ConsoleApp]) -> None:
    app = console()
    async with app.run_test(size=SMALL) as pilot:
        await settled(pilot)
        await pilot.press("ctrl+c", "q")
        await until(pilot, lambda: "Leave?" in screen_text(app))
        await pilot.press("ctrl+c", "ctrl+c", "escape")
        await until(pilot, lambda: "Leave?" not in screen_text(app))
        assert app.return_value is None


async def test_typing_in_a_dialog_never_triggers_a_command(
    console: Callable[..., ConsoleApp], engine: scene.ToldEngine
) -> None:
    app = console()
    async with app.run_test(size=SMALL) as pilot:
        await settled(pilot)
        await pilot.press("t")
        await until(pilot, lambda: "Trigger an event" in screen_text(app))
        await pilot.press(*"rq123ftT")
        await until(pilot, lambda: "No event has this name." in screen_text(app))
        assert engine.asked == []


async def test_an_engine_that_goes_is_said_and_found_again_by_itself(
    console: Callable[..., ConsoleApp], engine: scene.ToldEngine
) -> None:
    app = console()
    async with app.run_test(size=TALL) as pilot:
        await settled(pilot)
        engine.news.put_nowait(ConsoleError("No engine runs."))
        await until(pilot, lambda: not app.link.up)
        assert "✗ engine gone 0 s; ! starts a new one" in screen_text(app)
        await until(pilot, lambda: app.link.up)
        assert "engine gone" not in screen_text(app)


async def test_without_an_engine_the_last_rows_are_there_and_nothing_fails(
    paths: ProjectPaths,
) -> None:
    """The real client is used, and finds nobody."""
    scene.write_store(paths.store)
    app = app_module.ConsoleApp(paths)
    async with app.run_test(size=SMALL, notifications=True) as pilot:
        await until(pilot, lambda: "engine starting" in screen_text(app))
        assert "issue.transitioned" in screen_text(app)
        await pilot.press("r")
        await until(pilot, lambda: "No engine runs for" in screen_text(app))


async def test_the_line_of_truth_drops_what_matters_least_first(
    console: Callable[..., ConsoleApp],
) -> None:
    app = console(empty=True)
    async with app.run_test(size=(150, 24)) as pilot:
        await settled(pilot)
        for width, there, gone in (
            (150, ["1.4.0", "answered its health check", "app.py", "p95", "rec ok"], []),
            (125, ["serving, checked 4 s ago", "12.4/s", "app.py", "0.4 %", "rec ok"], ["health"]),
            (80, ["serving, checked 4 s ago", "app.py 12 s ago", "rec ok"], ["12.4/s", "1.4.0"]),
            (60, ["marketing", "serving, checked 4 s ago", "rec ok"], ["p95", "1.4.0"]),
            (40, ["marketing", "serving  ", "rec ok"], ["checked"]),
        ):
            first = await first_line(app, pilot, width)
            assert [part for part in there if part not in first] == []
            assert [part for part in gone if part in first] == []


async def first_line(app: ConsoleApp, pilot: Pilot[Any], width: int) -> str:
    """Return the line at the top in a terminal of so many cells."""
    await pilot.resize_terminal(width, 24)
    await until(pilot, lambda: app.screen.query_one(StatusBar).size.width == width)
    return screen_text(app).splitlines()[0]


async def test_an_old_save_gives_way_to_the_traffic(
    console: Callable[..., ConsoleApp], engine: scene.ToldEngine
) -> None:
    earlier_us = scene.NOW_US - 61_000_000
    engine.said = scene.status(scene.worker(last_reload_us=earlier_us))
    app = console(empty=True)
    async with app.run_test(size=SMALL) as pilot:
        await settled(pilot)
        first = await first_line(app, pilot, 80)
        assert "serving, checked 4 s ago   12.4/s" in first
        assert "app.py" not in first
        first = await first_line(app, pilot, 120)
        assert "serving · answered its health check 4 s ago   12.4/s  p95 18.0 ms" in first


async def test_trouble_with_recording_is_said_at_the_top(
    console: Callable[..., ConsoleApp], engine: scene.ToldEngine
) -> None:
    """With its age, until it is over; then the line is as it was."""
    engine.said = scene.status(**scene.FULL_DISK)
    app = console(empty=True)
    async with app.run_test(size=SMALL) as pilot:
        await settled(pilot)
        said = "✗ rec 12 s: could not be written: database or disk is full."
        assert said in screen_text(app).splitlines()[0]
        await pilot.resize_terminal(*TALL)
        await pilot.press("2")
        await until(pilot, lambda: "full. It has been so for 12 s." in screen_text(app))
        engine.said = scene.status()
        engine.news.put_nowait(Notice(0, 0, 0, 2))
        await until(pilot, lambda: "rec ok" in screen_text(app).splitlines()[0])


async def test_what_went_wrong_at_the_edges_is_counted_at_the_top(
    console: Callable[..., ConsoleApp], engine: scene.ToldEngine
) -> None:
    engine.said = scene.status(interrupted=3, refused=1_200)
    app = console(empty=True)
    async with app.run_test(size=(160, 24)) as pilot:
        await settled(pilot)
        for width, counts in (
            (160, "3 cut off by an earlier end, 1,200 refused unread"),
            (80, "3 cut off, 1,200 refused"),
        ):
            assert counts in await first_line(app, pilot, width)


async def test_of_several_workers_the_one_in_trouble_is_named_at_the_top(
    console: Callable[..., ConsoleApp], engine: scene.ToldEngine
) -> None:
    engine.said = scene.several()
    app = console(empty=True)
    async with app.run_test(size=TALL) as pilot:
        await settled(pilot)
        first = screen_text(app).splitlines()[0]
        assert "✗ billing gave up: It ended 5 times within 60 s" in first
        assert "2 of 3 serve" in first
        await pilot.press("2", "j", "j")
        await until(pilot, lambda: "/x/search/webhooks/{event}" in screen_text(app))
        shown = screen_text(app)
        assert "serving · signed self-test 4 s ago" in shown
        assert "Command     node server.js\n" in shown
        assert "WEBHOOK_SECRET ✓ · CRM_TOKEN missing\n" in shown
        assert "              its secrets are in its environment\n" in shown
        await pilot.press("k", "k")
        drains = "marketing#3 finishes what it took, for 3 s, pid 8101"
        await until(pilot, lambda: drains in screen_text(app))


async def test_the_worker_column_comes_with_a_second_worker(
    console: Callable[..., ConsoleApp], engine: scene.ToldEngine
) -> None:
    app = console()
    async with app.run_test(size=TALL) as pilot:
        await settled(pilot)
        assert "worker" not in screen_text(app).splitlines()[3]
        engine.said = scene.several()
        engine.news.put_nowait(Notice(0, 0, 0, 2))
        await until(pilot, lambda: "worker" in screen_text(app).splitlines()[3])
        assert "  marketing     webhook" in screen_text(app)


@pytest.mark.parametrize("where", ["callback", "async worker", "timer"])
async def test_a_fault_of_our_own_leaves_a_private_file_without_values(
    console: Callable[..., ConsoleApp], capsys: pytest.CaptureFixture[str], where: str
) -> None:
    app = console()

    def fail() -> None:
        canary = "canary-" + "7f3a"
        raise RuntimeError(f"a fault in {len(canary)} letters")

    async def fail_later() -> None:
        fail()

    async def show() -> None:
        async with app.run_test(size=SMALL) as pilot:
            await settled(pilot)
            if where == "callback":
                app.call_later(fail)
            elif where == "timer":
                app.set_timer(0.01, fail)
            else:
                app.run_worker(fail_later())
            await until(pilot, lambda: app.crash is not None)

    with pytest.raises((RuntimeError, WorkerFailed)):
        await show()
    assert app.crash is not None
    mode, text = report_of(app.crash)
    assert mode == 0o600
    assert "RuntimeError" in text
    assert "canary-7f3a" not in text + capsys.readouterr().err


def report_of(crash: ConsoleError) -> tuple[int, str]:
    """Return the mode and the text of the file that a crash names."""
    place = Path(crash.hint.split("with ")[1].split(";")[0])
    return stat.S_IMODE(place.stat().st_mode), place.read_text()


async def test_the_keys_page_lists_what_works_here_and_f1_in_dialogs_too(
    console: Callable[..., ConsoleApp],
) -> None:
    app = console()
    async with app.run_test(size=SMALL) as pilot:
        await settled(pilot)
        await pilot.press("3", "question_mark")
        await until(pilot, lambda: "Keys in Logs" in screen_text(app))
        assert "Show where this line stands in the timeline" in screen_text(app)
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.place)
        await pilot.press("1", "T", "f1")
        await until(pilot, lambda: "Keys in lists to choose from" in screen_text(app))
        await pilot.press("f1")
        await until(pilot, lambda: "─ Colours ─" in screen_text(app))
        await pilot.press("escape", "slash", "x", "f1")
        await until(pilot, lambda: "Keys in a line to type into" in screen_text(app))
        assert "Take what is offered" in screen_text(app)


async def test_a_key_that_does_nothing_says_so_and_who_holds_it_down_reads_it_once(
    console: Callable[..., ConsoleApp],
) -> None:
    app = console()
    async with app.run_test(size=SMALL, notifications=True) as pilot:
        await settled(pilot)
        await pilot.press("slash", "b", "escape")
        app.post_message(Key("inverted_exclamation_mark", "¡"))
        await pilot.press(*"bb")
        await until(pilot, lambda: "¡ does nothing here; ? lists the keys" in screen_text(app))
        assert len(app._notifications) == 1
