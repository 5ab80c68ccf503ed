"""A tree of bars on one scale: exchanges, their attempts, spans of code, and log lines.

What a thing is part of is said by a recorded cause, or by the span that a `traceparent` names (W3C
Trace Context); what is said by neither is a guess, and says why. Trees of ten thousand bars are
made in some tens of milliseconds, and in no deeper calls however deep they are.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Final

from msgspec import Struct, field

from kiket_console.model import Attempt, Exchange, LogLine, Source, State
from kiket_console.telemetry.nouns import Span
from kiket_console.tracing.critical import mark

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from kiket_console.tracing.kin import Call, Kin

BY_TIME: Final = "by worker and time"
BY_TIME_ALONE: Final = "in this span, by time"
SAME_TRACE: Final = "same trace"
SAME_TRACE_BY_TIME: Final = "same trace, by time"
LATE_US: Final = 2_000
"""What is told of a handler may say that it began so much later than what happened in it."""
LOOKED_AT: Final = 64
"""Of what began before something whose place is not said, the last so many are looked at."""
OUTLIER: Final = 4
"""What goes on so many times longer than most of the rest is cut off at the end of the scale."""
_ERRORS = frozenset(("ERROR", "CRITICAL", "FATAL"))


class Bar(Struct, eq=False):
    """One row: a piece of work, or a moment."""

    thing: Exchange | Attempt | Span | LogLine
    target: str
    """What it is called: `exchange:1203`, `attempt:1203:2`, `span:17`, `log:99:1203`."""
    started_us: int
    duration_us: int | None
    """How long it took, until now where it is pending; None for a moment."""
    waited_us: int = 0
    """How long it waited until it was taken on; the work follows."""
    pending: bool = False
    failing: bool = False
    guess: str = ""
    """Why it is said to be a part of what stands above it, where that is a guess."""
    depth: int = 0
    row: int = 0
    """Its place in `Timeline.bars`."""
    parent: int = -1
    """The place of what it is a part of; -1 for a root."""
    after: int = 0
    """The place behind the last of its parts."""
    own_us: int = 0
    """How long the end of all waited for this and none of its parts."""
    critical: bool = False
    """Whether the end of all waited for it."""
    parts: list[Bar] = field(default_factory=list)

    @property
    def ended_us(self) -> int:
        """When it was over; of a moment, the moment."""
        return self.started_us + self.waited_us + (self.duration_us or 0)

    @property
    def is_log(self) -> bool:
        """Whether it is a log line."""
        return isinstance(self.thing, LogLine)

    @property
    def is_handler(self) -> bool:
        """Whether it is what the SDK told of a handler."""
        return isinstance(self.thing, Span) and self.thing.kind == "handler"


class Timeline(Struct, frozen=True):
    """All bars, each above its parts, those that began first on top."""

    bars: tuple[Bar, ...]
    begin_us: int
    """Where the scale begins (Unix µs)."""
    lasts_us: int
    """How much of time the scale shows; 1 at least. Few bars may go on for very much longer."""
    asked: int
    """The row of the exchange that was asked for."""
    longest: int
    """The row that most of the time went into; -1 where there is nothing to choose from."""
    whole_us: int
    """How long the root of what was asked for took, of which `Bar.own_us` are parts."""
    more: bool
    strangers: int
    deepest: int
    """How many causes the bar has that has the most."""
    guesses: tuple[str, ...]
    """Why bars are guesses, each reason once."""
    pending: bool
    """Whether an answer is still to come."""
    failing: bool
    """Whether anything failed."""


def timeline(kin: Kin, now_us: int) -> Timeline:
    """Return what belongs together as bars; what is pending lasts until *now_us* (Unix µs)."""
    bars = _Grown(kin, now_us).bars()
    rows = {bar.target: bar.row for bar in bars}
    asked = rows.get(f"exchange:{kin.asked}", 0)
    roots = [bar for bar in bars if bar.depth == 0]
    begin_us = min((bar.started_us for bar in roots), default=0)
    root = bars[asked] if bars else None
    while root is not None and root.parent >= 0:
        root = bars[root.parent]
    if root is not None and root.guess == SAME_TRACE:
        root.guess = ""  # what was asked for stands below it, and says why
    longest = -1
    if root is not None and root.after - root.row > 1:
        longest = mark(root)
    whole_us = root.ended_us - root.started_us if root is not None else 0
    lasts_us = _scale([bar.ended_us - begin_us for bar in bars], whole_us)
    return Timeline(
        tuple(bars), begin_us, max(1, lasts_us), asked, longest, whole_us, kin.more, kin.strangers,
        deepest=max((bar.depth for bar in bars), default=0),
        guesses=tuple(dict.fromkeys(bar.guess for bar in bars if bar.guess)),
        pending=any(bar.pending for bar in bars),
        failing=any(bar.failing for bar in bars),
    )  # fmt: skip


def _scale(ends_us: list[int], whole_us: int) -> int:
    """Return how long the scale lasts: few that went on for very long do not make the rest tiny."""
    ends_us.sort()
    most_us = ends_us[len(ends_us) * 4 // 5] if ends_us else 0
    at_most_us = OUTLIER * max(whole_us, most_us)
    return next((end_us for end_us in reversed(ends_us) if end_us <= at_most_us), whole_us)


class _Grown:
    """The tree while it grows."""

    def __init__(self, kin: Kin, now_us: int) -> None:
        self._kin = kin
        self._now_us = now_us
        self._roots: list[Bar] = []
        self._exchanges = {call.exchange.id: self._exchange(call) for call in kin.calls}
        self._hosts = sorted(
            (
                self._exchanges[call.exchange.id]
                for call in kin.calls
                if call.exchange.source in (Source.WEBHOOK, Source.IPC)
            ),
            key=_began,
        )
        """What code handled, in the order of time."""
        self._spans: dict[str, Bar] = {}
        """Exchanges and spans by the id of their span."""
        self._attempts: dict[int, list[Bar]] = {}
        self._handlers: dict[int, list[Bar]] = {}
        self._works: dict[int, list[Bar]] = {}
        """The other spans of an exchange, in the order of time."""

    def bars(self) -> list[Bar]:
        """Put everything where it belongs and return it from top to bottom."""
        kin = self._kin
        for call in kin.calls:
            if call.span_id:
                self._spans[call.span_id] = self._exchanges[call.exchange.id]
        spans = [(span, _span(span)) for span in kin.spans]
        for span, bar in spans:
            if span.span_id:
                self._spans.setdefault(span.span_id, bar)
        for attempt in kin.attempts:
            if (above := self._exchanges.get(attempt.exchange_id)) is not None:
                bar = self._attempt(attempt)
                above.parts.append(bar)
                self._attempts.setdefault(attempt.exchange_id, []).append(bar)
        for span, bar in spans:
            if bar.is_handler and span.exchange_id in self._exchanges:
                self._handlers.setdefault(span.exchange_id, []).append(bar)
            elif span.exchange_id in self._exchanges:
                self._works.setdefault(span.exchange_id, []).append(bar)
        for works in self._works.values():
            works.sort(key=_began)
        for span, bar in spans:
            self._put_span(span, bar)
        for call in kin.calls:
            self._put_call(call)
        for line in kin.logs:
            self._put_log(line)
        return self._flat()

    # What is a part of what

    def _put_call(self, call: Call) -> None:
        exchange, bar = call.exchange, self._exchanges[call.exchange.id]
        caller = self._spans.get(call.caller_span_id)
        cause = self._exchanges.get(exchange.parent_id) if exchange.parent_id else None
        if caller is bar:
            caller = None
        if cause is not None:
            if exchange.parent_guessed:
                bar.guess = BY_TIME
            elif caller is not None and isinstance(caller.thing, Span):
                cause = caller
        elif caller is not None:
            cause = caller
        elif exchange.id != self._kin.root:
            cause = self._around(bar)
            bar.guess = SAME_TRACE_BY_TIME if cause is not None else SAME_TRACE
        elif exchange.parent_id is None:  # nothing recorded says that something caused it
            cause = self._around(bar, self._linked())
            bar.guess = SAME_TRACE_BY_TIME if cause is not None else ""
        if cause is None:
            self._roots.append(bar)
            return
        work = self._work(cause, bar)
        if work is not None and not bar.guess:
            bar.guess = BY_TIME_ALONE
        (work or self._within(cause, bar)).parts.append(bar)

    def _put_span(self, span: Span, bar: Bar) -> None:
        above = self._spans.get(span.parent_span_id)
        if above is None or above is bar:
            above = self._exchanges.get(span.exchange_id) if span.exchange_id else None
            bar.guess = BY_TIME if span.guessed and above is not None else ""
        if above is None:
            above = self._around(bar)
            bar.guess = SAME_TRACE_BY_TIME if above is not None else SAME_TRACE
        (self._roots if above is None else self._within(above, bar).parts).append(bar)

    def _put_log(self, line: LogLine) -> None:
        above = self._exchanges.get(line.exchange_id) if line.exchange_id else None
        if above is not None:
            target = f"log:{line.id}:{line.exchange_id}"
            bar = Bar(line, target, line.at_us, None, failing=line.level in _ERRORS)
            self._within(above, bar).parts.append(bar)

    def _linked(self) -> frozenset[Bar]:
        """Return the root of what was asked for and all that is recorded to come from it."""
        linked = {self._kin.root}
        for call in self._kin.calls:  # causes come before what they cause
            if call.exchange.parent_id in linked:
                linked.add(call.exchange.id)
        return frozenset(self._exchanges[each] for each in linked if each in self._exchanges)

    def _around(self, bar: Bar, but: frozenset[Bar] = frozenset()) -> Bar | None:
        """Return the exchange during which *bar* began, the one that began last of several.

        None of *but* is.
        """
        at = bisect_right(self._hosts, bar.started_us, key=_began)
        for host in reversed(self._hosts[max(0, at - LOOKED_AT) : at]):
            if host is not bar and host not in but and bar.started_us < host.ended_us:
                return host
        return None

    def _work(self, above: Bar, bar: Bar) -> Bar | None:
        """Return the shortest span of an exchange that went on all the while of a call."""
        works = self._works.get(above.thing.id, ()) if isinstance(above.thing, Exchange) else ()
        at = bisect_right(works, bar.started_us, key=_began)
        found = [
            work for work in works[max(0, at - LOOKED_AT) : at] if work.ended_us >= bar.ended_us
        ]
        return min(found, key=lambda work: work.duration_us or 0, default=None)

    def _within(self, above: Bar, bar: Bar) -> Bar:
        """Return the attempt and the handler of an exchange that *bar* happened in, else itself."""
        if not isinstance(above.thing, Exchange):
            return above
        inner, at_us = above, bar.started_us
        for attempt in self._attempts.get(above.thing.id, ()):
            if attempt.started_us <= at_us:
                inner = attempt
        if bar.is_handler:
            return inner
        handlers = self._handlers.get(above.thing.id, ())
        began = [each for each in handlers if each.started_us - LATE_US <= at_us]
        is_span = isinstance(bar.thing, Span)
        inside = [
            each
            for each in began
            if at_us <= each.ended_us + LATE_US
            and not (is_span and (bar.duration_us or 0) > (each.duration_us or 0))
        ]
        return inside[-1] if inside else inner

    # Bars

    def _exchange(self, call: Call) -> Bar:
        exchange = call.exchange
        pending = exchange.is_open
        waited_us = max(0, call.tried_us - exchange.started_us) if call.tried_us else 0
        took_us = max(0, exchange.duration_us or 0)
        if pending:
            since_us = exchange.started_us + waited_us
            took_us = max(0, self._now_us - since_us)
        return Bar(
            exchange, f"exchange:{exchange.id}", exchange.started_us, took_us, waited_us,
            pending=pending, failing=exchange.failing,
        )  # fmt: skip

    def _attempt(self, attempt: Attempt) -> Bar:
        pending = attempt.state is State.RECEIVED
        took_us = max(0, attempt.duration_us or 0)
        if pending:
            took_us = max(0, self._now_us - attempt.started_us)
        failing = bool(attempt.error) or (attempt.status or 0) >= 400
        target = f"attempt:{attempt.exchange_id}:{attempt.number}"
        return Bar(attempt, target, attempt.started_us, took_us, pending=pending, failing=failing)

    # From top to bottom

    def _flat(self) -> list[Bar]:
        found: list[Bar] = []
        seen: set[int] = set()
        self._walk(self._roots, found, seen)
        # What is said to be a part of itself, by way of others, is under no root: it becomes one.
        others: Iterable[Bar] = (*self._exchanges.values(), *self._spans.values())
        for bar in sorted(others, key=_order):
            if id(bar) not in seen:
                self._walk([bar], found, seen)
        for bar in found:
            bar.parts = []
        for bar in found:
            if bar.parent >= 0:
                found[bar.parent].parts.append(bar)
        return found

    def _walk(self, roots: Sequence[Bar], found: list[Bar], seen: set[int]) -> None:
        waiting: list[tuple[Bar, int, int] | Bar] = [
            (bar, -1, 0) for bar in sorted(roots, key=_order, reverse=True)
        ]
        while waiting:
            step = waiting.pop()
            if isinstance(step, Bar):
                step.after = len(found)
                continue
            bar, parent, depth = step
            if id(bar) in seen:
                continue
            seen.add(id(bar))
            bar.row, bar.parent, bar.depth = len(found), parent, depth
            found.append(bar)
            waiting.append(bar)
            bar.parts.sort(key=_order)
            waiting += [(part, bar.row, depth + 1) for part in reversed(bar.parts)]


def _began(bar: Bar) -> int:
    return bar.started_us


def _order(bar: Bar) -> tuple[int, int, str]:
    """Return what sorts bars: those that began first, and of these those that took longest."""
    return bar.started_us, -(bar.ended_us - bar.started_us), bar.target


def _span(span: Span) -> Bar:
    failing = span.status == "error"
    return Bar(span, f"span:{span.id}", span.started_us, max(0, span.duration_us), failing=failing)
