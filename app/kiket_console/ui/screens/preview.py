"""What would be sent, byte for byte; nothing is sent."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from textual.containers import Vertical
from textual.screen import ModalScreen

from kiket_console.text import size, visible
from kiket_console.ui.actions import Scope, bindings
from kiket_console.ui.paint.edits import preview_lines
from kiket_console.ui.paint.source import Lines
from kiket_console.ui.widgets.bars import Footer, Rule
from kiket_console.ui.widgets.ink import INK_CLASSES
from kiket_console.ui.widgets.text_view import TextView

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import ComposeResult

    from kiket_console.wire import Preview


class PreviewScreen(ModalScreen[None]):
    """Show a dry run."""

    COMPONENT_CLASSES: ClassVar[set[str]] = INK_CLASSES
    BINDINGS: ClassVar[list[Any]] = [*bindings(Scope.PREVIEW)]

    def __init__(self, preview: Preview, keys: Sequence[tuple[str, str]]) -> None:
        """Take what would be sent, and the *keys* that the footer names."""
        super().__init__()
        self._keys = keys
        self._preview = preview

    def compose(self) -> ComposeResult:
        """Lay the page out."""
        with Vertical(id="dialog", classes="-page"):
            yield Rule("Dry run: nothing was sent")
            yield TextView(id="preview")
            yield Footer()

    def on_mount(self) -> None:
        """Show what would be sent."""
        rule = self.query_one(Rule)
        whom = f"{size(self._preview.size)} to {visible(self._preview.extension)}"
        rule.show("Dry run: nothing was sent", [(whom, "muted")])
        rule.active = True
        text = self.query_one(TextView)
        text.show(partial(_lines, self._preview))
        text.focus()
        self.query_one(Footer).show(self._keys)

    def action_close(self) -> None:
        """Go back."""
        self.dismiss(None)


def _lines(preview: Preview, width: int) -> Lines:
    return Lines(preview_lines(preview, width))
