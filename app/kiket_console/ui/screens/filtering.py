"""A list that grows and is narrowed by typing: the bar, and the line to type into."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Generic, TypeVar

from kiket_console.errors import ConsoleError
from kiket_console.ui.filtering import F
from kiket_console.ui.pages import Row
from kiket_console.ui.screens.scanning import ScanningScreen
from kiket_console.ui.widgets.filter_bar import FilterBar

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from textual.widget import Widget

    from kiket_console.ui.filtering import Completion, Language
    from kiket_console.ui.store_view import StoreView
    from kiket_console.ui.widgets.prompt import Prompt

R = TypeVar("R", bound=Row)


class FilteringScreen(ScanningScreen[R], Generic[R, F]):
    """A place whose list can be narrowed; the last filter that was understood is in effect."""

    language: Language[F]
    _bar: FilterBar
    _filter: F | None = None
    _suspended = False
    _journey: tuple[str, str, F | None] | None = None
    """A filter that another place led to, that place, and the filter before."""
    _seeking_reader: StoreView | None = None

    def above_list(self) -> Iterable[Widget]:
        """Put the bar there."""
        self._bar = FilterBar()
        return (self._bar,)

    def forget_journey(self) -> None:
        """Forget where a person came from: they came of their own accord."""
        self._journey = None

    def on_unmount(self) -> None:
        """Give the store back."""
        if self._seeking_reader is not None:
            self._seeking_reader.close()

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
            Prompt(
                "/",
                self.filter_text,
                history=history,
                placeholder=self.language.example,
                verb="filter",
                is_above=True,
            ),
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
        if self._filter is None or not self._filter.reading:
            self.console.say("There is nothing to regroup: the filter can be read in one way only.")
            return
        text = self.language.regrouped(self._filter)
        if self._typing is not None:
            self._typing.text = text  # which narrows the list, as if it was typed
        else:
            self.use_filter(await self._parsed(text))

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

    def narrow_to(self, wanted: str, back: str) -> None:
        """Show what a filter lets through; `esc` then leads *back* to the place of that name."""
        self.run_worker(self.narrow(wanted, back), group="filter")

    async def narrow(self, wanted: str, back: str) -> None:
        """Do the same, to the end; raises `ConsoleError` for a filter that cannot be read."""
        before = self._filter
        self.use_filter(await self._parsed(wanted))
        is_elsewhere = back != self.PLACE.name.lower()
        self._journey = (self.filter_text, back, before) if is_elsewhere else None

    def action_back(self) -> None:
        """Step out of the details; in the list, go back where this filter came from, or show all.

        Then the list is as it was before a person came.
        """
        journey = self._journey
        if not self.opened and journey is not None and self.filter_text == journey[0]:
            self._journey = None
            self.use_filter(journey[2])
            self.console.go_to(journey[1])
        elif not self.opened and self._filter is not None:
            self.use_filter(None)
        else:
            super().action_back()

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

    def _apply(self) -> None:
        self._show_bar()
        wanted = None if self._suspended else self._filter
        self.show_matching(None if wanted is None else partial(self.language.sieve, wanted))

    def _show_bar(self) -> None:
        keys = self._key("suspend"), self._key("regroup")
        self._rows.is_typed = typed = self._typing is not None
        if not self.feed.count:
            self.list.refresh()
        self._bar.show(None if typed else self._filter, suspended=self._suspended, keys=keys)

    # The line to type into

    def _typed(self, prompt: Prompt) -> None:
        """Take in what is typed so far, in a thread: the first filter brings the parser."""
        self.run_worker(self._take_in(prompt), group="typed", exclusive=True)

    async def _take_in(self, prompt: Prompt) -> None:
        """Show what is typed so far, up to what cannot be read yet."""
        from kiket_console.ui.widgets.offers import Offer

        text, cursor = prompt.text, prompt.cursor
        meant: list[Offer] = []
        try:
            wanted = await self._parsed(text)
        except ConsoleError as error:
            if prompt is not self._typing:
                return
            column, length = getattr(error, "column", None), getattr(error, "length", 1)
            if column is not None and column >= len(text) == cursor:  # there is more to come
                prompt.say(error.hint or str(error))
            else:
                prompt.complain(str(error), column, length)
            suggestion = getattr(error, "suggestion", "")
            if suggestion and column is not None:
                meant.append(Offer(suggestion, column, column + length, "did you mean this?"))
            await self._take_in_beginning(prompt, text[: column or 0].rstrip())
        else:
            if prompt is not self._typing:
                return  # it was left meanwhile, and what was there before is restored
            key = self._key("regroup")
            prompt.say(f"read as {wanted.reading}, {key} regroups" if wanted.reading else "")
            if text.strip() != self.filter_text or self._suspended:
                self.use_filter(wanted)
        found = await asyncio.to_thread(self._completions, text, cursor)
        offers = [Offer(each.text, each.start, each.end, each.note) for each in found]
        prompt.offer(offers or meant)

    async def _take_in_beginning(self, prompt: Prompt, text: str) -> None:
        """Use what stands before a mistake: the letters of a field's name were a search before."""
        try:
            wanted = await self._parsed(text)
        except ConsoleError:
            return  # what was understood last stays in effect
        if prompt is self._typing and text != self.filter_text:
            self.use_filter(wanted)

    def _completions(self, text: str, cursor: int) -> Sequence[Completion]:
        try:
            return self.language.completions(text, cursor, self.seeking_reader)
        except ConsoleError:
            return ()  # saved filters that cannot be read: reading the text has said so

    @property
    def seeking_reader(self) -> StoreView:
        """A reader for what is looked up in a thread, beside scans and what is painted."""
        if self._seeking_reader is None:
            self._seeking_reader = self.console.another_reader()
        return self._seeking_reader

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

    @property
    def _typing(self) -> Prompt | None:
        """The line that a filter is being typed into."""
        prompt = self._prompt
        return prompt if prompt is not None and prompt.parent is self._bar.parent else None

    def on_filter_bar_chosen(self) -> None:
        """Change the filter that was clicked."""
        self.run_worker(self.action_filter(), group="filter")

    def prompt_changed(self, prompt: Prompt | None) -> None:
        """Let the line to type into stand for the bar."""
        super().prompt_changed(prompt)
        self._show_bar()

    def _remember(self, text: str) -> None:
        if text.strip():
            self.console.history(self.language.history).add(text.strip())
