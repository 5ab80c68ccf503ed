"""The timeline: bars that fit whatever the times are, and lead to what they stand for and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.kiket_console.ui.test_paint import EXCHANGE, MESSAGE, lines_of
from tests.snap import producer, scene
from tests.snap.scene import Story, screen_text, settled, until

from kiket_console.model import Attempt, LogLine, Source, State
from kiket_console.telemetry.nouns import Span
from kiket_console.tracing.kin import Call, Kin
from kiket_console.tracing.tree import timeline
from kiket_console.ui import moment, timeline_tab
from kiket_console.ui.paint.bars import axis, bar
from kiket_console.ui.paint.timeline import TimelineRows
from kiket_console.ui.screens.traffic import TrafficScreen

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.pilot import Pilot

    from kiket_console.model import Exchange
    from kiket_console.ui.app import ConsoleApp

BEGAN_US = EXCHANGE.started_us
CHILD = replace(
    EXCHANGE, id=1205, source=Source.API, name="POST notifications", version="", parent_id=1204,
    started_us=BEGAN_US + 1_000, duration_us=1_500, status=429,
)  # fmt: skip
HANDLER = Span(
    9, "", "", "", 1204, "marketing", "handler", "updated", BEGAN_US + 200, 2_600, "error", "Ouch",
    (("retries", "2"),),
)  # fmt: skip
LINE = LogLine(
    7, BEGAN_US + 2_000, "marketing", "log", "WARNING", "app", "retrying\x1b[2J CRM\nin 1 s", "",
    1204,
)  # fmt: skip


def rows(
    *exchanges: Exchange,
    width: int = 120,
    spans: tuple[Span, ...] = (),
    logs: tuple[LogLine, ...] = (),
    attempts: tuple[Attempt, ...] = (),
    strangers: int = 0,
) -> TimelineRows:
    first = exchanges[0]
    calls = tuple(Call(each, "", "", each.started_us) for each in exchanges)
    kin = Kin(first.id, first.id, calls, attempts, spans, logs, strangers=strangers)
    return TimelineRows(timeline(kin, scene.NOW_US), width, scene.NOW_US, next_key="n")


def said(source: TimelineRows) -> list[str]:
    """Return the rows of bars, each without its bar and with single blanks."""
    return [" ".join(text.translate(BARS).split()) for text in lines_of(source)]


BARS = dict.fromkeys(map(ord, "▏▎▍▌▋▊▉█╌─"), " ")


class TestRows:
    def test_each_row_says_what_it_is_how_long_it_took_and_how_it_ended(self) -> None:
        drawn = said(rows(EXCHANGE, CHILD, spans=(HANDLER,), logs=(LINE,)))
        assert drawn[1:] == [
            "the most time went into POST notifications, 1.5 ms of 2.9 ms (52 %)",
            "n goes to what failed or took long 0 1.4 ms 2.9 ms",
            "▸webhook 1204 issue.updated v2 2.9 ms 200",
            "handler updated 2.6 ms error ✗",
            "api 1205 POST notifications 1.5 ms 429 ✗ ◂ 52 %",
            "log warning retrying\\x1b[2J CRM",
        ]

    def test_messages_say_which_way_they_went(self) -> None:
        asked = replace(
            MESSAGE, id=1205, direction="out", name="service_request", method="", path="",
            parent_id=1204,
        )  # fmt: skip
        drawn = said(rows(MESSAGE, asked, width=100))
        assert [" ".join(each.split()[:4]) for each in drawn[-2:]] == [
            "▸ipc ← billing POST",
            "ipc → billing service_request",
        ]

    def test_a_guess_has_a_sign_and_says_why(self) -> None:
        guessed = replace(CHILD, parent_guessed=True)
        drawn = said(rows(EXCHANGE, guessed, strangers=3))
        assert "? POST notifications 1.5 ms 429 ✗" in " ".join(drawn)
        assert drawn[-2:] == [
            "? a guess: by worker and time",
            "3 other exchanges of the same trace",
        ]
        narrow = rows(EXCHANGE, guessed, width=80, strangers=3)
        assert narrow.target(narrow.count - 1) == f"trace:{EXCHANGE.trace_id}"

    def test_why_an_attempt_failed_stands_below_it(self) -> None:
        tried = Attempt(
            1204, 1, "marketing#2", BEGAN_US, State.FAILED, None, 700, "It ended before that.", None
        )
        drawn = said(rows(EXCHANGE, attempts=(tried,)))
        at = next(row for row, text in enumerate(drawn) if text.startswith("try 1 marketing#2"))
        assert drawn[at + 1] == "It ended before that."

    @pytest.mark.parametrize(("after_us", "before"), [(100, False), (2_800, True)])
    def test_a_long_line_stands_on_the_side_of_its_moment_that_has_room(
        self, after_us: int, before: bool
    ) -> None:
        text = "waited for all issues of all projects"
        line = replace(LINE, at_us=BEGAN_US + after_us, text=text)
        drawn = lines_of(rows(EXCHANGE, logs=(line,)))[-1]
        assert text in drawn
        assert (drawn.index(text) < drawn.index("▏")) is before

    def test_a_span_and_a_log_line_unfold_and_what_caused_something_folds(self) -> None:
        source = rows(EXCHANGE, CHILD, spans=(HANDLER,), logs=(LINE,))
        handler = source.row_of("span:9")
        assert handler is not None
        assert source.turn(handler) == handler
        assert said(source)[handler + 1 : handler + 4] == [
            "message Ouch", "worker marketing", "retries 2",
        ]  # fmt: skip
        assert source.fold(handler) == handler
        assert "updated +2" in said(source)[handler]
        assert source.row_of("log:7:1204") is None
        assert source.fold_level(handler, None) == handler
        line = source.row_of("log:7:1204")
        assert line is not None
        source.fold(line)
        assert said(source)[line + 1 :] == ["retrying\\x1b[2J CRM", "in 1 s"]
        assert source.above(line) == handler
        assert source.fold_level(line, 0) == source.row_of("exchange:1204")

    def test_a_next_row_to_look_at_failed_or_took_long(self) -> None:
        source = rows(EXCHANGE, CHILD, spans=(HANDLER,), logs=(LINE,))
        first = source.notable(0, 1)
        assert first == source.row_of("span:9")
        assert source.notable(first or 0, 1) == source.row_of("exchange:1205")
        assert source.notable(source.count - 1, 1) is None
        assert source.notable(first or 0, -1) is None

    @given(
        st.integers(0, 10**12), st.none() | st.integers(0, 10**10), st.integers(-(10**9), 10**10)
    )
    def test_rows_fit_whatever_the_times_are(
        self, took_us: int, child_us: int | None, offset_us: int
    ) -> None:
        child = replace(CHILD, duration_us=child_us, started_us=BEGAN_US + offset_us)
        for width in (40, 80, 160):
            source = rows(replace(EXCHANGE, duration_us=took_us), child, width=width)
            drawn = lines_of(source)
            assert max(map(len, drawn)) <= max(width, 74)
            assert source.row_of("exchange:1205") == len(drawn) - 1


class TestBars:
    @pytest.mark.parametrize(
        ("start_us", "waited_us", "took_us", "drawn"),
        [
            (0, 0, 100, "██████████"),
            (50, 0, 25, "     ██▌  "),
            (20, 30, 50, "  ╌╌╌█████"),
            (99, 0, 0, "         ▏"),
            (-500, 0, 20, "██        "),
            (500, 70, 500, "         →"),
            (0, 500, 500, "╌╌╌╌╌╌╌╌╌→"),
            (80, 0, 500, "        █→"),
        ],
    )
    def test_a_bar_stands_where_and_as_long_as_it_was(
        self, start_us: int, waited_us: int, took_us: int, drawn: str
    ) -> None:
        line = bar(start_us, waited_us, took_us, 100, 10, "api")
        assert "".join(text for text, _ in line) == drawn

    @pytest.mark.parametrize("cells", [0, 1, 7, 13, 40])
    def test_an_axis_fits(self, cells: int) -> None:
        assert len("".join(text for text, _ in axis(20_300, cells))) == cells


def detail_of(app: ConsoleApp) -> int:
    place = app.place
    assert isinstance(place, TrafficScreen)
    stop = place._details.stop
    return stop.exchange_id if stop is not None else 0


def cursor_of(app: ConsoleApp) -> str:
    assert app.place is not None
    text = app.place.text
    return text.source.name(text.cursor)


async def timeline_of_the_failed(pilot: Pilot[bool]) -> None:
    await settled(pilot)
    await pilot.press(*["k"] * 5, "c")
    await pilot.pause()


async def test_a_bar_leads_to_its_exchange_and_escape_back_to_it(
    console: Callable[..., ConsoleApp],
) -> None:
    app = console()
    async with app.run_test(size=(120, 40)) as pilot:
        await timeline_of_the_failed(pilot)
        assert cursor_of(app) == "exchange:1191"
        await pilot.press("n", "n")
        assert cursor_of(app) == "exchange:1193"
        await pilot.press("enter")
        await until(pilot, lambda: "─ 1193 POST notifications" in screen_text(app))
        await settled(pilot)
        await pilot.press("escape")
        await until(pilot, lambda: "─ 1191 issue.transitioned" in screen_text(app))
        assert cursor_of(app) == "exchange:1193"
        await pilot.press("N", "enter")  # the handler
        await until(pilot, lambda: "message  KeyError" in screen_text(app))
        await pilot.press("n", "n", "enter")  # the log line
        await until(pilot, lambda: cursor_of(app).startswith("log:"))
        assert "KeyError: 'reporter'" in screen_text(app)
        await pilot.press("escape", "escape")
        assert app.place is not None
        assert not app.place.opened


async def test_what_a_filter_hides_is_gone_to_all_the_same_and_acted_on(
    console: Callable[..., ConsoleApp],
) -> None:
    app = console()
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        place = app.place
        assert isinstance(place, TrafficScreen)
        await place.action_filter("event:issue.transitioned")
        await until(pilot, lambda: place.feed.count == 1)
        await pilot.press("c", "n", "n", "enter")
        await until(pilot, lambda: "─ 1193 POST notifications" in screen_text(app))
        await settled(pilot)
        assert detail_of(app) == 1193
        assert [each.id for each in place.chosen()] == [1193]
        await pilot.press("escape", "escape")
        await settled(pilot)
        assert detail_of(app) == 1191
        assert [each.id for each in place.chosen()] == [1191]


async def test_a_large_timeline_shows_its_beginning_and_then_all(
    console: Callable[..., ConsoleApp], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timeline_tab, "AT_ONCE", 20)
    story = Story()
    of = story.webhook("issue.created", "v1", b"{}", 200, 90_000)
    for number in range(60):
        story.call(of, "GET custom_data/contacts", 200, 800, after_us=1_500 + 1_000 * number)
    app = console(story)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.press("g", "c")
        assert app.place is not None
        text = app.place.text
        await until(pilot, lambda: text.source.count > 60)
        assert "Timeline 61" in screen_text(app)


async def test_pending_bars_grow(
    console: Callable[..., ConsoleApp], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timeline_tab, "AGAIN_S", 0)
    story = Story()
    story.webhook("issue.created", "v1", b"{}", None, 0, state=State.RECEIVED)
    app = console(story)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.press("c")
        await pilot.pause()
        before = screen_text(app)
        monkeypatch.setattr(moment, "now_us", lambda: scene.NOW_US + 60_000_000)
        assert app.place is not None
        app.place.tick()
        assert "2 m 32 s" in screen_text(app), before


async def test_each_place_that_means_an_exchange_leads_to_its_timeline(
    console: Callable[..., ConsoleApp],
) -> None:
    scene.tell(story := Story())
    producer.tell_of_messages(story)
    app = console(story)
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        for key, place, number in (("2", "processes", 1196), ("7", "producer", 1202)):
            await pilot.press(key, "g")
            await settled(pilot)
            await pilot.press("c")
            await until(pilot, lambda number=number: cursor_of(app) == f"exchange:{number}")  # type: ignore[misc]  # it is called at once
            assert app.current_mode == "traffic"
            await pilot.press("escape")
            await until(pilot, lambda place=place: app.current_mode == place)  # type: ignore[misc]  # likewise
