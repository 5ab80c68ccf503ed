"""A dialog to choose from a list by typing: for sample events, commands and themes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from kiket_console.text import cell_width, fit, visible
from kiket_console.ui.actions import Scope, bindings
from kiket_console.ui.paint.line import cut, spread
from kiket_console.ui.widgets.bars import Footer, Rule
from kiket_console.ui.widgets.entry import Entry
from kiket_console.ui.widgets.ink import INK_CLASSES, OneLine
from kiket_console.ui.widgets.views import ListView

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Hashable, Sequence

    from textual.app import ComposeResult

    from kiket_console.ui.paint.line import Line

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Choice(Generic[T]):
    """One row to choose: what it is called, what is said about it, and what it stands for."""

    label: str
    note: str
    key: str
    value: T


class _Choices(Generic[T]):
    def __init__(self, choices: Sequence[Choice[T]], empty: str) -> None:
        self._all = choices
        self._empty = empty
        self.found = list(choices)
        self._cursor = 0
        self._generation = 0

    @property
    def count(self) -> int:
        return len(self.found)

    @property
    def cursor(self) -> int:
        return min(self._cursor, self.count - 1)

    @property
    def selected(self) -> Choice[T] | None:
        return self.found[self.cursor] if self.found else None

    def move(self, position: int) -> None:
        self._cursor = position

    def narrow(self, typed: str) -> None:
        """Keep the choices that have all typed words, those that begin with them first."""
        words = typed.lower().split()
        found = [
            choice
            for choice in self._all
            if all(word in f"{choice.label} {choice.note}".lower() for word in words)
        ]
        first = words[0] if words else ""
        self.found = sorted(found, key=lambda choice: not choice.label.lower().startswith(first))
        self._cursor = 0
        self._generation += 1

    def key(self, position: int) -> Hashable:
        return (self._generation, position)

    def line(self, position: int, width: int) -> Line:
        choice = self.found[position]
        key: Line = [("  ", ""), (f"{choice.key} ", "accent")] if choice.key else ()
        label = visible(choice.label)
        column = min(34, max(cell_width(visible(each.label)) for each in self._all) + 2)
        left: list[tuple[str, str]] = [("  " + fit(label, column), "")]
        left.append((visible(choice.note), "muted"))
        return spread(left, key, width)

    def header(self, width: int) -> Line:  # noqa: ARG002 - there is none
        return ()

    def teach(self, width: int) -> list[Line]:
        return [[], cut([("  " + self._empty, "muted")], width)]


class _Said(OneLine):
    """The sentence below the list: what went wrong, or what is under way."""

    def __init__(self) -> None:
        super().__init__()
        self._said: Line = ()

    def say(self, text: str, role: str) -> None:
        self._said = [("  " + text, role)]
        self.refresh()

    def line(self, width: int) -> Line:
        return cut(self._said, width)


class Chooser(ModalScreen[T | None], Generic[T]):
    """Ask for one of several things; `None` when nothing was chosen.

    *carry_out* is awaited before the dialog closes and may return a sentence to stay open with.
    *highlighted* hears of each row that the cursor is on.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = INK_CLASSES
    BINDINGS: ClassVar[list[Any]] = [*bindings(Scope.CHOOSER)]

    def __init__(
        self,
        title: str,
        choices: Sequence[Choice[T]],
        *,
        verb: str = "choose",
        empty: str = "Nothing matches.",
        selected: int = 0,
        carry_out: Callable[[T], Awaitable[str]] | None = None,
        highlighted: Callable[[T], None] | None = None,
    ) -> None:
        super().__init__()
        self._title = title
        self._choices = _Choices(choices, empty)
        self._choices.move(selected)
        self._verb = verb
        self._carry_out = carry_out
        self._highlighted = highlighted
        self._busy = False

    def compose(self) -> ComposeResult:
        """Lay the dialog out."""
        with Vertical(id="dialog"):
            yield Rule(self._title)
            yield Entry(placeholder="type to narrow", id="typed")
            yield ListView(self._choices, id="choices", has_header=False, active=True)
            yield _Said()
            yield Footer()

    def on_mount(self) -> None:
        """Start typing at once."""
        self.query_one(Rule).active = True
        self.query_one(Input).focus()
        self.query_one("#choices").can_focus = False
        self.query_one(Footer).show((("enter", self._verb), ("esc", "cancel")))

    def on_input_changed(self, event: Input.Changed) -> None:
        """Narrow the list."""
        self._choices.narrow(event.value)
        self._list.redraw()
        self._list.sync()
        self._list.reveal()

    def on_input_submitted(self) -> None:
        """Choose with enter from the input as well."""
        self.action_choose()

    def on_list_view_moved(self) -> None:
        """Tell which row the cursor is on."""
        selected = self._choices.selected
        if self._highlighted is not None and selected is not None:
            self._highlighted(selected.value)

    def on_list_view_opened(self) -> None:
        """Choose with a double click."""
        self.action_choose()

    def action_step(self, by: int) -> None:
        """Move by rows."""
        self._list.action_step(by)

    def action_page(self, by: int) -> None:
        """Move by pages."""
        self._list.action_page(by)

    def action_choose(self) -> None:
        """Take the selected row."""
        selected = self._choices.selected
        if selected is None or self._busy:
            return
        if self._carry_out is None:
            self.dismiss(selected.value)
            return
        self._busy = True
        self.query_one(_Said).say("…", "muted")
        self.run_worker(self._carry(self._carry_out, selected.value), exclusive=True)

    def action_cancel(self) -> None:
        """Choose nothing."""
        self.dismiss(None)

    async def _carry(self, carry_out: Callable[[T], Awaitable[str]], value: T) -> None:
        refusal = await carry_out(value)
        self._busy = False
        if refusal:
            self.query_one(_Said).say(refusal, "error")
        else:
            self.dismiss(value)

    @property
    def _list(self) -> ListView:
        return self.query_one("#choices", ListView)
