"""Which worker has been given which secret, when and how: what a person sees of handing over."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from kiket_console.wire_secrets import SecretUse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MOST_USES: Final = 10_000
"""Of so many pairs of secret and worker it is known; the oldest is forgotten."""
AT_START: Final = frozenset({"pipe", "environment"})
"""Ways in which a process gets a secret once, so that it has to be started anew for another."""


class SecretUses:
    """The newest use of each secret by each worker, in each way.

    *version* tells the version of a secret that is kept, 0 for any other.
    """

    def __init__(self, version: Callable[[str], int]) -> None:
        self._version = version
        self._uses: dict[tuple[str, str, str], SecretUse] = {}

    def note(self, worker: str, how: str, *names: str) -> None:
        """Note that *worker* is given secrets now, in a way of `SecretUse`.

        In one of `AT_START` they are all that it is given so.
        """
        if how in AT_START:
            given = [place for place in self._uses if place[1] == worker and place[2] in AT_START]
            for place in given:
                del self._uses[place]
        now_us = time.time_ns() // 1000
        for name in names:
            place = name, worker, how
            self._uses.pop(place, None)
            self._uses[place] = SecretUse(worker, now_us, how, self._version(name))
        while len(self._uses) > MOST_USES:
            del self._uses[next(iter(self._uses))]

    def by_name(self) -> Mapping[str, tuple[SecretUse, ...]]:
        """Return the uses of each secret, by worker and way."""
        found: dict[str, list[SecretUse]] = {}
        for place in sorted(self._uses):
            found.setdefault(place[0], []).append(self._uses[place])
        return {name: tuple(uses) for name, uses in found.items()}

    def has_at_start(self, worker: str, name: str) -> bool:
        """Tell whether a process of *worker* was given a secret when it was started."""
        return any((name, worker, how) in self._uses for how in AT_START)
