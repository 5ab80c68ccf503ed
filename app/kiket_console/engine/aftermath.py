"""What follows from how an attempt ended, as the platform has it (spec/kiket-and-kindo.md §1.10).

A guard's answer decides. What failed and may pass by itself, an error of the server (5xx), no
answer in time or too many requests (429), is tried again after 30 s, 1 m, 5 m, 30 m, 2 h and 8 h;
then no more.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from kiket_console.decision import is_guard, of_answer
from kiket_console.model import Retry, State

if TYPE_CHECKING:
    from kiket_console.engine.ports import Delivery, Workers
    from kiket_console.engine.recorder import Ending

WAITS_S: Final = (30, 60, 300, 1800, 7200, 28800)
_TOO_MANY: Final = 429
_LOOP: Final = 508
"""A request that led back to the gateway: it would each time."""


class Aftermath(Struct, frozen=True):
    """Say what follows; attempts come *speed* times as fast as the platform's."""

    workers: Workers
    speed: float = 1.0

    def add_to(self, ending: Ending, delivery: Delivery, worker: str, attempts: int) -> None:
        """Add to how the newest of so many attempts ended what follows from it."""
        event = delivery.event
        if is_guard(event) and self.workers.contract(worker).waits_for(event):
            raw_body = ending.answer[1] if ending.answer else b""
            found = of_answer(ending.state, ending.status, raw_body, ending.error)
            ending.decision = found.word
        if not delivery.is_retried:
            return
        wait_s = wait_after(attempts, self.speed) if may_pass(ending.state, ending.status) else None
        if wait_s is not None:
            ending.retry = Retry.WAITING.value
            ending.next_try_us = time.time_ns() // 1000 + round(wait_s * 1_000_000)
        elif ending.state is State.INTERRUPTED or may_pass(ending.state, ending.status):
            ending.retry = Retry.GIVEN_UP.value


def may_pass(state: State, status: int | None) -> bool:
    """Tell whether what made an attempt fail may be over when it is tried again."""
    if state is State.INTERRUPTED or status is None:
        return False
    return status == _TOO_MANY or (500 <= status <= 599 and status != _LOOP)


def wait_after(attempts: int, speed: float = 1.0) -> float | None:
    """Return how many seconds to wait after so many attempts; None when there were enough."""
    return WAITS_S[attempts - 1] / speed if 0 < attempts <= len(WAITS_S) else None
