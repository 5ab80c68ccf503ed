"""What a person keeps, notes, removes and brings back of what was recorded.

An exchange goes and comes with the calls that it caused. What is removed is out of sight at once
and can be brought back until the engine quits.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.store.records import Remove, Restore, SetNote, SetPinned, SetRead
from kiket_console.wire import NOTE_LIMIT, Selection

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kiket_console.store.reader import Reader
    from kiket_console.store.records import Row
    from kiket_console.store.writer import Writer

NAMED = 3
"""So many unknown ids are named; the others are counted."""


class Curator:
    """Write what a person decided about exchanges; each answer comes when it is on disk.

    *redact* takes known secrets out of what a person writes; *on_restored* is told what is back.
    """

    def __init__(
        self,
        writer: Writer,
        reader: Reader,
        redact: Callable[[str], str],
        *,
        on_restored: Callable[[Sequence[int]], None] = lambda _: None,
    ) -> None:
        self._writer = writer
        self._reader = reader
        self._redact = redact
        self._on_restored = on_restored

    async def pin(self, ids: Sequence[int], *, pinned: bool) -> Selection:
        """Keep exchanges whatever their age and the store's size, or no longer."""
        known = [exchange.id for exchange in self._reader.page(ids)]
        self._refuse_unknown(ids, known)
        await self._write([SetPinned(each, pinned) for each in known])
        return Selection(tuple(known))

    async def note(self, ids: Sequence[int], text: str) -> Selection:
        """Say something about exchanges, in one line; an empty text takes back what was said.

        Raises `ConsoleError` for a text longer than `NOTE_LIMIT`.
        """
        note = self._redact(" ".join(text.split()))
        if len(note) > NOTE_LIMIT:
            raise ConsoleError(
                f"The note has {len(note):,} characters, and {NOTE_LIMIT} is the most.",
                exit_code=ExitCode.USAGE,
            )
        known = [exchange.id for exchange in self._reader.page(ids)]
        self._refuse_unknown(ids, known)
        await self._write([SetNote(each, note) for each in known])
        return Selection(tuple(known))

    async def mark_read(self, ids: Sequence[int]) -> Selection:
        """Count exchanges as looked at; those that have gone since are left out."""
        known = tuple(exchange.id for exchange in self._reader.page(ids))
        await self._write([SetRead(known)] if known else [])
        return Selection(known)

    async def remove(self, ids: Sequence[int]) -> Selection:
        """Take exchanges out of sight, together with what they caused."""
        found = self._reader.family(ids)
        self._refuse_unknown(ids, found)
        await self._write([Remove(tuple(found), time.time_ns() // 1000)])
        return Selection(tuple(found))

    async def restore(self, ids: Sequence[int]) -> Selection:
        """Bring removed exchanges back, together with what went along with them."""
        found = self._reader.removed(ids)
        missing = _missing(ids, found)
        if missing:
            raise ConsoleError(
                f"{_named(missing)} cannot be brought back.",
                hint="It is there already, or gone for good: that is so when its engine has quit.",
                exit_code=ExitCode.USAGE,
            )
        await self._write([Restore(tuple(found))])
        self._on_restored(found)
        return Selection(tuple(found))

    def _refuse_unknown(self, ids: Sequence[int], found: Sequence[int]) -> None:
        missing = _missing(ids, found)
        if missing:
            raise ConsoleError(
                f"{_named(missing)} is not recorded for this project; nothing was changed.",
                hint="`kiket-console traffic list` lists what is.",
                exit_code=ExitCode.USAGE,
            )

    async def _write(self, rows: Sequence[Row]) -> None:
        if rows:
            await asyncio.wrap_future(self._writer.submit(rows))


def _missing(ids: Sequence[int], found: Sequence[int]) -> list[int]:
    there = set(found)
    return [each for each in dict.fromkeys(ids) if each not in there]


def _named(ids: Sequence[int]) -> str:
    named = ", ".join(str(each) for each in ids[:NAMED])
    more = f" (and {len(ids) - NAMED} more)" if len(ids) > NAMED else ""
    return f"Exchange {named}{more}"
