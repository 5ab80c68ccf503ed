"""A list that grows and can be narrowed by typing: the bar, the scan behind it, what is hidden."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import TYPE_CHECKING, Generic, TypeVar

from textual import work
from textual.message import Message
from textual.worker import get_current_worker

from kiket_console.errors import ConsoleError
from kiket_console.text import plural
from kiket_console.ui.actions import Mode
from kiket_console.ui.filtering import F
from kiket_console.ui.pages import Row
from kiket_console.ui.scan import Scan
from kiket_console.ui.screens.following import FollowingScreen
from kiket_console.ui.widgets.filter_bar import FilterBar

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from textual.widget import Widget

    from kiket_console.model import Notice
    from kiket_console.ui.filtering import Completion, Language
    from kiket_console.ui.paint.line import Line, Piece
    from kiket_console.ui.rows import FeedRows
    from kiket_console.ui.scan import Haul
    from kiket_console.ui.store_view import StoreView
    from kiket_console.ui.widgets.prompt import Prompt

R = TypeVar("R", bound=Row)
TELL_EVERY_S = 0.08
"""How often a long scan shows what it found: each time costs a frame."""


class FilteringScreen(FollowingScreen[R], Generic[R, F]):
    """A place whose list can be narrowed; the last filter that was understood is in effect."""

    language: Language[F]
    _rows: FeedRows[R]

    class Hauled(Message):
        """Steps of a scan found something; *done*: there is nothing left to look at for now."""

        def __init__(self, scan: Scan, hauls: Sequence[Haul], *, done: bool) -> None:
            super().__init__()
            self.scan = scan
            self.hauls = hauls
            self.done = done

    _bar: FilterBar
    _filter: F | None = None
    _suspended = False
    _scan: Scan | None = None
    _fresh_scan = False
    _scanning = False
    _woken = False
    _scan_reader: StoreView | None = None
    _values_reader: StoreView | None = None

    def above_list(self) -> Iterable[Widget]:
        """Put the bar there."""
        self._bar = FilterBar()
        return (self._bar,)

    def on_unmount(self) -> None:
        """Give the store back."""
        self._scan = None
        for reader in (self._scan_reader, self._values_reader):
            if reader is not None:
                reader.close()

    # What a person does

    async def action_filter(self, text: str = "") -> None:
        """Narrow the list to what *text* says; without it, ask."""
        if text:
            self.use_filter(await self._parsed(text))
            self._remember(text)
            return
        from kiket_console.ui.widgets.prompt import Prompt

        history = self.console.history(self.language.history).entries
        self.ask(
            Prompt("/", self.filter_text, history=history, is_above=True),
            self._entered,
            changed=self._typed,
            cancelled=partial(self._restore, self._filter, self._suspended),
            before=self._bar,
        )

    def action_suspend(self) -> None:
        """Show all rows and keep the filter for later, or use it again."""
        if self._filter is None:
            self.console.say("There is no filter to suspend.")
            return
        self._suspended = not self._suspended
        self._apply()

    async def action_regroup(self) -> None:
        """Bind OR and AND the other way round."""
        if self._filter is not None and self._filter.reading:
            self.use_filter(await self._parsed(self.language.regrouped(self._filter)))

    def action_save_filter(self, name: str) -> None:
        """Keep the filter that is in effect under a name."""
        if self._filter is None:
            raise ConsoleError("There is no filter to save.", hint="Type one first.")
        self.language.save(name, self._filter.text)
        self.console.say(f"Saved: @{name} stands for {self._filter.text}")

    def action_forget_filter(self, name: str) -> None:
        """Keep no filter under a name any more."""
        self.language.forget(name)
        self.console.say(f"@{name} is forgotten.")

    def action_back(self) -> None:
        """Step out of the details; in the list, show all rows again."""
        if not self.opened and self._filter is not None:
            self.use_filter(None)
        else:
            super().action_back()

    @property
    def mode(self) -> Mode:
        """What the place is used for."""
        found = super().mode
        return Mode.FILTERED if found is Mode.EMPTY and self.feed.total else found

    # The filter in effect

    @property
    def filter_text(self) -> str:
        """The filter that is kept, be it suspended; empty without one."""
        return self._filter.text if self._filter is not None else ""

    def use_filter(self, wanted: F | None) -> None:
        """Show what *wanted* lets through, or all rows."""
        self._filter = wanted if wanted is not None and wanted.text.strip() else None
        self._suspended = False
        self._apply()

    def look_again(self, ids: Sequence[int]) -> None:
        """Look again whether rows match that a person has changed."""
        if self._scan is not None:
            self._scan.ask_again(ids)
            self._look()

    def _apply(self) -> None:
        self._show_bar()
        if self._filter is None or self._suspended:
            self._scan = None
            with self.list.steady():
                self.feed.widen()
            self.rows_changed()
            return
        if self._scan_reader is None:
            self._scan_reader = self.console.another_reader()
        self._scan = Scan(self.language.sieve(self._filter, self._scan_reader))
        self._fresh_scan = True
        self._scanning = False
        self._look()

    def _show_bar(self) -> None:
        registry = self.console.registry
        name = self.PLACE.name.lower()
        keys = registry.key(f"{name}.suspend"), registry.key(f"{name}.regroup")
        typed = self._prompt is not None and self._prompt.parent is self._bar.parent
        self._bar.show(None if typed else self._filter, suspended=self._suspended, keys=keys)

    def _look(self) -> None:
        """Go on scanning in a thread, or begin to."""
        if self._scan is None:
            return
        self._woken = self._scanning
        if not self._scanning:
            self._scanning = True
            self._run(self._scan)

    @work(thread=True, exclusive=True, group="scan")
    def _run(self, scan: Scan) -> None:
        worker = get_current_worker()
        hauls: list[Haul] = []
        told_s = 0.0
        while not worker.is_cancelled:
            haul = scan.step()
            if haul is not None:
                hauls.append(haul)
            if haul is None or time.monotonic() - told_s > TELL_EVERY_S:
                self.post_message(self.Hauled(scan, hauls, done=haul is None))
                hauls, told_s = [], time.monotonic()
            if haul is None:
                return

    def on_filtering_screen_hauled(self, event: Hauled) -> None:
        """Take in what was found."""
        if event.scan is not self._scan:
            return
        with self.list.steady():
            if self._fresh_scan:
                self._fresh_scan = False
                self.feed.narrow()
            for haul in event.hauls:
                self.feed.take(haul)
            self.hauled(event.hauls)
        if event.done:
            self._scanning = False
            if self._woken:
                self._look()
        self.rows_changed()

    def hauled(self, hauls: Sequence[Haul]) -> None:
        """Take in what was found; the list has it already."""

    def rows_changed(self) -> None:
        """Draw the list and what is said about it again."""
        self._rows.looked_at = 1.0 if self._scan is None else self._scan.progress
        self.list.refresh()
        self.show_summary()

    def heard(self, notice: Notice | None) -> None:
        """Take in that something was recorded, and look whether it matches."""
        super().heard(notice)
        if self._scan is not None and not self.paused:
            self._scan.wake()
            self._look()

    def tick(self) -> None:
        """Look again at what is under way: it may take long by now."""
        super().tick()
        if self._scan is not None and self._scan.waits and not self.paused:
            self._scan.wake()
            self._look()

    def count_line(self) -> Line:
        """Return how many rows are shown, of how many, and what is hidden."""
        if not self.feed.narrowed:
            return super().count_line()
        noun = self.NOUN if self.feed.total == 1 else f"{self.NOUN}s"
        said: list[Piece] = [(f"{self.feed.count:,} of {self.feed.total:,} {noun}", "muted")]
        if self.feed.hidden_failing:
            said.append((f" · {plural(self.feed.hidden_failing, 'error')} hidden", "warning"))
        if self._scan is not None and not self._scan.done:
            said.append((f" · looking, {self._scan.progress:.0%}", "muted"))
        return said

    # The line to type into

    def _typed(self, prompt: Prompt) -> None:
        """Take in what is typed so far, in a thread: the first filter brings the parser."""
        self.run_worker(self._take_in(prompt), group="typed", exclusive=True)

    async def _take_in(self, prompt: Prompt) -> None:
        """Show what is typed so far; what cannot be read yet changes nothing in the list."""
        from kiket_console.ui.widgets.prompt import Offer

        text, cursor = prompt.text, prompt.cursor
        meant: list[Offer] = []
        try:
            wanted = await self._parsed(text)
        except ConsoleError as error:
            column, length = getattr(error, "column", None), getattr(error, "length", 1)
            prompt.complain(str(error), column, length)
            suggestion = getattr(error, "suggestion", "")
            if suggestion and column is not None:
                meant.append(Offer(suggestion, column, column + length, "did you mean this?"))
        else:
            prompt.say(f"read as {wanted.reading}" if wanted.reading else "")
            if text.strip() != self.filter_text or self._suspended:
                self.use_filter(wanted)
        found = await asyncio.to_thread(self._completions, text, cursor)
        offers = [Offer(each.text, each.start, each.end, each.note) for each in found]
        prompt.offer(offers or meant)

    def _completions(self, text: str, cursor: int) -> Sequence[Completion]:
        if self._values_reader is None:
            self._values_reader = self.console.another_reader()
        return self.language.completions(text, cursor, self._values_reader)

    async def _parsed(self, text: str) -> F:
        """Return what *text* means; raises `ConsoleError`."""
        return await asyncio.to_thread(self.language.parse, text)

    async def _entered(self, text: str) -> str:
        """Keep what was entered; raises `ConsoleError` for what cannot be read."""
        wanted = await self._parsed(text)
        if text.strip() != self.filter_text or self._suspended:
            self.use_filter(wanted)
        self._remember(text)
        return ""

    def _restore(self, wanted: F | None, suspended: bool) -> None:
        """Use the filter that was there before a person typed."""
        if (wanted, suspended) != (self._filter, self._suspended):
            self._filter, self._suspended = wanted, suspended
            self._apply()

    def prompt_changed(self, prompt: Prompt | None) -> None:
        """Let the line to type into stand for the bar."""
        super().prompt_changed(prompt)
        self._show_bar()

    def _remember(self, text: str) -> None:
        if text.strip():
            self.console.history(self.language.history).add(text.strip())
