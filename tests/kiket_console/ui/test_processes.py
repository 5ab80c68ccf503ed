"""Processes: what is wrong stands below a row, and a worker is stopped, killed and started."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace
from tests.snap import scene
from tests.snap.scene import screen_text, settled, until

from kiket_console.model import Crash, LogLine, Problem, WorkerState
from kiket_console.text import cell_width
from kiket_console.ui.paint import processes
from kiket_console.ui.paint.teach import empty_traffic
from kiket_console.ui.paint.worker import about, webhooks_url
from kiket_console.ui.rows import ProcessRows
from kiket_console.ui.screens.kill import KillScreen

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from kiket_console.model import Worker
    from kiket_console.paths import ProjectPaths
    from kiket_console.ui.app import ConsoleApp
    from kiket_console.ui.paint.line import Line

WIDE = (120, 40)
BROKEN = scene.worker(**scene.BROKEN)
CRASHES = tuple(
    Crash(scene.NOW_US - seconds * 1_000_000, f"marketing#{number}", f"marketing#{number} {how}.")
    for number, seconds, how in (
        (1, 300, "ended with exit status 1 after 4.0 s"),
        (2, 20, "was killed by SIGKILL after 0.4 s"),
        (3, 9, "was killed by SIGKILL after 0.3 s"),
    )
)


def text_of(line: Line) -> str:
    """Return a line without its roles."""
    return "".join(text for text, _ in line)


def told(worker: Worker, width: int = 120) -> str:
    """Return all that the details say of a worker."""
    return "\n".join(map(text_of, about(worker, scene.status(worker), width, scene.NOW_US)))


@pytest.mark.parametrize("width", [20, 28, 40, 60, 80, 120, 200, 400])
def test_a_row_and_what_is_below_it_fit_any_terminal(width: int) -> None:
    """The columns that say least go first; a row is never wider than the screen."""
    for worker in (BROKEN, scene.worker(), scene.module(), scene.worker(name="x" * 300, pid=None)):
        row = processes.row(worker, width, scene.NOW_US)
        assert cell_width(text_of(row)) <= width
        assert cell_width(text_of(processes.problem_row(worker, width))) <= width
    for worker in (scene.worker(), scene.module()):
        for line in about(worker, scene.status(), width, scene.NOW_US):
            assert cell_width(text_of(line)) <= max(width, 36)


def test_what_is_wrong_stands_below_with_its_place() -> None:
    """The place is kept whole while the sentence gives way."""
    whole = text_of(processes.problem_row(BROKEN, 100))
    assert whole == "     NameError: name 'contacs' is not defined  crm.py:17"
    assert text_of(processes.problem_row(BROKEN, 40)).endswith("…  crm.py:17")
    assert processes.problem_row(scene.worker(), 100) == []


def test_a_place_that_the_sentence_begins_with_stands_once() -> None:
    named = replace(BROKEN, problem=Problem("crm.py:17: KeyError: 'id'", "crm.py", 17))
    assert text_of(processes.problem_row(named, 100)) == "     crm.py:17: KeyError: 'id'"


def test_a_worker_that_waits_says_how_often_it_crashed_and_when_it_is_tried_again() -> None:
    """Crashes of more than a minute ago do not count."""
    worker = scene.worker(
        state=WorkerState.BACKOFF, serving=False, crashes=CRASHES, pid=None,
        problem=Problem("marketing#3 was killed by SIGKILL after 0.3 s."),
        next_try_us=scene.NOW_US + 7_400_000,
    )  # fmt: skip
    row = text_of(processes.row(worker, 120, scene.NOW_US))
    assert "crashed 2 times, next try in 8 s" in row
    assert "is tried again" in processes.state_sentences(worker, scene.NOW_US + 9_000_000)[1]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"state": WorkerState.STARTING, "serving": False}, "starting for 4 s"),
        ({"state": WorkerState.STOPPING, "serving": False}, "stopping for 4 s"),
        (
            {"state": WorkerState.STOPPED, "serving": False, "evidence": "killed when asked to"},
            "killed when asked to 4 s ago",
        ),
        (
            {"state": WorkerState.RELOADING, "evidence": "app.py was saved"},
            "reloading · app.py was saved · old code serves",
        ),
    ],
)
def test_each_state_says_what_it_rests_on(changes: dict[str, object], said: str) -> None:
    """A state without evidence and its age is only a claim."""
    assert said in processes.state_sentences(scene.worker(**changes), scene.NOW_US)


def test_the_details_say_what_runs_where_and_why_it_ended() -> None:
    """Names of variables are told, never their values."""
    said = told(scene.worker(crashes=CRASHES))
    for piece in (
        "pid 8121", "1 % of a core, 48 M with all it started", "4 starts, 3 reloads",
        "/srv/marketing (the project) · /srv/shared", "KIKET_BASE_URL",
        "http://127.0.0.1:8700/webhooks/{event}", "CRM_TOKEN missing",
        "marketing#3 was killed by SIGKILL after 0.3 s.",
    ):  # fmt: skip
        assert piece in said, piece
    assert said.index("marketing#3 was") < said.index("marketing#1 ended")


def test_only_a_release_that_kiket_toml_names_is_told() -> None:
    """An extension meets the platform of every release at once, unless it is said."""
    for era in ("all", ""):
        assert "Made for" not in told(scene.worker(era=era))
    assert "newest alone, as kiket.toml says" in told(scene.worker(era="newest"))


def test_a_module_tells_how_it_lives_what_it_offers_and_what_it_asked_for() -> None:
    said = told(scene.module(stray=1, dropped=3))
    assert "Handshake   ready · pywatt_sdk 0.1.0 · listens on 127.0.0.1:41237" in said
    assert "Channels    stdio connected 4 m · tcp connected 3 m 59 s · uds listening 4 m" in said
    assert "Heartbeat   0.6 s ago, 239 answered" in said
    assert "Routes      GET POST /invoices · GET /invoices/:id jwt · GET /health" in said
    assert "Services    invoices at 127.0.0.1:41237 (custom:ledger)" in said
    assert "Asked for   DATABASE_URL ✓ · MAIL_KEY no answer" in said
    assert "Messages    1,204 to it · 988 from it" in said
    assert "it sent what is no message, 1 time (kind:invalid" in said
    assert "3 messages not recorded or given up" in said
    assert "Address     http://127.0.0.1:8700/m/billing/" in said
    assert "Webhooks" not in said
    assert "Handlers" not in said


def test_a_module_that_takes_requests_as_messages_alone_serves_no_http() -> None:
    assert "pywatt_sdk 0.1.0 · serves no HTTP" in told(scene.module(listen="127.0.0.1:0"))


def test_a_module_without_a_process_listens_nowhere() -> None:
    said = told(scene.module(handshake="", sdk=""))
    assert "Handshake   no process\n" in said
    assert "does not say its name" not in said
    assert "listens on" not in said


@pytest.mark.parametrize(
    ("facts", "said", "sign"),
    [
        ({}, "ready · heartbeat 0.6 s ago", "●"),
        ({"heartbeat_us": 0}, "ready", "●"),
        ({"handshake": "degraded", "heartbeat_us": scene.NOW_US - 4_000_000},
         "degraded · heartbeat 4.0 s ago", "!"),
        ({"handshake": "unhealthy", "heartbeat_us": scene.NOW_US - 12_000_000},
         "unhealthy · heartbeat 12 s ago", "!"),
    ],
)  # fmt: skip
def test_a_modules_row_says_how_far_it_is_and_when_it_last_answered(
    facts: dict[str, object], said: str, sign: str
) -> None:
    row = text_of(processes.row(scene.module(**facts), 120, scene.NOW_US))
    assert row.startswith(f" {sign} billing       module     {said} ")


def test_a_module_that_starts_says_where_in_its_handshake_it_is() -> None:
    starting = scene.module(handshake="asking for secrets", listen="")
    starting = replace(starting, state=WorkerState.STARTING, serving=False)
    row = text_of(processes.row(starting, 120, scene.NOW_US))
    assert "asking for secrets for 4 s" in row


def test_a_start_that_failed_is_in_the_history_too() -> None:
    """Its reason is a sentence of the code, so it says first what did not start."""
    crash = Crash(scene.NOW_US, "marketing#4", "NameError: name 'x' is not defined")
    assert "marketing#4 did not start: NameError: name" in told(scene.worker(crashes=(crash,)))


def test_the_last_lines_of_the_log_are_told() -> None:
    """Colour codes are left out; of a traceback its reason is told."""
    red = "\x1b[31mred\x1b[0m alert"
    lines = [
        LogLine(1, scene.NOW_US, "marketing", "stdout", "", "", red, "", None),
        LogLine(2, scene.NOW_US, "marketing", "stderr", "", "", scene.TRACEBACK, "", None),
    ]
    worker = scene.worker()
    shown = about(worker, scene.status(worker), 100, scene.NOW_US, lines)
    said = "\n".join(map(text_of, shown))
    assert "red alert" in said
    assert "KeyError: 'reporter'" in said


def test_the_cursor_goes_from_worker_to_worker() -> None:
    """What is wrong with one has a row of its own, which the cursor passes by."""
    rows = ProcessRows(lambda: scene.status(BROKEN, scene.worker(name="billing")))
    assert rows.count == 3
    assert rows.cursor == 0
    rows.move(1)  # one step down
    assert rows.selected is not None
    assert (rows.cursor, rows.selected.name) == (2, "billing")
    rows.move(1)  # one step up
    assert rows.cursor == 0


def test_one_step_down_from_the_last_worker_stays_there() -> None:
    """There is nothing below what is wrong with it."""
    rows = ProcessRows(lambda: scene.status(scene.worker(name="billing"), BROKEN))
    rows.move(1)
    rows.move(2)
    assert rows.cursor == 1


async def test_a_stop_is_told_at_once_and_taken_back_and_a_kill_is_asked_about_first(
    console: Callable[..., ConsoleApp], engine: scene.ToldEngine
) -> None:
    """`u` starts again what was stopped; the answer that is selected kills nothing.

    `l` shows what a worker logged, and nothing of others.
    """
    story = scene.Story()
    story.log("mine")
    app = console(story)
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        await settled(pilot)
        await pilot.press("2", "l")
        await until(pilot, lambda: "worker:marketing" in screen_text(app))
        await until(pilot, lambda: "1 of 1 line" in screen_text(app))
        await pilot.press("escape")
        await until(pilot, lambda: "─ Processes ─" in screen_text(app))

        await pilot.press("s")
        said = "marketing is stopping; u starts it again."
        await until(pilot, lambda: said in screen_text(app))
        await pilot.press("u")
        await until(pilot, lambda: engine.asked[-1] == ("worker", "marketing", "start"))
        assert engine.asked == [("worker", "marketing", "stop"), ("worker", "marketing", "start")]

        engine.asked.clear()
        await pilot.press("K")
        await until(pilot, lambda: isinstance(app.screen, KillScreen))
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is app.place)
        assert engine.asked == []
        await pilot.press("K", "right", "enter")
        await until(pilot, lambda: engine.asked == [("worker", "marketing", "kill")])


async def test_the_place_of_the_problem_opens_in_the_editor(
    console: Callable[..., ConsoleApp],
    engine: scene.ToldEngine,
    paths: ProjectPaths,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without a problem it is the first handler's."""
    opened = tmp_path / "opened"
    code = tmp_path / "code"
    code.write_text(f'#!/bin/sh\necho "$@" >> {opened}\n')
    code.chmod(0o755)
    monkeypatch.setenv("VISUAL", str(code))
    for name in ("app.py", "crm.py"):
        (paths.folder / name).write_text("")
    engine.said = scene.status(BROKEN)
    app = console()
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        await pilot.press("2", "O")
        await until(pilot, lambda: opened.exists() and "crm.py:17" in opened.read_text())
        engine.said = scene.status()
        app.heard_status(engine.said)
        await pilot.press("O")
        await until(pilot, lambda: f"-g {paths.folder}/app.py:12" in opened.read_text())


def test_a_project_of_modules_alone_is_told_how_a_first_message_comes() -> None:
    said = "\n".join(map(text_of, empty_traffic(scene.status(scene.module()), 80)))
    assert "No module has said anything yet." in said
    assert "curl http://127.0.0.1:8700/m/billing/" in said
    assert "webhook" not in said


def test_webhooks_need_no_name_where_one_extension_stands_beside_modules() -> None:
    status = scene.status(scene.worker(), scene.module())
    assert webhooks_url(scene.worker(), status) == "http://127.0.0.1:8700/webhooks/"
