"""Which exchange a span belongs to."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from kiket_console.engine.telemetry.placing import Placing, Untold
from kiket_console.store.place_reading import Place
from kiket_console.telemetry.nouns import Span

T0 = 1_800_000_000_000_000
TRACE, OTHER = "a" * 32, "b" * 32


def span(**fields: Any) -> Span:
    values: dict[str, Any] = {
        "id": 0,
        "trace_id": TRACE,
        "span_id": "1" * 16,
        "parent_span_id": "",
        "exchange_id": None,
        "worker": "",
        "kind": "internal",
        "name": "work",
        "started_us": T0 + 1000,
        "duration_us": 2000,
        "status": "",
        "message": "",
        "attributes": (),
    }
    return Span(**values | fields)


def place(exchange_id: int, **fields: Any) -> Place:
    """Return a delivery that took 10 ms from T0 on."""
    values: dict[str, Any] = {
        "worker": "shop",
        "name": "order.created",
        "version": "v1",
        "trace_id": f"{exchange_id:032x}",
        "span_id": f"{exchange_id:016x}",
        "started_us": T0,
        "ended_us": T0 + 10_000,
    }
    return Place(exchange_id, **values | fields)


def placed(untold: list[Untold], *places: Place) -> list[tuple[int | None, str, bool]]:
    found = Placing().place(untold, places)
    return [(each.exchange_id, each.worker, each.guessed) for each in found]


def handler(**fields: Any) -> Untold:
    told = {"trace_id": "", "span_id": "", "kind": "handler", "name": "order.created@v1"}
    return Untold(span(**told | fields), ("shop",), "order.created", "v1")


def test_a_span_belongs_to_the_exchange_of_its_trace() -> None:
    assert placed([Untold(span())], place(1), place(2, trace_id=TRACE)) == [(2, "shop", False)]


def test_of_several_of_its_trace_it_is_the_one_whose_child_it_is() -> None:
    several = [place(each, trace_id=TRACE) for each in (1, 2, 3)]
    child = span(parent_span_id=f"{2:016x}")

    assert placed([Untold(child)], *several) == [(2, "shop", False)]


def test_else_the_last_that_its_worker_had_begun() -> None:
    """Where that was not the only one, and no other was over, it is a guess."""
    first = place(1, trace_id=TRACE)
    later = place(2, trace_id=TRACE, started_us=T0 + 300_000, ended_us=T0 + 310_000)
    others = place(3, trace_id=TRACE, worker="crm")

    for at_us, exchange_id, guessed in (
        (1000, 1, False),
        (200_000 - 1, 1, False),
        (200_000, 2, True),
        (305_000, 2, False),
        (900_000, 2, True),
    ):
        told = Untold(span(started_us=T0 + at_us), ("shop",))
        assert placed([told], first, later, others) == [(exchange_id, "shop", guessed)]
    assert placed([Untold(span(started_us=T0 - 900_000), ("shop",))], first) == [(1, "shop", False)]


def test_what_a_span_is_a_child_of_says_whose_it_is_where_several_are_at_it_at_once() -> None:
    """As when a delivery is replayed several times at once: each has the trace of the first."""
    twins = [place(each, trace_id=TRACE, started_us=T0 + each) for each in (1, 2)]
    root = span(span_id="a" * 16, parent_span_id=f"{1:016x}")
    child = span(span_id="b" * 16, parent_span_id="a" * 16)
    grandchild = span(span_id="c" * 16, parent_span_id="b" * 16, duration_us=1)
    stray = span(span_id="d" * 16, parent_span_id="e" * 16)
    placing = Placing()

    told = [Untold(each, ("shop",)) for each in (grandchild, child, stray)]
    known = Untold(replace(root, exchange_id=1, worker="shop"))
    found = [(each.exchange_id, each.guessed) for each in placing.place([*told, known], twins)]
    assert found == [(1, False), (1, False), (2, True), (1, False)]

    [later] = placing.place([Untold(span(parent_span_id="c" * 16), ("shop",))], twins)
    assert (later.exchange_id, later.guessed) == (1, False)


def test_a_trace_that_no_exchange_is_of_is_guessed_by_worker_and_time() -> None:
    """Its spans come children first; the one that began first says where they all go."""
    root = span(trace_id=OTHER, started_us=T0 + 20_500, duration_us=900_000)
    late = span(trace_id=OTHER, started_us=T0 + 800_000)
    around = [
        place(1),
        place(2, started_us=T0 + 20_000, ended_us=T0 + 30_000),
        place(3, started_us=T0 + 20_400, ended_us=T0 + 30_000, worker="crm"),
    ]

    untold = [Untold(late, ("shop",)), Untold(root, ("shop",))]
    assert placed(untold, *around) == [(2, "shop", True)] * 2


def test_what_was_guessed_of_a_trace_holds_for_what_comes_of_it_later() -> None:
    placing = Placing()
    placing.place([Untold(span(trace_id=OTHER), ("shop",))], [place(1)])

    [later] = placing.place([Untold(span(trace_id=OTHER, started_us=T0 + 10**9), ("shop",))], [])

    assert (later.exchange_id, later.guessed) == (1, True)


def test_what_belongs_to_nothing_has_its_worker_at_least() -> None:
    assert placed([Untold(span(), ("shop",))]) == [(None, "shop", False)]
    assert placed([Untold(span(), ("shop", "crm"))]) == [(None, "", False)]
    assert placed([Untold(span())], place(1)) == [(None, "", False)]


def test_a_handler_without_a_trace_is_of_the_delivery_around_it() -> None:
    """By worker, event and version; the tightest one, and each delivery has one handler."""
    others = [
        place(1, name="order.paid"),
        place(2, version="v2"),
        place(3, worker="crm"),
        place(4, started_us=T0 - 50_000, ended_us=T0 + 50_000),
    ]
    mine, twin = place(5), place(6)

    assert placed([handler()], *others, mine) == [(5, "shop", True)]
    assert sorted(placed([handler(), handler()], *others, mine, twin)) == [
        (5, "shop", True),
        (6, "shop", True),
    ]


def test_a_handler_may_run_again_for_the_same_delivery() -> None:
    again = handler(started_us=T0 + 5000)

    assert placed([handler(), again], place(1)) == [(1, "shop", True)] * 2


def test_what_is_known_stays() -> None:
    known = span(exchange_id=9, worker="crm")

    assert placed([Untold(known, ("shop",))], place(1, trace_id=TRACE)) == [(9, "crm", False)]
