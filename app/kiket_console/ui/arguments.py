"""What may follow a command's name on the `:` line, by the type of its argument."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kiket_console.errors import ConsoleError
from kiket_console.order import WORDS
from kiket_console.text import clock, plural
from kiket_console.ui.command import Argument
from kiket_console.ui.paint.processes import state_word
from kiket_console.ui.screens.filtering import FilteringScreen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from kiket_console.ui.app import ConsoleApp

EXCHANGES = 20
"""How many of the newest exchanges are offered by their number."""


def values(app: ConsoleApp, argument: Argument, typed: str) -> list[tuple[str, str]]:
    """Return what an *argument* may be, each with a note: those that begin as *typed* first."""
    make = _VALUES.get(argument)
    if make is None:
        return []
    wanted = typed.lower()
    try:
        found = [each for each in make(app) if wanted in each[0].lower()]
    except ConsoleError:
        return []  # running the command says why
    return sorted(found, key=lambda each: not each[0].lower().startswith(wanted))


def _themes(app: ConsoleApp) -> Iterator[tuple[str, str]]:
    from kiket_console.ui.screens.theme import names

    return ((name, note) for name, note in names(app))


def _workers(app: ConsoleApp) -> Iterator[tuple[str, str]]:
    workers = app.status.workers if app.status is not None else ()
    return ((worker.name, state_word(worker)) for worker in workers)


def _events(app: ConsoleApp) -> Iterator[tuple[str, str]]:
    handled: dict[str, int] = {}
    for worker in app.status.workers if app.status is not None else ():
        for handler in worker.handlers:
            handled[handler.event] = handled.get(handler.event, 0) + 1
    return ((event, plural(count, "handler")) for event, count in sorted(handled.items()))


def _exchanges(app: ConsoleApp) -> Iterable[tuple[str, str]]:
    newest, _, _ = app.reader.newest()
    rows = app.reader.page(list(range(max(1, newest - EXCHANGES + 1), newest + 1)))
    return ((str(row.id), f"{clock(row.started_us)}  {row.name}") for row in reversed(rows))


def _saved_filters(app: ConsoleApp) -> Iterable[tuple[str, str]]:
    place = app.place
    return sorted(place.language.saved().items()) if isinstance(place, FilteringScreen) else ()


def _collections(app: ConsoleApp) -> Iterable[tuple[str, str]]:
    from kiket_console.ui.screens.platform import PlatformScreen

    place = app.place
    return place.collections() if isinstance(place, PlatformScreen) else ()


def _failures(app: ConsoleApp) -> Iterable[tuple[str, str]]:
    from kiket_console.ui.failing import calls_of

    return calls_of(app.reader)


def _columns(_: ConsoleApp) -> Iterable[tuple[str, str]]:
    return ((column.value, words) for column, (words, _) in WORDS.items())


_VALUES: dict[Argument, Callable[[ConsoleApp], Iterable[tuple[str, str]]]] = {
    Argument.THEME: _themes,
    Argument.WORKER: _workers,
    Argument.EVENT: _events,
    Argument.EXCHANGE: _exchanges,
    Argument.SAVED_FILTER: _saved_filters,
    Argument.COLLECTION: _collections,
    Argument.FAILURE: _failures,
    Argument.COLUMN: _columns,
}
