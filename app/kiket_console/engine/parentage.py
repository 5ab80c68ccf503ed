"""Which delivery a call was made during, and which request to a module what it said.

It is known by the delivery's runtime token or by the trace that the call carries on, else guessed:
the worker's newest delivery that is under way. Belongs to one event loop.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from kiket_console.engine import trace

if TYPE_CHECKING:
    from kiket_console.model import Headers

KNOWN = 8192
"""How many of the newest deliveries are found by their trace, or by their id."""
OF_A_TRACE = 64
"""So many of the newest deliveries of one trace are told apart."""
K = TypeVar("K")
T = TypeVar("T")


class Parent(NamedTuple):
    """The delivery during which a call was made."""

    exchange_id: int
    worker: str
    trace: trace.Trace
    guessed: bool


class Parentage:
    """The deliveries that are under way or were."""

    def __init__(self) -> None:
        self._by_trace: OrderedDict[str, tuple[tuple[int, str], ...]] = OrderedDict()
        """Number and worker of each, the newest last; nearly always it is one."""
        self._by_span: OrderedDict[str, tuple[int, str]] = OrderedDict()
        self._by_delivery: OrderedDict[str, tuple[int, str, trace.Trace]] = OrderedDict()
        self._in_flight: dict[int, tuple[str, trace.Trace]] = {}
        self._asked: dict[int, str] = {}
        self._by_module: OrderedDict[tuple[str, str], int] = OrderedDict()
        """The newest request of a trace to a module, by both: its log comes after its answer."""
        self._of_modules: dict[str, dict[int, trace.Trace]] = {}

    def began(
        self,
        exchange_id: int,
        worker: str,
        seen: trace.Trace,
        delivery_id: str = "",
        span_id: str = "",
    ) -> None:
        """Take note of a delivery to *worker*; *delivery_id* is its `X-Kiket-Delivery`.

        *span_id* is what the worker is told to be a child of.
        """
        place = exchange_id, worker
        of_trace = self._by_trace.get(seen.trace_id, ())
        if of_trace:
            others = [each for each in of_trace if each[0] != exchange_id]
            of_trace = tuple(others[1 - OF_A_TRACE :])
        _remember(self._by_trace, seen.trace_id, (*of_trace, place))
        if span_id:
            _remember(self._by_span, span_id, place)
        if delivery_id:
            _remember(self._by_delivery, delivery_id, (exchange_id, worker, seen))
        self._in_flight[exchange_id] = worker, seen

    def asked(self, exchange_id: int, module: str, seen: trace.Trace) -> None:
        """Take note of a request to *module*; a delivery of its trace keeps the trace."""
        if seen.trace_id not in self._by_trace:
            _remember(self._by_trace, seen.trace_id, ((exchange_id, module),))
        _remember(self._by_module, (seen.trace_id, module), exchange_id)
        self._asked[exchange_id] = module
        self._of_modules.setdefault(module, {})[exchange_id] = seen

    def ended(self, exchange_id: int) -> None:
        """Stop guessing that calls are of this delivery, or request to a module."""
        self._in_flight.pop(exchange_id, None)
        module = self._asked.pop(exchange_id, None)
        if module is not None:
            self._of_modules[module].pop(exchange_id, None)

    def of_module(self, module: str) -> Parent | None:
        """Return the newest request that *module* has not answered.

        What it says is taken for a part of that.
        """
        newest = next(reversed(self._of_modules.get(module, {}).items()), None)
        return None if newest is None else Parent(newest[0], module, newest[1], guessed=True)

    def holder(self, trace_id: str, parent_span_id: str) -> tuple[int, str] | None:
        """Return the delivery that a span told by code belongs to, and its worker.

        It is the one that the span is a child of, else the only one of its trace; None where
        several have the trace, or none that is known.
        """
        found = self._by_span.get(parent_span_id)
        of_trace = self._by_trace.get(trace_id, ())
        if found is not None or len(of_trace) != 1:
            return found
        return of_trace[0]

    def by_trace(self, trace_id: str, worker: str = "") -> int | None:
        """Return the exchange of a trace that *worker* handles, else the newest of the trace.

        That may be over, for what a worker logs of it comes later.
        """
        found = self._of_trace(trace_id, worker)
        if found is None:
            return None
        number, its_worker, _ = found
        return number if its_worker == worker else self._by_module.get((trace_id, worker), number)

    def _of_trace(self, trace_id: str, worker: str) -> tuple[int, str, bool] | None:
        """Return what *worker* handles of a trace, by whom it is handled, and whether that is sure.

        Requests to a module count while they are under way. A trace that several deliveries have
        says which of them only while one alone is under way.
        """
        requests = self._of_modules.get(worker, {}).items()
        asked = [number for number, seen in requests if seen.trace_id == trace_id]
        if asked:
            return asked[-1], worker, len(asked) == 1
        of_trace = self._by_trace.get(trace_id)
        if of_trace is None:
            return None
        own = [each for each in of_trace if each[1] == worker] or of_trace
        running = [each for each in own if each[0] in self._in_flight]
        newest = (running or own)[-1]
        return *newest, len(own) == 1 or len(running) == 1

    def of_call(self, headers: Headers, worker: str = "", delivery_id: str = "") -> Parent | None:
        """Return the delivery that a call of *worker* belongs to; empty when nobody knows whose.

        It is the newest with *delivery_id* where the call's token says that, the one whose trace
        the call carries on (the worker's own, and of several the one in flight), or the worker's
        newest that is in flight; a call of nobody known that carries no trace is taken for the only
        one in flight.
        """
        said = trace.sent(headers)
        named = self._by_delivery.get(delivery_id) if delivery_id else None
        if named is not None:
            return Parent(named[0], named[1], said or named[2], guessed=False)
        found = self._of_trace(said.trace_id, worker) if said else None
        if said is not None and found is not None:
            number, its_worker, is_sure = found
            return Parent(number, its_worker, said, guessed=not is_sure)
        if not worker and (said is not None or len(self._in_flight) > 1):
            return None
        for exchange_id, (its_worker, its_trace) in reversed(self._in_flight.items()):
            if worker in {"", its_worker}:
                return Parent(exchange_id, its_worker, said or its_trace, guessed=True)
        return None


def _remember(places: OrderedDict[K, T], name: K, place: T) -> None:
    if name in places:
        places.move_to_end(name)
    places[name] = place
    if len(places) > KNOWN:
        places.popitem(last=False)  # a dict would look for its first past all that were deleted
