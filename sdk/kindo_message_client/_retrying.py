"""When a message is sent again: only if it cannot have been taken, or the producer asks for it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from kiket_core.retry_after import asked_pause_s
from kindo_message_client.errors import UnreachableError

if TYPE_CHECKING:
    from collections.abc import Mapping

_logger: Final = logging.getLogger("kindo_message_client")

RETRIES: Final = 2
"""How many times a message is sent again, unless the caller says it."""
LONGEST_S: Final = 30.0
"""Past so many seconds a message is not sent again, nor where a longer pause is asked for."""


class BusyError(Exception):
    """An answer that asks to send again; `response` is the answer."""

    def __init__(self, response: Any, pause: float | bool) -> None:
        super().__init__("The producer asks to send again.")
        self.response = response
        self.pause = pause
        """Seconds that it asks for; True: it does not say how many."""


class Budget:
    """How often may be sent again: 10 times at once, and then one time in 10 messages.

    More would hold down a producer that is down already. There is no lock, which a child that is
    forked meanwhile would find closed for ever: that threads miscount by one does no harm.
    """

    def __init__(self) -> None:
        self._left = 10.0

    def sent(self) -> None:
        """Take note that a message is sent."""
        self._left = min(10.0, self._left + 0.1)

    def take(self) -> bool:
        """Tell whether one may be sent again, and take note that it is."""
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True


budget: Final = Budget()
"""Of this process."""


def pause_asked(status: int, headers: Mapping[str, str]) -> float | bool:
    """Return the seconds after which an answer asks to send again; False: it does not.

    True: it asks, and does not say when. 429 says that the message was not taken; other errors of
    the service say nothing of it, unless they ask with `Retry-After` (RFC 9110 §10.2.3).
    """
    if status != 429 and not 500 <= status <= 599:
        return False
    pause = asked_pause_s(headers)
    if pause is None:
        return status == 429
    return pause if pause <= LONGEST_S else False


def again(error: Exception) -> float | bool:
    """Tell whether to send again after *error*: in so many seconds, in a while (True), or not."""
    if isinstance(error, BusyError):
        pause: float | bool = error.pause
    else:
        pause = isinstance(error, UnreachableError) and not error.may_be_taken
    if pause is False or not budget.take():
        return False
    _logger.info("Not taken: %s", error)
    return pause


def attempts(retries: int) -> Any:
    """Return the attempts to send one message, with growing pauses between.

    Use as `for attempt in attempts(2): with attempt: …`, or `async for` on an event loop.
    """
    import stamina

    logging.getLogger("stamina").addFilter(_is_of_others)  # which adds it once
    budget.sent()
    left = retries

    def unless_the_last(error: Exception) -> float | bool:
        """Ask the budget only for what will be sent."""
        nonlocal left
        left -= 1
        return left >= 0 and again(error)

    return stamina.retry_context(
        on=unless_the_last,
        attempts=retries + 1,
        timeout=LONGEST_S,
        wait_initial=0.2,
        wait_max=5.0,
        wait_jitter=0.2,
    )


def _is_of_others(record: logging.LogRecord) -> bool:
    """Leave out what stamina logs of our attempts: it names no host, and scripts print it."""
    cause = str(getattr(record, "stamina.caused_by", ""))
    return not cause.startswith((BusyError.__name__, UnreachableError.__name__))
