"""Show what a pane holds as plain text, so that the terminal's own mouse can select from it."""

from __future__ import annotations

import signal
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from textual.app import SuspendNotSupported

from kiket_console.text import visible

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kiket_console.ui.app import ConsoleApp
    from kiket_console.ui.paint.line import Line
    from kiket_console.ui.screens.place import PlaceScreen

MOST_LINES = 5_000


def show_plain(app: ConsoleApp, place: PlaceScreen) -> None:
    """Leave the screen, write the pane that has the focus, and come back after enter."""
    lines = text_of(place)
    try:
        with app.suspend(), _undisturbed():
            sys.stdout.write(
                "\n".join(["", *lines, "", "-- enter goes back to the console --", ""])
            )
            sys.stdout.flush()
            sys.stdin.readline()
    except SuspendNotSupported:
        app.say("This terminal cannot be left for a while.", error=True)


def text_of(place: PlaceScreen) -> list[str]:
    """Return the whole text of the details, or the rows of the list that are on screen."""
    if place.opened:
        source, width = place.text.source, place.text.size.width
        found = [_plain(source.line(index)) for index in range(min(source.count, MOST_LINES))]
        left = source.count - len(found)
        return [*found, f"… {left:,} more lines"] if left > 0 else found
    rows, width = place.list.rows, place.list.size.width
    if not rows.count:
        return [_plain(line) for line in rows.teach(width)]
    shown = range(place.list.first_shown, place.list.last_shown + 1)
    return [_plain(rows.header(width)), *(_plain(rows.line(each, width)) for each in shown)]


def _plain(line: Line) -> str:
    return "".join(visible(text) for text, _ in line).rstrip()


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Let ctrl+c do nothing: the terminal would end the console with it here."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
