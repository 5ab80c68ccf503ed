"""Logs: records fold and unfold, errors and workers are a key away, places open in the editor."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from tests.snap import scene
from tests.snap.scene import screen_text, settled, until

from kiket_console.model import LogLine
from kiket_console.store.reader import Reader
from kiket_console.store.records import NewLog
from kiket_console.text import cell_width, uncoloured
from kiket_console.ui import frames
from kiket_console.ui.feed import Feed
from kiket_console.ui.log_rows import LogRows
from kiket_console.ui.pages import LogPages
from kiket_console.ui.paint import logs

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from kiket_console.paths import ProjectPaths
    from kiket_console.ui.app import ConsoleApp
    from kiket_console.ui.paint.line import Line

SIZE = (110, 30)
LIBRARY = "/srv/marketing/.venv/lib/python3.11/site-packages/lru/cache.py"
DEEP = f"""{scene.TRACEBACK.rpartition(chr(10))[0]}
  File "{LIBRARY}", line 12, in get
    raise KeyError(key)
KeyError: 'reporter'"""


def text_of(line: Line) -> str:
    """Return a line without its roles."""
    return "".join(text for text, _ in line)


def line(text: str, **changes: object) -> LogLine:
    """Return a log line of marketing."""
    facts: dict[str, object] = {
        "id": 1, "at_us": scene.NOW_US, "worker": "marketing", "stream": "log", "level": "INFO",
        "logger": "app", "text": text, "trace_id": "", "exchange_id": None,
    }  # fmt: skip
    return LogLine(**(facts | changes))  # type: ignore[arg-type]  # one dict for all kinds


def tell(*records: tuple[str, str, str, str]) -> scene.Story:
    """Return a story of records: worker, stream, level, text."""
    story = scene.Story()
    for worker, stream, level, text in records:
        story.at_us += 1_000_000
        story.rows.append(NewLog(story.at_us, worker, stream, level, "app", text))
    return story


MIXED = (
    ("marketing", "log", "INFO", "labelled KIK-40"),
    ("marketing", "log", "ERROR", f"transitioned failed\n{DEEP}"),
    ("billing", "stdout", "", "\x1b[32mpaid\x1b[0m 12 invoices"),
    ("engine", "log", "ERROR", "billing#1 was killed by SIGKILL."),
    ("billing", "log", "INFO", "back again"),
)


class TestPlaces:
    @pytest.mark.parametrize(
        ("text", "found"),
        [
            ('  File "/srv/app.py", line 41, in f', ("/srv/app.py", 41)),
            ('  |   File "app.py", line 3', ("app.py", 3)),
            ("app.py:12: DeprecationWarning: old", ("app.py", 12)),
            ("    at handler (/srv/web/server.js:3:9)", ("/srv/web/server.js", 3)),
            ("./lib/crm.rb:7:in `fetch'", ("./lib/crm.rb", 7)),
        ],
    )
    def test_each_language_names_them_in_its_own_way(
        self, text: str, found: tuple[str, int]
    ) -> None:
        """A file with an ending, a colon and a number are what most have in common."""
        (frame,) = frames.frames(text)
        assert (frame.file, frame.line) == found

    @pytest.mark.parametrize(
        "text", ["14:05:07 started", "GET http://127.0.0.1:8700/x", "a: 12", "10.0.0.1:80x", ""]
    )
    def test_times_and_addresses_are_none(self, text: str) -> None:
        """They only look similar."""
        assert [frame.file for frame in frames.frames(text)] in ([], ["10.0.0.1"])

    def test_own_code_goes_before_libraries(self) -> None:
        """The innermost frame of the project is what a person can mend."""
        frame = frames.to_open(DEEP, "/srv/marketing")
        assert frame is not None
        assert (frame.file, frame.line) == ("/srv/marketing/crm.py", 17)

    def test_the_frame_under_the_cursor_is_the_one_that_is_meant(self) -> None:
        """Or the nearest above it."""
        rows = DEEP.split("\n")
        frame = frames.to_open(DEEP, "/srv/marketing", rows.index("    raise KeyError(key)"))
        assert frame is not None
        assert (frame.file, frame.line) == (LIBRARY, 12)


class TestPainting:
    def test_colour_codes_are_left_out_and_others_are_seen(self) -> None:
        """What a program wrote for a terminal is text here."""
        assert uncoloured("\x1b[1;32mok\x1b[0m\x1b[K \x1b[2J") == "ok \x1b[2J"
        assert text_of(logs.row(line("\x1b[31mred\x1b[m"), 80)).endswith("red")

    @pytest.mark.parametrize(
        ("changes", "sign"),
        [
            ({}, " "),
            ({"level": "WARNING"}, "!"),
            ({"level": "ERROR"}, "✗"),
            ({"stream": "stderr", "level": ""}, "!"),
            ({"stream": "stderr", "level": "", "text": DEEP}, "✗"),
        ],
    )
    def test_a_sign_says_what_colour_says(self, changes: dict[str, object], sign: str) -> None:
        """So that sixteen colours, or none, do."""
        text = str(changes.pop("text", "x"))
        assert logs.sign(line(text, **changes))[0] == sign

    def test_frames_of_libraries_step_back(self) -> None:
        """The project's own stand out, in the list and in the details."""
        record = line(DEEP, level="ERROR")
        rows = DEEP.split("\n")
        for text, own in (("/srv/marketing/crm.py", True), (LIBRARY, False)):
            part = next(at for at, each in enumerate(rows) if f'"{text}"' in each)
            roles = {role for _, role in logs.row_below(record, part, 200, "/srv/marketing")}
            assert ("name" in roles) is own

    def test_json_is_told_by_its_members(self) -> None:
        """The line itself stays as it was written."""
        record = line('{"event": "sent", "customer": {"id": 7}, "note": "a\\u001b[2J"}')
        shown = [text_of(each).strip() for each in logs.whole(record, 80)]
        assert "event     sent" in shown
        assert 'customer  {"id": 7}' in shown
        assert any(each.startswith('{"event"') for each in shown)

    @pytest.mark.parametrize("width", [20, 40, 80, 120, 200, 400])
    @pytest.mark.parametrize(
        "text", [DEEP, f"failed\n{DEEP}", "x" * 3000, "", "a\n\nb", "日本" * 99]
    )
    def test_rows_fit_any_terminal(self, width: int, text: str) -> None:
        """Folded, and each line of an unfolded one."""
        record = line(text, level="ERROR")
        for unfolded in (False, True):
            assert cell_width(text_of(logs.row(record, width, unfolded=unfolded))) <= width
        for part in range(1, len(logs.lines_of(record))):
            assert cell_width(text_of(logs.row_below(record, part, width))) <= width


class TestRows:
    @pytest.fixture
    def rows(self, paths: ProjectPaths) -> LogRows:
        """Return the rows of a store with two records of several lines."""
        story = tell(*MIXED, ("marketing", "log", "INFO", "a\nb\nc"))
        scene.write_store(paths.store, story)
        feed: Feed[LogLine] = Feed(LogPages(Reader(paths.store)))
        feed.open()
        return LogRows(feed, lambda: None)

    def test_a_record_is_one_row_until_it_is_unfolded(self, rows: LogRows) -> None:
        """Then its other lines stand below it, and fold away again."""
        assert rows.count == 6
        rows.move(1)
        rows.toggle()
        below = len(DEEP.split("\n"))
        assert rows.count == 6 + below
        assert rows.cursor == 1
        assert "▾ transitioned failed" in text_of(rows.line(1, 100))
        assert "KeyError" in text_of(rows.line(1 + below, 100))
        assert "paid 12 invoices" in text_of(rows.line(2 + below, 100))
        rows.move(4)
        assert (rows.cursor, rows.part) == (4, 3)
        rows.toggle()
        assert (rows.count, rows.cursor) == (6, 1)

    def test_the_cursor_walks_through_every_row_once(self, rows: LogRows) -> None:
        """In both directions, whatever is unfolded."""
        for position in (5, 1):
            rows.move(position)
            rows.toggle()
        walked = []
        rows.move(0)
        for _ in range(rows.count):
            walked.append(rows.cursor)
            rows.move(rows.cursor + 1)
        assert walked == list(range(rows.count))
        assert len({rows.key(position) for position in walked}) == rows.count

    def test_long_lines_take_as_many_rows_as_they_need(self, paths: ProjectPaths) -> None:
        """Those that come later too; nothing of them is lost, whatever they are made of."""
        long = [f"{number} " + "word " * 40 + "日本" * 30 + " end" for number in range(3)]
        records = [("shop", "log", "INFO", text) for text in ("short", long[0], "a\nb", long[1])]
        scene.write_store(paths.store, tell(*records, ("shop", "log", "INFO", long[2])))
        reader = Reader(paths.store)
        feed: Feed[LogLine] = Feed(LogPages(reader))
        feed.open()
        rows = LogRows(feed, lambda: None)
        measured = {line.id: logs.rows_below(line, 80) for line in reader.log_page([1, 2, 3, 4])}
        rows.wrap(measured, 80, newest=4)
        drawn = [text_of(rows.line(position, 80)) for position in range(rows.count)]
        assert all(cell_width(row) <= 80 for row in drawn)
        joined = "".join(row[logs.text_column(80) :].strip() for row in drawn).replace(" ", "")
        for text in long:
            assert text.replace(" ", "") in joined
        rows.move(0)
        walked = []
        for _ in range(rows.count):
            walked.append(rows.cursor)
            rows.move(rows.cursor + 1)
        assert walked == list(range(rows.count))
        rows.wrap(None)
        assert rows.count == 5

    def test_a_single_line_does_not_fold(self, rows: LogRows) -> None:
        """`enter` opens its details instead."""
        rows.move(0)
        assert not rows.foldable
        rows.move(1)
        assert rows.foldable


async def test_enter_unfolds_a_traceback_and_the_editor_opens_its_frame(
    console: Callable[..., ConsoleApp], paths: ProjectPaths, tmp_path: Path,
    engine: scene.ToldEngine, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """The project's own code first; on a frame, that frame."""
    opened = tmp_path / "opened"
    code = tmp_path / "code"
    code.write_text(f'#!/bin/sh\necho "$@" >> {opened}\n')
    code.chmod(0o755)
    monkeypatch.setenv("VISUAL", str(code))
    for name in ("app.py", "crm.py"):
        (paths.folder / name).write_text("")
    engine.said = scene.status(folder=str(paths.folder))
    record = DEEP.replace("/srv/marketing", str(paths.folder))
    app = console(tell(("marketing", "stderr", "", record)))
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await pilot.press("3", "enter")
        await until(pilot, lambda: "▾ Traceback" in screen_text(app))
        await pilot.press("O")
        await until(pilot, lambda: opened.exists() and "crm.py:17" in opened.read_text())
        await pilot.press("j", "j", "O")
        await until(pilot, lambda: "app.py:41" in opened.read_text())


async def test_errors_and_workers_are_a_key_away(console: Callable[..., ConsoleApp]) -> None:
    """`{` goes to the error before; `w` shows one worker, the next one, and all again."""
    app = console(tell(*MIXED))
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await settled(pilot)
        await pilot.press("3", "{")
        await until(pilot, lambda: "▌✗" in screen_text(app) and "SIGKILL" in cursor_row(app))
        await pilot.press("{")
        await until(pilot, lambda: "transitioned failed" in cursor_row(app))
        await pilot.press("{")
        await until(pilot, lambda: "No error in that direction." in screen_text(app))
        await pilot.press("w")
        await until(pilot, lambda: "2 of 5 lines · 1 error hidden" in screen_text(app))
        await pilot.press("w")
        await until(pilot, lambda: "/ worker:engine" in screen_text(app))
        await pilot.press("w")
        await until(pilot, lambda: "5 lines" in screen_text(app))


async def test_what_is_typed_narrows_the_log_as_it_is_typed(
    console: Callable[..., ConsoleApp],
) -> None:
    """Fields and values that were seen are offered; what cannot be read changes nothing."""
    app = console(tell(*MIXED))
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await pilot.press("3", "slash", *"ext:b")
        await until(pilot, lambda: re.search(r"billing +2", screen_text(app)) is not None)
        await pilot.press("tab", "enter")
        await until(pilot, lambda: "2 of 5 lines" in screen_text(app))
        assert "paid 12 invoices" in screen_text(app)
        await pilot.press("escape")
        await until(pilot, lambda: "2 of 5 lines" not in screen_text(app))


async def test_a_line_is_copied_whole(console: Callable[..., ConsoleApp]) -> None:
    """All of a traceback, without colour codes."""
    app = console(tell(("marketing", "stderr", "", f"\x1b[31m{DEEP}\x1b[0m")))
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await pilot.press("3", "y")
        await until(pilot, lambda: app.clipboard == DEEP)


async def test_long_lines_are_wrapped_and_wrapped_again(
    console: Callable[..., ConsoleApp],
) -> None:
    """For the size of the terminal as it is; pressed again, a line is one row."""
    app = console(tell(("marketing", "log", "INFO", "word " * 30 + "end"), *MIXED))
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await pilot.press("3", "g")
        await until(pilot, lambda: " end" not in screen_text(app).split("─ 14:")[0])
        await pilot.press("W")
        await until(pilot, lambda: " end" in screen_text(app).split("─ 14:")[0])
        await pilot.resize_terminal(70, 30)
        await until(pilot, lambda: screen_text(app).split("─ 14:")[0].count("word word") >= 4)
        await pilot.press("W")
        await until(pilot, lambda: " end" not in screen_text(app).split("─ 14:")[0])


async def test_several_lines_are_copied_together(console: Callable[..., ConsoleApp]) -> None:
    """Those that are picked one by one, or as a range."""
    app = console(tell(*MIXED))
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await pilot.press("3", "space", "k", "k", "v", "k")
        await until(pilot, lambda: "3 selected in a range" in screen_text(app))
        await pilot.press("y")
        copied = f"transitioned failed\n{DEEP}\npaid 12 invoices\nback again"
        await until(pilot, lambda: app.clipboard == copied)
        await pilot.press("escape")
        await until(pilot, lambda: "selected" not in screen_text(app))


def cursor_row(app: ConsoleApp) -> str:
    """Return the row that the cursor is on."""
    rows = screen_text(app).split("\n")
    return next((row for row in rows if row.startswith("▌")), "")


def test_a_row_that_a_wider_list_does_not_need_is_blank_until_rows_are_counted_anew() -> None:
    """A list that is resized is drawn once before its rows are counted for the new width."""
    long = line("a word " * 40)
    below = logs.rows_below(long, 60)
    assert below > logs.rows_below(long, 200)
    assert text_of(logs.wrapped_row(long, below, 200)).strip() == ""
    assert text_of(logs.wrapped_row(line("short"), 1, 200)).strip() == ""
