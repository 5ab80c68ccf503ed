"""What the lists that grow have in common: follow, count, and reading older rows."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Generic, TypeVar

from textual import work

from kiket_console.text import plural
from kiket_console.ui.pages import Row
from kiket_console.ui.paint.line import fitting
from kiket_console.ui.screens.layout import WIDE_COLUMNS, Layout
from kiket_console.ui.screens.place import PlaceScreen

if TYPE_CHECKING:
    from array import array
    from collections.abc import Callable

    from textual.geometry import Size
    from textual.widget import Widget

    from kiket_console.model import Notice
    from kiket_console.ui.app import ConsoleApp
    from kiket_console.ui.feed import Feed
    from kiket_console.ui.pages import Pages, Reader
    from kiket_console.ui.paint.line import Line, Part
    from kiket_console.ui.rows import FeedRows

R = TypeVar("R", bound=Row)
BESIDE_TITLE = 15
"""So many cells of the list's rule are for its title."""


class FollowingScreen(PlaceScreen, Generic[R]):
    """A place whose rows come from the store, newest at the bottom."""

    NOUN = "row"

    def __init__(
        self,
        console: ConsoleApp,
        pages: Callable[[Reader], Pages[R]],
        feed: Feed[R],
        rows: FeedRows[R],
        *between: Widget,
    ) -> None:
        super().__init__(console, rows, *between)
        rows.key_of = console.registry.key
        self._rows = rows
        self._pages = pages
        self.feed = feed
        self._more = feed.open()
        self.paused = False
        """Whether the list is held still."""
        self._workers: tuple[str, ...] = ()

    def status_changed(self) -> None:
        """Take in how the engine is; workers that came or went change how rows look."""
        super().status_changed()
        if (workers := self._rows.workers) != self._workers:
            self._workers = workers
            self.list.redraw()

    def on_mount(self) -> None:
        """Read older ids in a thread once the newest are on screen."""
        if self._more:
            self.call_after_refresh(self.load_older)

    def natural_layout(self, size: Size) -> Layout:
        """Put the details beside a list that grows where there is room for both."""
        return Layout.SIDE if size.width >= WIDE_COLUMNS else super().natural_layout(size)

    @property
    def follows(self) -> bool:
        """Whether the cursor goes to what is new by itself."""
        return self.feed.follow

    def heard(self, notice: Notice | None) -> None:
        """Take in that something was recorded; while the list is held still, count it."""
        if self.paused:
            self.show_summary()
        else:
            super().heard(notice)

    def cursor_moved(self) -> None:
        """Read what the next page would show, now that this one is drawn: no key waits for it."""
        super().cursor_moved()
        shown = self.list
        for position in (shown.first_shown - shown.rows_shown, shown.last_shown + shown.rows_shown):
            self.feed.row(position)

    def summary(self) -> Line:
        """Return the count, and whether the list follows, as far as there is room."""
        if not self.feed.total and not self.paused:
            return ()
        parts = [*self.counts(), *self._pace()]
        return fitting(parts, self.list.size.width - BESIDE_TITLE)

    def counts(self) -> list[Part]:
        """Return how many rows there are, each part with its rank (see `paint.line.fitting`)."""
        return [(2, [(plural(self.feed.count, self.NOUN), "muted")])]

    def _pace(self) -> list[Part]:
        """Return whether the list follows, and what it has not shown yet."""
        if self.paused:
            fresh = max(0, self._pages(self.console.reader).newest() - self.feed.newest_id)
            said, key = f"paused, {fresh:,} new, ", self._key("pause")
            return [(1, [(said, "warning"), (key, "accent"), (" to go on", "muted")])]
        if self.feed.follow:
            return [(5, [("following", "muted")])]
        if self.feed.unseen:
            said, key = f"↓ {self.feed.unseen:,} new, ", self.console.registry.key("list.newest")
            return [(3, [(said, "accent"), (key, "accent"), (" to follow", "muted")])]
        return []

    def _key(self, command: str) -> str:
        """Return the key of one of this place's commands."""
        return self.console.registry.key(f"{self.PLACE.name.lower()}.{command}")

    def action_follow(self) -> None:
        """Follow what is new, or stop."""
        if self.feed.follow:
            self.feed.pause()
        else:
            self.feed.to_newest()
        self.list.sync()
        self.show_summary()

    def _set_opened(self, opened: bool) -> None:
        """Stay with what is read: nobody wants it replaced by what is new."""
        super()._set_opened(opened)
        if opened and self.feed.follow:
            self.feed.pause()
            self.show_summary()

    def action_pause(self) -> None:
        """Hold the list still, or let it go on."""
        self.paused = not self.paused
        self.heard(None)

    @work(thread=True, exclusive=True, group="ids")
    def load_older(self) -> None:
        """Read all ids without holding up the screen."""
        with closing(self.console.another_reader()) as reader:
            ids = self._pages(reader).ids(0)
        self.app.call_from_thread(self._loaded, ids)

    def _loaded(self, ids: array[int]) -> None:
        with self.list.steady():
            self.feed.adopt(ids)
        self.list.redraw()
        self.show_summary()
