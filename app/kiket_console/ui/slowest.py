"""Look for the slowest exchanges of what is selected, one search at a time."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from kiket_console.errors import ConsoleError
from kiket_console.ui.metrics_leads import slowest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kiket_console.model import Exchange
    from kiket_console.ui.pages import Reader

AGAIN_S: Final = 2.0
RESTS: Final = 4
"""The same is looked for again after so long, or so many times as long as it took."""


class Wanted(Struct, frozen=True):
    """Of which exchanges the slowest are looked for."""

    text: str
    """A filter."""
    began_us: int
    """They began no earlier."""


class Slowest:
    """The slowest exchanges of what is wanted last; *found* hears when they are known."""

    def __init__(self, reader: Reader, found: Callable[[], None]) -> None:
        self._reader = reader
        self._tell = found
        self._known: tuple[Wanted, Sequence[Exchange]] | None = None
        self._wanted: Wanted | None = None
        self._is_looking = False
        self._at_s = 0.0
        self._took_s = 0.0

    def known(self, wanted: Wanted) -> Sequence[Exchange] | None:
        """Return those that were found last; None while they are looked for."""
        return self._known[1] if self._known is not None and self._known[0] == wanted else None

    def is_due(self, wanted: Wanted) -> bool:
        """Whether they are to be looked for: they are others, or may be by now."""
        if self._wanted != wanted:
            return True
        rest_s = max(AGAIN_S, RESTS * self._took_s)
        return not self._is_looking and time.monotonic() - self._at_s > rest_s

    async def found(self, wanted: Wanted) -> Sequence[Exchange]:
        """Return them, looked for if they have to be."""
        known = self.known(wanted)
        if known is None:
            known = await asyncio.to_thread(self._find, wanted)
        return known

    async def look(self, wanted: Wanted) -> None:
        """Look for them; whoever looks for others goes on with these."""
        self._wanted = wanted
        if self._is_looking:
            return
        self._is_looking = True
        try:
            while True:
                wanted = self._wanted
                began_s = time.monotonic()
                found = await asyncio.to_thread(self._find, wanted)
                self._at_s = time.monotonic()
                self._took_s = self._at_s - began_s
                self._known = (wanted, found)
                if wanted == self._wanted:
                    break
        finally:
            self._is_looking = False
        self._tell()

    def _find(self, wanted: Wanted) -> Sequence[Exchange]:
        try:
            return slowest(self._reader, wanted.text, wanted.began_us)
        except ConsoleError:
            return ()  # a store that cannot be read says so where it is painted
