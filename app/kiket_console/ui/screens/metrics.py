"""Metrics: how often, how slow, and what the last save changed.

    ─ issue.transitioned v1 ───────────────────── 14:05 - 14:20, 10 s a point ─
      charts of its calls and its latency, over the whole width
    ─ Metrics ────────────────────────────────────────── last 15m · by handler ─
      all                      1,204   0.4 %   3.1 ms    18 ms
    ▌ issue.transitioned v1      104   4.8 %   6.2 ms    41 ms   17 → 41 ms  slower ✗

`enter` goes to the exchanges of a row, or of the point that `←` and `→` go to; `d` to its details,
which stand below or beside the table where there is room.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

from msgspec.structs import replace

from kiket_console.errors import ConsoleError
from kiket_console.telemetry import words
from kiket_console.telemetry.report import ALL, GROUPS, WINDOWS
from kiket_console.ui import metrics_leads, moment
from kiket_console.ui.actions import Mode, Scope, bindings
from kiket_console.ui.metrics_rows import MetricsRows
from kiket_console.ui.paint import metrics as paint
from kiket_console.ui.paint import metrics_charts, metrics_details
from kiket_console.ui.paint.source import Lines
from kiket_console.ui.pointing import Pointing
from kiket_console.ui.screens.layout import WIDE_COLUMNS, Layout
from kiket_console.ui.screens.reporting import ReportingScreen
from kiket_console.ui.slowest import Slowest, Wanted
from kiket_console.ui.widgets.bars import Rule
from kiket_console.ui.widgets.chart import Chart

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from textual.geometry import Size
    from textual.widget import Widget

    from kiket_console.telemetry.nouns import Reload
    from kiket_console.telemetry.report import Report
    from kiket_console.ui.app import ConsoleApp
    from kiket_console.ui.metrics_reading import Found
    from kiket_console.ui.paint.line import Line
    from kiket_console.ui.paint.source import LineSource
    from kiket_console.ui.widgets.text_view import TextView

NAMES: Final = (*WINDOWS, ALL)
"""The windows, the shortest first."""
LEAST_ROWS: Final = 16
"""A lower screen has no room for charts."""


class MetricsScreen(ReportingScreen):
    """Charts, a table with verdicts, and what is known of one row."""

    PLACE = Scope.METRICS
    TITLE = "Metrics"
    BINDINGS: ClassVar[list[Any]] = [*bindings(Scope.PLACE, Scope.METRICS)]

    def __init__(self, console: ConsoleApp) -> None:
        self._rows = MetricsRows(lambda: console.status)
        self._rows.key_of = console.registry.key
        super().__init__(console, self._rows)
        self._pointing = Pointing()
        self._chart_rule = Rule(id="chart-rule")
        self._chart = Chart(id="charts")
        self._slowest = Slowest(self.reader_of_its_own(), self.show_details)

    # How it is laid out

    def above_panes(self) -> Iterable[Widget]:
        """Put the charts there."""
        return (self._chart_rule, self._chart)

    def natural_layout(self, size: Size) -> Layout:
        """Put the details beside the table where there is room for both."""
        return Layout.SIDE if size.width >= WIDE_COLUMNS else super().natural_layout(size)

    def lay_out(self, size: Size) -> None:
        """Give the charts a part of the height."""
        super().lay_out(size)
        self._show_charts()

    def _show_charts(self) -> None:
        height = self.size.height
        shown = height >= LEAST_ROWS and not self.zoomed and not self.is_empty
        self._chart.styles.height = max(6, height * 7 // 25)
        self._chart.display = self._chart_rule.display = shown

    # What is shown

    def take(self, found: Found) -> None:
        """Show a report."""
        self._rows.window = found.look.window
        with self.list.steady():
            self._rows.take(found.report, found.look.only, ever=found.ever)
        if self._rows.cursor <= 1:  # what came to stand first is seen below the row of all
            self.list.scroll_to(y=0, animate=False, force=True, immediate=True)
        self.list.redraw()
        self.show_summary()
        self._show_charts()
        self.show_details()

    def summary(self) -> Line:
        """Return the window, the group, and since when is counted."""
        return paint.summary(self._rows.report) if self._rows.report is not None else ()

    @property
    def mode(self) -> Mode:
        """What the place is used for."""
        found = super().mode
        return Mode.FILTERED if found is Mode.EMPTY and self._rows.only else found

    def cursor_moved(self) -> None:
        """Draw the charts of the row under the cursor at once."""
        super().cursor_moved()
        self._draw_charts()

    def show_details(self) -> None:
        """Show what is known of the selected row."""
        of = self._rows.selected
        if of is None or self._rows.report is None:
            return
        self._draw_charts()
        row = self._rows.selected_row
        name = words.name(row) if row is not None else paint.ALL_ROW
        self.details_rule.show(name, self._verdict())
        self.text.show(self._about, stay=True)
        self._look_for_slowest()

    def _draw_charts(self) -> None:
        drawn = self._drawn()
        if drawn is None:
            return
        of, report = drawn
        saves, pointed = self._saves(), self._pointing.pointed(of, report)
        self._chart_rule.show(self._subject(), metrics_charts.span(report, pointed))
        now_us = moment.now_us()
        self._chart.show(
            (of, report.until_s, saves, pointed),
            lambda room: metrics_charts.lines(of, report, saves, pointed, room, now_us),
        )

    def _drawn(self) -> tuple[metrics_charts.Figures, Report] | None:
        """Return what charts are of, and the report, with the points that are drawn."""
        of, report = self._rows.selected, self._rows.report
        if of is None or report is None:
            return None
        report = metrics_charts.cropped(report)
        return replace(of, points=of.points[-len(report.points) :]), report

    def _about(self, width: int) -> LineSource:
        of = self._rows.selected
        if of is None:
            return Lines()
        wanted = self._wanted()
        known = self._slowest.known(wanted) if wanted is not None else None
        slowest = None if known is None else (self._when(), known)
        return Lines(*metrics_details.details(of, self._saves(), slowest, width, moment.now_us()))

    def _subject(self) -> str:
        row = self._rows.selected_row
        return paint.subject(row) if row is not None else paint.ALL_ROW

    def _verdict(self) -> Line:
        row = self._rows.selected_row
        change = row.change if row is not None else None
        if row is not None and row.culprit is not None:
            change = row.culprit
        if change is None:
            return ()
        said = f"{words.verdict(change)} since {paint.save_name(change.reload)}"
        return [(said, paint.VERDICTS.get(change.verdict, "muted"))]

    def _when(self) -> str:
        """Return of which time the slowest are, where it is not all of the window."""
        report = self._rows.report
        point = self._pointing.point(report) if report is not None else None
        if report is None or point is None:
            return ""
        return metrics_charts.step(report, point)

    def _saves(self) -> tuple[Reload, ...]:
        """Return the saves that are marked: those of the selected row's worker, or all."""
        report, row = self._rows.report, self._rows.selected_row
        saves = report.reloads if report is not None else ()
        if row is None or not row.worker:
            return saves
        return tuple(each for each in saves if each.worker == row.worker)

    # The slowest

    def _wanted(self) -> Wanted | None:
        report, row = self._rows.report, self._rows.selected_row
        if report is None or not report.count:
            return None
        point = self._pointing.point(report)
        text = metrics_leads.filter_of(row, report, point, self._rows.only)
        slowest_us = row.slowest_us if row is not None else report.p99_us or 0
        return Wanted(text, metrics_leads.since_us(report, point, slowest_us))

    def _look_for_slowest(self) -> None:
        wanted = self._wanted()
        if wanted is not None and self._slowest.is_due(wanted):
            self.run_worker(self._slowest.look(wanted), group="make")

    # What a person does

    def action_window(self, by: int) -> None:
        """Look further back, or less far."""
        place = NAMES.index(self._look.window) + by
        self.look(window=NAMES[place % len(NAMES)])

    def action_group(self) -> None:
        """Make rows of something else."""
        place = GROUPS.index(self._look.group) + 1
        self.look(group=GROUPS[place % len(GROUPS)])

    def action_since(self) -> None:
        """Count all of the window; what came since the last save; since the one gone to."""
        chosen, look = self._pointing.save, self._look
        report = self._rows.report
        saves = report.reloads if report is not None else ()
        is_whole = look.since is None and not look.since_last_save
        if is_whole and not any(each.file and not each.problem for each in saves):
            self.console.say("No save came to serve within this window.")
            return
        if chosen is not None and look.since != chosen and not chosen.problem:
            self.look(since=chosen, since_last_save=False)
        elif is_whole:
            self.look(since_last_save=True)
        else:
            self.look(since=None, since_last_save=False)

    def action_point(self, by: int) -> None:
        """Look at the step of time before, or the next one."""
        if (drawn := self._drawn()) is not None:
            of, report = drawn
            self._pointing.step(of.points, report, by)
            self.show_details()

    def on_chart_clicked(self, event: Chart.Clicked) -> None:
        """Look at the step of time that was clicked."""
        if (drawn := self._drawn()) is None:
            return
        points = drawn[0].points
        place = metrics_charts.point_at(event.cell, self._chart.size.width, len(points))
        if place is not None:
            self._pointing.at(points[place])
            self.show_details()

    def action_save(self, by: int) -> None:
        """Look at the next save, or the one before."""
        if self._pointing.go_to_save(self._saves(), by):
            self.show_details()
        else:
            self.console.say("No save within this window.")

    def action_open(self) -> None:
        """Go to the exchanges of the row or the point; in the details, where a line leads."""
        if self.opened:
            super().action_open()
        else:
            self.action_exchanges()

    def action_details(self) -> None:
        """Read the details, or go back to the table."""
        if self.opened:
            self.action_back()
        else:
            super().action_open()

    def action_exchanges(self) -> None:
        """Go to the exchanges of the row or the point, the cursor on the slowest."""
        self._lead(self._to_exchanges)

    def action_timeline(self) -> None:
        """Go to the timeline of the slowest of them."""
        self._lead(self._to_timeline)

    def action_logs(self) -> None:
        """Go to what was logged for the slowest of them."""
        self._lead(self._to_logs)

    def _lead(self, go: Callable[[Wanted], Awaitable[None]]) -> None:
        if (wanted := self._wanted()) is not None:
            self.run_worker(self._led(go, wanted), group="lead", exclusive=True)

    async def _led(self, go: Callable[[Wanted], Awaitable[None]], wanted: Wanted) -> None:
        try:
            await go(wanted)
        except ConsoleError as error:  # words that mean something else to filters
            self.console.say(str(error), error=True)

    async def _to_exchanges(self, wanted: Wanted) -> None:
        found = await self._slowest.found(wanted)
        await self.console.show_exchanges(wanted.text, found[0].id if found else None)

    async def _to_timeline(self, wanted: Wanted) -> None:
        if found := await self._slowest.found(wanted):
            self.console.show_timeline(found[0].id)
        else:
            self.console.say(metrics_details.NONE_KEPT)

    async def _to_logs(self, wanted: Wanted) -> None:
        if found := await self._slowest.found(wanted):
            numbers = ",".join(str(each.id) for each in found)
            self.console.show_log_lines(f"exchange:{numbers}")
        else:
            self.console.say(metrics_details.NONE_KEPT)

    def on_text_view_followed(self, event: TextView.Followed) -> None:
        """Go to the exchange of a line, or show a save in the charts."""
        kind, _, number = event.target.partition(":")
        if kind == "exchange":
            self.console.show_timeline(int(number))
        else:
            self._pointing.save = next(
                (each for each in self._saves() if each.at_us == int(number)), None
            )
            self._draw_charts()

    def action_back(self) -> None:
        """Step out of the details; look at all of the window again; show all rows again."""
        if self.opened:
            super().action_back()
        elif self._pointing.clear():
            self.show_details()
        elif self._look.only:
            self.use("")

    # What is handed out

    def action_copy(self) -> None:
        """Copy the table as text."""
        from kiket_console.ui.clipboard import copy

        if self._rows.report is not None and self._rows.report.count:
            copy(self.console, paint.as_text(self._rows.report), "The table")

    def action_export(self) -> None:
        """Write the report as JSON."""
        from kiket_console.ui.metrics_export import export

        if self._rows.report is not None:
            export(self, self._rows.report)
