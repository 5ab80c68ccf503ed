from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kiket_console.engine.output import LINE_LIMIT_BYTES, Allowance, LineSplitter


@given(st.lists(st.binary(max_size=200), max_size=20))
def test_lines_do_not_depend_on_how_the_bytes_were_cut(chunks: list[bytes]) -> None:
    splitter = LineSplitter()
    seen = [line for chunk in chunks for line in splitter.lines(chunk)]
    seen += splitter.rest()
    raw = b"".join(chunks)
    expected = raw.decode("utf-8", "backslashreplace")
    lines = [line.decode("utf-8", "backslashreplace") for line in raw.split(b"\n")]
    assert seen == (lines if lines[-1] else lines[:-1])
    assert "\n".join(seen) == expected.removesuffix("\n")


def test_an_endless_line_costs_a_bounded_amount_of_memory() -> None:
    splitter = LineSplitter()
    for _ in range(1000):
        assert list(splitter.lines(b"x" * 65_536)) == []
    assert len(splitter._raw_partial) == LINE_LIMIT_BYTES
    [line] = splitter.lines(b"\nnext")
    missing = 65_536_000 - LINE_LIMIT_BYTES
    assert line == "x" * LINE_LIMIT_BYTES + f" … ({missing:,} more not kept)"
    assert list(splitter.rest()) == ["next"]


def test_only_so_many_lines_pass_in_a_second_and_the_rest_is_counted() -> None:
    allowance = Allowance(lines_per_s=2)
    assert [allowance.take(10.0) for _ in range(5)] == [True, True, False, False, False]
    assert allowance.dropped(10.9) == 0
    assert allowance.dropped(11.0) == 3
    assert allowance.dropped(11.0) == 0
    assert allowance.take(11.0)


def test_lines_lost_on_the_way_are_counted_too() -> None:
    allowance = Allowance()
    allowance.drop(7)
    assert allowance.all_dropped() == 7
    assert allowance.all_dropped() == 0
