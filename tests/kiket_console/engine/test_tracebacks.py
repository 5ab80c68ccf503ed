"""A traceback that a program prints is one record; everything else stays a line each."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from kiket_console.engine.tracebacks import LINES_LIMIT, Tracebacks
from kiket_console.engine.worker_messages import Line

if TYPE_CHECKING:
    import pytest

PRINTED = """\
Traceback (most recent call last):
  File "/srv/app.py", line 41, in transitioned
    return contacts[issue]
           ~~~~~~~~^^^^^^^
KeyError: 'reporter'"""
CHAINED = f"""\
{PRINTED}

During handling of the above exception, another exception occurred:

{PRINTED}"""
GROUP = """\
  + Exception Group Traceback (most recent call last):
  |   File "/srv/app.py", line 3, in <module>
  | ExceptionGroup: two (1 sub-exception)
  +-+---------------- 1 ----------------
    | ValueError: 1
    +------------------------------------
done"""


def lines(text: str, *, stream: str = "stderr", trace_id: str = "") -> list[Line]:
    """Return each line of *text* as a program writes it."""
    return [Line(0, stream, each, 0, trace_id=trace_id) for each in text.split("\n")]


def joined(*taken: Line) -> list[str]:
    """Return the texts of what is passed on, when nothing more comes."""
    passed: list[str] = []
    tracebacks = Tracebacks(lambda line: passed.append(line.text))
    for line in taken:
        tracebacks.take(line)
    tracebacks.flush()
    return passed


async def test_a_printed_traceback_is_one_record() -> None:
    """What was written before and after it stays a line each."""
    said = joined(*lines(f"starting\n{PRINTED}\ngoing on\nand on"))
    assert said == ["starting", PRINTED, "going on", "and on"]


async def test_a_printed_traceback_is_an_error_unless_a_logger_says_otherwise() -> None:
    passed: list[Line] = []
    tracebacks = Tracebacks(passed.append)
    head, *rest = lines(PRINTED)
    for first in (head, Line(0, "stderr", head.text, 0, level="WARNING")):
        for line in (first, *rest, *lines("next")):
            tracebacks.take(line)
    assert [each.level for each in passed] == ["ERROR", "", "WARNING", ""]


async def test_what_an_exception_was_raised_from_belongs_to_it() -> None:
    """Two that only follow one another are two."""
    assert joined(*lines(f"{CHAINED}\nnext")) == [CHAINED, "next"]
    assert joined(*lines(f"{PRINTED}\n{PRINTED}")) == [PRINTED, PRINTED]


async def test_a_group_of_exceptions_is_one_record() -> None:
    """Its lines begin with bars; the first that does not ends it."""
    group, _, after = GROUP.rpartition("\n")
    assert joined(*lines(GROUP)) == [group, after]


async def test_other_streams_and_other_requests_are_not_joined() -> None:
    """A line of another request ends it; what goes to standard output passes at once."""
    first, *rest = lines(PRINTED, trace_id="a" * 32)
    out, other = lines("x", stream="stdout")[0], lines("  y", trace_id="b" * 32)[0]
    assert joined(first, out, *rest[:2], other) == ["x", "\n".join(PRINTED.split("\n")[:3]), "  y"]


async def test_one_without_an_end_is_passed_on_in_parts() -> None:
    """Nothing is held without a bound."""
    frames = "\n".join(["  frame"] * LINES_LIMIT)
    said = joined(*lines(f"Traceback (most recent call last):\n{frames}\nRecursionError: x"))
    assert said[0].count("\n") == LINES_LIMIT - 1
    assert said[1:] == ["  frame\nRecursionError: x"]


async def test_what_stops_in_the_middle_is_passed_on_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A process may be killed while it writes, or write no more."""
    monkeypatch.setattr("kiket_console.engine.tracebacks.WAIT_S", 0.01)
    passed: asyncio.Queue[Line] = asyncio.Queue()
    tracebacks = Tracebacks(passed.put_nowait)
    for line in lines(PRINTED)[:2]:
        tracebacks.take(line)
    async with asyncio.timeout(120):
        assert (await passed.get()).text == "\n".join(PRINTED.split("\n")[:2])
