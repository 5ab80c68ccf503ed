"""A module's standard input: when a line may be written to it, and how often.

Modules of the Rust SDK have several readers that race for it (pywatt wire specification §1.5): a
line may be swallowed by the wrong one, and any line but a secret kills a module that waits for a
secret. So to them a line that matters is written until it is heard, and the others wait meanwhile.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from pywatt_sdk._channels import Lines

EVERY_S: Final = 0.075
"""Between two tries."""
CALMING: Final = 1.3
"""By how much longer each pause is while a module runs, which may have nothing more to say."""
LONGEST_S: Final = 1.0
"""No pause grows longer."""
WAITING_BYTES: Final = 16 * 1024 * 1024
"""Of lines that wait until a secret was heard."""


class Repeated:
    """A line that was written, and is again and again until `stop`.

    Its pauses together are *limit_s* at most. For how long the engine itself stood still does not
    count: else a line would be written once alone that its reader may lose.
    """

    def __init__(
        self, write: Callable[[], None], every_s: float, limit_s: float, *, growth: float = 1.0
    ) -> None:
        self._write = write
        self._every_s = every_s
        self._growth = growth
        self._left_s = limit_s
        self._timer: asyncio.TimerHandle | None = None
        self._wait()

    def stop(self) -> None:
        """Write it no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _wait(self) -> None:
        self._timer = None
        # Not in step with another line that is repeated: readers that take turns would share them
        # out in such a way that one never gets it.
        wait_s = self._every_s * random.uniform(0.7, 1.3)  # noqa: S311  # no secret
        self._every_s = min(self._every_s * self._growth, max(self._every_s, LONGEST_S))
        self._left_s -= wait_s
        if self._left_s > 0:
            self._timer = asyncio.get_running_loop().call_later(wait_s, self._again)

    def _again(self) -> None:
        self._write()
        self._wait()


class Stdin:
    """Writes lines to a module; shut, it takes secrets alone, and keeps the rest for later.

    It is shut from the start: until the module has announced, or is known to have one reader alone,
    it may ask for a secret at any time.
    """

    def __init__(self, lines: Lines, *, every_s: float = EVERY_S) -> None:
        self._lines = lines
        self._every_s = every_s
        self._is_raced = True
        self._is_shut = True
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._secret: Repeated | None = None
        self._opening: asyncio.TimerHandle | None = None

    @property
    def is_shut(self) -> bool:
        """Whether lines wait."""
        return self._is_shut

    def trust(self) -> None:
        """Take note that the module has one reader: nothing is lost, and nothing waits."""
        self._is_raced = False
        self._quiet()
        self.open()

    def open(self) -> None:
        """Write what has waited, and from now on whatever comes."""
        self._is_shut = False
        waiting, self._waiting, self._waiting_bytes = self._waiting, deque(), 0
        for raw in waiting:
            if self._lines.can_send:
                self._lines.send(raw)

    def heard(self, *, asks: bool, is_settled: bool) -> None:
        """Take note that the module has said something: the last secret has arrived.

        *asks*: it was a question for another, so that lines have to wait; else, once it
        *is_settled*, having announced, they may pass.
        """
        if not self._is_raced:
            return
        self._quiet()
        if asks:
            self._is_shut = True
        elif is_settled and self._is_shut:
            self.open()

    def send(self, raw: bytes) -> None:
        """Write a line, or keep it until that is safe.

        Raises ConnectionError when standard input is closed, or when too much waits already.
        """
        if not self._is_shut:
            self._lines.send(raw)
            return
        if not self._lines.can_send:
            raise ConnectionError("The module's standard input is closed.")
        if self._waiting_bytes + len(raw) > WAITING_BYTES:
            raise ConnectionError("Too much waits for the module: it is being given its secrets.")
        self._waiting.append(raw)
        self._waiting_bytes += len(raw)

    def send_at_once(self, raw: bytes) -> None:
        """Write the init line; raises ConnectionError."""
        self._lines.send(raw)

    def send_secret(self, raw: bytes, limit_s: float, *, opens: bool) -> None:
        """Write a secret, until the module is `heard` where a line may be lost.

        After *limit_s* it is given up; with *opens* lines may pass then. Raises ConnectionError.
        """
        self._lines.send(raw)
        if not self._is_raced:
            return
        self._quiet()
        growth = CALMING if opens else 1.0
        self._secret = self._again(raw, limit_s, self._every_s, heeds=False, growth=growth)
        if opens:
            self._opening = asyncio.get_running_loop().call_later(limit_s, self.open)

    def repeat(self, raw: bytes, limit_s: float, every_s: float = 0.0) -> Repeated:
        """Write a line that is written already again and again, but not while lines wait."""
        every_s = every_s or self._every_s
        return self._again(raw, limit_s, every_s, heeds=True, growth=CALMING)

    def close(self) -> None:
        """Close standard input once what was written has gone; what waits is dropped."""
        self._quiet()
        self._waiting.clear()
        self._waiting_bytes = 0
        self._lines.close_sending()

    def _again(
        self, raw: bytes, limit_s: float, every_s: float, *, heeds: bool, growth: float = 1.0
    ) -> Repeated:
        def write() -> None:
            is_due = not (heeds and self._is_shut) and self._lines.backlog_bytes == 0
            if is_due and self._lines.can_send:  # else an earlier try is still unread
                self._lines.send(raw)

        return Repeated(write, every_s, limit_s, growth=growth)

    def _quiet(self) -> None:
        """Repeat the last secret no more."""
        if self._secret is not None:
            self._secret.stop()
            self._secret = None
        if self._opening is not None:
            self._opening.cancel()
            self._opening = None
