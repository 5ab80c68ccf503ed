"""Failures of the sink as a person types them."""

from __future__ import annotations

import pytest

from kiket_console.errors import ConsoleError
from kiket_console.producing import fault_words
from kiket_console.wire_producer import FAULTS, SinkFault


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("throttle", SinkFault("throttle")),
        ("error 3x", SinkFault("error", 3)),
        ("slow", SinkFault("slow", 0, 2.0)),
        ("slow 500ms 1x", SinkFault("slow", 1, 0.5)),
        ("throttle:3", SinkFault("throttle", 3)),
        ("slow:0:1.5", SinkFault("slow", 0, 1.5)),
        ("skew -10m", SinkFault("skew", 0, -600.0)),
    ],
)
def test_a_line_names_a_failure_how_often_and_how_long(text: str, fault: SinkFault) -> None:
    assert fault_words.read(text) == fault
    assert fault_words.read(fault_words.written(fault)) == fault


@pytest.mark.parametrize("text", ["", "thottle", "throttle often", "error 5s", "slow soon"])
def test_what_says_nothing_is_refused(text: str) -> None:
    with pytest.raises(ConsoleError):
        fault_words.read(text)


def test_each_failure_has_a_meaning() -> None:
    assert set(fault_words.MEANINGS) == set(FAULTS)
