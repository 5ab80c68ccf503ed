"""Search in a text: typed step by step, in a thread, in all of the text whatever is shown of it."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from typing import TYPE_CHECKING, Protocol, cast, runtime_checkable

from textual import work
from textual.actions import SkipAction
from textual.widget import Widget
from textual.worker import get_current_worker

from kiket_console.ui.paint.search import Query
from kiket_console.ui.threads import hand_over

if TYPE_CHECKING:
    from collections.abc import Callable

    from kiket_console.ui.paint.line import Line
    from kiket_console.ui.widgets.prompt import Prompt
    from kiket_console.ui.widgets.text_view import TextView

MOST = 100_000
"""So many places are remembered; of more it is said that there are more."""
KEPT = 50
AT_ONCE = 512
"""So many are handed over at the latest."""


@runtime_checkable
class Asks(Protocol):
    """A screen that can ask for a line of text."""

    def ask(
        self,
        prompt: Prompt,
        done: Callable[[str], str],
        *,
        changed: Callable[[Prompt], None],
        cancelled: Callable[[], None],
    ) -> None:
        """Show *prompt*; *done* gets what was entered."""


class Seeking(Widget):
    """The part of a text view that finds."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name for it
        super().__init__(id=id)
        self._query: Query | None = None
        self._places: array[int] = array("Q")
        self._current = -1
        self._found_at = (-1, -1)
        self._from = 0
        self._before = (0, 0)
        self._looking = False
        self._sought: list[str] = []
        """What was looked for; never on disk, because it may be a secret."""

    @property
    def _text(self) -> TextView:
        return cast("TextView", self)

    def action_search(self, text: str = "") -> None:
        """Ask what to look for, and go there while it is typed."""
        from kiket_console.ui.widgets.prompt import Prompt

        view = self._text
        if text:
            self._seek(text)
            return
        screen = self.screen
        if not isinstance(screen, Asks) or not view.source.count:
            return
        self._from = view.place or 0
        self._before = (view.cursor, int(view.scroll_offset.y))
        prompt = Prompt("search", history=self._sought, verb="find")
        screen.ask(prompt, self._entered, changed=self._typed, cancelled=self.search_cancelled)

    def search_cancelled(self) -> None:
        """Go back to where the search began."""
        cursor, top = self._before
        self.forget_search()
        self._text.go_to_row(cursor, top)

    def _typed(self, prompt: Prompt) -> None:
        self._seek(prompt.text)

    def _entered(self, text: str) -> str:
        if text:
            self._sought = [*(each for each in self._sought if each != text), text][-KEPT:]
        if self._query is None or self._looking or self._places or not text:
            return ""
        return f"{text!r} is not in this text."

    def action_match(self, by: int) -> None:
        """Go to the next place, or the one before; after the last comes the first.

        Where nothing is looked for, go to what the text itself points out.
        """
        if self._query is None:
            row = self._text.source.notable(self._text.cursor, by)
            if row is None:
                raise SkipAction
            self._text.look_at(row, 0)
        if not self._places:
            return
        self._go_to((self._current + by) % len(self._places))

    def action_end_search(self) -> None:
        """Mark no places any more."""
        if self._query is None:
            raise SkipAction
        self.forget_search()

    def forget_search(self) -> None:
        """Look for nothing."""
        if self._query is not None:
            self._query = None
            self._places = array("Q")
            self._current = -1
            self._looking = False
            self.workers.cancel_group(self, "search")
            self._text.redraw()
            self._text.remarked()

    def search_again(self) -> None:
        """Look for the same in a text that is laid out anew."""
        if self._query is not None:
            self._from = self._text.place or 0
            self._seek(self._query.text, again=True)

    def search_remark(self) -> Line:
        """Return where among the places the cursor is, or that there are none."""
        if self._query is None:
            return ()
        count = len(self._places)
        if not count:
            return [("looking …", "muted")] if self._looking else [("not found", "warning")]
        more = "+" if self._looking or count >= MOST else ""
        return [(f"{self._current + 1:,} of {count:,}{more}", "accent")]

    def marks(self, row: int) -> list[tuple[int, int, str]]:
        """Return what to mark in a row: from which character to which, and as what."""
        if self._query is None:
            return []
        return [
            (start, end, "found" if (row, start) == self._found_at else "match")
            for start, end in self._text.source.spans(row, self._query)
        ]

    def rows_moved(self) -> None:
        """Take in that rows are elsewhere now: the place that was gone to is one of the others."""
        self._found_at = (-1, -1)

    def _seek(self, text: str, *, again: bool = False) -> None:
        if not text:
            if self._query is not None:
                self.search_cancelled()
            return
        if self._query is not None and self._query.text == text and not again:
            return
        self._query = Query(text)
        self._places = array("Q")
        self._current = -1
        self._looking = True
        self._text.redraw()
        self._text.remarked()
        self._look(self._query)

    @work(thread=True, exclusive=True, group="search", exit_on_error=False)
    def _look(self, query: Query) -> None:
        worker = get_current_worker()
        found: array[int] = array("Q")
        total = 0
        for places in self._text.source.find(query):
            if worker.is_cancelled:
                return
            found.extend(places)
            if len(found) >= AT_ONCE or total + len(found) >= MOST:
                total += len(found)
                hand_over(self.app, self._found, query, found, done=False)
                found = array("Q")
            if total >= MOST:
                break
        hand_over(self.app, self._found, query, found, done=True)

    def _found(self, query: Query, places: array[int], *, done: bool) -> None:
        if query is not self._query:
            return
        self._places.extend(places)
        self._looking = not done
        if self._current < 0 and self._places and (done or self._places[-1] >= self._from):
            at = bisect_left(self._places, self._from)
            self._go_to(at if at < len(self._places) else 0)
        self._text.remarked()

    def _go_to(self, number: int) -> None:
        self._current = number
        row, column = self._text.source.show(self._places[number])
        self._text.grown()
        self._found_at = (row, column)
        self._text.look_at(row, column)
