"""A dialog to choose from a list by typing: for sample events, commands and themes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from kiket_console.ui.actions import Scope, bindings, registry_of
from kiket_console.ui.choices import Choice, Choices
from kiket_console.ui.screens.copying import Copying
from kiket_console.ui.widgets.bars import Footer, Rule
from kiket_console.ui.widgets.entry import Entry
from kiket_console.ui.widgets.ink import INK_CLASSES
from kiket_console.ui.widgets.views import ListView

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from textual.app import ComposeResult


T = TypeVar("T")

__all__ = ["Choice", "Chooser"]


class Chooser(ModalScreen[T | None], Copying[T | None], Generic[T]):
    """Ask for one of several things; `None` when nothing was chosen.

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
        highlighted: Callable[[T], None] | None = None,
    ) -> None:
        super().__init__()
        self._title = title
        self._choices = Choices(choices, empty)
        self._choices.move(selected)
        self._verb = verb
        self._highlighted = highlighted

    def compose(self) -> ComposeResult:
        """Lay the dialog out."""
        with Vertical(id="dialog"):
            yield Rule(self._title)
            yield Entry(placeholder="type to narrow", id="typed")
            yield ListView(self._choices, id="choices", has_header=False, active=True)
            yield Footer()

    def on_mount(self) -> None:
        """Start typing at once."""
        self.query_one(Rule).active = True
        self.query_one(Input).focus()
        self.query_one("#choices").can_focus = False
        registry = registry_of(self.app)
        keys = (
            (registry.key("chooser.choose"), self._verb),
            (registry.key("chooser.cancel"), "cancel"),
        )
        self.query_one(Footer).show(keys)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Narrow the list."""
        self._choices.narrow(event.value)
        self.clear_selection()
        self._list.redraw()
        self._list.sync()
        self._list.reveal()
        self.on_list_view_moved()  # the first row may be another one now

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
        if selected is not None:
            self.dismiss(selected.value)

    def action_cancel(self) -> None:
        """Choose nothing."""
        self.dismiss(None)

    @property
    def _list(self) -> ListView:
        return self.query_one("#choices", ListView)
