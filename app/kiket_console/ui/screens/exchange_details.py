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
from kiket_console.ui.paint import detail as paint
from kiket_console.ui.paint.body import SHOWN_BYTES, BodyView
from kiket_console.ui.paint.layout import Shape
from kiket_console.ui.paint.source import Lines
from kiket_console.ui.threads import hand_over

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kiket_console.model import Detail, Exchange, LogLine
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

    def __init__(self, screen: PlaceScreen, bar: TabBar) -> None:
        self._screen = screen
        self._bar = bar
        self._views: OrderedDict[tuple[int, str, int], BodyView] = OrderedDict()
        self._tab = 0
        self._attempt = 0
        self._logs: Sequence[LogLine] = ()
        self._reading = 0
        self._job: tuple[BodyView, Shape, bool] | None = None
        """What a thread is laying out."""
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
        self._show_tab(stay=same)

    def _say_what_it_is(self, found: Detail) -> None:
        outcome = paint.outcome(found, moment.now_us())
        self._screen.details_rule.show(paint.title(found), outcome)

    def _say_that_it_is_read(self, stored: int) -> None:
        self.detail = None
        said: Line = [(f"  reading {size(stored)} …", "muted")]
        self._screen.text.show(lambda _: Lines([said]))

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

    def choose_attempt(self, number: int) -> None:
        """Show the answer of an attempt."""
        self._attempt = number
        self.choose_tab(TABS.index("response"))

    def follow(self, target: str) -> None:
        """Go to what a row leads to: an exchange, an attempt's answer, or a log line in full."""
        kind, _, number = target.partition(":")
        if kind == "exchange":
            self._screen.console.show_exchange(int(number))
        elif kind == "attempt":
            self.choose_attempt(int(number))
        elif kind == "log":
            self.choose_tab(TABS.index("logs"))

    def _show_tab(self, *, stay: bool = False) -> None:
        found = self.detail
        if found is None:
            return
        tabs = self._tabs
        self._tab = min(self._tab, len(tabs) - 1)
        labels = [name.capitalize() for name in tabs]
        labels[1] = f"Response {len(found.attempts)}" if len(found.attempts) > 1 else labels[1]
        labels[4] = f"Timeline {1 + len(found.children)}"
        labels[5] = f"Logs {len(self._logs)}" if self._logs else "Logs"
        self._bar.show(tuple(labels), self._tab)
        self._screen.text.show(partial(self._source, found, tabs[self._tab]), stay=stay)

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
            from kiket_console.ui.paint.timeline import timeline

            return Lines(*timeline(found, self._logs, width, moment.now_us()))
        if tab == EDITED:
            from kiket_console.ui.edited import edited_lines

            return Lines(edited_lines(self._screen.console.reader, found, width))
        from kiket_console.ui.paint.logs import of_exchange

        return Lines(of_exchange(list(self._logs), width))

    # Bodies

    def _body(self, found: Detail, tab: str, width: int) -> LineSource:
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
        if tab == "request" and view is not None:
            return paint.request(found, view, width)
        return paint.response(found, view, self._attempt, width)

    def _view(self, found: Detail, tab: str) -> BodyView | None:
        """Return the view of a body; the same one each time, so that what is folded stays so."""
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
