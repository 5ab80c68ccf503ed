"""Read what a line of output says of itself, whatever wrote it; pure.

    read("2026-11-22 10:00:00,123 - shop.orders - WARNING - slow")  ►  WARNING, shop.orders
    read('{"level":50,"msg":"no answer","trace_id":"4bf9…"}')       ►  ERROR, 4bf9…

The text itself stays as it came.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kiket_console.log_levels.members import read_members
from kiket_console.log_levels.plain import read_plain

if TYPE_CHECKING:
    from kiket_console.log_levels.names import Said


def read(text: str) -> Said:
    """Return what *text*, a line, says of itself; `NOTHING` when it says nothing."""
    if text[:1] == "{":
        return read_members(text)
    return read_plain(text)
