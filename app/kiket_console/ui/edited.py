"""What was changed of a delivery before it was sent again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kiket_console.sending.draft import SLOW_BYTES, original_of
from kiket_console.ui.paint.edits import change_lines, changes
from kiket_console.ui.paint.line import wrap

if TYPE_CHECKING:
    from kiket_console.model import Detail
    from kiket_console.ui.paint.line import Line
    from kiket_console.ui.store_view import StoreView

MARGIN = "  "


def edited_lines(reader: StoreView, found: Detail, width: int) -> list[Line]:
    """Return what differs between an edited delivery and the one that it was made from."""
    original_id = found.exchange.replay_of
    if original_id is None or reader.stored_bytes(original_id) > 2 * SLOW_BYTES:
        return wrap("Too much to be compared here; d compares the two.", width - 2, "muted", MARGIN)
    original = reader.detail(original_id)
    if original is None:
        sentence = f"Delivery {original_id}, from which this was made, is not there any more."
        return wrap(sentence, width - 2, "muted", MARGIN)
    rows = changes(original_of(original).draft, original_of(found).draft)
    head: Line = [(f"{MARGIN}Changed from {original_id} before it was sent", "strong")]
    hint: Line = [(MARGIN, ""), ("d", "accent"), (" compares the two, answers included", "muted")]
    return [head, [], *change_lines(rows, width), [], hint]
