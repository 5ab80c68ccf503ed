"""What a person is told of a worker, and how often."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace
from tests.snap import scene
from tests.snap.scene import screen_text, settled, until

from kiket_console.model import Notice, Problem, WorkerState
from kiket_console.ui.turns import Turns

if TYPE_CHECKING:
    from collections.abc import Callable

    from kiket_console.model import Worker
    from kiket_console.ui.app import ConsoleApp

WELL = scene.worker()
BROKEN = scene.worker(**scene.BROKEN)
SAID = "crm.py:17: NameError: name 'contacs' is not defined; the old code serves. "
SAID += "2 for the traceback"
AGAIN = ("marketing is well again: it serves.", False)


def test_a_worker_that_is_well_is_no_news() -> None:
    turns = Turns()
    assert turns.news([WELL]) == turns.news([WELL]) == []


def test_a_problem_is_told_once_and_once_that_it_is_gone() -> None:
    """Saving again without mending it starts the code anew, and fails as before."""
    turns = Turns()
    starting = replace(BROKEN, state=WorkerState.RELOADING)
    steps = [WELL, BROKEN, BROKEN, starting, BROKEN, WELL, WELL, BROKEN]
    told = [turns.news([step]) for step in steps]
    assert told == [[], [(SAID, True)], [], [], [], [AGAIN], [], [(SAID, True)]]


def test_another_problem_is_told_as_well() -> None:
    turns = Turns()
    turns.news([BROKEN])
    other = replace(BROKEN, serving=False, problem=Problem("No module named 'crm'.", "app.py", 3))
    said = "app.py:3: No module named 'crm'; nothing serves. 2 shows it"
    assert turns.news([other]) == [(said, True)]


def test_a_place_that_the_sentence_names_is_said_once() -> None:
    at_start = Problem("main.py:7: SyntaxError: invalid syntax", "main.py", 7, ("…",))
    told = Turns().news([replace(BROKEN, problem=at_start)])
    said = "main.py:7: SyntaxError: invalid syntax; the old code serves. 2 for the traceback"
    assert told == [(said, True)]


def test_a_long_sentence_is_cut_so_that_it_hides_little() -> None:
    told = Turns().news([replace(BROKEN, problem=Problem("It did not start, " * 20, "app.py", 3))])
    assert len(told[0][0]) < 160
    assert "…; the old code serves. 2 shows it" in told[0][0]


def test_last_lines_are_not_called_a_traceback() -> None:
    mute = Problem("main.py did not announce itself.", traceback=("begins",))
    told = Turns().news([replace(BROKEN, problem=mute)])
    assert told[0][0].endswith("2 for its last lines")


def test_crashes_are_told_once_though_each_has_a_time_of_its_own() -> None:
    turns = Turns()
    crashes = [
        scene.worker(state=WorkerState.BACKOFF, problem=Problem(f"marketing#3 ended after {s} s."))
        for s in (1, 2)
    ]
    told = [turns.news([each]) for each in crashes]
    assert told == [[("marketing#3 ended after 1 s. It is started again.", True)], []]
    gave_up = scene.worker(state=WorkerState.FATAL, problem=Problem("It is not started again."))
    assert turns.news([gave_up]) == [("It is not started again.", True)]


def test_of_several_workers_it_is_said_whose_problem_it_is() -> None:
    told = Turns().news([scene.worker(name="billing"), BROKEN])
    assert told == [(f"marketing: {SAID}", True)]


def test_a_worker_that_serves_and_refuses_what_is_signed_is_told_once() -> None:
    turns = Turns()
    refusing = replace(WELL, problem=Problem("It refuses what is signed."))
    told = [turns.news([each]) for each in (WELL, refusing, refusing, WELL)]
    assert told == [[], [("It refuses what is signed.", True)], [], [AGAIN]]


async def test_a_save_that_does_not_start_is_said_on_screen_and_lies_over_no_list_of_workers(
    console: Callable[..., ConsoleApp], engine: scene.ToldEngine
) -> None:
    def is_now(worker: Worker, change: int) -> None:
        engine.said = scene.status(worker)
        engine.news.put_nowait(Notice(0, 0, 0, change))

    app = console()
    async with app.run_test(size=(120, 36), notifications=True) as pilot:
        await settled(pilot)
        assert "contacs" not in screen_text(app)
        is_now(BROKEN, 2)
        await until(pilot, lambda: "crm.py:17: NameError: name 'contacs'" in screen_text(app))
        is_now(WELL, 3)
        await until(pilot, lambda: "marketing is well again" in screen_text(app))
        app.clear_notifications()
        await until(pilot, lambda: "2 for the traceback" not in screen_text(app))
        is_now(BROKEN, 4)
        await until(pilot, lambda: "2 for the traceback" in screen_text(app))
        await pilot.press("2")
        await until(pilot, lambda: "2 for the traceback" not in screen_text(app))
        is_now(WELL, 5)
        await until(pilot, lambda: "NameError" not in screen_text(app))
        is_now(BROKEN, 6)
        await until(pilot, lambda: "NameError: name 'contacs'" in screen_text(app))
        assert "2 for the traceback" not in screen_text(app)
