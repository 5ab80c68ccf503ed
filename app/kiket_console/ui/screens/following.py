"""What the lists that grow have in common: follow, count, and reading older rows."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Generic, TypeVar

from textual import work

from kiket_console.text import plural
from kiket_console.ui.feed import Feed, Row
from kiket_console.ui.screens.place import PlaceScreen

if TYPE_CHECKING:
    from array import array
    from collections.abc import Callable

    from textual.widget import Widget

    from kiket_console.ui.app import ConsoleApp
    from kiket_console.ui.feed import Pages, Reader
    from kiket_console.ui.paint.line import Line
    from kiket_console.ui.widgets.views import Rows

R = TypeVar("R", bound=Row)


class FollowingScreen(PlaceScreen, Generic[R]):
    """A place whose rows come from the store, newest at the bottom."""

    NOUN = "row"

    def __init__(
        self,
        console: ConsoleApp,
        pages: Callable[[Reader], Pages[R]],
        feed: Feed[R],
        rows: Rows,
        *between: Widget,
    ) -> None:
        super().__init__(console, rows, *between)
        self._pages = pages
        self.feed = feed
        self._more = feed.open()
        self._workers: tuple[str, ...] = ()

    def status_changed(self) -> None:
        """Take in how the engine is; workers that came or went change how rows look."""
        super().status_changed()
        status = self.console.status
        workers = tuple(worker.name for worker in status.workers) if status else ()
        if workers != self._workers:
            self._workers = workers
            self.list.redraw()

    def on_mount(self) -> None:
        """Read older ids in a thread once the newest are on screen."""
        if self._more:
            self.call_after_refresh(self.load_older)

    def summary(self) -> Line:
        """Return the count, and whether the list follows."""
        if not self.feed.count:
            return ()
        count: list[tuple[str, str]] = [(plural(self.feed.count, self.NOUN), "muted")]
        if self.feed.follow:
            return [*count, (" · following", "muted")]
        if self.feed.unseen:
            new = f" · ↓ {self.feed.unseen:,} new, "
            return [*count, (new, "accent"), ("G", "accent"), (" to follow", "muted")]
        return count

    def action_follow(self) -> None:
        """Follow what is new, or stop."""
        if self.feed.follow:
            self.feed.pause()
        else:
            self.feed.to_newest()
        self.list.sync()
        self.show_summary()

    @work(thread=True, exclusive=True, group="ids")
    def load_older(self) -> None:
        """Read all ids without holding up the screen."""
        with closing(self.console.another_reader()) as reader:
            ids = self._pages(reader).ids(0)
        self.app.call_from_thread(self._loaded, ids)

    def _loaded(self, ids: array[int]) -> None:
        self.feed.adopt(ids)
        self.list.redraw()
        self.list.sync()
        self.list.reveal()
        self.show_summary()
