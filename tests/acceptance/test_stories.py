"""What people do with a console, from the first minute on: at the keyboard, with real processes."""

from __future__ import annotations

import re
import subprocess
import time
from typing import TYPE_CHECKING

import pytest
from tests.acceptance.conftest import MAIN, MANIFEST, post, signed

from kiket_console.client import find_engine
from kiket_console.paths import ProjectPaths

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.acceptance.terminal import Terminal

    Open = Callable[..., Terminal]

pytestmark = pytest.mark.needs("tmux")

ROUTE = "/v/v1/webhooks/issue.created"
TABS = 10
BODY = b'{"issue": {"key": "KIK-42", "title": "Slow", "priority": "high"}}'


@pytest.fixture
def send(folder: Path) -> Callable[..., int]:
    """Return what posts to the gateway of the project's engine as a stranger would."""

    def send(body: bytes = BODY, headers: dict[str, str] | None = None, path: str = ROUTE) -> int:
        engine = find_engine(ProjectPaths(folder))
        assert engine is not None
        return post(engine.gateway_url, path, body, signed(body) if headers is None else headers)[0]

    return send


@pytest.fixture
def console(terminal: Open, folder: Path) -> Iterator[Terminal]:
    """Open a console on the sample, whose code serves; end it and its engine with the test."""
    screen = terminal("--trust", size=(120, 40))
    screen.shows("● serving")
    yield screen
    engine = find_engine(ProjectPaths(folder))
    if engine is not None:
        screen.press("Escape", "Escape", "C-q", "C-q")
        screen.shows("left with 0")


def test_2_my_own_code_without_configuration(terminal: Open, folder: Path) -> None:
    """Everything is found, what is missing is named, and the empty list says what to do."""
    manifest = MANIFEST + "  - { name: issue.updated, version: v1 }\n"
    (folder / "extension.yaml").unlink()
    (folder / "manifest.yaml").write_text(manifest)
    screen = terminal(size=(120, 40))
    screen.shows(r"Run it\? \[y/N\]")
    screen.press("y", "Enter")
    screen.shows(r"● serving · answered a signed self-test \d+ s ago")
    curl = screen.shows(r"(curl -d '\{\}' http://127\.0\.0\.1:\d+/\S+)")[1]
    screen.press("2")
    screen.shows(r"issue\.created v1")
    screen.shows(r"no handler.*issue\.updated|issue\.updated.*no handler")
    screen.press("1")
    answered = subprocess.run(
        ["sh", "-c", f"{curl} -s -o /dev/null -w '%{{http_code}}'"],
        capture_output=True, text=True, check=True, timeout=20,
    )  # fmt: skip
    assert answered.stdout == "401"
    screen.shows(r"webhook +issue\.created +.*401 ✗.*unsigned")
    screen.press("C-q", "C-q")
    screen.shows("left with 0")


def test_2_code_that_does_not_start_says_why_on_the_first_screen(
    terminal: Open, folder: Path
) -> None:
    (folder / "main.py").write_text("import elasticsearch_that_is_not_here\n" + MAIN)
    screen = terminal("--trust", size=(120, 40))
    screen.shows(r"No module named 'elasticsearch_that_is_not_here'")
    screen.shows(r"main\.py:1")
    (folder / "main.py").write_text(MAIN)
    screen.shows("Press t to send a signed sample")
    screen.press("C-q", "C-q")
    screen.shows("left with 0")


def test_3_see_an_event_and_all_that_belongs_to_it(
    console: Terminal, send: Callable[..., int]
) -> None:
    assert send() == 200
    console.shows(r"1 +\d\d:\d\d:\d\d.* webhook +issue\.created +v1 +200 +[\d.]+ .?s +\d+ b +ok k0")
    console.shows(r"└ api +POST ")
    console.press("g", "Enter")
    console.shows(r'"key": "KIK-42"')
    _shows_in_a_tab(console, r'"ok": true')
    console.press("l")
    console.shows(r"handling KIK-42")
    console.press("c")
    console.shows(r"POST extensions/logs .*ms  204")


def test_4_understand_each_way_to_be_refused(console: Terminal, send: Callable[..., int]) -> None:
    wrong = {**signed(BODY), "X-Kiket-Signature": "0" * 64}
    for headers, path, status, said in (
        (signed(BODY, age_s=412), ROUTE, 401, r"41\d s (old|ago)[^\n]*300 s"),
        (wrong, ROUTE, 401, r"(?i)does not match|other secret|another secret"),
        ({}, ROUTE, 401, r"(?i)no signature|not signed|unsigned"),
        (signed(BODY), "/v/v9/webhooks/issue.created", 404, r"issue\.created@v1|issue\.created v1"),
    ):
        assert send(headers=headers, path=path) == status
        console.press("Escape", "G")
        console.shows(rf"▌.*webhook +issue\.created.*{status} ✗")
        console.press("Enter")
        _shows_in_a_tab(console, said)


def test_5_edit_save_reload_and_replay_an_old_delivery(
    console: Terminal, send: Callable[..., int], folder: Path
) -> None:
    assert send(headers=signed(BODY, age_s=7200)) == 401
    console.shows(r"401 ✗.*stale")
    (folder / "main.py").write_text(MAIN.replace('"ok": True', '"ok": True, "mended": 1'))
    console.shows(r"⟳ main\.py")
    console.press("g", "r")
    console.shows(r"200 .*re-signed +of 1")
    console.press("Enter")
    _shows_in_a_tab(console, '"mended": 1')
    console.shows(r"1 .*401 ✗.*stale")


def test_7_a_syntax_error_is_named_and_the_old_code_goes_on(
    console: Terminal, send: Callable[..., int], folder: Path
) -> None:
    (folder / "main.py").write_text(MAIN + "\ndef broken(:\n")
    console.press("2")
    console.shows(r"main\.py:\d+")
    console.shows(r"(?i)syntax")
    assert send() == 200
    (folder / "main.py").write_text(MAIN)
    console.shows(r"● sample .*serving")
    console.press("1")
    console.shows(r"webhook +issue\.created +v1 +200")


def _shows_in_a_tab(console: Terminal, pattern: str) -> None:
    """Go through the tabs of the details until one of them shows a pattern."""
    for _ in range(TABS):
        deadline = time.monotonic() + 1.0
        while time.monotonic() < deadline:
            if re.search(pattern, console.screen()):
                return
            time.sleep(0.02)
        console.press("]")
    console.shows(pattern)
