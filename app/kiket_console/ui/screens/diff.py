"""The difference between two exchanges: a verdict, and where they differ.

─ Difference ─────────────────────────── unordered · 1 path ignored ─
  ≠ 2 fields of the response differ, same request, 14 ms faster.
  Request   Response 2   Headers
   1187 issue.updated v2 · 200 · 17 ms │ 1204 issue.updated v2 · 200 …
~    "title": "Pricing page is slow"   │    "title": "Pricing"
  $.issue.title  differs
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from msgspec.structs import replace
from textual import work

from kiket_console import ignored_paths
from kiket_console.comparing.exchanges import compare_exchanges
from kiket_console.errors import ConsoleError
from kiket_console.text import plural
from kiket_console.ui.actions import Mode, Scope, bindings
from kiket_console.ui.closing import close
from kiket_console.ui.comparing import in_words, manner_of, read_pair
from kiket_console.ui.diff_rows import TABS, DiffRows, counts
from kiket_console.ui.paint import diff
from kiket_console.ui.screens.copying import Copying
from kiket_console.ui.threads import hand_over
from kiket_console.ui.widgets.bars import Footer, Rule, TabBar
from kiket_console.ui.widgets.ink import INK_CLASSES
from kiket_console.ui.widgets.told import Told
from kiket_console.ui.widgets.views import ListView

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.events import Resize

    from kiket_console.comparing.bodies import Manner
    from kiket_console.comparing.exchanges import Comparison
    from kiket_console.ui.app import ConsoleApp


class DiffScreen(Copying[None]):
    """Two exchanges next to each other; *before* None stands for the one to compare *after* with.

    That is the one it repeats, or else the one before it of the same event.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = INK_CLASSES
    BINDINGS: ClassVar[list[Any]] = [*bindings(Scope.DIFF)]

    def __init__(self, console: ConsoleApp, before: int | None, after: int) -> None:
        super().__init__()
        self.console = console
        self.rows = DiffRows()
        self._before, self._after = before, after
        self._rule, self._tabs, self._footer = Rule("Difference"), TabBar(), Footer()
        self._verdict, self._place = Told(id="verdict"), Told(id="place")
        self.list = ListView(self.rows, id="difference")

    def compose(self) -> ComposeResult:
        """Lay the screen out."""
        yield self._rule
        yield self._verdict
        yield self._tabs
        yield self.list
        yield self._place
        yield self._footer

    def on_mount(self) -> None:
        """Begin to compare."""
        self._rule.active = True
        self.list.focus()
        self._footer.show(self.console.registry.footer(Scope.DIFF, Mode.LIST), [("?", "keys")])
        self._compare_again()

    def on_resize(self, event: Resize) -> None:
        """Put the two side by side where there is room."""
        self.rows.fit(event.size.width)
        self._draw()

    @property
    def _manner(self) -> Manner:
        return manner_of(self.console)

    def _compare_again(self, manner: Manner | None = None) -> None:
        if manner is not None:
            self.console.manner = manner
        self._verdict.say([("  comparing …", "muted")])
        self._compare(self._before, self._after, self._manner)

    @work(thread=True, exclusive=True, group="compare")
    def _compare(self, before: int | None, after: int, manner: Manner) -> None:
        try:
            pair = read_pair(self.console, before, after)
        except ConsoleError as error:
            hand_over(self.app, self._cannot, str(error))
        else:
            hand_over(self.app, self._compared, compare_exchanges(*pair, manner))

    def _cannot(self, sentence: str) -> None:
        self.console.say(sentence, error=True)
        close(self)

    def _compared(self, made: Comparison) -> None:
        first = self.rows.comparison is None
        self._before, self._after = made.before.id, made.after.id
        tab = self.rows.tab
        if first and not counts(made)[tab]:
            tab = next((at for at, count in enumerate(counts(made)) if count), tab)
        self.rows.show(made, tab)
        self._draw()

    def _draw(self) -> None:
        """Draw all that depends on the comparison."""
        made, width = self.rows.comparison, self.size.width
        if made is None or not width:
            return
        self._verdict.say(*diff.verdict(made, width))
        found = counts(made)
        labels = [
            f"{name.capitalize()} {count:,}" if count else name.capitalize()
            for name, count in zip(TABS, found, strict=True)
        ]
        self._tabs.show(tuple(labels), self.rows.tab)
        how = in_words(self._manner)
        self._rule.show("Difference", [(how, "muted")] if how else ())
        self.list.redraw()
        self.list.sync()
        self.list.reveal()
        self._show_place()

    def _show_place(self) -> None:
        made = self.rows.comparison
        if made is None:
            return
        sides = {"request": made.request, "response": made.response}
        side = sides.get(TABS[self.rows.tab])
        notes = () if side is None else side.body.notes
        row, path = self.rows.selected, self.rows.path
        self._place.say(diff.place_line(row, path, notes, self.size.width))

    def on_list_view_moved(self) -> None:
        """Say where the cursor is."""
        self._show_place()

    def on_tab_bar_chosen(self, event: TabBar.Chosen) -> None:
        """Show the tab that was clicked."""
        self._show_tab(event.index)

    def _show_tab(self, index: int) -> None:
        self.rows.show(self.rows.comparison, index)
        self._draw()

    def action_tab(self, by: int) -> None:
        """Show the next tab."""
        self._show_tab((self.rows.tab + by) % len(TABS))

    def action_difference(self, by: int) -> None:
        """Go to the next difference, in the next tab that has one when this one has none."""
        made = self.rows.comparison
        if made is None:
            return
        if not self.rows.step_to_difference(by):
            tab = next((at for at, count in enumerate(counts(made)) if count), None)
            if tab is None:
                self.console.say("Nothing differs.")
                return
            self.rows.show(made, tab)
        self._draw()

    def action_swap(self) -> None:
        """Compare the other way round."""
        if self._before is not None:
            self._before, self._after = self._after, self._before
            self._compare_again()

    def action_noise(self) -> None:
        """Let headers that differ each time count, or no longer."""
        self._compare_again(replace(self._manner, noise=not self._manner.noise))

    def action_unordered(self) -> None:
        """Take arrays as collections whose order means nothing, or no longer."""
        self._compare_again(replace(self._manner, unordered=not self._manner.unordered))

    def action_whole(self) -> None:
        """Show all lines, or only those that differ and what is around them."""
        self._compare_again(replace(self._manner, whole=not self._manner.whole))

    def action_ignore(self) -> None:
        """Ignore the path under the cursor from now on."""
        path = self.rows.path_to_ignore
        if not path:
            self.console.say("Only what has a JSON path can be ignored.")
        elif path in self._manner.ignore:
            self.console.say(f"{path} is ignored already.")
        else:
            self._compare_again(replace(self._manner, ignore=(*self._manner.ignore, path)))
            self.console.say(f"{path} is ignored; u undoes it, ctrl+s keeps it in kiket.toml.")

    def action_undo(self) -> None:
        """Ignore the path that was added last no longer."""
        ignored = self._manner.ignore
        if not ignored:
            self.console.say("No path is ignored.")
            return
        self._compare_again(replace(self._manner, ignore=ignored[:-1]))
        self.console.say(f"{ignored[-1]} counts again.")

    def action_keep(self) -> None:
        """Write the ignored paths into the project's kiket.toml."""
        try:
            file = ignored_paths.save(self.console.folder, self._manner.ignore)
        except ConsoleError as error:
            self.console.say(str(error), error=True)
            return
        self.console.say(f"{plural(len(self._manner.ignore), 'ignored path')} kept in {file.name}.")

    def action_close(self) -> None:
        """Go back to where this was asked for."""
        self.dismiss(None)
