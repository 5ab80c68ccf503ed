"""What is measured is added to its steps of time, read back, let go by age, and never fatal."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Final

import pytest
from tests.told_spans import told_spans

from kiket_console.store import purging
from kiket_console.store.reader import Reader
from kiket_console.store.records import AddMeasures, AddSamples, NewReload, NewSpan
from kiket_console.telemetry.histogram import Histogram
from kiket_console.telemetry.nouns import STEPS, Measure, Reload, Sample, Series, Span

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from kiket_console.store.records import Row
    from kiket_console.store.writer import Writer

AT_S: Final = 1_800_000_000 // 900 * 900
CREATED: Final = Series("webhook", "marketing", "issue.created", "v1", "2xx")
CALL: Final = Series("api", "marketing", "GET users", "", "4xx")


def measure(at_s: int, *durations_us: int, series: Series = CREATED, code_us: int = 7) -> Measure:
    return Measure(at_s, series, code_us, Histogram.of(durations_us))


def sample(at_s: int, value: float, name: str = "cpu") -> Sample:
    return Sample(at_s, "marketing", name, 1, value, value, value, value)


@pytest.fixture
def reader(path: Path) -> Iterator[Reader]:
    with Reader(path) as reader:
        yield reader


def add(writer: Writer, *rows: Row) -> None:
    writer.submit(rows).result(120)


def test_what_is_added_is_counted_once_in_each_step_that_it_lies_in(
    writer: Writer, reader: Reader
) -> None:
    add(writer, AddMeasures((measure(AT_S + 1, 100, 300), measure(AT_S + 2, 200))))
    add(writer, AddMeasures((measure(AT_S + 2, 5), measure(AT_S + 2, 9, series=CALL))))

    assert [
        (each.at_s - AT_S, each.durations.count) for each in reader.measures(1, AT_S, AT_S + 9)
    ] == [(1, 2), (2, 2), (2, 1)]
    for step_s in (10, 60, 900):
        created, call = reader.measures(step_s, AT_S, AT_S + 1)
        assert (created.at_s, created.series, created.code_us) == (AT_S, CREATED, 7)
        found = created.durations
        assert found.buckets == Histogram.of((100, 300, 200, 5)).buckets
        assert (found.count, found.total_us, found.shortest_us, found.longest_us) == (
            4,
            605,
            5,
            300,
        )
        assert (call.series, call.durations.count) == (CALL, 1)


def test_steps_and_moments_can_be_chosen(writer: Writer, reader: Reader) -> None:
    add(writer, AddMeasures((measure(AT_S, 1), measure(AT_S + 900, 2)), steps=(900,)))

    assert reader.measures(60, 0, AT_S + 9000) == []
    assert [each.at_s for each in reader.measures(900, AT_S, AT_S + 900)] == [AT_S]
    assert reader.oldest_measure() == AT_S


def test_when_measuring_began_is_known_to_the_minute_while_minutes_are_kept(
    writer: Writer, reader: Reader
) -> None:
    began = AT_S // 900 * 900 + 300
    add(writer, AddMeasures((measure(began, 1), measure(began + 70, 1)), steps=(60,)))
    add(writer, AddMeasures((measure(began - 300, 2),), steps=(900,)))
    assert reader.oldest_measure() == began

    add(writer, AddMeasures((measure(began - 9300, 1),), steps=(900,)))
    assert reader.oldest_measure() == began - 9300


def test_each_start_of_the_code_is_counted_apart(writer: Writer, reader: Reader) -> None:
    add(writer, AddMeasures((measure(AT_S, 1, code_us=1), measure(AT_S, 2, code_us=2))))
    assert [each.code_us for each in reader.measures(900, AT_S, AT_S + 1)] == [1, 2]


def test_a_reader_knows_whether_there_is_anything_new(writer: Writer, reader: Reader) -> None:
    before = reader.measured()
    add(writer, AddMeasures((measure(AT_S, 1),)))
    newer = reader.measured()
    assert newer > before
    assert reader.measured() == newer


def test_how_many_series_were_too_many_is_what_was_said_last(
    writer: Writer, reader: Reader
) -> None:
    add(writer, AddMeasures((), too_many=5))
    add(writer, AddMeasures(()))
    assert reader.too_many() == 5
    add(writer, AddMeasures((), too_many=0))
    assert reader.too_many() == 0


def test_samples_of_a_step_are_one(writer: Writer, reader: Reader) -> None:
    add(writer, AddSamples((sample(AT_S, 10.0), sample(AT_S + 10, 2.5, "lag"))))
    add(writer, AddSamples((sample(AT_S + 11, 30.0), sample(AT_S, float("nan"), "broken"))))

    assert [(each.at_s - AT_S, each.name) for each in reader.samples(10, AT_S, AT_S + 60)] == [
        (0, "cpu"),
        (10, "cpu"),
        (10, "lag"),
    ]
    cpu, lag = reader.samples(60, AT_S, AT_S + 60, "marketing")
    assert cpu == Sample(AT_S, "marketing", "cpu", 2, 20.0, 10.0, 30.0, 30.0)
    assert lag.mean == 2.5
    assert reader.samples(60, AT_S, AT_S + 60, "billing") == []


def test_reloads_are_read_by_their_moment(writer: Writer, reader: Reader) -> None:
    first = Reload(5, "marketing", "marketing#1", "", 900)
    second = Reload(9, "marketing", "marketing#2", "app.py", 40, "It has no app.")
    add(writer, NewReload(first), NewReload(second))
    assert reader.reloads(0, 10) == [first, second]
    assert reader.reloads(6, 9) == []


def test_spans_are_read_by_trace_and_by_exchange(writer: Writer, reader: Reader) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    facts = ("marketing", "internal", "charge", 50, 10, "error", "It was late.")
    known = Span(0, trace, "00f067aa0ba902b7", "", 3, *facts, (("retries", "2"), ("é", "ü")))
    guess = Span(0, "", "", "", 3, *facts, (), guessed=True)
    add(writer, NewSpan(known), NewSpan(guess))

    [found] = told_spans(reader, trace_id=trace)
    assert found.attributes == known.attributes
    assert (found.id, found.exchange_id, found.guessed) == (1, 3, False)
    assert [each.guessed for each in told_spans(reader, of=3)] == [False, True]


def test_a_damaged_row_is_left_out_and_ends_nothing(
    writer: Writer, reader: Reader, path: Path
) -> None:
    add(writer, AddMeasures((measure(AT_S, 1), measure(AT_S, 2, series=CALL)), steps=(900,)))
    with closing(sqlite3.connect(path)) as other, other:
        other.execute(
            "UPDATE measure SET buckets = x'c1' WHERE series_id ="
            " (SELECT id FROM series WHERE source = 'webhook')"
        )
    assert [each.series for each in reader.measures(900, AT_S, AT_S + 1)] == [CALL]

    add(writer, AddMeasures((measure(AT_S, 9),), steps=(900,)))

    assert len(reader.measures(900, AT_S, AT_S + 1)) == 2


def test_what_is_of_another_kind_than_was_written_is_damage(
    writer: Writer, reader: Reader, path: Path
) -> None:
    trace = "ab" * 16
    spans = [Span(0, trace, "", "", 1, "m", "client", word, 5, 5, "", "", ()) for word in "abc"]
    marks = [NewReload(Reload(at_us, "m", "m#1", "", 1)) for at_us in (1, 2, 3)]
    add(writer, AddMeasures((measure(AT_S, 1),)), *map(NewSpan, spans), *marks)
    with closing(sqlite3.connect(path)) as other, other:
        other.execute("UPDATE measure SET count = 'x' WHERE step_s = 1")
        other.execute("UPDATE measure SET code_us = 'x' WHERE step_s = 10")
        other.execute("UPDATE span SET duration_us = 'x' WHERE id = 1")
        other.execute("UPDATE span SET name = x'00' WHERE id = 2")
        other.execute("UPDATE reload SET took_us = 'x' WHERE id = 1")
        other.execute("UPDATE reload SET file = x'00' WHERE id = 2")

    assert [len(reader.measures(step, 0, 2 * AT_S)) for step in STEPS] == [0, 0, 1, 1]
    assert [each.name for each in told_spans(reader, trace_id=trace)] == ["c"]
    assert [each.at_us for each in reader.reloads(0, 9)] == [3]


def test_fine_steps_go_when_they_are_old_and_coarse_ones_stay(
    writer: Writer, reader: Reader
) -> None:
    now_s = AT_S + 3 * 86400
    add(
        writer,
        AddMeasures(tuple(measure(AT_S + second, 1) for second in range(0, 1800, 20))),
        AddMeasures((measure(now_s - 1, 1),)),
        AddSamples((sample(AT_S, 1.0),)),
    )
    while not writer.tend(lambda c: purging.purge_measures(c, 0, now_s)).result(120).done:
        pass

    counts = {step_s: len(reader.measures(step_s, 0, now_s)) for step_s in STEPS}
    assert counts == {1: 1, 10: 1, 60: 1, 900: 3}
    assert reader.samples(60, 0, now_s) == []
    assert len(reader.samples(900, 0, now_s)) == 1


def test_all_that_was_measured_goes_with_its_time(writer: Writer, reader: Reader) -> None:
    span = Span(0, "ab" * 16, "", "", None, "m", "internal", "x", AT_S * 1_000_000, 1, "", "", ())
    add(writer, AddMeasures((measure(AT_S, 1), measure(AT_S + 1800, 1, series=CALL))))
    add(writer, NewSpan(span), NewReload(Reload(AT_S * 1_000_000, "m", "m#1", "", 1)))

    oldest = purging.Oldest()
    while not writer.tend(lambda c: oldest.purge(c, (AT_S + 900) * 1_000_000)).result(120).done:
        pass
    writer.tend(purging.purge_series).result(120)

    assert [each.series for each in reader.measures(900, 0, AT_S + 9000)] == [CALL]
    assert told_spans(reader, trace_id="ab" * 16) == []
    assert reader.reloads(0, 2**60) == []
    assert [row[0] for row in reader._rows("SELECT name FROM series")] == ["GET users"]
