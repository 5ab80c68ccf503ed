"""A place whose rows are all at hand, and are narrowed to those that have some words."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar, Protocol

from kiket_console.ui.platform_rows import Words
from kiket_console.ui.screens.reading import ReadingScreen
from kiket_console.ui.widgets.filter_bar import FilterBar

if TYPE_CHECKING:
    from collections.abc import Iterable

    from textual.widget import Widget

    from kiket_console.ui.widgets.prompt import Prompt


class Narrowed(Protocol):
    """Rows that can be narrowed."""

    words: Words | None

    def narrow(self, words: Words | None) -> None:
        """Show those that have some words, or all of them."""


class NarrowedScreen(ReadingScreen):
    """Narrow the rows while words are typed; the bar above the list says which are in effect."""

    HISTORY: ClassVar[str]
    """The name under which what was typed is remembered; empty: it is not."""
    _rows: Narrowed
    _bar: FilterBar

    def above_list(self) -> Iterable[Widget]:
        """Put the bar there."""
        self._bar = FilterBar()
        return (self._bar,)

    def action_filter(self, text: str = "") -> None:
        """Narrow the rows to those that have some words; without any, ask."""
        if text:
            self.use(Words(text))
            return
        from kiket_console.ui.widgets.prompt import Prompt

        before = self._rows.words
        history = self.console.history(self.HISTORY).entries if self.HISTORY else ()
        prompt = Prompt(
            "/", before.text if before is not None else "", verb="filter", is_above=True,
            history=history,
            placeholder="words, or name=value for one column",
        )  # fmt: skip
        self.ask(
            prompt,
            self._entered,
            changed=lambda prompt: self.use(Words(prompt.text)),
            cancelled=partial(self.use, before),
            before=self._bar,
        )

    def use(self, words: Words | None) -> None:
        """Show the rows that have some words, or all of them."""
        words = words if words is not None and words.text.strip() else None
        if words != self._rows.words:
            self._rows.narrow(words)
            self.show_read()
        self.show_bar()

    def show_bar(self) -> None:
        """Say which words are in effect, unless they are being typed."""
        typing = self._prompt is not None and self._prompt.parent is self._bar.parent
        self._bar.show(None if typing else self._rows.words, suspended=False, keys=("", ""))

    def prompt_changed(self, prompt: Prompt | None) -> None:
        """Let the line to type into stand for the bar."""
        super().prompt_changed(prompt)
        self.show_bar()

    def on_filter_bar_chosen(self) -> None:
        """Change the filter that was clicked."""
        self.action_filter()

    def _entered(self, text: str) -> str:
        if self.HISTORY and text.strip():
            self.console.history(self.HISTORY).add(text.strip())
        self.use(Words(text))
        return ""
