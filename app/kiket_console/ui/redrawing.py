"""Which lines a screen draws again: those that changed, of the widgets that are there.

Textual asks each widget on screen for all of its lines when one line of one of them changed, and
leaves most of what it gets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual._compositor import Compositor
from textual.geometry import Region

if TYPE_CHECKING:
    from collections.abc import Iterable

    from textual.strip import Strip


class ChangedLines(Compositor):
    """A compositor that asks widgets for no more lines than are to be drawn."""

    def _get_renders(
        self, crop: Region | None = None
    ) -> Iterable[tuple[Region, Region, list[Strip]]]:
        """Return where each widget is, which part of it is drawn, and the lines of that part."""
        for widget, (region, clip) in self.visible_widgets.items():
            part = clip.intersection(region)
            if crop is not None:  # whole lines: they are cut where widgets end, not where it does
                part = part.intersection(Region(part.x, crop.y, part.width, crop.height))
            if part:
                yield region, part, widget.render_lines(part.translate(-region.offset))
