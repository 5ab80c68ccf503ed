"""Logs: records fold and unfold, errors and workers are a key away, places open in the editor."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from tests.snap import scene
from tests.snap.raised import FRAMES, TRACEBACK
from tests.snap.scene import screen_text, settled, until

from kiket_console import traced_frames
from kiket_console.filters import log_lines
from kiket_console.model import LogLine
from kiket_console.store.reader import Reader
from kiket_console.store.records import NewLog
from kiket_console.text import cell_width, uncoloured
from kiket_console.ui import frames
from kiket_console.ui.feed import Feed
from kiket_console.ui.log_filters import LogFilters
from kiket_console.ui.log_levels import LevelCounts
from kiket_console.ui.log_rows import LogRows
from kiket_console.ui.pages import LogPages
from kiket_console.ui.paint import logs, tracebacks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from kiket_console.paths import ProjectPaths
    from kiket_console.ui.app import ConsoleApp
    from kiket_console.ui.paint.line import Line

SIZE = (110, 30)
LIBRARY = "/srv/marketing/.venv/lib/python3.11/site-packages/lru/cache.py"
DEEP = f"""{TRACEBACK.rpartition(chr(10))[0]}
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
            roles = {role for _, role in tracebacks.row(record, part, 200, "/srv/marketing")}
            assert ("name" in roles) is own

    def test_locals_stand_below_the_frame_that_held_them(self) -> None:
        """In the list those of the project's own frames, in the details with the code around."""
        frames = traced_frames.stored(FRAMES, str)
        record = line(f"failed\n{DEEP}", level="ERROR", frames=frames)
        parts = tracebacks.parts(record, "/srv/marketing")
        rows = [text_of(tracebacks.row(record, part, 120, "/srv/marketing")).strip()
                for part in range(len(parts))]  # fmt: skip
        at = rows.index('return contacts[issue["reporter"]]')
        assert rows[at + 1] == '│ self = Crm(base="https://crm.test", api_key=[redacted])'
        assert rows[at + 2].startswith('│ issue = {"id": 43')
        assert parts[at + 2].row == parts[at].row
        details = [text_of(each) for each in logs.whole(record, 80, "/srv/marketing")]
        code = next(at for at, each in enumerate(details) if "▸ 17" in each)
        assert details[code - 1].endswith("16      contacts = await self.contacts()")
        assert details[code + 1].strip() == rows[at + 1]
        assert all(cell_width(each) <= 80 for each in details)

    def test_the_tab_of_an_exchange_has_room_for_tracebacks(self) -> None:
        """They begin at its left edge; locals and places are as they are elsewhere."""
        frames = traced_frames.stored(FRAMES, str)
        for text in (f"failed\n{TRACEBACK}", TRACEBACK):
            record = line(text, level="ERROR", frames=frames)
            shown = logs.of_exchange((record,), 100, "/srv/marketing")
            rows = [text_of(each) for each in shown]
            assert text.split("\n")[0] in rows[0]
            assert '      File "/srv/marketing/crm.py", line 17, in contact_of' in rows
            assert any(row.strip().startswith("│ issue = ") for row in rows)
            assert all(cell_width(row) <= 100 for row in rows)

    def test_locals_of_another_place_are_not_shown(self) -> None:
        """What does not fit the text, or is damaged, tells of nothing."""
        other = traced_frames.stored((traced_frames.TracedFrame("x.py", 1, "f"),), str)
        for kept in (other, "damaged"):
            record = line(DEEP, level="ERROR", frames=kept)
            assert len(tracebacks.parts(record)) == len(DEEP.split("\n"))

    def test_json_is_told_by_its_members(self) -> None:
        """The line itself stays as it was written."""
        record = line('{"event": "sent", "customer": {"id": 7}, "note": "a\\u001b[2J"}')
        shown = [text_of(each).strip() for each in logs.whole(record, 80)]
        assert "event     sent" in shown
        assert 'customer  {"id": 7}' in shown
        assert any(each.startswith('{"event"') for each in shown)

    def test_json_of_a_logger_is_told_as_its_message(self) -> None:
        """Its traceback is unfolded like any other; in the details it stands as it was written."""
        text = '{"level": "error", "event": "broke", "order": 7, "exception": "%s"}'
        record = line(text % TRACEBACK.replace("\n", "\\n").replace('"', "'"), level="ERROR")
        row = text_of(logs.row(record, 120))
        assert "broke  order=7" in text_of(logs.row(record, 120, unfolded=True))
        assert "KeyError" in row
        assert "{" not in row
        assert len(tracebacks.parts(record)) == len(TRACEBACK.split("\n")) + 1
        assert any('{"level"' in text_of(each) for each in logs.whole(record, 80))

    @pytest.mark.parametrize("width", [20, 40, 80, 120, 200, 400])
    @pytest.mark.parametrize(
        "text", [DEEP, f"failed\n{DEEP}", "x" * 3000, "", "a\n\nb", "日本" * 99]
    )
    def test_rows_fit_any_terminal(self, width: int, text: str) -> None:
        """Folded, and each line of an unfolded one."""
        record = line(text, level="ERROR")
        for unfolded in (False, True):
            assert cell_width(text_of(logs.row(record, width, unfolded=unfolded))) <= width
        for part in range(1, len(tracebacks.lines_of(record))):
            assert cell_width(text_of(tracebacks.row(record, part, width))) <= width


class TestRows:
    @pytest.fixture
    def reader(self, paths: ProjectPaths) -> Iterator[Reader]:
        with Reader(paths.store) as reader:
            yield reader

    @pytest.fixture
    def rows(self, paths: ProjectPaths, reader: Reader) -> LogRows:
        """Return the rows of a store with two records of several lines."""
        story = tell(*MIXED, ("marketing", "log", "INFO", "a\nb\nc"))
        scene.write_store(paths.store, story)
        feed: Feed[LogLine] = Feed(LogPages(reader))
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

    def test_long_lines_take_as_many_rows_as_they_need(
        self, paths: ProjectPaths, reader: Reader
    ) -> None:
        """Those that come later too; nothing of them is lost, whatever they are made of."""
        long = [f"{number} " + "word " * 40 + "日本" * 30 + " end" for number in range(3)]
        records = [("shop", "log", "INFO", text) for text in ("short", long[0], "a\nb", long[1])]
        scene.write_store(paths.store, tell(*records, ("shop", "log", "INFO", long[2])))
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

    def test_what_is_sought_is_marked_in_what_is_said(self, rows: LogRows) -> None:
        """Whatever its case; not in the columns before."""
        rows.seek(["MARKETING", "paid 12", "crm"])
        marked = [text for text, role in rows.line(2, 100) if role == "match"]
        assert marked == ["paid 12"]
        assert not [text for text, role in rows.line(0, 100) if role == "match"]
        rows.move(1)
        rows.toggle()
        below = [rows.line(position, 200) for position in range(2, 6)]
        found = [text for row in below for text, role in row if role == "match"]
        assert found == ["marketing", "crm", "marketing", "crm"]
        rows.seek([])
        assert not [text for text, role in rows.line(2, 100) if role == "match"]

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
    """All of a traceback, without colour codes; of JSON what was written, not what is told."""
    text = '{"level":"warning","event":"the CRM is slow","tries":3}'
    traceback = ("marketing", "stderr", "", f"\x1b[31m{DEEP}\x1b[0m")
    app = console(tell(("marketing", "stdout", "WARNING", text), traceback))
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await pilot.press("3", "y")
        await until(pilot, lambda: app.clipboard == DEEP)
        await pilot.press("up", "y")
        await until(pilot, lambda: app.clipboard == text)
        assert "the CRM is slow  tries=3" in screen_text(app)


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


@pytest.mark.parametrize("text", ["漢" * 30_000, "\x1b[31mword " * 9_000], ids=["wide", "coloured"])
def test_of_a_very_long_line_no_more_is_looked_at_than_a_row_may_show(text: str) -> None:
    """Forty of them on a screen would hold it up for seconds."""
    long = line(text)
    assert len(tracebacks.beginning(uncoloured(text), 100)) == 400
    assert text_of(logs.row(long, 100)).endswith("…")
    rows = [text_of(logs.wrapped_row(long, part, 100)) for part in range(3)]
    assert all(row.strip() for row in rows)
    assert logs.rows_below(long, 100) > 100


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


async def test_a_search_hides_nothing_and_standard_error_stands_alone(
    console: Callable[..., ConsoleApp],
) -> None:
    """`n` asks what to look for and goes on to older lines with `N`; `e` narrows."""
    app = console(tell(*MIXED, ("billing", "stderr", "", "disk is full")))
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await settled(pilot)
        await pilot.press("3", "n", *"KI", "enter")
        await until(pilot, lambda: "SIGKILL" in cursor_row(app))
        await until(pilot, lambda: "2 errors · 2 info · 6 lines" in screen_text(app))
        await pilot.press("N")
        await until(pilot, lambda: "labelled KIK-40" in cursor_row(app))
        await pilot.press("N")
        await until(pilot, lambda: "No match in that direction." in screen_text(app))
        await pilot.press("n")
        await until(pilot, lambda: "SIGKILL" in cursor_row(app))
        await pilot.press("escape", "e")
        await until(pilot, lambda: "1 of 6 lines" in screen_text(app))
        assert "┃ disk is full" in cursor_row(app)
        await pilot.press("e")
        await until(pilot, lambda: "2 errors · 2 info · 6 lines" in screen_text(app))


async def test_one_goes_to_the_lines_of_an_exchange_and_comes_back(
    console: Callable[..., ConsoleApp],
) -> None:
    """`L` shows its lines among no others; `c` of a line its place in the timeline; `esc` back."""
    app = console()
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await pilot.press("{", "{", "{", "L")
        await until(pilot, lambda: "2 of 10 lines" in screen_text(app))
        assert "/ exchange:1191" in screen_text(app)
        await pilot.press("c")
        row = re.compile("▌   log +error issue.trans")
        await until(pilot, lambda: row.search(screen_text(app)) is not None)
        await pilot.press("escape")
        await until(pilot, lambda: "/ exchange:1191" in screen_text(app))
        await pilot.press("escape")
        await until(pilot, lambda: "signature" in screen_text(app))
        await pilot.press("3")
        await until(pilot, lambda: "10 lines" in screen_text(app))


@pytest.mark.parametrize(
    ("text", "narrowed"),
    [
        ("", "stream:stderr"),
        ("crm level:>=warn", "crm level:>=warn stream:stderr"),
        ("crm OR disk", "(crm OR disk) stream:stderr"),
        ("(crm | disk) full", "((crm | disk) full) stream:stderr"),
    ],
)
def test_a_filter_is_narrowed_to_standard_error_and_back(
    tmp_path: Path, text: str, narrowed: str
) -> None:
    """What was there before stays as it was written."""
    filters = LogFilters(tmp_path)
    assert filters.with_stderr(text) == narrowed
    assert filters.with_stderr(narrowed) == text
    filters.parse(narrowed)


def test_what_an_exchange_is_called_is_offered_for_its_lines(
    tmp_path: Path, paths: ProjectPaths
) -> None:
    """As for exchanges, values that were seen with how often."""
    scene.write_store(paths.store)
    with Reader(paths.store) as reader:
        offers = LogFilters(tmp_path).completions("crm event:sla", 13, reader)
        assert [(each.text, each.note) for each in offers] == [("sla.breach", "1")]


def test_lines_are_counted_by_how_grave_they_are(paths: ProjectPaths) -> None:
    """All, or those that a filter lets through; what comes later is added."""
    story = tell(*MIXED, ("billing", "stderr", "", DEEP), ("billing", "log", "WARNING", "slow"))
    scene.write_store(paths.store, story)
    with Reader(paths.store) as reader:
        counts = LevelCounts()
        assert counts.said() == []
        for _ in (*counts.count(reader), *counts.count(reader)):  # the second has nothing to do
            pass
        said = [text_of(line) for _, line in counts.said()]
        assert said == ["3 errors", "1 warning", "2 info"]
        counts = LevelCounts(log_lines.parse("worker:billing"))
        assert list(counts.count(reader)) == [None]
        assert [text_of(line) for _, line in counts.said()] == ["1 error", "1 warning", "1 info"]


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
