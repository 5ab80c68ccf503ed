"""From lines with roles to strips for the terminal: the one place where text meets style.

Each piece is made visible here, whatever was done before, so that no text from outside reaches
the terminal as anything but text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.segment import Segment
from textual.strip import Strip
from textual.widget import Widget

from kiket_console.text import cell_width, visible
from kiket_console.ui.paint.line import PLAIN, ROLES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from rich.style import Style
    from textual.geometry import Region

    from kiket_console.ui.paint.line import Line

INK_CLASSES = {f"ink--{role}" for role in ROLES} | {"ink--cursor", "ink--cursor-blurred"}
"""Each screen has these as its component classes: once for all of its widgets, because Textual
works every one of them out again whenever it looks at the style of what owns them."""


class Inked(Widget):
    """A widget that draws lines with roles; its screen has `INK_CLASSES`."""

    ALLOW_SELECT = False  # what can be selected with the mouse says so itself

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002 - Textual's name for it
        super().__init__(id=id, classes=classes)
        self._inks: dict[Style, dict[str, Style]] = {}  # by background and role
        self._ground: Style | None = None

    @property
    def ground(self) -> Style:
        """Return what lines are drawn on; to work it out takes longer than to draw one."""
        if self._ground is None:
            self._ground = self.rich_style
        return self._ground

    def strip(self, line: Line, ground: Style) -> Strip:
        """Return *line* on a background."""
        inks = self._inks.setdefault(ground, {PLAIN: ground})
        segments: list[Segment] = []
        width = 0
        for text, role in line:
            if not text:  # its codes would be written all the same
                continue
            if role not in inks:
                inks[role] = ground + self._ink(role)
            shown = visible(text)
            width += cell_width(shown)
            segments.append(Segment(shown, inks[role]))
        return Strip(segments, width)

    def _ink(self, role: str) -> Style:
        """Return the style of a role, without a background."""
        return self.screen.get_component_rich_style(f"ink--{role}", partial=True)

    def render_lines(self, crop: Region) -> list[Strip]:
        """Draw lines; where nothing stands around them, a strip that is kept is drawn as it is.

        Textual would make a new one of each, and know nothing of what it knew of the other.
        """
        if self.styles.gutter:
            return super().render_lines(crop)
        width = self.outer_size.width
        if not self.is_attached:  # it is going, and its screen has not been laid out without it
            return [Strip.blank(crop.width, self.ground)] * crop.height
        first, last = crop.column_span
        strips = self.draw(crop.line_range)
        if (first, last) == (0, width):
            return [*strips]
        return [strip.crop(first, last) for strip in strips]

    def draw(self, lines: range) -> Iterable[Strip]:
        """Return some lines, ready for the terminal."""
        finish = self.finishing()
        return (finish(self.render_line(y)) for y in lines)

    def finishing(self) -> Callable[[Strip], Strip]:
        """Return what makes a strip ready for the terminal: of full width, and filtered."""
        width, ground = self.outer_size.width, self.ground
        filters, (_, background) = self.get_line_filters(), self.background_colors

        def finish(strip: Strip) -> Strip:
            strip = strip.adjust_cell_length(width, ground)
            for each in filters:
                strip = strip.apply_filter(each, background)
            return strip

        return finish

    def notify_style_update(self) -> None:
        """Forget styles when a theme changes."""
        self._inks.clear()
        self._ground = None
        super().notify_style_update()


class OneLine(Inked):
    """A widget of one line, which is asked for when it is drawn."""

    def line(self, width: int) -> Line:
        """Return the line to draw in *width* cells."""
        raise NotImplementedError

    def render_line(self, y: int) -> Strip:
        """Draw the line."""
        width, ground = self.size.width, self.ground
        if y:
            return Strip.blank(width, ground)
        return self.strip(self.line(width), ground).adjust_cell_length(width, ground)
