"""What people do with a console, from the first minute on: at the keyboard, with real processes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
import zipfile
from typing import TYPE_CHECKING

import pytest
from tests.acceptance.conftest import MAIN, MANIFEST, PATIENCE_S, SECRET, post, signed, until
from tests.acceptance.terminal import LISTED, LOOK_EVERY_S

from kiket_console.engine_process import find_engine
from kiket_console.model import Body, Message, Source, State
from kiket_console.paths import ProjectPaths
from kiket_console.store.records import AttemptEnd, NewAttempt, NewExchange
from kiket_console.store.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.acceptance.terminal import Terminal

    from kiket_console.store.records import Row

    Program = Callable[..., subprocess.CompletedProcess[str]]
    Open = Callable[..., Terminal]

pytestmark = pytest.mark.needs("tmux")

ROUTE = "/v/v1/webhooks/issue.created"
LOOKS = 16
"""How often a tab of the details is looked at before the next one is."""
FAILING = """
import traceback
try:
    {}["reporter"]
except KeyError:
    traceback.print_exc()
"""
BODY = b'{"issue": {"key": "KIK-42", "title": "Slow", "priority": "high"}}'


@pytest.fixture
def send(folder: Path) -> Callable[..., int]:
    """Return what posts to the gateway of the project's engine as a stranger would."""

    def send(body: bytes = BODY, headers: dict[str, str] | None = None, path: str = ROUTE) -> int:
        engine = find_engine(ProjectPaths(folder))
        assert engine is not None
        return post(engine.gateway_url, path, body, signed(body) if headers is None else headers)[0]

    return send


def test_2_my_own_code_without_configuration(terminal: Open, folder: Path) -> None:
    """Everything is found, what is wrong or missing is named, the empty list says what to do."""
    manifest = MANIFEST + "  - { name: issue.updated, version: v1 }\n"
    (folder / "extension.yaml").unlink()
    (folder / "manifest.yaml").write_text(manifest)
    (folder / "main.py").write_text("import elasticsearch_that_is_not_here\n" + MAIN)
    screen = terminal(size=(120, 40))
    screen.shows(r"Run it\? \[y/N\]")
    screen.press("y", "Enter")
    screen.shows(r"No module named 'elasticsearch_that_is_not_here'")
    screen.shows(r"main\.py:1")
    (folder / "main.py").write_text(MAIN)
    screen.shows("Press t to send a signed sample")
    screen.shows("● serving")
    curl = screen.shows(r"(curl -d '\{\}' http://127\.0\.0\.1:\d+/\S+)")[1]
    screen.press("2")
    screen.shows(r"serving · signed self-test \d+ s ago")
    screen.shows(r"issue\.created v1")
    screen.shows(r"no handler.*issue\.updated|issue\.updated.*no handler")
    screen.press("1")
    answered = subprocess.run(
        ["sh", "-c", f"{curl} -s -o /dev/null -w '%{{http_code}}'"],
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    assert answered.stdout == "401"
    screen.shows(r"webhook +issue\.created +.*401 ✗.*unsigned")
    _leave(screen)


def test_3_to_9_see_refuse_mend_edit_and_keep(
    terminal: Open, send: Callable[..., int], folder: Path, own_places: Path
) -> None:
    """An afternoon with one extension; the numbers of the steps are those of the stories."""
    editor = own_places / "vim"
    editor.write_text('#!/bin/sh\necho "editing $@"\nread line\necho "$line" >> "$2"\n')
    editor.chmod(0o755)
    console = terminal("--trust", size=(120, 40), environment={"EDITOR": str(editor)})
    console.shows("● serving")
    _3_see_an_event_and_all_that_belongs_to_it(console, send)
    _4_understand_each_way_to_be_refused(console, send)
    _5_edit_save_reload_and_replay_an_old_delivery(console, send, folder)
    _7_a_syntax_error_is_named_and_the_old_code_goes_on(console, send, folder)
    _9_edit_and_send_and_keep_it_as_a_test(console, send, folder)
    _open_the_editor_where_it_went_wrong(console, folder)
    _leave(console)


def _3_see_an_event_and_all_that_belongs_to_it(console: Terminal, send: Callable[..., int]) -> None:
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


def _4_understand_each_way_to_be_refused(console: Terminal, send: Callable[..., int]) -> None:
    wrong = {**signed(BODY), "X-Kiket-Signature": "0" * 64}
    refused: tuple[tuple[dict[str, str], str, int, str], ...] = (
        (signed(BODY, age_s=412), ROUTE, 401, r"4[1-9]\d s (old|ago)[^\n]*300 s"),
        (wrong, ROUTE, 401, r"(?i)does not match|other secret|another secret"),
        ({}, ROUTE, 401, r"(?i)no signature|not signed|unsigned"),
        (signed(BODY), "/v/v9/webhooks/issue.created", 404, r"issue\.created@v1|issue\.created v1"),
    )
    for number, (headers, path, status, said) in enumerate(refused, 3):
        assert send(headers=headers, path=path) == status
        _to_the_newest(console, number, rf"webhook +issue\.created.*{status} ✗")
        console.press("Enter")
        _shows_in_a_tab(console, said)


def _5_edit_save_reload_and_replay_an_old_delivery(
    console: Terminal, send: Callable[..., int], folder: Path
) -> None:
    assert send(headers=signed(BODY, age_s=7200)) == 401
    _to_the_newest(console, 7, r"401 ✗.*stale")
    (folder / "main.py").write_text(MAIN.replace('"ok": True', '"ok": True, "mended": 1'))
    console.shows(r"⟳ main\.py")
    console.press("r")
    console.shows(r"200 .*re-signed +of 7")
    console.press("Enter")
    _shows_in_a_tab(console, '"mended": 1')
    console.shows(r" 7 .*401 ✗.*stale")


def _7_a_syntax_error_is_named_and_the_old_code_goes_on(
    console: Terminal, send: Callable[..., int], folder: Path
) -> None:
    (folder / "main.py").write_text(MAIN + "\ndef broken(:\n")
    console.press("2")
    console.shows(r"main\.py:\d+")
    console.shows(r"(?i)syntax")
    assert send() == 200
    second = MAIN.replace(
        'version="v1")', 'version="v1")\n@sdk.webhook("issue.created", version="v2")'
    )
    (folder / "main.py").write_text(second)
    console.shows(r"● sample .*serving .* M +2 +0")  # reloads, restarts
    console.press("1")
    console.shows(r" 10 .*webhook +issue\.created +v1 +200")


def _9_edit_and_send_and_keep_it_as_a_test(
    console: Terminal, send: Callable[..., int], folder: Path
) -> None:
    assert send() == 200
    _to_the_newest(console, 13, "POST extensions/logs")
    console.press("Up")
    console.shows(r"▌ +12  ")
    console.press("e")
    console.shows(r'5 +"priority": "high"')
    console.press("Down", "Down", "Down", "Down", "End", *["BSpace"] * 5)
    console.type('low"')
    console.press("BTab", "Down", "Down", "End", "Enter")
    console.type("X-Extra: 1")
    console.press("BTab", "C-u")
    console.type("v2")
    console.shows(r"(?s)What changed.*priority.*high.*low")
    console.press("F5")
    console.shows(r"▌.*webhook +issue\.created +v2 +200 .*of 12")
    _shows_in_a_tab(console, r"issue\.priority")

    console.press("s")
    console.shows(r"save as test")
    console.press("Enter")
    console.said(r"tests/test_\w+\.py is written")
    tested = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(folder / "tests")],
        cwd=folder, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert tested.returncode == 0, tested.stdout + tested.stderr
    assert "1 passed" in tested.stdout

    console.press("y", "c")
    console.said(r"(?i)copied")
    answered = subprocess.run(
        ["sh", "-c", console.copied()],
        env={**os.environ, "KIKET_WEBHOOK_SECRET": SECRET},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert '"ok":true' in answered.stdout.replace(" ", ""), answered
    console.press("G")
    console.shows(r"webhook +issue\.created +v2 +200 .*ok (k0|sw1)")


def _open_the_editor_where_it_went_wrong(console: Terminal, folder: Path) -> None:
    """Let the editor have the terminal for itself; afterwards the list is back."""
    main = folder / "main.py"
    main.write_text(MAIN + FAILING)
    number = main.read_text().splitlines().index('    {}["reporter"]') + 1
    console.press("3")
    console.shows("KeyError: 'reporter'")
    console.press("{")
    console.shows("▌✗ .* KeyError: 'reporter'")
    console.press("O")
    console.shows(rf"editing \+{number} {main}")
    assert "Logs" not in console.screen()
    console.type("# mended\n")
    console.shows("3 Logs")
    assert main.read_text().endswith("# mended\n")
    console.shows("main.py .* ago")  # the save was taken up


def test_8_find_it_among_ten_thousand_events_of_five_sessions(
    terminal: Open, folder: Path, program: Program
) -> None:
    _fill(ProjectPaths(folder), sessions=5, each=2_000)
    screen = terminal("--trust", size=(120, 40))
    screen.shows("● serving")
    screen.shows(r"10,000 exchanges")

    screen.press("/")
    screen.type("$.issue.key=KIK-42 since:3d session:*")
    screen.shows(r"1 of 10,000 exchanges")
    screen.press("Enter")
    screen.shows(r"▌ +43 .*issue\.created")
    screen.shows(LISTED)  # there is no line to type into any more

    screen.press("/", "C-u")
    screen.type("needle-at-the-very-end")
    screen.press("Enter")
    screen.shows(r"1 of 10,000 exchanges")
    screen.shows(r"▌ *10000 .*5\.0 M")

    screen.press("/")
    screen.type(" evnt:issue.updated")
    screen.shows(r"(?s)evnt.*did you mean.*event")
    screen.shows(r"─ 10000 issue\.updated v1 ─")  # what was understood stays in effect
    screen.press("C-u")
    screen.type("event:issue.updated")
    screen.press("Enter")
    screen.shows(r"5,000 of 10,000 exchanges")

    screen.press("C-t")
    screen.shows(r"─ 10,000 exchanges")
    screen.press("C-t")
    screen.shows(r"5,000 of 10,000 exchanges")
    screen.press(":")
    screen.type("save updates")
    screen.press("Enter")
    screen.shows(r"@updates")
    _leave(screen)

    listed = program("-C", str(folder), "traffic", "list", "--filter", "@updates -id:1", "--json")
    assert listed.returncode == 0, listed.stderr
    assert {json.loads(line)["name"] for line in listed.stdout.splitlines()} == {"issue.updated"}
    exported = program(
        *("-C", str(folder), "traffic", "export", "--filter", "@updates $.issue.key=KIK-41"),
        *("--format", "jsonl"),
    )
    assert exported.returncode == 0, exported.stderr
    assert [json.loads(line)["id"] for line in exported.stdout.splitlines()] == [42]


def test_15_over_a_plain_line_with_the_keyboard_alone(
    terminal: Open, send: Callable[..., int], folder: Path, program: Program
) -> None:
    """A terminal of 80 by 24 cells without colours or a mouse; then for a colleague, then in CI."""
    console = terminal("--trust", size=(80, 24), environment={"NO_COLOR": "1", "TERM": "xterm"})
    console.shows("● serving")
    for key in ("KIK-1", "KIK-2", "KIK-3", "KIK-4"):
        assert send(b'{"issue": {"nokey": "%s"}, "priority": "high"}' % key.encode()) == 400
    console.press("/")
    console.type("status:400 body:priority")
    console.press("Enter")
    console.shows(r"4 of \d+")
    assert re.search(r"\x1b\[[0-9;]*3[0-8][;m]", console.raw()) is None
    console.press("g", "v", "G", "v")
    console.shows(r"4 selected")
    console.press("r")
    console.said(r"4 sent")
    console.press("Escape")
    until(lambda: "4 selected" not in console.screen(), "none is selected")
    console.press("g", "y", "c")
    console.said(r"(?i)copied")
    assert "curl " in console.copied()
    console.press("g", "v", "G", "v", "x", "b")
    console.shows("export to")
    console.press("C-u")
    console.type("share.zip")
    console.press("Enter")
    console.said(r"share\.zip is written")
    with zipfile.ZipFile(folder / "share.zip") as bundle:
        everything = b"".join(bundle.read(name) for name in bundle.namelist())
    assert b"KIK-1" in everything
    assert SECRET.encode() not in everything
    _leave(console)

    listed = program("-C", str(folder), "traffic", "list", "--filter", "status:400", "--json")
    assert {json.loads(line)["status"] for line in listed.stdout.splitlines()} == {400}
    plain = terminal("run", "--plain", "--trust", size=(80, 24))
    plain.shows("Ready")
    assert send() == 200
    plain.shows(r"webhook +issue\.created")
    plain.press("C-c")
    plain.shows("left with 130")


def test_1_the_first_five_minutes(terminal: Open) -> None:
    console = terminal("demo", size=(120, 40))
    console.shows(r"webhook +issue\.\w+")
    footer = console.screen().rstrip().splitlines()[-1]
    for named in ("open", "filter", "replay", "edit & send", "diff", "trigger"):
        assert named in footer
    console.shows(r"400 ✗")
    console.press("/")
    console.type("status:400 -is:replayed")
    console.press("Enter")
    console.shows(r"▌.*400 ✗")
    console.press("g", "r", "C-t")
    console.shows(r"re-signed +of \d+")
    console.press("q")
    console.shows("leaves nothing behind")
    console.press("Enter")
    console.shows(r"The demo has ended and left nothing behind\.")
    console.shows("left with 0")


def _to_the_newest(console: Terminal, number: int, pattern: str) -> None:
    """Go to the last row, when it is the one of this number, and shows a pattern."""
    console.shows(rf" {number} .*{pattern}")
    if not re.search(LISTED, console.screen()):
        console.press("Escape")
        console.shows(LISTED)  # else the terminal's escape and the next key are one, alt+G
    console.press("G")
    console.shows(rf"▌ +{number}  ")


def _leave(console: Terminal) -> None:
    """Stop all."""
    console.press("C-q")
    console.shows("Detach +Stop all")
    console.press("s")
    console.shows("left with 0")


def _shows_in_a_tab(console: Terminal, pattern: str) -> None:
    """Go through the tabs of the details, round and round, until one of them shows a pattern."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        for _ in range(LOOKS):  # it may not be painted at first
            if re.search(pattern, console.screen()):
                return
            time.sleep(LOOK_EVERY_S)
        _press_and_see(console, "]")
    console.shows(pattern)


def _press_and_see(console: Terminal, key: str) -> None:
    """Press a key, and wait until something has come of it."""
    before = console.raw()
    console.press(key)
    until(lambda: console.raw() != before, f"something comes of {key}", every_s=LOOK_EVERY_S)


def _fill(paths: ProjectPaths, *, sessions: int, each: int) -> None:
    """Record exchanges as several engines would have; the body of the last has 5 MB."""
    paths.make()
    now_us = time.time_ns() // 1000
    for session in range(sessions):
        writer = Writer(paths.store)
        for index in range(session * each, (session + 1) * each):
            last = index == sessions * each - 1
            raw = b'{"issue": {"key": "KIK-%d"}}' % index
            if last:
                raw = b'{"text": "%s needle-at-the-very-end"}' % (b"hay " * 1_310_000)
            name = "issue.updated" if index % 2 else "issue.created"
            rows: list[Row] = [
                NewExchange(
                    id=index + 1, source=Source.WEBHOOK, worker="com.example.sample", name=name,
                    version="v1", method="POST", path=f"/v/v1/webhooks/{name}",
                    started_us=now_us - (sessions * each - index) * 1_000, state=State.RECEIVED,
                    request=Message((("content-type", "application/json"),), Body(raw, len(raw))),
                    signature="ok k0",
                ),
                NewAttempt(index + 1, 1, "com.example.sample#1", now_us),
                AttemptEnd(index + 1, 1, State.FORWARDED, 200, 3_000),
            ]  # fmt: skip
            future = writer.submit(rows)
            if index % 500 == 499:
                future.result()
        writer.close()
