from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiket_console.engine.output import (
    HELD_BYTES,
    LINE_LIMIT_BYTES,
    Allowance,
    LineSplitter,
    shortened,
)
from kiket_core.secret import redactor


@given(st.lists(st.binary(max_size=200), max_size=20))
def test_lines_do_not_depend_on_how_the_bytes_were_cut(chunks: list[bytes]) -> None:
    splitter = LineSplitter()
    seen = [line for chunk in chunks for line in splitter.lines(chunk)]
    seen += splitter.rest()
    raw = b"".join(chunks)
    ended = [line.removesuffix(b"\r") for line in raw.split(b"\n")]
    lines = [(line.decode("utf-8", "backslashreplace"), 0) for line in ended]
    assert seen == (lines if raw.split(b"\n")[-1] else lines[:-1])


@given(st.lists(st.tuples(st.binary(max_size=50), st.booleans()), max_size=20))
def test_lines_that_are_passed_over_are_counted(chunks: list[tuple[bytes, bool]]) -> None:
    """Each line is either yielded or counted, and what follows is not part of it."""
    splitter = LineSplitter()
    count = 0
    for raw_chunk, skips in chunks:
        count += splitter.skip(raw_chunk) if skips else len(list(splitter.lines(raw_chunk)))
    assert count == sum(raw_chunk.count(b"\n") for raw_chunk, _ in chunks)
    raw_rest = b"".join(raw_chunk for raw_chunk, _ in chunks).rpartition(b"\n")[2]
    shown = [raw_rest.removesuffix(b"\r").decode("utf-8", "backslashreplace")] if raw_rest else []
    assert [text for text, _ in splitter.rest()] == shown


def test_an_endless_line_costs_a_bounded_amount_of_memory() -> None:
    splitter = LineSplitter()
    for _ in range(1000):
        assert list(splitter.lines(b"x" * 65_536)) == []
    assert len(splitter._raw_partial) == LINE_LIMIT_BYTES + HELD_BYTES
    [(text, cut)] = splitter.lines(b"\nnext")
    missing = 65_536_000 - LINE_LIMIT_BYTES
    assert shortened(text, cut) == "x" * LINE_LIMIT_BYTES + f" … ({missing:,} more not kept)"
    assert list(splitter.rest()) == [("next", 0)]


@pytest.mark.parametrize(
    ("raw", "texts"),
    [
        (b"dos\r\nline\r\n", ["dos", "line"]),
        (b"10 %\r20 %\r\n", ["10 %\r20 %"]),
        (b"\xef\xbb\xbfbom\n", ["\ufeffbom"]),
        (b"nul\0\n\x1b[31mred\x1b[0m\n", ["nul\0", "\x1b[31mred\x1b[0m"]),
        (b"caf\xe9 \xff\xfe\n", ["caf\\xe9 \\xff\\xfe"]),
        ("hé\n".encode("utf-16-le"), ["h\0\\xe9\0", "\0"]),
        (b"\n\n", ["", ""]),
    ],
)
def test_whatever_bytes_come_each_line_is_one_line(raw: bytes, texts: list[str]) -> None:
    """Shown as escapes later; nothing is lost, and nothing is taken for text that is none."""
    splitter = LineSplitter()
    seen = [*splitter.lines(raw), *splitter.rest()]
    assert [text for text, _ in seen] == texts


@given(st.integers(0, 60), st.booleans())
def test_a_secret_across_the_limit_of_a_line_is_left_out_whole(shift: int, is_long: bool) -> None:
    """Its beginning alone would not be recognised."""
    secret = "canary-" + "5f" * 20
    redactor.add("output-test", secret)
    text = "x" * (LINE_LIMIT_BYTES - shift) + secret + ("y" * 100_000 if is_long else "")
    splitter = LineSplitter()
    [(kept, cut)] = splitter.lines(text.encode() + b"\n")
    shown = redactor.redact(shortened(kept, cut))
    assert "canary" not in shown
    is_cut = is_long or len(text) > LINE_LIMIT_BYTES
    assert shown.endswith("more not kept)") is is_cut
    if is_cut:
        kept_bytes = len(shown.partition(" … (")[0].replace("[secret:output-test]", secret))
        assert f"({len(text) - kept_bytes:,} more not kept)" in shown


@pytest.mark.parametrize(("size", "is_cut"), [(32_000, False), (32_001, True)])
def test_the_limit_counts_bytes(size: int, is_cut: bool) -> None:
    assert shortened("é" * size, 0).endswith("not kept)") is is_cut


def passed(allowance: Allowance, now_s: float, *, grave: bool = False) -> int:
    """Return how many of ten lines may pass."""
    return sum(allowance.take(now_s, grave=grave) for _ in range(10))


def test_many_lines_may_come_at_once_and_then_so_many_in_a_second() -> None:
    allowance = Allowance(lines_per_s=2, burst=8, reserved=0)
    assert [passed(allowance, now_s) for now_s in (10.0, 10.9, 11.0, 11.5, 14.2)] == [8, 0, 2, 0, 6]
    assert [passed(allowance, now_s) for now_s in (90.0, 91.0)] == [8, 2]


def test_the_last_lines_are_left_for_those_that_say_that_something_is_wrong() -> None:
    allowance = Allowance(lines_per_s=4, burst=4, reserved=1)
    assert passed(allowance, 10.0) == 3
    assert passed(allowance, 10.1, grave=True) == 1
    assert passed(allowance, 11.0, grave=True) == 4


def test_what_did_not_pass_is_told_once_lines_pass_again() -> None:
    allowance = Allowance(lines_per_s=2, burst=2, reserved=0)
    assert passed(allowance, 10.0) == 2
    assert allowance.dropped(10.9) == 0
    assert allowance.dropped(11.0) == 8
    assert allowance.dropped(11.0) == 0


def test_lines_lost_on_the_way_are_counted_too() -> None:
    allowance = Allowance()
    allowance.drop(7)
    assert allowance.all_dropped() == 7
    assert allowance.all_dropped() == 0
