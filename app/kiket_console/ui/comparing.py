"""Which two exchanges a person means when they ask for the difference, and how they compare."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from kiket_console import ignored_paths
from kiket_console.errors import ConsoleError
from kiket_console.text import plural

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kiket_console.comparing.bodies import Manner
    from kiket_console.model import Detail, Exchange
    from kiket_console.ui.app import ConsoleApp


def show_difference(console: ConsoleApp, chosen: Sequence[Exchange]) -> None:
    """Show how two selected exchanges differ, or one from what it is compared with by default."""
    from kiket_console.ui.screens.diff import DiffScreen

    if len(chosen) > 2:
        console.say(f"Select two exchanges to compare; {len(chosen):,} are selected.")
    elif chosen:
        before = min(chosen, key=lambda each: each.id).id if len(chosen) == 2 else None
        after = max(chosen, key=lambda each: each.id).id
        console.push_screen(DiffScreen(console, before, after))


def manner_of(console: ConsoleApp) -> Manner:
    """Return how exchanges are compared in this session: at first as the project says."""
    from kiket_console.comparing.bodies import Manner

    if console.manner is None:
        try:
            console.manner = Manner(ignore=ignored_paths.load(console.folder))
        except ConsoleError as error:
            console.say(str(error), error=True)
            console.manner = Manner()
    return console.manner


def in_words(manner: Manner) -> str:
    """Return what is particular about how two exchanges are compared."""
    said = [f"{plural(len(manner.ignore), 'path')} ignored"] if manner.ignore else []
    said += ["order of arrays ignored"] if manner.unordered else []
    said += ["all headers count"] if manner.noise else []
    said += ["all lines"] if manner.whole else []
    return " · ".join(said)


def read_pair(console: ConsoleApp, before: int | None, after: int) -> tuple[Detail, Detail]:
    """Read two exchanges; *before* None stands for what *after* is compared with by default.

    Reads the store, so it belongs in a thread. Raises `ConsoleError` when there are not two.
    """
    from kiket_console.comparing.partner import partner_of

    with closing(console.another_reader()) as reader:
        new = reader.detail(after)
        if new is not None and before is None:
            before = partner_of(new.exchange, reader)
            if before is None:
                name = new.exchange.name
                raise ConsoleError(f"There is no earlier {name} to compare it with.")
        old = None if before is None else reader.detail(before)
    if new is None or old is None:
        raise ConsoleError(f"Exchange {after if new is None else before} is gone.")
    return old, new
