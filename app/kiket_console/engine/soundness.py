"""Notices what of the engine does less than it should, and since when; tells each turn once.

store · keyring · watches · disk · drops ──► look, twice a second ──► status, notes
"""

from __future__ import annotations

import asyncio
import shutil
import time
from typing import TYPE_CHECKING, NamedTuple, Protocol

from msgspec import Struct

from kiket_console.engine_status import Degraded
from kiket_console.store import files
from kiket_console.text import plural, size

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from kiket_console.wire_secrets import VaultFacts

LOOK_EVERY_S = 0.5
THREAD_EVERY = 20
"""One in so many looks asks what may block, in a thread."""
LATELY_S = 60.0
"""For so long after something was dropped, or broke off, it is said that it is so."""


_WITHOUT = "or keep secrets until the engine ends: `kiket-console secrets vault --session`."


class Trouble(NamedTuple):
    """What a look found to be wrong."""

    brief: str
    """As `Degraded.brief`."""
    sentence: str


class Look(Struct, frozen=True):
    """How to see whether one part is well."""

    part: str
    """As `Degraded.part`."""
    trouble: Callable[[], Trouble | None]
    well_again: str
    """What is said when the trouble is over."""
    in_thread: bool = False
    """Whether it may block for a while."""


class Soundness:
    """Looks after what can be degraded; *on_turn* gets a sentence for each turn, bad or good."""

    def __init__(self, looks: Sequence[Look], on_turn: Callable[[str], None]) -> None:
        self._looks = looks
        self._on_turn = on_turn
        self._degraded: dict[str, Degraded] = {}

    @property
    def degraded(self) -> tuple[Degraded, ...]:
        """What is wrong now, in the order of the looks."""
        found = (self._degraded.get(look.part) for look in self._looks)
        return tuple(each for each in found if each is not None)

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        count = 0
        while True:
            self.look()
            if count % THREAD_EVERY == 0:
                for look in self._looks:
                    if look.in_thread:
                        self._found(look, await asyncio.to_thread(look.trouble))
            count += 1
            await asyncio.sleep(LOOK_EVERY_S)

    def look(self) -> None:
        """Tell what has turned since the last look, as far as that can be seen at once."""
        for look in self._looks:
            if not look.in_thread:
                self._found(look, look.trouble())

    def _found(self, look: Look, trouble: Trouble | None) -> None:
        known = self._degraded.get(look.part)
        if trouble is not None:
            since_us = known.since_us if known else time.time_ns() // 1000
            self._degraded[look.part] = Degraded(look.part, *trouble, since_us)
            if known is None:
                self._on_turn(trouble.sentence)
        elif known is not None:
            del self._degraded[look.part]
            self._on_turn(look.well_again)


class Stored(Protocol):
    """What says how recording goes: the store's writer."""

    @property
    def trouble(self) -> str:
        """What is wrong, in one sentence; empty while all is well."""

    @property
    def outages(self) -> int:
        """How often there was trouble."""

    @property
    def last_trouble(self) -> str:
        """What it was last."""


class Keeping(Protocol):
    """What says how the secrets are kept: the vault."""

    @property
    def facts(self) -> VaultFacts:
        """Where they are kept, and what is wrong with that."""


class Watches(Protocol):
    """What says whether saves are heard of at once."""

    @property
    def trouble(self) -> str:
        """Why they are not, in one sentence; empty while they are."""


def recording(store: Stored) -> Look:
    """Return how to see whether exchanges are recorded."""

    def trouble() -> Trouble | None:
        if not store.trouble:
            return None
        return Trouble("nothing recorded", f"Nothing is recorded: {store.trouble}")

    return Look("recording", trouble, "Recording works again.")


def outages(store: Stored) -> Look:
    """Return how to see whether recording has held for a while: trouble may come and go."""
    lately = _Lately(lambda: store.outages)

    def trouble() -> Trouble | None:
        count = lately.count()
        if not count or store.trouble:
            return None
        often = f"{count:,} times" if count > 1 else "once"
        said = f"Recording broke off {often}, the last time because: {store.last_trouble}"
        return Trouble(f"rec broke off {often}", said)

    return Look("outages", trouble, "Recording has held for a minute.")


def keyring(vault: Keeping) -> Look:
    """Return how to see whether secrets are kept where the person wants them."""

    def trouble() -> Trouble | None:
        facts = vault.facts
        if not facts.problem:
            return None
        brief, way = "no keyring", "Install or unlock one"
        if facts.locked:
            brief, way = "keyring locked", "Unlock it"
        elif facts.state == "keyring":
            brief, way = "keyring fails", "Look after it"
        return Trouble(brief, f"{facts.problem} {way}, {_WITHOUT}")

    return Look("keyring", trouble, "Secrets are kept again.")


def watcher(watches: Watches) -> Look:
    """Return how to see whether saves are heard of at once."""

    def trouble() -> Trouble | None:
        return Trouble("saves polled", watches.trouble) if watches.trouble else None

    return Look("watcher", trouble, "Saves are heard of at once again.")


def disk(folder: Path) -> Look:
    """Return how to see whether *folder*'s disk has room left."""

    def trouble() -> Trouble | None:
        try:
            free = shutil.disk_usage(folder).free
        except OSError:  # then the store cannot be written either, which says why
            return None
        if free >= files.LOW_DISK_BYTES:
            return None
        return Trouble(
            f"{size(free)} free",
            f"{size(free)} are free at {folder}: make room, for nothing is accepted that cannot "
            "be recorded.",
        )

    return Look("disk", trouble, f"There is room at {folder} again.", in_thread=True)


def drops(part: str, noun: str, count: Callable[[], int]) -> Look:
    """Return how to see whether something is being dropped; *count* says how much was, in all."""
    lately = _Lately(count)

    def trouble() -> Trouble | None:
        dropped = lately.count()
        if not dropped:
            return None
        lost = plural(dropped, noun)
        return Trouble(f"{lost} dropped", f"{lost} dropped: more came than the store took.")

    return Look(part, trouble, f"No {noun} is dropped any more.")


class _Lately:
    """How much a count that only rises has risen since it began to, until it rests a while."""

    def __init__(self, total: Callable[[], int]) -> None:
        self._total = total
        self._seen = self._before = total()
        self._last_s = -LATELY_S

    def count(self) -> int:
        """Look, and return it; 0 when it has rested for `LATELY_S`."""
        total, now_s = self._total(), time.monotonic()
        if total != self._seen:
            self._seen, self._last_s = total, now_s
        elif now_s - self._last_s > LATELY_S:
            self._before = total
        return total - self._before
