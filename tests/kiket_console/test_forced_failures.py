"""Failures asked for in one line."""

from __future__ import annotations

import pytest

from kiket_console import forced_failures
from kiket_console.forced_failures import FailureError
from kiket_console.wire import ForcedFailure


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("POST extensions/logs", ForcedFailure("POST extensions/logs", 503)),
        ("post extensions/logs 429 3x 2s", ForcedFailure("POST extensions/logs", 429, 2000, 3)),
        ("3x 200ms 500 GET ext/*", ForcedFailure("GET *", 500, 200, 3)),
        ("/api/v1/ext/custom_data/* 403", ForcedFailure("custom_data/*", 403)),
        ("* * x1", ForcedFailure("* *", 503, 0, 1)),
        ("*", ForcedFailure("* *", 503)),
        ("ext/* 1.5s", ForcedFailure("*", 0, 1500)),
        ("DELETE sla/* 0 1m", ForcedFailure("DELETE sla/*", 0, 60_000)),
    ],
)
def test_a_line_is_read_in_any_order(typed: str, meant: ForcedFailure) -> None:
    """Without a status it is 503, or the usual answer where only a delay is asked for."""
    assert forced_failures.read(typed) == meant


@pytest.mark.parametrize(
    ("typed", "said", "column"),
    [
        ("", "It does not say which calls.", 0),
        ("503 3x", "It does not say which calls.", 6),
        ("GET ext/* 999", '"999" is no path, status, time or count.', 10),
        ("GET ext/* 503 500", '"500" is no path, status, time or count.', 14),
        ("GET ext/* 0", "Answered as usual and at once, nothing would fail.", 0),
        ("GET ext/* \x1b[2J", '"\\x1b[2J" is no path, status, time or count.', 10),
    ],
)
def test_what_cannot_be_read_is_pointed_at(typed: str, said: str, column: int) -> None:
    """The sentence is followed by an example."""
    with pytest.raises(FailureError) as caught:
        forced_failures.read(typed)
    assert caught.value.message == said
    assert caught.value.column == column
    assert forced_failures.EXAMPLE in caught.value.hint


def test_the_same_calls_fail_in_one_way() -> None:
    """What was asked for them before is taken out."""
    before = (ForcedFailure("GET a", 500), ForcedFailure("GET b", 500))

    assert forced_failures.added(before, ForcedFailure("GET a", 429)) == (
        ForcedFailure("GET b", 500),
        ForcedFailure("GET a", 429),
    )
