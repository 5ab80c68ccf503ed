"""A text of several lines to type into; JSON is coloured, line by line as it is looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from rich.style import Style
from textual.binding import Binding
from textual.message import Message
from textual.widgets import TextArea

from kiket_console.text import visible
from kiket_console.ui.actions import Scope, bindings
from kiket_console.ui.paint.syntax import coloured
from kiket_console.ui.widgets.selecting import copy_of_screen

if TYPE_CHECKING:
    from rich.text import Text
    from textual.events import Key, Paste

MOST_LINES = 5_000
"""With more lines a key would no longer be on screen at once."""
LONGEST_LINE = 20_000
_MISTAKEN = Style(reverse=True)
HIDDEN = "·"
"""Drawn for a character that would act on the terminal."""
_COLOURED = 2_000
"""A longer line has no colours."""
_EDITING = frozenset({"enter", "backspace", "delete"})
_TAKEN = frozenset(
    key for binding in bindings(Scope.EDITOR, Scope.ROW) for key in binding.key.split(",")
)


def fits(text: str) -> bool:
    """Return whether a text can be typed into without a delay."""
    if len(text) > MOST_LINES * 200:
        return False
    lines = text.split("\n")
    return len(lines) <= MOST_LINES and max(map(len, lines)) <= LONGEST_LINE


class Editor(TextArea, inherit_bindings=False):
    """Textual's text area with our keys, kept still and harmless.

    A character that would act on the terminal, or hide, is entered as its picture; `enter` goes
    on at the indentation of its line.
    """

    class Locked(Message):
        """A person wants to type into what cannot be typed into."""

    BINDINGS: ClassVar[list[Any]] = [
        binding
        for binding in TextArea.BINDINGS
        if not isinstance(binding, tuple) and not _TAKEN & {*binding.key.split(",")}
    ] + [
        Binding(f"ctrl+{shift}{key}", f"{end}({select})", show=False)
        for key, end in (("home", "begin"), ("end", "finish"))
        for shift, select in (("", False), ("shift+", True))
    ]

    def __init__(self, *, id: str, json: bool, read_only: bool = False) -> None:  # noqa: A002 - Textual's name for it
        self._inks: dict[str, Style] = {}
        self._json = json
        self._mistake: tuple[int, int] | None = None
        super().__init__(
            id=id,
            compact=True,
            show_line_numbers=json,
            soft_wrap=True,
            read_only=read_only,
            highlight_cursor_line=False,
        )
        self.cursor_blink = False
        self.indent_width = 2

    def get_line(self, line_index: int) -> Text:
        """Return a line with its colours."""
        line = super().get_line(line_index)
        if not line.plain.isprintable():  # one sign for one, so that the cursor stays true
            line.plain = "".join(each if visible(each) == each else HIDDEN for each in line.plain)
        if self._json and len(line) <= _COLOURED:
            at = 0
            for text, role in coloured(line.plain, "json"):
                if role:
                    line.stylize(self._ink(role), at, at + len(text))
                at += len(text)
        if self._mistake is not None and self._mistake[0] == line_index:
            column = min(self._mistake[1], max(0, len(line) - 1))
            line.stylize(self._ink("error") + _MISTAKEN, column, column + 1)
        return line

    def mark(self, mistake: tuple[int, int] | None) -> None:
        """Mark the character where a mistake is, by line and column; None: there is none."""
        if mistake != self._mistake:
            self._mistake = mistake
            self._line_cache.clear()
            self.refresh()

    def notify_style_update(self) -> None:
        """Forget styles when a theme changes."""
        self._inks.clear()
        super().notify_style_update()

    def enter_text(self, text: str) -> None:
        """Put *text* in the place of all that is there, so that it can be undone."""
        self.replace(text, self.document.start, self.document.end)
        self.move_cursor((0, 0))

    def action_copy(self) -> None:
        """Copy what is selected here, else what is on the screen; else ctrl+c says how to leave."""
        if not self.selected_text:
            copy_of_screen(self.screen)
        else:
            super().action_copy()

    def action_begin(self, select: bool) -> None:
        """Go to the first character, or select as far as there."""
        self.move_cursor(self.document.start, select=select)

    def action_finish(self, select: bool) -> None:
        """Go behind the last character, or select as far as there."""
        self.move_cursor(self.document.end, select=select)

    async def _on_key(self, event: Key) -> None:
        if self.read_only and (event.is_printable or event.key in _EDITING):
            event.stop()
            self.post_message(self.Locked())
            return
        if event.key == "enter":
            event.stop()
            event.prevent_default()
            row, column = self.cursor_location
            before = self.document.get_line(row)[:column]
            indent = before[: len(before) - len(before.lstrip(" "))]
            if self._json and before.rstrip()[-1:] in ("{", "["):
                indent += " " * self.indent_width
            self.replace(f"\n{indent}", *self.selection)
            return
        await super()._on_key(event)

    async def _on_paste(self, event: Paste) -> None:
        event.prevent_default()
        event.stop()
        if self.read_only:
            self.post_message(self.Locked())
        else:
            lines = event.text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
            harmless = "\n".join(visible(line.replace("\t", "  ")) for line in lines)
            self.replace(harmless, *self.selection)

    def _ink(self, role: str) -> Style:
        style = self._inks.get(role)
        if style is None:
            style = self.screen.get_component_rich_style(f"ink--{role}", partial=True)
            self._inks[role] = style
        return style
