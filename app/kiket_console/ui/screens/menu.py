"""A small menu: a key for each line; the arrows and `enter` do as well."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from msgspec import Struct
from textual import work
from textual.containers import Vertical
from textual.screen import ModalScreen

from kiket_console.errors import ConsoleError
from kiket_console.text import cell_width, fit, fit_right, visible
from kiket_console.ui.actions import Scope, bindings, registry_of
from kiket_console.ui.paint.line import cut, wrap
from kiket_console.ui.screens.copying import Copying
from kiket_console.ui.threads import hand_over
from kiket_console.ui.widgets.bars import Footer, Rule
from kiket_console.ui.widgets.ink import INK_CLASSES
from kiket_console.ui.widgets.views import ListView

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from textual.app import ComposeResult
    from textual.events import Key

    from kiket_console.ui.paint.line import Line

UNREDACTED = "!"


class Item(Struct, frozen=True):
    """One line: its key, what it is called, how large it is, and how it begins."""

    key: str
    label: str
    size: str
    note: str
    value: object


class Taken(Struct, frozen=True):
    """What was taken, and whether what looks like a secret was left out of it."""

    value: object
    redacted: bool


class _Items:
    def __init__(self) -> None:
        self.items: Sequence[Item] = ()
        self.trouble = ""
        self._cursor = 0
        self._generation = 0

    def show(self, items: Sequence[Item]) -> None:
        self.items = items
        self._generation += 1

    @property
    def count(self) -> int:
        return len(self.items)

    @property
    def cursor(self) -> int:
        return min(self._cursor, self.count - 1)

    def move(self, position: int) -> None:
        self._cursor = position

    def key(self, position: int) -> Hashable:
        return (self._generation, position)

    def line(self, position: int, width: int) -> Line:
        item = self.items[position]
        labels = max(cell_width(each.label) for each in self.items)
        return cut(
            [
                ("  ", ""), (item.key, "accent"), ("  ", ""), (fit(item.label, labels), ""),
                ("  ", ""), (fit_right(item.size, 6), "muted"), ("   ", ""),
                (visible(item.note), "muted"),
            ],
            width,
        )  # fmt: skip

    def header(self, width: int) -> Line:  # noqa: ARG002 - there is none
        return ()

    def teach(self, width: int) -> list[Line]:
        if not self.trouble:
            return [[("  …", "muted")]]
        return wrap(self.trouble, width - 2, "error", "  ")


class Menu(ModalScreen[Taken | None], Copying[Taken | None]):
    """Let a person take one of the items that *make* returns; it runs in a thread.

    It is given whether to leave out what looks like a secret; a `ConsoleError` that it raises is
    said where the items would be. *can_reveal*: whether a person may ask for all of it.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = INK_CLASSES
    BINDINGS: ClassVar[list[Any]] = [*bindings(Scope.CHOOSER)]

    def __init__(
        self, title: str, make: Callable[[bool], list[Item]], *, verb: str, can_reveal: bool
    ) -> None:
        super().__init__()
        self._title, self._make, self._verb = title, make, verb
        self._can_reveal = can_reveal
        self._redacts = True
        self._early = ""
        self._items = _Items()
        self._rule, self._footer = Rule(title), Footer()
        self._list = ListView(self._items, id="items", has_header=False, active=True)

    def compose(self) -> ComposeResult:
        """Lay the menu out."""
        with Vertical(id="dialog", classes="-menu"):
            yield self._rule
            yield self._list
            yield self._footer

    def on_mount(self) -> None:
        """Begin to make what can be taken."""
        self._rule.active = True
        self._list.can_focus = False
        self._list.styles.height = 1  # until it is known how many there are
        self._show_how()
        self._fill(self._redacts)

    def on_key(self, event: Key) -> None:
        """Take the item of a key, also when it is pressed before the items are there."""
        if event.character == UNREDACTED and self._can_reveal:
            event.stop()
            self._redacts = not self._redacts
            self._show_how()
            self._items.items = ()  # they would be taken as what they are not
            self._early = ""
            self._list.redraw()
            self._list.sync()
            self._fill(self._redacts)
            return
        if event.is_printable and event.character:
            event.stop()
            self._press(event.character)

    def on_list_view_opened(self) -> None:
        """Take what was double-clicked."""
        self.action_choose()

    def action_step(self, by: int) -> None:
        """Move by rows."""
        self._list.action_step(by)

    def action_page(self, by: int) -> None:
        """Move by pages."""
        self._list.action_page(by)

    def action_choose(self) -> None:
        """Take the item under the cursor."""
        if self._items.count:
            self._take(self._items.items[self._items.cursor])

    def action_cancel(self) -> None:
        """Take nothing."""
        self.dismiss(None)

    def _press(self, key: str) -> None:
        if not self._items.count:
            self._early = key
        for item in self._items.items:
            if item.key == key:
                self._take(item)
                return

    def _take(self, item: Item) -> None:
        self.dismiss(Taken(item.value, self._redacts))

    def _show_how(self) -> None:
        key = registry_of(self.app).key
        keys = [(key("chooser.choose"), self._verb), (key("chooser.cancel"), "cancel")]
        if self._can_reveal:
            keys.append((UNREDACTED, "unredacted" if self._redacts else "redacted"))
        self._footer.show(keys)
        self._rule.show(self._title, () if self._redacts else [("unredacted", "warning")])

    @work(thread=True, exclusive=True, group="make")
    def _fill(self, redacts: bool) -> None:
        try:
            items = self._make(redacts)
        except ConsoleError as error:
            hand_over(self.app, self._refused, str(error))
        else:
            hand_over(self.app, self._filled, items)

    def _refused(self, trouble: str) -> None:
        self._items.trouble = trouble
        self._list.styles.height = len(self._items.teach(self._list.size.width))
        self._list.redraw()

    def _filled(self, items: list[Item]) -> None:
        self._items.show(items)
        self._list.styles.height = max(1, len(items))
        self._list.redraw()
        self._list.sync()
        self._press(self._early)
