"""What may be typed next, as a list beside the line that is typed into."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct
from textual.message import Message

from kiket_console.text import cell_width, visible
from kiket_console.ui.paint.line import cut
from kiket_console.ui.widgets.ink import Inked

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.events import Click
    from textual.strip import Strip

    from kiket_console.ui.paint.line import Line

OFFERS_SHOWN = 8
_NOTE_CELLS = 40


class Offer(Struct, frozen=True):
    """A text that may take the place of what is typed from *start* up to *end*."""

    text: str
    start: int
    end: int
    note: str = ""


class Offers(Inked):
    """The offers, as a list that keeps the selected one in sight."""

    class Chosen(Message):
        """An offer was clicked."""

        def __init__(self, index: int) -> None:
            super().__init__()
            self.index = index

    def __init__(self) -> None:
        super().__init__(classes="prompt-beside")
        self.display = False
        self.offers: Sequence[Offer] = ()
        self.selected = -1
        self._column = 0
        self._top = 0

    def show(self, offers: Sequence[Offer], column: int) -> None:
        """Show *offers* from a column on, none selected; take no room without any."""
        self.offers, self.selected, self._column, self._top = tuple(offers), -1, column, 0
        self.styles.height = self.rows
        self.display = bool(self.offers)
        self.refresh()

    def select(self, index: int) -> None:
        """Select an offer by its position; -1 for none."""
        self.selected = index
        shown = max(1, self.size.height)
        if index >= 0:
            self._top = min(max(self._top, index - shown + 1), index)
        self.refresh()

    @property
    def rows(self) -> int:
        """How many rows they take."""
        return min(OFFERS_SHOWN, len(self.offers))

    def on_click(self, event: Click) -> None:
        """Take the offer that was clicked."""
        if self._top + event.y < len(self.offers):
            self.post_message(self.Chosen(self._top + event.y))

    def render_line(self, y: int) -> Strip:
        """Draw one offer."""
        width, index = self.size.width, self._top + y
        ground = self.rich_style
        chosen = index == self.selected
        if chosen:
            ground = self.screen.get_component_rich_style("ink--cursor")
        line = self._line(index, width) if index < len(self.offers) else ()
        if chosen:
            (text, role), *rest = line
            line = [(text[:-1] + "▌", "accent") if text else (text, role), *rest]
        return self.strip(line, ground).adjust_cell_length(width, ground)

    def _line(self, index: int, width: int) -> Line:
        widest = max(cell_width(visible(offer.text)) for offer in self.offers)
        margin = max(1, min(self._column, width - widest - _NOTE_CELLS))
        offer = self.offers[index]
        said = visible(offer.text)
        gap = " " * (widest - cell_width(said) + 2)
        more = index == self._top + self.size.height - 1 and index < len(self.offers) - 1
        note = f"… {len(self.offers) - index - 1} more" if more else visible(offer.note)
        return cut([(" " * margin, ""), (said, ""), (gap + note, "muted")], width)
