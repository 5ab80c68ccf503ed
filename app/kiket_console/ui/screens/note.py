"""Ask for a note: one line that says why exchanges matter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kiket_console.text import plural
from kiket_console.ui.widgets.prompt import Prompt
from kiket_console.wire import NOTE_LIMIT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kiket_console.model import Exchange
    from kiket_console.ui.screens.place import PlaceScreen


def ask_for_note(place: PlaceScreen, exchanges: Sequence[Exchange]) -> None:
    """Ask for a note on *exchanges*, beginning with the one that all of them have."""
    if not exchanges:
        return
    notes = {each.note for each in exchanges}
    one = len(exchanges) == 1
    label = f"note on {exchanges[0].id if one else plural(len(exchanges), 'exchange')}"
    hint = "why it matters; #word is a tag; empty: no note"
    prompt = Prompt(label, notes.pop() if len(notes) == 1 else "", placeholder=hint, verb="keep")

    def done(text: str) -> str:
        if len(text) > NOTE_LIMIT:
            return f"A note has {NOTE_LIMIT} characters at most, and this has {len(text):,}."
        place.console.requests.note(exchanges, text)
        return ""

    place.ask(prompt, done)
