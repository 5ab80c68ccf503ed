"""What is refused before it is read: counted always, told and recorded in samples.

The first of each kind in a minute are kept, so that a person sees what is wrong; the rest is a
number, so that a flood of them fills neither the store nor the log.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from kiket_console.store.records import NewLog

if TYPE_CHECKING:
    from collections.abc import Callable

SAMPLE = 20
"""How many of a kind are kept in a minute."""
MINUTE_S = 60.0
BODY_SAMPLE = 1024
"""How many bytes of a refused request's body are kept."""


class Refusals:
    """Count, and choose what is kept. Belongs to one event loop; call it from that loop only."""

    def __init__(self, on_log: Callable[[NewLog], None], *, minute_s: float = MINUTE_S) -> None:
        self._on_log = on_log
        self._minute_s = minute_s
        self._seen: dict[str, int] = {}
        self._most: dict[str, int] = {}
        self._telling: asyncio.TimerHandle | None = None
        self.total = 0
        """How many requests were refused since the start."""

    def refused(self, where: str, status: int) -> bool:
        """Count a refusal; return whether it is one of those to be kept."""
        self.total += 1
        return self.keeps(f"{where} {status}", SAMPLE)

    def kept(self, where: str, status: int) -> bool:
        """Return whether the last refusal of this kind was one of those to be kept."""
        return self._seen.get(f"{where} {status}", 0) <= SAMPLE

    def told_by(self, where: str) -> Callable[[int, str], None]:
        """Return what a guard calls on each refusal: it counts, and logs those to be kept."""

        def on_refusal(status: int, sentence: str) -> None:
            if self.refused(where, status):
                self._log(f"{where} {status}: {sentence}")

        return on_refusal

    def keeps(self, kind: str, most: int) -> bool:
        """Return whether this is one of the first *most* of its kind in this minute."""
        seen = self._seen.get(kind, 0) + 1
        self._seen[kind], self._most[kind] = seen, most
        if self._telling is None:
            loop = asyncio.get_running_loop()
            self._telling = loop.call_later(self._minute_s, self._end_minute)
        return seen <= most

    def _end_minute(self) -> None:
        self._telling = None
        left_out = [
            f"{kind} ({seen - self._most[kind]:,} times)"
            for kind, seen in self._seen.items()
            if seen > self._most[kind]
        ]
        self._seen.clear()
        if left_out:
            self._log(f"Counted and not kept in the last minute: {', '.join(left_out)}.")

    def _log(self, text: str) -> None:
        self._on_log(
            NewLog(
                at_us=time.time_ns() // 1000,
                worker="engine",
                stream="log",
                level="WARNING",
                logger="refusals",
                text=text,
            )
        )
