"""Which lines a screen draws again: those that changed, of the widgets that are seen there.

Textual asks each widget on screen for all of its lines when one line of one of them changed, also
those behind others, and leaves most of what it gets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from textual._compositor import Compositor
from textual.geometry import Region

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from textual.strip import Strip


class ChangedLines(Compositor):
    """A compositor that asks widgets for no more lines than are to be drawn."""

    def _render_chops(
        self, crop: Region, is_rendered_line: Callable[[int], bool]
    ) -> Sequence[Mapping[int, Strip]]:
        """Return the pieces of each line by their first cell, None where they are not needed.

        A line is cut where widgets begin and end; in front of others stands who comes first.
        """
        cuts = self.cuts
        chops: list[dict[int, Strip | None]] = [dict.fromkeys(line[:-1]) for line in cuts]
        lacking = {
            y: {x for x, end in zip(cuts[y], cuts[y][1:], strict=False) if _meets(crop, x, end)}
            for y in filter(is_rendered_line, crop.line_range)
        }
        for widget, (region, clip) in self.visible_widgets.items():
            part = clip.intersection(region)
            left, right = part.column_span
            lines = [
                y
                for y in range(max(part.y, crop.y), min(part.bottom, crop.bottom))
                if y in lacking and any(left <= x < right for x in lacking[y])
            ]
            if not lines:
                continue
            top = lines[0]
            shown = Region(left, top, part.width, lines[-1] + 1 - top)
            strips = widget.render_lines(shown.translate(-region.offset))
            for y in lines:
                inside = [x for x in cuts[y] if left <= x <= right]
                pieces = strips[y - top].divide([x - left for x in inside[1:]])
                for x, piece in zip(inside, pieces, strict=False):
                    if chops[y][x] is None:
                        chops[y][x] = piece
                        lacking[y].discard(x)
                if not lacking[y]:
                    del lacking[y]
            if not lacking:
                break
        return cast("Sequence[Mapping[int, Strip]]", chops)


def _meets(crop: Region, x: int, end: int) -> bool:
    return x < crop.right and end > crop.x
