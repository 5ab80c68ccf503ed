"""In which order exchanges are listed: by one of their columns, and either way round."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from msgspec import Struct


class Column(StrEnum):
    """What a list may be ordered by."""

    TIME = "time"
    DURATION = "duration"
    SIZE = "size"
    STATUS = "status"
    EVENT = "event"
    WORKER = "worker"
    SOURCE = "source"


WORDS: Final = {
    Column.TIME: ("oldest first", "newest first"),
    Column.DURATION: ("slowest first", "fastest first"),
    Column.SIZE: ("largest first", "smallest first"),
    Column.STATUS: ("failures first", "failures last"),
    Column.EVENT: ("events a to z", "events z to a"),
    Column.WORKER: ("workers a to z", "workers z to a"),
    Column.SOURCE: ("sources a to z", "sources z to a"),
}
"""What is said of each: as it comes, and reversed."""


class Order(Struct, frozen=True):
    """By what, and whether the other way round: the slowest come first, reversed the fastest.

    What is equal stays in order of time, and what has no value yet stands last either way.
    """

    column: Column = Column.TIME
    is_reversed: bool = False

    @property
    def words(self) -> str:
        """What stands at the top."""
        return WORDS[self.column][self.is_reversed]

    @property
    def is_usual(self) -> bool:
        """Whether it is the order in which exchanges came."""
        return self == TIME

    def chosen(self, column: Column) -> Order:
        """Return the order after *column* was chosen: another one, or the same reversed."""
        if column is not self.column:
            return Order(column)
        return Order(column, not self.is_reversed)


TIME: Final = Order()
