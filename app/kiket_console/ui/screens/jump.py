"""Jump mode: a letter over each thing that can be gone to; pressing it goes there.

[1] Traffic  [2] Processes …
[a]Traffic ──────────────────
1198  14:05:07  webhook …
[d] Request  [f] Response …
[s]POST /v/v1/webhooks …
"""

from __future__ import annotations

import string
from typing import TYPE_CHECKING, Any, ClassVar, Final

from msgspec import Struct
from textual.errors import NoWidget
from textual.geometry import Offset
from textual.screen import ModalScreen

from kiket_console.ui.actions import Scope, bindings, registry_of
from kiket_console.ui.widgets.bars import Footer
from kiket_console.ui.widgets.ink import INK_CLASSES, OneLine
from kiket_console.ui.widgets.spots import Jumpable, Spot

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from textual.app import ComposeResult
    from textual.events import Key, Resize
    from textual.screen import Screen
    from textual.widget import Widget

    from kiket_console.ui.app import ConsoleApp
    from kiket_console.ui.paint.line import Line

_ROW: Final = "asdfghjklqwertyuiopzxcvbnm"
LETTERS: Final = _ROW + _ROW.upper() + string.digits
"""Those under the fingers first; what they do not suffice for has none."""
_WIDE: Final = 3


class Mark(Struct, frozen=True):
    """A spot with its letter, where it is on screen."""

    key: str
    at: Offset
    spot: Spot


def jump(app: ConsoleApp) -> None:
    """Let a person jump to what is in sight, or leave jump mode."""
    screen = app.screen
    if isinstance(screen, JumpScreen):
        screen.action_cancel()
        return
    found = marks(screen)
    if not found:
        app.say("There is nothing to jump to here.")
        return
    app.push_screen(JumpScreen(found), lambda spot: spot.go() if spot is not None else None)


def marks(screen: Screen[Any]) -> list[Mark]:
    """Return what can be jumped to, in the order in which letters are given."""
    found = sorted(_placed(screen), key=lambda each: each[1].rank)
    known = {spot.key for _, spot in found}
    free = iter([letter for letter in LETTERS if letter not in known])
    keyed = [(spot.key or next(free, ""), at, spot) for at, spot in found]
    return [Mark(key, at, spot) for key, at, spot in keyed if key]


def _placed(screen: Screen[Any]) -> Iterator[tuple[Offset, Spot]]:
    for widget in screen.query("*"):
        try:
            seen = screen.find_widget(widget)
        except NoWidget:
            continue
        for spot in _spots(widget):
            at = seen.region.offset + Offset(spot.x, spot.y)
            if seen.visible_region.contains_point(at):
                yield at, spot


def _spots(widget: Widget) -> Sequence[Spot]:
    if isinstance(widget, Jumpable):
        return tuple(widget.spots())
    return (Spot(0, 0, widget.focus),) if widget.focusable else ()


class Letter(OneLine):
    """A letter over what it leads to, in *cells* cells."""

    def __init__(self, mark: Mark, cells: int) -> None:
        super().__init__()
        self._key = mark.key
        self.styles.width = cells
        self.styles.offset = mark.at

    def line(self, width: int) -> Line:
        """Return the line to draw."""
        return [(self._key.center(width), "found")]


class JumpScreen(ModalScreen[Spot | None]):
    """Letters over what is below; one that is pressed takes its spot, any other none."""

    COMPONENT_CLASSES: ClassVar[set[str]] = INK_CLASSES
    BINDINGS: ClassVar[list[Any]] = [*bindings(Scope.JUMP)]

    def __init__(self, found: Sequence[Mark]) -> None:
        super().__init__()
        self._marks = found

    def compose(self) -> ComposeResult:
        """Lay the letters out; where the next is near, one takes no more than its own cell."""
        taken = {(mark.at.x, mark.at.y) for mark in self._marks}
        for mark in self._marks:
            beside = {(mark.at.x + by, mark.at.y) for by in range(1, _WIDE)}
            yield Letter(mark, 1 if beside & taken else _WIDE)
        yield Footer()

    def on_mount(self) -> None:
        """Say what to press."""
        self._laid_out_for = self.app.size
        leave = registry_of(self.app).key("jump.cancel")
        self.query_one(Footer).show([("a letter", "goes there"), (leave, "stay")])

    def on_resize(self, event: Resize) -> None:
        """Leave when all is somewhere else than the letters say."""
        if event.size != self._laid_out_for:
            self._leave(None)

    def on_key(self, event: Key) -> None:
        """Go where the letter leads."""
        if not event.is_printable:
            return
        event.stop()
        spot = next((mark.spot for mark in self._marks if mark.key == event.character), None)
        self._leave(spot)

    def on_click(self) -> None:
        """Leave."""
        self._leave(None)

    def action_cancel(self) -> None:
        """Leave, and stay where one is."""
        self._leave(None)

    def _leave(self, spot: Spot | None) -> None:
        """Leave once: a terminal may say twice that it has another size."""
        if self.is_current:
            self.dismiss(spot)
