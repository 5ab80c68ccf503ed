"""What would be sent, byte for byte; nothing is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from textual.containers import Vertical
from textual.screen import ModalScreen

from kiket_console.ui.actions import Scope, bindings
from kiket_console.ui.paint.source import Lines
from kiket_console.ui.screens.copying import Copying
from kiket_console.ui.widgets.bars import Footer, Rule
from kiket_console.ui.widgets.ink import INK_CLASSES
from kiket_console.ui.widgets.text_view import TextView

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from textual.app import ComposeResult

    from kiket_console.ui.app import ConsoleApp
    from kiket_console.ui.paint.line import Line


class PreviewScreen(ModalScreen[None], Copying[None]):
    """Show a dry run."""

    COMPONENT_CLASSES: ClassVar[set[str]] = INK_CLASSES
    BINDINGS: ClassVar[list[Any]] = [*bindings(Scope.PREVIEW)]

    def __init__(
        self, console: ConsoleApp, remark: str, lines: Callable[[int], Sequence[Line]], text: str
    ) -> None:
        """Take a *remark* for the rule, what would be sent as *lines*, and as *text* to copy."""
        super().__init__()
        self.console = console
        self._remark = remark
        self._lines = lines
        self._copied = text

    def compose(self) -> ComposeResult:
        """Lay the page out."""
        with Vertical(id="dialog", classes="-page"):
            yield Rule("Dry run: nothing was sent")
            yield TextView(id="preview")
            yield Footer()

    def on_mount(self) -> None:
        """Show what would be sent."""
        rule = self.query_one(Rule)
        rule.show("Dry run: nothing was sent", [(self._remark, "muted")])
        rule.active = True
        text = self.query_one(TextView)
        text.show(lambda width: Lines(self._lines(width)))
        text.focus()
        self.query_one(Footer).show(self.console.registry.footer(Scope.PREVIEW))

    def action_close(self) -> None:
        """Go back."""
        self.dismiss(None)

    def action_copy(self) -> None:
        """Copy what would be sent."""
        from kiket_console.ui.clipboard import copy

        copy(self.console, self._copied, "What would be sent")
