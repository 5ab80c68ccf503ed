"""The keys that work here, from the registry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from textual.containers import Vertical
from textual.screen import ModalScreen

from kiket_console.text import fit
from kiket_console.ui.actions import Registry, Scope, bindings, shown_key
from kiket_console.ui.paint.line import wrap
from kiket_console.ui.paint.source import Lines
from kiket_console.ui.widgets.bars import Footer, Rule
from kiket_console.ui.widgets.ink import INK_CLASSES
from kiket_console.ui.widgets.text_view import TextView

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from kiket_console.ui.paint.line import Line

_KEYS = 14
_SHOWN = 3


class KeysScreen(ModalScreen[None]):
    """List the commands of a place with their keys and what they do."""

    COMPONENT_CLASSES: ClassVar[set[str]] = INK_CLASSES
    BINDINGS: ClassVar[list[Any]] = [
        binding for binding in bindings(Scope.DIALOG) if binding.action == "cancel"
    ]

    def __init__(self, registry: Registry, place: Scope) -> None:
        super().__init__()
        self._registry = registry
        self._place = place

    def compose(self) -> ComposeResult:
        """Lay the page out."""
        with Vertical(id="dialog"):
            yield Rule(f"Keys in {self._place.value}")
            yield TextView(id="keys")
            yield Footer()

    def on_mount(self) -> None:
        """Show the keys."""
        self.query_one(Rule).active = True
        keys = self.query_one(TextView)
        keys.show(lambda width: Lines(key_lines(self._registry, self._place, width)))
        keys.focus()
        self.query_one(Footer).show((("esc", "close"), ("↓", "more")))

    def action_cancel(self) -> None:
        """Close the page."""
        self.dismiss(None)


def key_lines(registry: Registry, place: Scope, width: int) -> list[Line]:
    """Return the commands of a place, grouped by where they apply."""
    lines: list[Line] = []
    for scope in (place, Scope.PLACE, Scope.LIST, Scope.VIEW, Scope.APP):
        title = scope.value if scope is not place else f"in {scope.value}"
        lines += [[], [(f"  {title[0].upper()}{title[1:]}", "strong")]]
        for command in registry.of(scope):
            keys = " ".join(shown_key(key) for key in command.key_names[:_SHOWN])
            for at, said in enumerate(wrap(command.help, width - _KEYS - 6)):
                lines.append([("    " + fit(keys if not at else "", _KEYS), "accent"), *said])
    return lines[1:]
