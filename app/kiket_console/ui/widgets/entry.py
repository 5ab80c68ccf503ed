"""A line to type into, where nothing that is typed or pasted can act on the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from textual.message import Message
from textual.widgets import Input

from kiket_console.text import plural, visible
from kiket_console.ui.widgets.selecting import copy_of_screen

if TYPE_CHECKING:
    from textual.events import Paste

LONGEST = 4_000
"""How many characters one line may have; a longer paste is cut, with a sentence."""


LONGEST_SECRET = 64 * 1024
"""How many characters a secret may have: what a vault takes."""
DOT, FEW = "•", 8


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
        """Copy what is selected here, else what is on the screen; else ctrl+c says how to leave."""
        if self.selection.is_empty:
            copy_of_screen(self.screen)
        else:
            super().action_copy()


class Hidden(Entry):
    """A line for a secret: a dot stands for each character, and nothing but dots can be copied.

    What is pasted stays as it is, line ends included: keys have several lines. What is longer than
    other lines may be has a few dots for all of it, and whatever is typed then replaces it. What
    would make it longer than a secret may be is not taken at all.
    """

    class TooLong(Message):
        """A text was not taken, as the secret would have had *count* characters."""

        def __init__(self, count: int) -> None:
            super().__init__()
            self.count = count

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.secret = ""

    @property
    def said(self) -> str:
        """How much was typed, so that a person sees what came of a paste."""
        lines = self.secret.removesuffix("\n").count("\n") + 1
        count = plural(len(self.secret), "character")
        return f"{count} on {lines:,} lines" if lines > 1 else count

    def replace(self, text: str, start: int, end: int) -> None:
        """Put *text* in the place of what is between two positions."""
        start, end = sorted((start, end))
        if len(self.value) != len(self.secret):
            start, end = 0, len(self.secret)
        count = len(self.secret) - (end - start) + len(text)
        if count > LONGEST_SECRET:  # a part of a secret is none
            self.post_message(self.TooLong(count))
            return
        self.secret = self.secret[:start] + text + self.secret[end:]
        is_long = len(self.secret) > LONGEST
        before, self.value = self.value, DOT * (FEW if is_long else len(self.secret))
        self.cursor_position = len(self.value) if is_long else start + len(text)
        if before == self.value:
            self.post_message(self.Changed(self, self.value))

    def clear(self) -> None:
        """Forget what was typed."""
        self.replace("", 0, len(self.secret))

    def paste(self, text: str) -> None:
        """Put *text*, as a terminal hands it on, in the place of what is selected."""
        text = text.replace("\r\n", "\n").replace("\r", "\n")  # terminals send \r
        is_one_line = "\n" not in text.strip("\n")
        self.replace(text.strip("\n") if is_one_line else text, *self.selection)

    def _on_paste(self, event: Paste) -> None:
        event.prevent_default()
        event.stop()
        self.paste(event.text)


def harmless(text: str) -> str:
    """Return *text* as one line in which nothing acts on the terminal."""
    return visible(" ".join(text.splitlines()).replace("\t", " "))
