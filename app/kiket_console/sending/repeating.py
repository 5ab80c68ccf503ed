"""Send several deliveries, or one several times: in order, a few at once, going on after failures.

1 2 3 4 │ 5 6 …      four under way at most, begun in the order in which they arrived
"""

from __future__ import annotations

import asyncio
import re
import time
from typing import TYPE_CHECKING, Final

from msgspec import Struct, field

from kiket_console.errors import ConsoleError, ExitCode

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence

    from kiket_console.wire import Result

CONCURRENCY: Final = 4
MOST_TIMES: Final = 1000
MOST_APART_S: Final = 60.0
MOST_SENT: Final = 10_000
_SPAN: Final = re.compile(r"(\d{1,9}(?:\.\d{1,9})?) *(ms|s|m)?")
_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0}


def seconds(text: str) -> float:
    """Return a length of time, `200ms` or `1.5 s`, in seconds; raises `ConsoleError`."""
    found = _SPAN.fullmatch(text.strip())
    if found is None:
        raise ConsoleError(
            f"“{text}” is no time.", hint="Write 200ms or 1.5s.", exit_code=ExitCode.USAGE
        )
    return float(found[1]) * _UNITS[found[2] or "ms"]


class Plan(Struct, frozen=True):
    """What to send: deliveries by their ids, so many times, so far apart.

    Raises `ConsoleError` when that is more than is reasonable.
    """

    ids: Sequence[int]
    times: int = 1
    apart_s: float = 0.0
    """From the beginning of one to that of the next."""

    def __post_init__(self) -> None:
        if not 1 <= self.times <= MOST_TIMES:
            raise _too_much(f"{self.times} times", f"1 to {MOST_TIMES:,}")
        if not 0 <= self.apart_s <= MOST_APART_S:
            raise _too_much(f"{self.apart_s:g} s apart", f"0 to {MOST_APART_S:g} s")
        if self.count > MOST_SENT:
            raise _too_much(f"{self.count:,} deliveries", f"up to {MOST_SENT:,} at a time")

    @property
    def count(self) -> int:
        """How many deliveries it makes."""
        return len(self.ids) * self.times

    @property
    def in_order(self) -> Iterator[int]:
        """The ids, each round in the order of arrival."""
        ordered = sorted(self.ids)
        return (each for _ in range(self.times) for each in ordered)


class Tally(Struct):
    """How it goes."""

    planned: int
    sent: int = 0
    ok: int = 0
    trouble: str = ""
    """Why it was given up; empty while it goes on, and when all were sent."""
    results: list[tuple[int, Result | ConsoleError]] = field(default_factory=list)
    """What became of each, by the id that it repeats, in the order in which they ended."""

    @property
    def failed(self) -> int:
        """How many were sent and not answered well."""
        return self.sent - self.ok

    def is_given_up(self) -> bool:
        """Return whether there is no sense in going on."""
        return bool(self.trouble)

    @property
    def newest(self) -> Result | None:
        """What became of the delivery that was recorded last."""
        known = [each for _, each in self.results if not isinstance(each, ConsoleError)]
        return max(known, key=lambda each: each.exchange_id, default=None)

    @property
    def so_far(self) -> str:
        """How it goes, while it does: `3 of 12 sent · 3 ok`."""
        return " · ".join((f"{self.sent:,} of {self.planned:,} sent", *self._answered))

    @property
    def _answered(self) -> list[str]:
        return [f"{self.ok:,} ok", *([f"{self.failed:,} failed"] if self.failed else [])]

    def __str__(self) -> str:
        parts = [f"{self.sent:,} sent", *self._answered]
        if self.sent < self.planned:
            parts.append(f"{self.planned - self.sent:,} not sent")
        return " · ".join(parts)


async def carry_out(
    plan: Plan,
    send: Callable[[int], Awaitable[Result]],
    on_step: Callable[[Tally], None] = lambda _: None,
) -> Tally:
    """Send what is planned; return how it went.

    A delivery that fails, or is refused, does not stop the others; when the engine is gone there
    is nothing to go on with. *on_step* hears of each that ended. Cancel it to stop early: what is
    under way is finished by the engine.
    """
    tally = Tally(plan.count)
    waiting = plan.in_order
    pace = _Pace(plan.apart_s)

    async def work() -> None:
        while not tally.is_given_up() and (exchange_id := next(waiting, None)) is not None:
            await pace.wait()
            if tally.is_given_up():
                return
            try:
                result: Result | ConsoleError = await send(exchange_id)
            except ConsoleError as error:
                if error.exit_code is ExitCode.NETWORK:
                    tally.trouble = str(error)
                    return
                result = error
            tally.sent += 1
            tally.ok += not isinstance(result, ConsoleError) and result.ok
            tally.results.append((exchange_id, result))
            on_step(tally)

    async with asyncio.TaskGroup() as group:
        for _ in range(min(CONCURRENCY, plan.count)):
            group.create_task(work())
    return tally


class _Pace:
    """Let one after the other go on, so far apart."""

    def __init__(self, apart_s: float) -> None:
        self._apart_s = apart_s
        self._turn = asyncio.Lock()
        self._next_s = 0.0

    async def wait(self) -> None:
        """Wait for the next turn."""
        if not self._apart_s:
            return
        async with self._turn:
            await asyncio.sleep(max(0.0, self._next_s - time.monotonic()))
            self._next_s = max(self._next_s, time.monotonic()) + self._apart_s


def _too_much(what: str, allowed: str) -> ConsoleError:
    return ConsoleError(
        f"{what[:1].upper()}{what[1:]} cannot be sent.",
        hint=f"It can be {allowed}.",
        exit_code=ExitCode.USAGE,
    )
