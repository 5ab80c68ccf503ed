"""What is to be said of a draft while it is typed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from kiket_console.sending import head, payload
from kiket_console.text import size, visible
from kiket_console.ui.paint.edits import changes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kiket_console.sending.draft import Draft, Original
    from kiket_console.sending.payload import Fault
    from kiket_console.ui.paint.edits import Row
    from kiket_console.ui.paint.line import Line


class Look(Struct, frozen=True):
    """What was found about a draft."""

    fault: Fault | None
    """Why its payload is no JSON."""
    sent_bytes: int
    """How long its payload is as it would be sent."""
    rows: Sequence[Row]
    """What it changes."""


def look(original: Original, draft: Draft) -> Look:
    """Return what is to be said of a draft; takes a while for a large one."""
    fault = payload.fault(draft.payload) if original.payload_is_text else None
    return Look(fault, original.sent_bytes(draft), changes(original.draft, draft))


def payload_remark(found: Look, original: Original, *, typed_here: bool) -> Line:
    """Return what stands beside the payload's title."""
    if not original.payload_is_text:
        return [("bytes that are no text; they stay as they were", "warning")]
    if found.fault is not None:
        return [(str(found.fault), "error")]
    said = f"JSON, {size(found.sent_bytes)}"
    if typed_here:
        return [(said, "muted")]
    return [
        (f"{said}: too large to type into, ", "muted"),
        ("f4", "accent"),
        (" opens your editor", "muted"),
    ]


def headers_remark(text: str) -> tuple[str, Line]:
    """Return the title of the headers, and what stands beside it."""
    try:
        count = len(head.read(text))
    except head.HeaderError as error:
        return "Headers", [(visible(str(error)), "error")]
    return f"Headers {count}", [("signature, time and delivery id are made anew", "muted")]
