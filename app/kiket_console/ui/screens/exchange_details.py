"""The tabs of one exchange: what is read, laid out and shown, in threads where it is large."""

from __future__ import annotations

import time
from collections import OrderedDict
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Final

from textual.worker import get_current_worker

from kiket_console.text import size
from kiket_console.ui import moment
from kiket_console.ui.frames import targets
from kiket_console.ui.paint.source import Lines
from kiket_console.ui.threads import hand_over
from kiket_console.ui.timeline_tab import TimelineTab
from kiket_console.ui.way_back import Stop

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kiket_console.model import Detail, Exchange, LogLine
    from kiket_console.ui.paint.body import BodyView
    from kiket_console.ui.paint.layout import Shape
    from kiket_console.ui.paint.line import Line
    from kiket_console.ui.paint.source import LineSource
    from kiket_console.ui.screens.place import PlaceScreen
    from kiket_console.ui.widgets.bars import TabBar

TABS: Final = ("request", "response", "headers", "signature", "timeline", "logs")
EDITED: Final = "edited"
"""The tab that only an edited delivery has."""
KEPT_VIEWS: Final = 6
SLOW_READ_BYTES: Final = 1 << 20
"""Bodies of more together are read in a thread."""
GROWN_EVERY_S: Final = 0.1


class ExchangeDetails:
    """What stands in the details of the selected exchange."""

    def __init__(
        self, screen: PlaceScreen, bar: TabBar, visit: Callable[[Stop, Stop], None]
    ) -> None:
        """*visit* is to go to the first stop, and back to the second one."""
        self._screen = screen
        self._bar = bar
        self._visit = visit
        self._views: OrderedDict[tuple[int, str, int], BodyView] = OrderedDict()
        self._tab = 0
        self._attempt = 0
        self._logs: Sequence[LogLine] = ()
        self._reading = 0
        self._job: tuple[BodyView, Shape, bool] | None = None
        """What a thread is laying out."""
        self._timeline = TimelineTab(screen, self._timeline_changed)
        self._stop: Stop | None = None
        """Where a person has gone to, until it is read."""
        self.detail: Detail | None = None
        """What is shown; None while nothing is selected."""

    # What is read

    def show(self, selected: Exchange | None) -> None:
        """Show an exchange; one that was shown already stays where it was looked at."""
        if selected is None:
            self.detail = None
            self._reading = 0
            return
        reader = self._screen.console.reader
        if reader.stored_bytes(selected.id) > SLOW_READ_BYTES:
            known = self.detail
            if known is not None and known.exchange == selected:
                return
            self._reading = selected.id
            self._job = None
            self._in_thread(partial(self._read, selected.id))
            if known is None or known.exchange.id != selected.id:
                self._say_that_it_is_read(reader.stored_bytes(selected.id))
            return
        self._reading = 0
        self._take(reader.detail(selected.id), reader.exchange_logs(selected.id))

    def _read(self, exchange_id: int) -> None:
        from kiket_console.ui.paint.body import SHOWN_BYTES

        with closing(self._screen.console.another_reader()) as reader:
            found = reader.detail(exchange_id, SHOWN_BYTES)
            logs = reader.exchange_logs(exchange_id)
        hand_over(self._screen.app, self._was_read, exchange_id, found, logs)

    def _was_read(self, exchange_id: int, found: Detail | None, logs: list[LogLine]) -> None:
        if self._reading == exchange_id:
            self._reading = 0
            self._take(found, logs)

    def _take(self, found: Detail | None, logs: list[LogLine]) -> None:
        known = self.detail.exchange.id if self.detail else None
        self.detail = found
        if found is None:
            return
        self._logs = logs
        same = known == found.exchange.id
        if not same:
            self._attempt = 0
        self._say_what_it_is(found)
        if self._stop is not None and self._stop.exchange_id == found.exchange.id:
            self._arrive(self._stop)
        else:
            self._show_tab(stay=same)

    def _say_what_it_is(self, found: Detail) -> None:
        from kiket_console.ui.paint import detail as paint

        outcome = paint.outcome(found, moment.now_us())
        self._screen.details_rule.show(paint.title(found), outcome)

    def _say_that_it_is_read(self, stored: int) -> None:
        self.detail = None
        said: Line = [(f"  reading {size(stored)} …", "muted")]
        self._screen.text.show(lambda _: Lines([said]))

    # Where a person goes

    @property
    def stop(self) -> Stop | None:
        """Where a person is; None while nothing is shown."""
        if self.detail is None:
            return None
        text = self._screen.text
        at = text.source.name(text.cursor) if text.source.count > text.cursor else ""
        return Stop(self.detail.exchange.id, self._tabs[self._tab], at, self._attempt)

    def go(self, exchange: Exchange, stop: Stop) -> None:
        """Go to a row of a tab of an exchange."""
        if self.detail is not None and self.detail.exchange.id == exchange.id:
            self._arrive(stop)
        else:
            self._stop = stop
            self.show(exchange)

    def _arrive(self, stop: Stop) -> None:
        self._stop = None
        self._attempt = stop.attempt
        self._tab = self._tabs.index(stop.tab) if stop.tab in self._tabs else 0
        self._show_tab(at=stop.at)

    def follow(self, target: str) -> None:
        """Go to what a row leads to: an exchange, an attempt's answer, a log line, or code."""
        here, (kind, *numbers) = self.stop, target.split(":")
        if here is None:
            return
        if kind == "exchange":
            self._visit(Stop(int(numbers[0]), "response"), here)
        elif kind == "attempt":
            exchange_id = int(numbers[0]) if len(numbers) > 1 else here.exchange_id
            self._visit(Stop(exchange_id, "response", attempt=int(numbers[-1])), here)
        elif kind == "log":
            self._visit(Stop(int(numbers[-1]), "logs", target), here)
        elif kind == "trace":
            self._screen.console.show_calls(target)
        else:
            from kiket_console.ui.external import open_target

            open_target(self._screen.console, target)

    def tick(self) -> None:
        """Take in that a second went by."""
        if self.shows_timeline and self._screen.text.size.height:
            self._timeline.tick()

    # Tabs

    def step_tab(self, by: int) -> None:
        """Show the next tab."""
        self.choose_tab((self._tab + by) % len(self._tabs))

    @property
    def _tabs(self) -> tuple[str, ...]:
        edited = self.detail is not None and self.detail.exchange.edited
        return (*TABS, EDITED) if edited else TABS

    def choose_tab(self, index: int) -> None:
        """Show a tab by its number."""
        self._tab = index
        self._show_tab()

    @property
    def shows_timeline(self) -> bool:
        """Whether the timeline is the tab that is shown."""
        return self.detail is not None and self._tabs[self._tab] == "timeline"

    def _timeline_changed(self) -> None:
        if self.shows_timeline:
            self._show_tab(stay=True)

    def _show_tab(self, *, stay: bool = False, at: str = "") -> None:
        found = self.detail
        if found is None:
            return
        tabs = self._tabs
        self._tab = min(self._tab, len(tabs) - 1)
        labels = [name.capitalize() for name in tabs]
        labels[1] = f"Response {len(found.attempts)}" if len(found.attempts) > 1 else labels[1]
        labels[4] = self._timeline.label(found.exchange.id)
        labels[5] = f"Logs {len(self._logs)}" if self._logs else "Logs"
        self._bar.show(tuple(labels), self._tab)
        if not self.shows_timeline:
            self._timeline.forget()
        elif not stay and not at:
            at = f"exchange:{found.exchange.id}"
        self._screen.text.show(partial(self._source, found, tabs[self._tab]), stay=stay, at=at)

    def _source(self, found: Detail, tab: str, width: int) -> LineSource:
        """Return the rows of a tab."""
        if tab in ("request", "response"):
            return self._body(found, tab, width)
        if tab == "headers":
            from kiket_console.ui.paint.headers import headers

            return Lines(headers(found, width))
        if tab == "signature":
            from kiket_console.ui.paint.signature import signature

            return Lines(signature(found, width))
        if tab == "timeline":
            return self._timeline.rows(found.exchange.id, width)
        if tab == EDITED:
            from kiket_console.ui.edited import edited_lines

            return Lines(edited_lines(self._screen.console.reader, found, width))
        from kiket_console.ui.paint.logs import of_exchange

        status = self._screen.console.status
        folder = status.folder if status is not None else str(self._screen.console.folder)
        lines: list[Line] = [] if self._logs else of_exchange((), width)
        names: dict[int, str] = {}
        for each in self._logs:
            names[len(lines)] = f"log:{each.id}:{each.exchange_id}"
            lines += of_exchange((each,), width, folder)
        return Lines(lines, targets(lines), names)

    # Bodies

    def _body(self, found: Detail, tab: str, width: int) -> LineSource:
        from kiket_console.ui.paint.layout import Shape

        view = self._view(found, tab)
        text = self._screen.text
        shape = Shape(width, text.wraps)
        if view is None or not view.slow:
            if view is not None:
                view.lay_at_once(shape, pretty=text.pretty)
        elif not view.is_laid(shape, pretty=text.pretty):
            job = (view, shape, text.pretty)
            if job == self._job:
                return self._rows(found, tab, view, width)
            self._job = job
            work = partial(self._lay, found, tab, view, shape, pretty=text.pretty)
            self._in_thread(work)
        return self._rows(found, tab, view, width)

    def _rows(self, found: Detail, tab: str, view: BodyView | None, width: int) -> LineSource:
        from kiket_console.ui.paint import detail as paint

        if tab == "request" and view is not None:
            return paint.request(found, view, width)
        return paint.response(found, view, self._attempt, width)

    def _view(self, found: Detail, tab: str) -> BodyView | None:
        """Return the view of a body; the same one each time, so that what is folded stays so."""
        from kiket_console.ui.paint import detail as paint
        from kiket_console.ui.paint.body import SHOWN_BYTES

        message = paint.message_of(found, tab, self._attempt)
        if message is None:
            return None
        attempt = paint.attempt_of(found, self._attempt) if tab == "response" else None
        key = (found.exchange.id, tab, attempt.number if attempt else 0)
        view = self._views.pop(key, None) or paint.view_of(found, message)
        self._views[key] = view
        while len(self._views) > 1 and (
            len(self._views) > KEPT_VIEWS or sum(map(_held, self._views.values())) > SHOWN_BYTES
        ):
            self._views.popitem(last=False)
        return view

    def _lay(self, found: Detail, tab: str, view: BodyView, shape: Shape, *, pretty: bool) -> None:
        """Lay a large body out, in a thread; what is there already is shown meanwhile."""
        worker = get_current_worker()
        told_s = 0.0
        app, exchange_id = self._screen.app, found.exchange.id
        show = partial(hand_over, app, self._laid, exchange_id, tab, view, shape.width)
        with view.turn:  # whoever had it before was cancelled, and lets go of it
            for _ in view.lay(shape, pretty=pretty):
                if worker.is_cancelled:
                    view.forget(pretty=pretty)
                    return
                if time.monotonic() - told_s > GROWN_EVERY_S:
                    show(done=False)
                    told_s = time.monotonic()
        show(done=True)

    def _laid(self, exchange_id: int, tab: str, view: BodyView, width: int, *, done: bool) -> None:
        if done:
            self._job = None
        found = self.detail  # read anew meanwhile, perhaps
        if found is None or found.exchange.id != exchange_id:
            return
        if tab != self._tabs[self._tab] or self._view(found, tab) is not view:
            return
        text = self._screen.text
        if done or text.source.count <= text.rows_shown:
            text.relaid(self._rows(found, tab, view, width))
        else:
            text.lengthened()

    def _in_thread(self, work: Callable[[], None]) -> None:
        """Do *work* in a thread, instead of what was done in one before."""
        self._screen.run_worker(
            work, group="body", description="body", exclusive=True, thread=True
        )  # without a description it would be the body's repr


def _held(view: BodyView) -> int:
    return len(view.body.raw)
