"""Metrics: the row that got slower is selected, and leads to what happened in two keys or fewer."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace
from tests.snap import metrics as story
from tests.snap import scene
from tests.snap.scene import screen_text, settled, until

from kiket_console.errors import ConsoleError
from kiket_console.filters import parse
from kiket_console.store.reader import Reader
from kiket_console.telemetry.building import build
from kiket_console.telemetry.nouns import OTHER, Reload
from kiket_console.telemetry.report import Line as Row
from kiket_console.telemetry.reporting import Look
from kiket_console.telemetry.windows import window
from kiket_console.ui import metrics_leads
from kiket_console.ui.metrics_reading import MetricsReading
from kiket_console.ui.metrics_rows import MetricsRows
from kiket_console.ui.pointing import Pointing
from kiket_console.ui.screens.logs import LogsScreen
from kiket_console.ui.screens.metrics import MetricsScreen
from kiket_console.ui.screens.traffic import TrafficScreen

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.pilot import Pilot

    from kiket_console.paths import ProjectPaths
    from kiket_console.telemetry.report import Report
    from kiket_console.ui.app import ConsoleApp

SIZE = (120, 36)
SLOW = "issue.transitioned"


@pytest.fixture(scope="module")
def report() -> Report:
    """Return the report of the story."""
    looked_at = window("15m", story.NOW_S)
    saves = (story.STARTED, *story.SAVES)
    return build(story.measures(), saves, looked_at, now_s=story.NOW_S)


@pytest.fixture
def told(paths: ProjectPaths, console: Callable[..., ConsoleApp]) -> ConsoleApp:
    """Return the console on the story's store."""
    story.tell_of_calls(calls := scene.Story())
    return console(calls)


async def pressed(pilot: Pilot[bool], *keys: str) -> MetricsScreen:
    """Press keys in Metrics, and return the place when all is read."""
    await settled(pilot)
    for key in ("4", *keys):
        await pilot.press(key)
        await scene.filtered(pilot)
    await settled(pilot)
    place = pilot.app.screen
    assert isinstance(place, MetricsScreen)
    return place


def row(**changes: object) -> Row:
    """Return a row of a handler."""
    facts = {"source": "webhook", "worker": "marketing", "name": SLOW, "version": "v1"} | changes
    of = {name: str(facts.get(name, "")) for name in ("source", "worker", "name", "version")}
    return Row(
        **of, outcome=str(facts.get("outcome", "")), count=1, errors=0, rate_per_s=1.0, p50_us=1,
        p95_us=1, p99_us=1, slowest_us=int(str(facts.get("slowest_us", 9_000))), change=None,
        culprit=None, points=(), distribution=(),
    )  # fmt: skip


class TestWhereAPersonGets:
    async def test_from_the_slow_handler_to_the_call_to_blame_and_the_line_that_says_why(
        self, told: ConsoleApp
    ) -> None:
        """Each is one key from the last, and `esc` comes back; lists are as they were then."""
        async with told.run_test(size=SIZE) as pilot:
            place = await pressed(pilot)
            shown = screen_text(told)
            assert place.list.rows.cursor == 1
            assert f"▌  {SLOW} v1" in shown
            assert "slower ✗ since crm.py 14:00:17" in shown
            await pilot.press("c")
            await until(pilot, lambda: isinstance(told.place, TrafficScreen))
            await until(pilot, lambda: "GET custom_data/contacts" in screen_text(told))
            assert "retrying CRM" in screen_text(told)
            await pilot.press("escape")
            await until(pilot, lambda: told.place is place)
            await pilot.press("enter")
            await until(pilot, lambda: isinstance(told.place, TrafficScreen))
            traffic = told.place
            assert isinstance(traffic, TrafficScreen)
            await until(pilot, lambda: traffic.feed.count == 1)
            assert traffic.filter_text.startswith(f"src:webhook ext:marketing event:{SLOW} v:v1 ")
            assert traffic.feed.selected is not None
            assert traffic.feed.selected.status == 500
            await pilot.press("escape")
            await until(pilot, lambda: told.place is place)
            assert traffic.filter_text == ""
            await pilot.press("l")
            await until(pilot, lambda: isinstance(told.place, LogsScreen))
            await until(pilot, lambda: "KeyError" in screen_text(told))
            assert "2 of 10 lines" in screen_text(told)
            await pilot.press("escape")
            await until(pilot, lambda: told.place is place)

    async def test_a_step_of_time_or_a_save_is_looked_at_alone_and_what_is_seen_is_handed_out(
        self, told: ConsoleApp
    ) -> None:
        async with told.run_test(size=SIZE) as pilot:
            place = await pressed(pilot, "left", "left", "right")
            assert "14:06:30 - 14:06:40" in screen_text(told)
            assert "the slowest  14:06:30 - 14:06:40" in screen_text(told)
            await pilot.press("escape")
            await scene.filtered(pilot)
            assert "14:06:30 - 14:06:40" not in screen_text(told)
            await pilot.press("left_curly_bracket", "left_curly_bracket")
            assert "▴ crm.py 14:00:17, served after 33.0 ms" in screen_text(told)
            await pilot.press("s")
            await until(pilot, lambda: "since crm.py 14:00:17 ─" in screen_text(told))
            chart = place.query_one("#charts")
            await pilot.click(chart, offset=(chart.size.width - 20, 2))
            await until(pilot, lambda: "◆" in screen_text(told))
            await pilot.press("y")
            assert "12 → 76 ms" in told.clipboard
            await pilot.press("x", "enter")
            file = told.folder / "metrics-15m.json"
            await until(pilot, file.exists)
            assert SLOW in file.read_text()


class TestWhatIsLookedAt:
    async def test_windows_groups_and_words_narrow_what_is_shown(self, told: ConsoleApp) -> None:
        async with told.run_test(size=(80, 24)) as pilot:
            await pressed(pilot, "w")
            assert "last 1h · by handler" in screen_text(told)
            await pilot.press("W", "b")
            await until(pilot, lambda: "last 15m · by worker" in screen_text(told))
            assert "billing" in screen_text(told)
            await pilot.press("b", "b", "b", "slash", *"src:ipc")
            await until(pilot, lambda: "issue.created" not in screen_text(told))
            assert "invoice.of" in screen_text(told)
            await pilot.press(*" x:y")
            await until(pilot, lambda: 'Metrics have no field "x"' in screen_text(told))
            await pilot.press("escape")
            await until(pilot, lambda: "issue.created" in screen_text(told))
            await pilot.press("g", "j", "d", *("j",) * 7)  # in this room details are a key away
            await until(pilot, lambda: "how long they took" in screen_text(told))
            await pilot.press("enter")
            await until(pilot, lambda: isinstance(told.place, TrafficScreen))

    async def test_an_empty_place_teaches_and_every_key_is_harmless(
        self, console: Callable[..., ConsoleApp]
    ) -> None:
        app = console(empty=True)
        async with app.run_test(size=(80, 24)) as pilot:
            await pressed(pilot, *"wbsecldyx", "left", "right_curly_bracket")
            assert app.crash is None
            assert "Nothing has ended yet." in screen_text(app)


class TestReading:
    def test_nothing_is_read_twice(self, paths: ProjectPaths) -> None:
        story.tell_of_calls(calls := scene.Story())
        scene.write_store(paths.store, calls)
        with Reader(paths.store) as reader:
            reading = MetricsReading(reader)
            found = reading.read(Look(), story.NOW_S)
            assert found is not None
            assert found.report.lines[0].name == SLOW
            assert found.ever
            assert reading.read(Look(), story.NOW_S + 2) is None
            later = reading.read(Look(), story.NOW_S + 12)  # time goes on, and the window with it
            assert later is not None
            assert later.report.until_s == found.report.until_s + 10
            assert reading.read(Look(group="worker"), story.NOW_S + 12) is not None

    def test_the_cursor_stays_on_a_row_while_others_come_and_go(self, report: Report) -> None:
        rows = MetricsRows(lambda: None)
        rows.take(report, "", ever=True)
        assert rows.selected_row is not None
        assert rows.selected_row.name == SLOW
        rows.move(0)
        assert rows.selected is report
        rows.move(3)
        name = report.lines[2].name
        rows.take(replace(report, lines=report.lines[::-1]), "", ever=True)
        assert rows.selected_row is not None
        assert rows.selected_row.name == name
        rows.take(replace(report, lines=()), "", ever=True)
        assert rows.cursor == 0

    def test_where_nothing_is_counted_the_place_says_so(self) -> None:
        rows = MetricsRows(lambda: scene.status(counts=False))
        rows.is_reading = False
        said = "\n".join(text for line in rows.teach(80) for text, _ in line)
        assert "The setting telemetry is false" in said


class TestLeads:
    def test_a_row_becomes_a_filter_that_lets_its_exchanges_through(self, report: Report) -> None:
        began = datetime.fromtimestamp(report.since_s).strftime("%Y-%m-%dT%H:%M:%S")  # noqa: DTZ006
        asked = {
            'src:api ext:marketing event:"GET contacts"': row(
                source="api", name="GET contacts", version=""
            ),
            "src:ipc mod:billing event:invoice.of": row(
                source="ipc", worker="billing", name="invoice.of", version=""
            ),
            "src:producer event:payment.processed": row(
                source="producer", name="payment.processed", version=""
            ),
            "(ext:billing OR mod:billing)": row(source="", worker="billing", name="", version=""),
            "status:5xx": row(source="", worker="", name="", version="", outcome="5xx"),
            "status:error": row(source="", worker="", name="", version="", outcome="failed"),
            "src:webhook": row(worker=OTHER, name=OTHER, version=""),
            'src:webhook ext:marketing event:"a\\"b c" v:v1': row(name='a"b c'),
        }
        for text, of in asked.items():
            made = metrics_leads.filter_of(of, report, None)
            assert made == f"{text} since:{began}"
            parse(made)

    def test_a_point_is_a_range_of_times_that_holds_what_took_long(self, report: Report) -> None:
        text = metrics_leads.filter_of(row(slowest_us=3_200_000), report, 10, "")
        begin = datetime.fromtimestamp(report.since_s + 96, UTC)
        end = datetime.fromtimestamp(report.since_s + 109, UTC)
        local = [each.astimezone().strftime("%Y-%m-%dT%H:%M:%S") for each in (begin, end)]
        assert text.endswith(f"at:{local[0]}..{local[1]}")

    def test_all_of_it_is_what_the_words_say(self, report: Report) -> None:
        assert metrics_leads.filter_of(None, report, None, "-src:api").startswith("-src:api since:")

    def test_the_slowest_are_found_from_the_newest_on(self, paths: ProjectPaths) -> None:
        scene.write_store(paths.store)
        with Reader(paths.store) as reader:
            slowest = metrics_leads.slowest(reader, "src:webhook", 0)
            taken = [each.duration_us or 0 for each in slowest]
            assert taken == sorted(taken, reverse=True)
            assert taken[0] == 18_900
            assert len(taken) == metrics_leads.SLOWEST
            assert metrics_leads.slowest(reader, "event:none", 0) == []
            with pytest.raises(ConsoleError):
                metrics_leads.slowest(reader, "event:(", 0)


class TestPointing:
    def test_steps_without_calls_are_left_out(self, report: Report) -> None:
        points = [replace(each, count=int(at in (3, 7))) for at, each in enumerate(report.points)]
        pointing = Pointing()
        seen = []
        for by in (1, -1, -1, 1, 1):
            pointing.step(points, report, by)
            seen.append(pointing.point(report))
        assert seen == [7, 3, 3, 7, 7]

    def test_a_step_stays_what_it_was_while_time_goes_on(self, report: Report) -> None:
        pointing = Pointing()
        pointing.at(report.points[5])
        later = replace(report, since_s=report.since_s + 20, until_s=report.until_s + 20)
        assert (pointing.point(report), pointing.point(later)) == (5, 3)
        gone = replace(report, since_s=report.since_s + 60, until_s=report.until_s + 60)
        assert pointing.point(gone) is None
        assert pointing.clear()
        assert not pointing.clear()

    def test_saves_are_gone_through_from_the_newest(self) -> None:
        saves = [Reload(at, "m", f"m#{at}", "app.py", 1) for at in range(3)]
        pointing = Pointing()
        seen = []
        for by in (1, -1, -1, -1, 1):
            assert pointing.go_to_save(saves, by)
            assert pointing.save is not None
            seen.append(pointing.save.at_us)
        assert seen == [2, 1, 0, 0, 1]
        assert not pointing.go_to_save([], 1)
