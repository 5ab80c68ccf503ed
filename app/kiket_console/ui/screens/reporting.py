"""A place that shows a report of what was measured: it is read anew, and narrowed to some words."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from kiket_console.errors import ConsoleError
from kiket_console.telemetry.narrowing import NarrowingError, narrowing
from kiket_console.telemetry.reporting import Look
from kiket_console.ui import moment
from kiket_console.ui.metrics_reading import MetricsReading
from kiket_console.ui.platform_rows import Words
from kiket_console.ui.screens.place import PlaceScreen
from kiket_console.ui.widgets.filter_bar import FilterBar

if TYPE_CHECKING:
    from collections.abc import Iterable

    from textual.widget import Widget

    from kiket_console.model import Notice
    from kiket_console.ui.app import ConsoleApp
    from kiket_console.ui.metrics_reading import Found
    from kiket_console.ui.store_view import StoreView
    from kiket_console.ui.widgets.prompt import Prompt
    from kiket_console.ui.widgets.views import Rows


class ReportingScreen(PlaceScreen):
    """Read a report once a second, in a thread; show what is new in it."""

    def __init__(self, console: ConsoleApp, rows: Rows) -> None:
        super().__init__(console, rows)
        self._bar = FilterBar()
        self._look = Look()
        self._readers: list[StoreView] = []
        self._reading = MetricsReading(self.reader_of_its_own())
        self._is_reading = False

    def take(self, found: Found) -> None:
        """Take in a report that says something else than the one before."""
        raise NotImplementedError

    def reader_of_its_own(self) -> StoreView:
        """Return a reader for use in a thread; it is closed with the screen."""
        self._readers.append(self.console.another_reader())
        return self._readers[-1]

    def on_unmount(self) -> None:
        """Give the store back."""
        for reader in self._readers:
            reader.close()

    # Reading

    def refresh_rows(self, notice: Notice | None = None) -> None:
        """Read at once when the place is shown; then once a second."""
        if notice is None:
            self.read()

    def tick(self) -> None:
        """Read what was measured within the last second."""
        super().tick()
        self.read()

    def look(self, **changes: Any) -> None:
        """Look at something else."""
        self._look = replace(self._look, **changes)
        self.read()

    def read(self) -> None:
        """Read what is looked at, unless it is being read."""
        if not self._is_reading:
            self._is_reading = True
            self.run_worker(self._read(), group="make")

    async def _read(self) -> None:
        try:
            look, found = None, None
            while look != self._look:  # a person may look at something else meanwhile
                look = self._look
                now_s = moment.now_us() / 1e6
                found = await asyncio.to_thread(self._reading.read, look, now_s) or found
        except ConsoleError as error:
            self.console.say(str(error), error=True)
            return
        finally:
            self._is_reading = False
        if found is not None and self.is_attached:
            self.take(found)

    # Words

    def above_list(self) -> Iterable[Widget]:
        """Put the words there that rows are narrowed to."""
        return (self._bar,)

    def action_filter(self, text: str = "") -> None:
        """Show only rows that have these words; without any, ask."""
        if text:
            narrowing(text)  # raises what is wrong with it
            self.use(text)
            return
        from kiket_console.ui.widgets.prompt import Prompt

        prompt = Prompt(
            "/", self._look.only, verb="filter", is_above=True,
            history=self.console.history("metrics").entries,
            placeholder="any words   event:issue.*   ext:marketing   -src:api   status:5xx",
        )  # fmt: skip
        self.ask(
            prompt,
            self._entered,
            changed=self._typed,
            cancelled=partial(self.use, self._look.only),
            before=self._bar,
        )

    def _typed(self, prompt: Prompt) -> None:
        """Narrow the rows to what is typed so far, up to what cannot be read."""
        try:
            narrowing(prompt.text)
        except NarrowingError as error:
            prompt.complain(str(error), error.column, error.length)
        else:
            prompt.say("")
            self.use(prompt.text)

    def _entered(self, text: str) -> str:
        narrowing(text)  # raises what is wrong with it, and the line stays
        if text.strip():
            self.console.history("metrics").add(text.strip())
        self.use(text)
        return ""

    def use(self, text: str) -> None:
        """Show only rows that have some words, or all of them."""
        if text.strip() != self._look.only:
            self.look(only=text.strip())
        self._show_bar()

    def _show_bar(self) -> None:
        typing = self._prompt is not None and self._prompt.parent is self._bar.parent
        only = self._look.only
        self._bar.show(None if typing or not only else Words(only), suspended=False, keys=("", ""))

    def prompt_changed(self, prompt: Prompt | None) -> None:
        """Let the line to type into stand for the bar."""
        super().prompt_changed(prompt)
        self._show_bar()

    def on_filter_bar_chosen(self) -> None:
        """Change the words that were clicked."""
        self.action_filter()
