"""What was sent to the producer, as the store has it: the newest messages first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kiket_console.ui.paint import producer as paint
from kiket_console.ui.registry import usual_key
from kiket_console.ui.sent_message import Sent, sent

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from kiket_console.engine_status import EngineStatus
    from kiket_console.filters import Filter
    from kiket_console.model import Exchange
    from kiket_console.ui.paint.line import Line
    from kiket_console.ui.paint.teach import KeyOf
    from kiket_console.ui.store_view import StoreView

MOST: Final = 500
"""So many messages are listed; Traffic has all of them."""
WINDOW: Final = 50_000
"""So many exchanges are looked through at a time."""
READ_BYTES: Final = 32 * 1024
"""So much of each body is read for the list."""


class HistoryReader:
    """Reads what was sent; belongs in a thread, one call after the other."""

    def __init__(self, reader: StoreView) -> None:
        self._reader = reader
        self._filter: Filter | None = None
        self._ids: list[int] = []
        self._seen = 0
        self._removals = -1
        self._known: dict[int, Sent] = {}

    def read(self, removals: int) -> list[Sent]:
        """Return the newest messages, the last one first.

        *removals*: how often rows went away or came back; what was read before then counts no more.
        """
        from kiket_console.filters import parse

        if self._filter is None:
            self._filter = parse("src:producer")
        newest, _, _ = self._reader.newest()
        if removals != self._removals or newest < self._seen:
            self._ids, self._seen, self._removals = [], 0, removals
        self._ids = [*self._found(self._filter, self._seen + 1, newest), *self._ids][:MOST]
        self._seen = newest
        rows = self._reader.page(self._ids)
        self._known = {each.id: found for each in rows if (found := self._sent(each)) is not None}
        return list(self._known.values())

    def _found(self, wanted: Filter, low: int, high: int) -> list[int]:
        """Return the matching ids, the newest first: no more than are listed."""
        low = max(low, self._reader.oldest())
        found: list[int] = []
        while high >= low and len(found) < MOST:
            begin = max(low, high - WINDOW + 1)
            found += reversed(self._reader.matching(wanted, begin, high))
            high = begin - 1
        return found

    def _sent(self, exchange: Exchange) -> Sent | None:
        known = self._known.get(exchange.id)
        if known is not None and known.change == exchange.change:
            return known
        detail = self._reader.detail(exchange.id, READ_BYTES)
        return sent(detail) if detail is not None else None

    def close(self) -> None:
        """Give the connection back."""
        self._reader.close()


class HistoryRows:
    """The messages as rows of a list; the cursor stays on its message, or on the newest one."""

    def __init__(self, status: Callable[[], EngineStatus | None]) -> None:
        self._status = status
        self._sent: Sequence[Sent] = ()
        self._places: dict[int, int] = {}
        self._id = 0
        """The selected message; 0: the newest one, whichever that is."""
        self.sink_url = self.url = ""
        self.is_known = False
        """Whether the store was read."""
        self.key_of: KeyOf = usual_key

    def take(self, found: Sequence[Sent]) -> None:
        """Take in what was sent."""
        self._sent = found
        self._places = {each.id: at for at, each in enumerate(found)}
        self.is_known = True

    @property
    def all(self) -> Sequence[Sent]:
        """The messages, the newest first."""
        return self._sent

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self._sent)

    @property
    def cursor(self) -> int:
        """Where the selected one is."""
        return self._places.get(self._id, 0) if self._sent else -1

    @property
    def selected(self) -> Sent | None:
        """The selected message."""
        return self._sent[self.cursor] if self._sent else None

    def move(self, position: int) -> None:
        """Select a message; the first row stays the newest one, whatever comes."""
        if 0 <= position < self.count:
            self._id = self._sent[position].id if position else 0

    def select_newest(self) -> None:
        """Go to the newest message."""
        self._id = 0

    def key(self, position: int) -> Hashable | None:
        """Return what the drawing of a row depends on."""
        each = self._sent[position]
        return None if each.is_pending else (each.id, each.change)

    def line(self, position: int, width: int) -> Line:
        """Return a row."""
        return paint.row(self._sent[position], width)

    def header(self, width: int) -> Line:
        """Return the names of the columns."""
        return paint.header(width) if self._sent else ()

    def teach(self, width: int) -> list[Line]:
        """Return how to send a first message."""
        if not self.is_known:
            return [[], [("  reading …", "muted")]]
        return paint.nothing_sent(self.sink_url, self.url, width, self.key_of)
