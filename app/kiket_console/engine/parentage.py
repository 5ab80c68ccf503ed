"""Which delivery a call was made during, and which request to a module what it said.

It is known by the delivery's runtime token or by the trace that the call carries on, else guessed:
the worker's newest delivery that is under way. Belongs to one event loop.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeVar

from kiket_console.engine import trace

if TYPE_CHECKING:
    from kiket_console.model import Headers

KNOWN = 8192
"""How many of the newest deliveries are found by their trace, or by their id."""
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
        self._by_trace: dict[str, tuple[int, str]] = {}
        self._by_delivery: dict[str, tuple[int, str, trace.Trace]] = {}
        self._in_flight: dict[int, tuple[str, trace.Trace]] = {}
        self._asked: dict[int, str] = {}
        self._of_modules: dict[str, dict[int, trace.Trace]] = {}

    def began(
        self, exchange_id: int, worker: str, seen: trace.Trace, delivery_id: str = ""
    ) -> None:
        """Take note of a delivery to *worker*; *delivery_id* is its `X-Kiket-Delivery`."""
        _remember(self._by_trace, seen.trace_id, (exchange_id, worker))
        if delivery_id:
            _remember(self._by_delivery, delivery_id, (exchange_id, worker, seen))
        self._in_flight[exchange_id] = worker, seen

    def asked(self, exchange_id: int, module: str, seen: trace.Trace) -> None:
        """Take note of a request to *module*; a delivery of its trace keeps the trace."""
        if seen.trace_id not in self._by_trace:
            _remember(self._by_trace, seen.trace_id, (exchange_id, module))
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

    def by_trace(self, trace_id: str) -> int | None:
        """Return the newest delivery of a trace, among the newest `KNOWN`."""
        found = self._by_trace.get(trace_id)
        return None if found is None else found[0]

    def of_call(self, headers: Headers, worker: str = "", delivery_id: str = "") -> Parent | None:
        """Return the delivery that a call of *worker* belongs to; empty when nobody knows whose.

        It is the newest with *delivery_id* where the call's token says that, the one whose trace
        the call carries on, or the worker's newest that is in flight; a call of nobody known that
        carries no trace is taken for the only one in flight.
        """
        said = trace.sent(headers)
        named = self._by_delivery.get(delivery_id) if delivery_id else None
        if named is not None:
            return Parent(named[0], named[1], said or named[2], guessed=False)
        found = self._by_trace.get(said.trace_id) if said else None
        if said is not None and found is not None:
            return Parent(*found, said, guessed=False)
        if not worker and (said is not None or len(self._in_flight) > 1):
            return None
        for exchange_id, (its_worker, its_trace) in reversed(self._in_flight.items()):
            if worker in {"", its_worker}:
                return Parent(exchange_id, its_worker, said or its_trace, guessed=True)
        return None


def _remember(places: dict[str, T], name: str, place: T) -> None:
    places.pop(name, None)  # so that its place is the newest
    places[name] = place
    if len(places) > KNOWN:
        del places[next(iter(places))]
