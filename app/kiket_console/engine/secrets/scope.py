"""The secrets of one scope: names in an index, values in the keyring or in memory.

NAME             the value
NAME@previous    the one before the last change, to be brought back for a day
"""

from __future__ import annotations

import time
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from kiket_console.engine.secrets.index import Row
from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.wire_secrets import PREVIOUS_S, SHORT_CHARACTERS, SecretEntry
from kiket_core.secret import RedactorFullError, redactor

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping

    from kiket_console.engine.secrets.index import Index
    from kiket_console.engine.secrets.places import Place

HELD_S: Final = 60.0
"""So long a value that passed is not asked for again; a call to a keyring takes 50 ms."""
_AGAIN_S: Final = 5.0
"""So long it is used on where the keyring has failed meanwhile, until it is asked again."""


@dataclass(frozen=True, slots=True)
class Previous:
    """The value before the last change, and until when it can be brought back."""

    value: str = field(repr=False)
    until_us: int


@dataclass(frozen=True, slots=True)
class _Seen:
    """A value that passed, or that there was none; it holds as long as the index says the same."""

    at_s: float
    row: Row | None
    value: str | None = field(repr=False)


class Scope:
    """Keep values at places that begin with *prefix*, and their names in *index*.

    Every value that passes is registered with the redactor. What asks *values* raises
    `ConsoleError` when the keyring does not do as asked, or the redactor is full.
    """

    def __init__(self, name: str, prefix: str, index: Index, values: Place) -> None:
        self.name = name
        self._prefix = prefix
        self._index = index
        self._values = values
        self._seen: dict[str, _Seen] = {}
        self._known_before: dict[str, str] = {}
        """Earlier values that the redactor was told of."""

    @property
    def rows(self) -> Mapping[str, Row]:
        """What the index says now; raises `ConsoleError` when it cannot be read."""
        return self._index.rows()

    async def before(self, name: str) -> Previous | None:
        """Return the value before the last change; None when there is none to bring back."""
        row = self.rows.get(name)
        if row is None or row.previous_until_us <= _now_us():
            return None
        value = await self._values.get(self.previous(name))
        if value is None:
            return None
        if self._known_before.get(name) != value:
            self._known_before[name] = value
            _protect(name, value)
            redactor.discard(name)
            await self.get(name)  # again the one that is in use
        return Previous(value, row.previous_until_us)

    @property
    def places(self) -> Iterator[str]:
        """Where listed values are, and those before them."""
        for name in self.rows:
            yield self.place(name)
            yield self.previous(name)

    def place(self, name: str) -> str:
        """Return where a value is."""
        return f"{self._prefix}/{name}"

    def previous(self, name: str) -> str:
        """Return where the value before the last change is."""
        return f"{self._prefix}/{name}@previous"

    async def get(self, name: str, *, anew: bool = False) -> str | None:
        """Return a value, listed or not; None when there is none.

        One that passed a while ago is returned without asking, unless it is to be asked *anew*;
        so is one that the keyring, locked or in trouble meanwhile, does not give again.
        """
        row, seen = self.rows.get(name), self._seen.get(name)
        if anew or (seen is not None and seen.row != row):
            seen = None
        if seen is None or seen.at_s < time.monotonic() - HELD_S:
            try:
                value = await self._values.get(self.place(name))
            except ConsoleError:
                if seen is None:
                    raise
                value = seen.value
                self._saw(name, value, row, until_s=_AGAIN_S)
            else:
                self._saw(name, value, row)
        else:
            value = seen.value
        if value is not None:
            _protect(name, value)
        return value

    async def keep(self, name: str, value: str) -> None:
        """Keep a value that is in no list, and that nobody brings back."""
        _protect(name, value)
        await self._values.set(self.place(name), value)
        self._saw(name, value, self.rows.get(name))

    async def keep_behind(self, name: str, value: str) -> None:
        """Keep a value that is in no list; behind the one that is kept already, if there is one."""
        kept = await self._values.get(self.place(name))
        if kept is None:
            await self.keep(name, value)
        elif kept != value:
            is_ours = name not in self.rows
            await self.set(name, value)
            await self.restore(name)
            if is_ours:
                async with self._index.changing() as rows:
                    rows[name] = replace(rows[name], is_ours=True)

    async def set(self, name: str, value: str, version: int | None = None) -> None:
        """Keep a value in place of an older one; with *version*, only of that one (0: of none)."""
        _protect(name, value)
        async with self._changing(name) as (rows, current):
            _check_version(name, rows.get(name), version)
            placed = await self._placed(rows, name, value, current)
            rows[name] = replace(placed, is_ours=False)
        self._saw(name, value, self.rows.get(name))

    async def delete(self, name: str) -> bool:
        """Forget a value until it is brought back; False when there is none."""
        async with self._changing(name) as (rows, current):
            row = rows.get(name)
            if current is not None:
                rows[name] = await self._replaced(rows, name, None, current)
            elif row is None or not row.is_kept:
                return False
            else:
                del rows[name]  # it went without us
        redactor.discard(name)
        self._saw(name, None, self.rows.get(name))
        return True

    async def restore(self, name: str) -> None:
        """Bring back the value before the last change; the present one takes its place.

        Raises `ConsoleError` when there is none, or its time is over.
        """
        async with self._changing(name) as (rows, current):
            before = await self.before(name)
            if before is None:
                raise ConsoleError(
                    f"There is no earlier value of the secret {name!r} to bring back.",
                    hint="One is kept for 24 hours after a change.",
                    exit_code=ExitCode.USAGE,
                )
            _protect(name, before.value)
            changed = await self._placed(rows, name, before.value, current)
            if current is None:  # it was deleted: that is undone, and there is no more to undo
                await self._values.forget(self.previous(name))
                changed = replace(changed, previous_until_us=0)
            rows[name] = changed
        self._saw(name, before.value, self.rows.get(name))

    async def look(self, until_s: float) -> None:
        """Look whether the listed values are there, those that were not seen for a while.

        No more are looked for past *until_s* of the monotonic clock.
        """
        for name, row in tuple(self.rows.items()):
            seen, now_s = self._seen.get(name), time.monotonic()
            if now_s > until_s:
                return
            if row.is_kept and (seen is None or seen.at_s < now_s - HELD_S):
                await self.get(name, anew=True)

    async def forget_old(self) -> int:
        """Forget the earlier values whose time is over; return when the next is, 0: there is none.

        The moment is in microseconds.
        """
        next_us = 0
        for name, row in tuple(self.rows.items()):
            if row.previous_until_us > _now_us():
                next_us = min(next_us or row.previous_until_us, row.previous_until_us)
            elif row.previous_until_us:
                async with self._index.changing() as rows:
                    if rows.get(name) != row:
                        continue
                    await self._values.forget(self.previous(name))
                    rows[name] = replace(row, previous_until_us=0)
                    if row.is_ours or not row.is_kept:
                        del rows[name]
        return next_us

    async def remember_old(self) -> None:
        """Let the redactor know the earlier values that can be brought back."""
        for name in tuple(self.rows):
            await self.before(name)

    async def take(self, other: Scope) -> tuple[str, ...]:
        """Keep what a person has set in *other*, too; return the names."""
        taken = []
        for name, row in tuple(other.rows.items()):
            value = await other.get(name) if row.is_kept else None
            if value is not None:
                await self.set(name, value)
                taken.append(name)
        return tuple(taken)

    def entry(self, name: str) -> SecretEntry:
        """Return what there is to say of a name, as far as it is known without asking."""
        row, seen = self.rows.get(name), self._seen.get(name)
        if row is None:
            return SecretEntry(name, present=False, scope=self.name)
        until_us = row.previous_until_us
        return SecretEntry(
            name,
            present=row.is_kept and (seen is None or seen.value is not None),
            scope=self.name,
            created_us=row.created_us,
            updated_us=row.updated_us,
            version=row.version if row.is_kept else 0,
            previous_until_us=until_us if until_us > _now_us() else 0,
            short=bool(seen and seen.value and len(seen.value) < SHORT_CHARACTERS),
        )

    @asynccontextmanager
    async def _changing(self, name: str) -> AsyncIterator[tuple[dict[str, Row], str | None]]:
        """Hold the rows and the present value; it is put back when the rows cannot be written."""
        current, is_changed = None, False
        try:
            async with self._index.changing() as rows:
                current = await self._values.get(self.place(name))
                yield rows, current
                is_changed = True
        except ConsoleError:
            if is_changed:
                with suppress(ConsoleError):
                    await self._put(name, current)
            raise

    async def _put(self, name: str, value: str | None) -> None:
        if value is None:
            await self._values.forget(self.place(name))
        else:
            await self._values.set(self.place(name), value)

    async def _placed(
        self, rows: Mapping[str, Row], name: str, value: str, current: str | None
    ) -> Row:
        """Put *value* where *current* is, if that is another; return what the list is to say."""
        now_us = _now_us()
        row = rows.get(name) or Row(now_us, now_us, version=0)
        if current == value:
            return replace(row, version=max(row.version, 1), is_kept=True)
        if current is not None:
            return await self._replaced(rows, name, value, current)
        await self._values.set(self.place(name), value)
        return replace(row, updated_us=now_us, version=row.version + 1, is_kept=True)

    async def _replaced(
        self, rows: Mapping[str, Row], name: str, value: str | None, current: str
    ) -> Row:
        """Put *value*, None: nothing, where *current* is, and keep that as the earlier one.

        If we are killed meanwhile, no value is lost that can be brought back: the list says of the
        earlier one before it goes, and what is brought back is put in place before its copy goes.
        """
        now_us, previous = _now_us(), self.previous(name)
        row = rows.get(name) or Row(now_us, now_us, version=0)
        oldest = await self._values.get(previous)
        aside = replace(row, previous_until_us=now_us + PREVIOUS_S * 1_000_000)
        is_back = value is not None and value == oldest
        try:
            if is_back:
                await self._put(name, value)
            await self._values.set(previous, current)
            await self._index.write({**rows, name: aside})
            if not is_back:
                await self._put(name, value)
        except ConsoleError:
            with suppress(ConsoleError):
                await self._index.write(dict(rows))
            if is_back:
                await self._put(name, current)
            if oldest is not None:
                await self._values.set(previous, oldest)
            raise
        is_kept = value is not None
        return replace(aside, updated_us=now_us, version=row.version + 1, is_kept=is_kept)

    def _saw(
        self, name: str, value: str | None, row: Row | None, *, until_s: float = HELD_S
    ) -> None:
        self._seen[name] = _Seen(time.monotonic() - HELD_S + until_s, row, value)


def _check_version(name: str, row: Row | None, version: int | None) -> None:
    present = row.version if row is not None and row.is_kept else 0
    if version is not None and version != present:
        now = f"is at version {present}" if present else "has no value"
        raise ConsoleError(
            f"The secret {name!r} was changed meanwhile: it {now} now, not at {version}.",
            hint="Look at it again, then decide.",
            exit_code=ExitCode.VERIFICATION,
        )


def _protect(name: str, value: str) -> None:
    """Have a value cut out of texts from now on; raises `ConsoleError` when there is no room."""
    try:
        redactor.add(name, value)
    except RedactorFullError as error:
        raise ConsoleError(
            f"The value of the secret {name!r} cannot be used: with its lines there would be more "
            "to cut out of logs and recordings than can be.",
            hint="Keep shorter values, of fewer lines: the name of a file in place of its text.",
            exit_code=ExitCode.USAGE,
        ) from error


def _now_us() -> int:
    return time.time_ns() // 1000
