"""What belongs together is read from any of its exchanges, bounded, without replays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from kiket_console.model import Message, Source, State
from kiket_console.store.reader import Reader
from kiket_console.store.records import AttemptEnd, NewAttempt, NewLog, NewSpan, Row
from kiket_console.telemetry.nouns import Span

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.kiket_console.store.conftest import MakeExchange

    from kiket_console.store.writer import Writer

TRACE = "a" * 32
BEGAN_US = 1_800_000_000_000_000


@pytest.fixture
def reader(path: Path, writer: Writer) -> Iterator[Reader]:
    del writer  # its file is there
    with Reader(path) as reader:
        yield reader


def written(writer: Writer, *rows: Row) -> None:
    writer.submit(rows).result(timeout=120)


def family(arrived: MakeExchange) -> list[Row]:
    """Return a delivery, a call that it made, a message that this caused, and a replay of it."""

    def child(number: int, parent: int, **fields: Any) -> Row:
        return arrived(number, parent_id=parent, source=Source.API, trace_id=TRACE, **fields)

    return [
        arrived(5, trace_id=TRACE, span_id="b" * 16),
        child(6, 5),
        child(7, 6, parent_guessed=True),
        arrived(8, replay_of=5, trace_id=TRACE),
        arrived(9),
    ]


@pytest.mark.parametrize("asked", [5, 6, 7])
def test_the_same_is_read_from_any_of_it(
    writer: Writer, reader: Reader, arrived: MakeExchange, asked: int
) -> None:
    written(
        writer,
        *family(arrived),
        NewLog(BEGAN_US, "marketing", "log", "INFO", "app", "x" * 5_000, "", 6),
        NewSpan(Span(0, TRACE, "c" * 16, "b" * 16, None, "", "client", "work", 1, 2, "", "", ())),
        NewSpan(Span(0, "", "", "", 6, "", "handler", "work", 1, 2, "", "", ())),
    )
    kin = reader.kin(asked)
    assert kin is not None
    assert (kin.asked, kin.root) == (asked, 5)
    assert [each.exchange.id for each in kin.calls] == [5, 6, 7]
    assert kin.calls[0].span_id == "b" * 16
    assert [len(each.text) for each in kin.logs] == [2_000]
    assert {each.kind for each in kin.spans} == {"client", "handler"}
    assert (kin.more, kin.strangers) == (False, 0)
    assert reader.kin_count(asked, 100) == 3


def test_counting_kin_reads_no_more_exchanges_than_are_kin(
    writer: Writer, reader: Reader, arrived: MakeExchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is done whenever the cursor rests on a row, of a million perhaps."""
    written(writer, *family(arrived))
    rows = reader._rows
    plans: list[str] = []

    def planned(sql: str, values: Any = (), functions: Any = None) -> list[tuple[Any, ...]]:
        plans.extend(row[-1] for row in rows(f"EXPLAIN QUERY PLAN {sql}", values, functions))
        return rows(sql, values, functions)

    monkeypatch.setattr(reader, "_rows", planned)
    assert reader.kin_count(6, 100) == 3
    assert reader.family([5]) == [5, 6]
    assert any("exchange_parent" in plan for plan in plans)
    assert not [plan for plan in plans if "exchange_live" in plan or "SCAN exchange" in plan]


@pytest.mark.parametrize("number", [-1, 4, 2**70])
def test_what_is_not_there_has_no_kin(reader: Reader, number: int) -> None:
    assert reader.kin(number) is None
    assert reader.kin_count(4, 10) == 0


def test_others_of_the_trace_are_found_nearby_and_counted_further_away(
    writer: Writer, reader: Reader, arrived: MakeExchange
) -> None:
    far_us = BEGAN_US + 3_600_000_000
    written(
        writer,
        arrived(5, trace_id=TRACE, source=Source.PRODUCER),
        arrived(6, trace_id=TRACE),
        arrived(7, parent_id=6),
        arrived(8, trace_id=TRACE, started_us=far_us),
        arrived(9, replay_of=6, trace_id=TRACE),
    )
    kin = reader.kin(5)
    assert kin is not None
    assert [each.exchange.id for each in kin.calls] == [5, 6, 7]
    assert kin.strangers == 1


def test_what_began_long_before_and_went_on_meanwhile_is_near(
    writer: Writer, reader: Reader, arrived: MakeExchange
) -> None:
    long_us = 20_000_000
    written(
        writer,
        arrived(5, trace_id=TRACE, started_us=BEGAN_US - long_us),
        NewAttempt(5, 1, "marketing#1", BEGAN_US - long_us),
        AttemptEnd(5, 1, State.FORWARDED, 200, long_us + 50, ""),
        arrived(6, trace_id=TRACE, started_us=BEGAN_US - long_us),
        arrived(7, trace_id=TRACE),
        arrived(8, trace_id=TRACE, started_us=BEGAN_US - long_us, state=State.REJECTED),
    )
    kin = reader.kin(7)
    assert kin is not None
    assert [each.exchange.id for each in kin.calls] == [5, 6, 7]
    assert kin.strangers == 1


def test_a_call_names_the_span_that_it_was_made_in(
    writer: Writer, reader: Reader, arrived: MakeExchange
) -> None:
    said = Message((("Traceparent", f"00-{TRACE}-{'d' * 16}-01"),))
    tail = b'{"op":"log","traceparent":"00-' + TRACE.encode() + b"-" + b"e" * 16 + b'-01"}'
    written(
        writer,
        arrived(5, trace_id=TRACE),
        arrived(6, parent_id=5, source=Source.API, request=said),
        arrived(7, tail, parent_id=5, source=Source.IPC, direction="out"),
        arrived(8, tail, parent_id=5, source=Source.API),
        NewSpan(Span(0, TRACE, "d" * 16, "", None, "", "client", "work", 1, 2, "", "", ())),
    )
    kin = reader.kin(5)
    assert kin is not None
    assert [each.caller_span_id for each in kin.calls] == ["", "d" * 16, "e" * 16, ""]


def test_attempts_are_read_where_they_say_more_than_the_exchange(
    writer: Writer, reader: Reader, arrived: MakeExchange
) -> None:
    written(
        writer,
        arrived(5),
        NewAttempt(5, 1, "marketing#1", BEGAN_US),
        AttemptEnd(5, 1, State.FAILED, None, 70, "It ended.", None),
        NewAttempt(5, 2, "marketing#2", BEGAN_US + 900),
    )
    kin = reader.kin(5)
    assert kin is not None
    assert [(each.number, each.state, each.error) for each in kin.attempts] == [
        (1, State.FAILED, "It ended."),
        (2, State.RECEIVED, ""),
    ]
    assert kin.calls[0].tried_us == BEGAN_US + 900


def test_more_than_is_wanted_says_so_and_keeps_what_was_asked_for(
    writer: Writer, reader: Reader, arrived: MakeExchange
) -> None:
    written(writer, arrived(1), *(arrived(number, parent_id=1) for number in range(2, 60)))
    kin = reader.kin(59, 10)
    assert kin is not None
    assert kin.more
    assert {1, 59} <= {each.exchange.id for each in kin.calls}
    assert len(kin.calls) <= 12
    assert reader.kin_count(1, 20) == 20


def test_a_circle_of_causes_ends(writer: Writer, reader: Reader, arrived: MakeExchange) -> None:
    written(writer, arrived(5, parent_id=6), arrived(6, parent_id=5))
    kin = reader.kin(5)
    assert kin is not None
    assert [each.exchange.id for each in kin.calls] == [5, 6]
