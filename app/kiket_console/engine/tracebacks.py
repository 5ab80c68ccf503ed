"""Join the lines of a traceback into one record, as `logging` writes one.

What a program prints to standard error comes line by line, and a traceback is one thing: to be
shown as one row, found as one, and kept beside the exchange that it belongs to. Where no logger
says how grave it is, it is an error.
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

import msgspec

from kiket_console.log_levels.names import ERROR

if TYPE_CHECKING:
    from collections.abc import Callable

    from kiket_console.engine.worker_messages import Line

LINES_LIMIT = 400
"""A longer one, of code without an end to its recursion perhaps, goes on as another record."""
WAIT_S = 0.2
"""A program writes its traceback at once; past this, what is there of it is passed on."""
_HEAD = re.compile(r"\s*(\+ )?(Exception Group )?Traceback \(most recent call last\):")
_CHAINED = (
    "During handling of the above exception, another exception occurred:",
    "The above exception was the direct cause of the following exception:",
)


class Tracebacks:
    """Passes lines on, those of one traceback as one; `flush` when nothing more comes."""

    def __init__(self, pass_on: Callable[[Line], None]) -> None:
        self._pass_on = pass_on
        self._held: list[Line] = []
        self._is_group = self._has_reason = False
        self._timer: asyncio.TimerHandle | None = None

    def take(self, line: Line) -> None:
        """Pass *line* on, now or as a part of a traceback."""
        if line.stream != "stderr":
            self._pass_on(line)
            return
        belongs = bool(self._held) and self._belongs(line)
        if not belongs or len(self._held) >= LINES_LIMIT:
            self.flush()
        if belongs:
            self._hold(line)
        elif _HEAD.match(line.text):
            self._has_reason = False
            self._is_group = "Exception Group" in line.text
            self._hold(line)
        else:
            self._pass_on(line)

    def flush(self) -> None:
        """Pass on what is held."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        held, self._held = self._held, []
        if held:
            text = "\n".join(line.text for line in held).rstrip()
            cut = sum(line.cut for line in held)
            level = held[0].level or ERROR
            self._pass_on(msgspec.structs.replace(held[0], level=level, text=text, cut=cut))

    def _belongs(self, line: Line) -> bool:
        """Tell whether *line* goes on with what is held; a new traceback does not."""
        text = line.text
        if line.trace_id != self._held[0].trace_id:
            return False
        indented = not text or text[0] in " \t|+"
        if self._is_group:
            return indented  # a group says its reason above its members
        if not self._has_reason:
            self._has_reason = not indented
            return True
        if text in _CHAINED or not text:
            return True
        chained = any(held.text in _CHAINED for held in self._held[-2:])
        if chained and _HEAD.match(text):
            self._has_reason = False
            return True
        return False

    def _hold(self, line: Line) -> None:
        self._held.append(line)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(WAIT_S, self.flush)
