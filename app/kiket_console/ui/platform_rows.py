"""What the list of Platform shows: the collections, or the rows of the one that was entered.

The list stays with the collection, or the row, that is under its cursor, whatever comes and goes
around it. Rows are read whole, up to a bound, so that a filter is answered while it is typed.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from kiket_console.ui.paint import platform as paint
from kiket_console.ui.paint import teach
from kiket_console.ui.paint.table import Table
from kiket_console.ui.registry import usual_key

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping, Sequence

    from kiket_console.engine_status import EngineStatus
    from kiket_console.ui.paint.line import Line
    from kiket_console.wire import PlatformCollection, PlatformState

SETTINGS: Final = "settings"
"""What stands below the collections, and is no collection."""
MOST_ROWS: Final = 5_000
"""So many rows of a collection are looked at."""

Row = dict[str, Any]


class Words(Struct, frozen=True):
    """What rows are narrowed to: those that have each of these words.

    `name=value` compares one column: a text as a whole, whatever its case, or a JSON value.
    """

    text: str
    reading: str = ""

    def let_through(self, row: Mapping[str, Any], said: str) -> bool:
        """Return whether a row has all words; *said* is what `said_in` returns of it."""
        return all(_has(row, said, word) for word in self.text.split())


def said_in(row: Mapping[str, Any]) -> str:
    """Return a row as the text in which words are looked for."""
    return json.dumps(row, ensure_ascii=False, default=str).lower()


class PlatformRows:
    """The rows of the list; what is known of the platform is put here as it is read."""

    def __init__(self, status: Callable[[], EngineStatus | None]) -> None:
        self._status = status
        self.platform: PlatformState | None = None
        self.entered = ""
        """The collection whose rows are shown; empty while the collections are."""
        self.words: Words | None = None
        self.key_of: teach.KeyOf = usual_key
        self.more = False
        """Whether the collection has more rows than are looked at."""
        self._name = ""
        self._id: Any = None
        self._at = 0
        self._all: list[Row] = []
        self._said: list[str] = []
        """What each of them says, once a filter was typed."""
        self._of = ""
        self._shown: list[Row] = []
        self._places: dict[str, int] = {}
        """Where each of those is, by its id."""
        self._table = Table(())
        self._generation = 0

    # What is known

    def take(self, platform: PlatformState) -> None:
        """Take in how the platform is."""
        self.platform = platform
        self._generation += 1
        if self.entered and self.collection(self.entered) is None:
            self.leave()

    def take_rows(self, name: str, rows: Sequence[Row], *, more: bool) -> None:
        """Take in the rows of a collection."""
        self._of, self._all, self.more = name, list(rows), more
        self._said = []
        self._narrow()

    def rows_of(self, name: str) -> Sequence[Row] | None:
        """Return the rows of a collection, None while they have not been read."""
        return self._all if self._of == name else None

    def collection(self, name: str) -> PlatformCollection | None:
        """Return a collection by its name."""
        found = self.platform.collections if self.platform is not None else ()
        return next((each for each in found if each.name == name), None)

    # Where the cursor is

    @property
    def selected_collection(self) -> PlatformCollection | None:
        """The collection that was entered, else the one under the cursor."""
        return self.collection(self.entered or self._name_selected)

    @property
    def selected_row(self) -> Row | None:
        """The row under the cursor, None among the collections."""
        return self._shown[self.cursor] if self.entered and self._shown else None

    @property
    def on_settings(self) -> bool:
        """Whether the cursor is on the settings."""
        return not self.entered and self._name_selected == SETTINGS

    def select(self, name: str) -> None:
        """Put the cursor on a collection, or the settings."""
        self.leave()
        self._name = name

    def select_row(self, id_: object) -> None:
        """Put the cursor on a row, as soon as it is there."""
        self._id = id_

    def enter(self, name: str) -> None:
        """Show the rows of a collection."""
        self._name = self.entered = name
        self._id, self._at, self.words = None, 0, None
        if self._of != name:
            self._of, self._all, self._said, self.more = "", [], [], False
        self._narrow()

    def leave(self) -> None:
        """Show the collections."""
        self.entered = ""
        self.words = None
        self._narrow()

    def narrow(self, words: Words | None) -> None:
        """Show the rows that have some words, or all of them."""
        self.words = words
        self._narrow()

    def _narrow(self) -> None:
        self._shown = self._all
        if (words := self.words) is not None:
            self._said = self._said or [said_in(each) for each in self._all]
            pairs = zip(self._all, self._said, strict=True)
            self._shown = [row for row, said in pairs if words.let_through(row, said)]
        self._places = {str(row.get("id")): at for at, row in enumerate(self._shown)}
        found = self.collection(self.entered or self._name)
        names = [each.name for each in found.columns] if found is not None else []
        self._table = Table(self._all, names)  # of all: columns stay while a filter is typed
        self._generation += 1

    # What the list asks

    @property
    def count(self) -> int:
        """How many rows there are."""
        if self.entered:
            return len(self._shown)
        return len(self.platform.collections) + 1 if self.platform is not None else 0

    @property
    def total(self) -> int:
        """How many rows there are without a filter."""
        return len(self._all)

    @property
    def cursor(self) -> int:
        """The position of what is selected."""
        if not self.entered:
            return self._names.index(self._name_selected) if self.count else -1
        return self._places.get(str(self._id), min(self._at, len(self._shown) - 1))

    def move(self, position: int) -> None:
        """Select what is at a position."""
        if not 0 <= position < self.count:
            return
        if self.entered:
            self._at, self._id = position, self._shown[position].get("id")
        else:
            self._name = self._names[position]

    def key(self, position: int) -> Hashable | None:
        """Return what the drawing of a row depends on."""
        return (self._generation, position)

    def line(self, position: int, width: int) -> Line:
        """Return a row."""
        if self.entered:
            return self._table.line(self._shown[position], width)
        if self.platform is None:
            return ()
        if position == len(self.platform.collections):
            return paint.settings_row(self.platform, width)
        return paint.collection_row(self.platform.collections[position], width)

    def header(self, width: int) -> Line:
        """Return the names of the columns."""
        if not self.count:
            return ()
        return self._table.header(width) if self.entered else paint.header(width)

    def teach(self, width: int) -> list[Line]:
        """Return what an empty list says."""
        if self.platform is None:
            return teach.no_platform(self._status() is not None)
        found = self.collection(self.entered)
        if found is None or self._of != self.entered:
            return [[], [("  reading …", "muted")]]
        if self._all and self.words is not None:
            return teach.no_row_matches(len(self._all), self.key_of)
        return teach.empty_collection(found, width, self.key_of)

    @property
    def _names(self) -> list[str]:
        found = self.platform.collections if self.platform is not None else ()
        return [*(each.name for each in found), SETTINGS]

    @property
    def _name_selected(self) -> str:
        names = self._names
        return self._name if self._name in names else names[0]


def _has(row: Mapping[str, Any], said: str, word: str) -> bool:
    """Return whether a row has a word, or the value that it compares a column with."""
    name, equals, wanted = word.partition("=")
    if not equals or name not in row:
        return word.lower() in said
    value = row[name]
    written = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return str(written).lower() == wanted.lower()
