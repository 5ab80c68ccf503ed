"""The last gate before the terminal: control characters that slipped through become visible."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rich.segment import Segment
from textual.filter import LineFilter

from kiket_console.text import visible

if TYPE_CHECKING:
    from textual.color import Color

_ACTS = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff]")


class ControlFilter(LineFilter):
    """Make visible what would act on the terminal.

    Everything that comes from outside is made visible before it is drawn; this catches a mistake.
    """

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:  # noqa: ARG002 - the filter's interface
        """Return the segments of a line, harmless."""
        if not any(_ACTS.search(text) for text, _, control in segments if not control):
            return segments
        return [
            segment if segment.control else Segment(visible(segment.text), segment.style)
            for segment in segments
        ]
