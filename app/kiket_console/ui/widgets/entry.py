"""A line to type into, where nothing that is typed or pasted can act on the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from textual.widgets import Input

from kiket_console.text import visible

if TYPE_CHECKING:
    from textual.events import Paste

LONGEST = 4_000
"""How many characters one line may have; a longer paste is cut, with a sentence."""


class Entry(Input):
    """Textual's input, kept still and harmless.

    Line ends and tabs that are pasted become spaces; a character that would act on the terminal,
    or hide, is entered as its picture.
    """

    def __init__(self, value: str = "", **options: Any) -> None:
        super().__init__(harmless(value), select_on_focus=False, **options)
        self.cursor_blink = False

    def replace(self, text: str, start: int, end: int) -> None:
        """Put *text* in the place of what is between two positions."""
        text = harmless(text)
        room = LONGEST - len(self.value) + abs(end - start)
        super().replace(text[: max(0, room)], start, end)
        if len(text) > room:
            self.too_long()

    def too_long(self) -> None:
        """Take in that only a part of a text was taken."""
        self.app.bell()

    def _on_paste(self, event: Paste) -> None:
        event.prevent_default()
        event.stop()
        self.replace(event.text.strip("\r\n"), *self.selection)

    def action_copy(self) -> None:
        """Copy what is selected; without a selection, ctrl+c asks how to leave, as elsewhere."""
        if self.selection.is_empty:
            self.app.action_help_quit()
        else:
            super().action_copy()


def harmless(text: str) -> str:
    """Return *text* as one line in which nothing acts on the terminal."""
    return visible(" ".join(text.splitlines()).replace("\t", " "))
