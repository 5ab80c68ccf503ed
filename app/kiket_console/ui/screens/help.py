"""The keys and commands that work here and now, found by typing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from textual.containers import Vertical
from textual.screen import ModalScreen

from kiket_console.text import cell_width, fit
from kiket_console.ui.actions import Scope, bindings, registry_of, shown_key
from kiket_console.ui.command import PLACES, TYPING
from kiket_console.ui.command_line import usage
from kiket_console.ui.paint.line import wrap
from kiket_console.ui.paint.source import Lines
from kiket_console.ui.screens.copying import Copying
from kiket_console.ui.widgets.bars import Footer, Rule
from kiket_console.ui.widgets.entry import Entry
from kiket_console.ui.widgets.ink import INK_CLASSES
from kiket_console.ui.widgets.text_view import TextView

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import ComposeResult
    from textual.widgets import Input

    from kiket_console.ui.actions import Command
    from kiket_console.ui.app import ConsoleApp
    from kiket_console.ui.paint.line import Line

_KEYS = 15
_SHOWN = 3
_LAST = (*PLACES, Scope.PLACE, Scope.LIST, Scope.APP)
"""These come behind all others, in this order."""


def keys_dialog(app: ConsoleApp) -> KeysScreen:
    """Return the page for what has the focus now, its own keys first."""
    screen = app.screen
    active: set[Scope] = set()
    for node in screen.focused.ancestors_with_self if screen.focused else [screen, app]:
        for bound in node._bindings.key_to_bindings.values():
            commands = (app.registry.find(each.id or "") for each in bound)
            active.update(command.scope for command in commands if command is not None)
        if node.is_modal:
            break
    typing = next((scope for scope in TYPING if scope in active), None)
    if typing is not None:  # what is bound further out is not heard where letters are typed
        active = {typing, Scope.APP}
    scopes = sorted(active, key=_rank)
    title = app.place.TITLE if app.place is screen and typing is None else scopes[0].value
    return KeysScreen(f"Keys in {title}", [(scope, app.registry.of(scope)) for scope in scopes])


def _rank(scope: Scope) -> int:
    return _LAST.index(scope) if scope in _LAST else -1


class KeysScreen(ModalScreen[None], Copying[None]):
    """List commands in their groups; typing keeps those that have the typed words."""

    COMPONENT_CLASSES: ClassVar[set[str]] = INK_CLASSES
    BINDINGS: ClassVar[list[Any]] = [*bindings(Scope.CHOOSER)]

    def __init__(self, title: str, groups: Sequence[tuple[Scope, Sequence[Command]]]) -> None:
        super().__init__()
        self._title = title
        self._groups = groups
        self._typed = ""

    def compose(self) -> ComposeResult:
        """Lay the page out."""
        with Vertical(id="dialog", classes="-page"):
            yield Rule(self._title)
            yield Entry(placeholder="type to find", id="typed")
            yield TextView(id="keys")
            yield Footer()

    def on_mount(self) -> None:
        """Show the keys."""
        self.query_one(Rule).active = True
        self._text.can_focus = False
        self._text.show(self._lines)
        self.query_one(Entry).focus()
        key = registry_of(self.app).key
        more = f"{key('chooser.up')} {key('chooser.down')}"
        self.query_one(Footer).show(((key("chooser.cancel"), "close"), (more, "more")))

    def on_input_changed(self, event: Input.Changed) -> None:
        """Keep what has the typed words."""
        self._typed = event.value
        self._text.show(self._lines)

    def action_step(self, by: int) -> None:
        """Scroll by lines."""
        self._text.action_step(by)

    def action_page(self, by: int) -> None:
        """Scroll by pages."""
        self._text.action_page(by)

    def action_choose(self) -> None:
        """Close the page."""
        self.dismiss(None)

    def action_cancel(self) -> None:
        """Close the page."""
        self.dismiss(None)

    @property
    def _text(self) -> TextView:
        return self.query_one(TextView)

    def _lines(self, width: int) -> Lines:
        return Lines(key_lines(self._groups, width, self._typed))


def key_lines(
    groups: Sequence[tuple[Scope, Sequence[Command]]], width: int, typed: str = ""
) -> list[Line]:
    """Return the commands of *groups* that have the *typed* words, under the groups' names.

    A command without a key is shown by its name on the `:` line.
    """
    words = typed.lower().split()
    lines: list[Line] = []
    for scope, commands in groups:
        found = [command for command in commands if _has(command, words)]
        if not found:
            continue
        title = scope.value[0].upper() + scope.value[1:]
        lines += [[], [(f"  {title}", "strong")]]
        for command in found:
            keys = _keys(command)
            if cell_width(keys) >= _KEYS:  # the sentence goes below it
                lines.append([("    " + keys, "accent")])
                keys = ""
            for at, said in enumerate(wrap(command.help, width - _KEYS - 6)):
                lines.append([("    " + fit(keys if not at else "", _KEYS), "accent"), *said])
    return lines[1:] or [[("  No key or command has these words.", "muted")]]


def _keys(command: Command) -> str:
    keys = [shown_key(key) for key in command.key_names[:_SHOWN]]
    if not keys or (command.argument is not None and command.needs_argument):
        keys.append(f":{usage(command)}")
    return " ".join(keys)


def _has(command: Command, words: Sequence[str]) -> bool:
    said = f"{_keys(command)} {command.label} {command.help} {' '.join(command.all_names)}".lower()
    return all(word in said for word in words)
