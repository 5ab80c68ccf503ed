"""Which exchange a span belongs to: as its trace says, else a guess by worker and time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from msgspec import Struct
from msgspec.structs import replace

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from kiket_console.store.place_reading import Place
    from kiket_console.telemetry.nouns import Span

SLACK_US: Final = 100_000
"""By so much a span may begin or end outside of what it is a part of: other clocks, other threads.
"""
REMEMBERED: Final = 8192
K = TypeVar("K")
V = TypeVar("V")


class Untold(Struct, frozen=True):
    """A span, and what is known of whose it is besides."""

    span: Span
    workers: tuple[str, ...] = ()
    """Those that may have told of it; empty: nobody knows."""
    event: str = ""
    """For a handler: of which event and version it was."""
    version: str = ""

    @property
    def is_placed(self) -> bool:
        """Whether it is known which exchange it belongs to."""
        return self.span.exchange_id is not None


class Placing:
    """Find the places of spans; remembers what it guessed, so that a trace is not torn apart."""

    def __init__(self) -> None:
        self._guessed: dict[str, Place] = {}
        self._handled: dict[int, None] = {}
        self._known: dict[tuple[str, str], tuple[int, str, bool]] = {}

    def place(self, untold: Sequence[Untold], places: Sequence[Place]) -> list[Span]:
        """Return the spans with the exchanges they belong to, as far as *places* can tell.

        The order stays. Spans of a trace that no exchange is of follow the one that began first.
        """
        by_trace: dict[str, list[Place]] = {}
        for place in places:
            by_trace.setdefault(place.trace_id, []).append(place)
        made: dict[int, Span] = {}
        for at in sorted(range(len(untold)), key=lambda at: _parents_first(untold[at])):
            each = untold[at]
            found = each.span if each.is_placed else self._found(each, by_trace, places)
            if found.exchange_id is not None and found.span_id:
                said = found.exchange_id, found.worker, found.guessed
                _remember(self._known, (found.trace_id, found.span_id), said)
            made[at] = found
        return [made[at] for at in range(len(untold))]

    def _found(
        self, each: Untold, by_trace: dict[str, list[Place]], places: Sequence[Place]
    ) -> Span:
        span = each.span
        parent = self._known.get((span.trace_id, span.parent_span_id))
        if parent is not None and (not each.workers or parent[1] in each.workers):
            return replace(span, exchange_id=parent[0], worker=parent[1], guessed=parent[2])
        said = _of_trace(each, by_trace.get(span.trace_id, ())) if span.trace_id else None
        if said is not None:
            place, guessed = said
            return replace(
                span, exchange_id=place.exchange_id, worker=place.worker, guessed=guessed
            )
        guess = self._guessed.get(span.trace_id) if span.trace_id else None
        if guess is None or (each.workers and guess.worker not in each.workers):
            guess = self._guess(each, places)
        if guess is None:
            only = each.workers[0] if len(each.workers) == 1 else ""
            return replace(span, worker=only)
        if span.trace_id:
            _remember(self._guessed, span.trace_id, guess)
        if each.event:
            _remember(self._handled, guess.exchange_id, None)
        return replace(span, exchange_id=guess.exchange_id, worker=guess.worker, guessed=True)

    def _guess(self, each: Untold, places: Iterable[Place]) -> Place | None:
        """Return what was under way at one of its workers, the tightest around it."""
        span = each.span
        ended_us = span.started_us + span.duration_us
        around = [
            place
            for place in places
            if place.worker in each.workers
            and place.started_us - SLACK_US <= span.started_us <= place.ended_us
            and (not each.event or ended_us <= place.ended_us + SLACK_US)
            and (not each.event or place.name == each.event)
            and (not each.version or place.version in {"", each.version})
        ]
        if each.event:  # one handler for each delivery, unless all around have one: then a retry
            around = [one for one in around if one.exchange_id not in self._handled] or around
        return min(
            around,
            key=lambda place: (
                abs(span.started_us - place.started_us)
                + (abs(place.ended_us - ended_us) if each.event else 0)
            ),
            default=None,
        )


def _parents_first(each: Untold) -> tuple[bool, int, int]:
    """Return what to sort by, so that what is known comes first, and what is around others."""
    return not each.is_placed, each.span.started_us, -each.span.duration_us


def _of_trace(each: Untold, places: Sequence[Place]) -> tuple[Place, bool] | None:
    """Return which exchange of its trace a span belongs to, and whether that is a guess.

    It is the one whose child it is, else the only one then, else the latest before.
    """
    span = each.span
    for place in places:
        if place.span_id and place.span_id == span.parent_span_id:
            return place, False
    own = [place for place in places if not each.workers or place.worker in each.workers]
    begun = [place for place in own if place.started_us - SLACK_US <= span.started_us] or own
    around = [place for place in begun if place.started_us <= span.started_us <= place.ended_us]
    if not begun:
        return None
    latest = max(around or begun, key=lambda place: place.started_us)
    return latest, len(around) != 1 < len(begun)


def _remember(known: dict[K, V], key: K, value: V) -> None:
    known[key] = value
    if len(known) > REMEMBERED:
        del known[next(iter(known))]
