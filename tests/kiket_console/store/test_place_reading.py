"""Which exchanges work may have been a part of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from kiket_console.model import Source, State
from kiket_console.store import place_reading
from kiket_console.store.reader import Reader
from kiket_console.store.records import AttemptEnd, NewAttempt, Remove

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.kiket_console.store.conftest import MakeExchange

    from kiket_console.store.records import Row
    from kiket_console.store.writer import Writer

T0 = 1_700_000_000_000_000
NOW = T0 + 60_000_000
SHOP, CRM = ("shop",), ("crm",)


@pytest.fixture
def reader(path: Path, writer: Writer, arrived: MakeExchange) -> Iterator[Reader]:
    """Return a store with two deliveries, one of them under way, calls, and a request to a module.

    The first took 3 s, and was tried again 10 s after it came.
    """
    first = arrived(1, worker="shop", started_us=T0, span_id="a" * 16)
    call = arrived(2, worker="shop", started_us=T0 + 1_000_000, source=Source.API)
    slow = arrived(3, worker="shop", started_us=T0 + 20_000_000, name="slow", version="")
    asked = arrived(4, worker="crm", started_us=T0, source=Source.IPC)
    said = replace(asked, id=5, direction="out")
    rows: list[Row] = [
        *(first, NewAttempt(1, 2, "shop#1", T0 + 10_000_000)),
        AttemptEnd(1, 2, State.FORWARDED, 200, 3_000_000),
        *(call, slow, replace(asked, direction="in"), said),
    ]
    writer.submit(rows).result()
    with Reader(path) as reader:
        yield reader


def found(
    reader: Reader,
    traces: tuple[str, ...],
    workers: tuple[str, ...],
    since_s: float,
    until_s: float,
) -> list[int]:
    times = (T0 + round(since_s * 1e6), T0 + round(until_s * 1e6), NOW)
    return [place.exchange_id for place in reader.places(traces, workers, *times)]


def test_what_is_of_a_trace_is_found_whenever_it_was(reader: Reader) -> None:
    """But no call, and nothing that a module said: work is a part of what the code was asked."""
    traces = tuple(f"{number:032x}" for number in (1, 2, 3, 5))

    assert found(reader, traces, (), 0, 0) == [3, 1]
    [place] = reader.places(traces[:1], (), 0, 0, NOW)
    assert place == (1, "shop", "issue.created", "v1", traces[0], "a" * 16, T0, T0 + 13_000_000)


@pytest.mark.parametrize(
    ("workers", "since_s", "until_s", "ids"),
    [
        (SHOP, 2, 3, [1]),  # it waited for its second attempt
        (SHOP, 12.9, 13, [1]),
        (SHOP, 13.1, 19, []),
        (SHOP, 13.1, 21, [3]),
        (SHOP, 50, 50, [3]),  # still under way
        (SHOP, 61, 62, []),  # that is not known yet
        (CRM, 1, 2, [4]),
        ((*SHOP, *CRM), 1, 2, [4, 1]),
        ((), 1, 2, []),
    ],
)
def test_of_a_worker_what_was_under_way_meanwhile(
    reader: Reader, workers: tuple[str, ...], since_s: float, until_s: float, ids: list[int]
) -> None:
    assert found(reader, (), workers, since_s, until_s) == ids


def test_what_was_removed_is_no_place_and_there_is_a_limit(
    reader: Reader, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer.submit([Remove((1,), NOW)]).result()
    assert found(reader, (f"{1:032x}",), SHOP, 0, 60) == [3]
    monkeypatch.setattr(place_reading, "AMONG", 2)
    assert found(reader, (f"{3:032x}",), SHOP, 0, 60) == []
