"""However many names come, few series are told apart, and the rest is counted together."""

from __future__ import annotations

import pytest

from kiket_console.engine.telemetry import apart
from kiket_console.engine.telemetry.apart import Apart, outcome
from kiket_console.model import State
from kiket_console.telemetry.nouns import OTHER, Series


def test_the_same_words_are_the_same_series() -> None:
    each = Apart()
    first = each.series("api", "marketing", "GET users", "", "2xx")
    assert each.series("api", "marketing", "GET users", "", "2xx") is first
    assert first == Series("api", "marketing", "GET users", "", "2xx")


def test_what_comes_when_there_are_enough_is_counted_without_its_name() -> None:
    each = Apart()
    known = [
        each.series("api", "m", f"GET {number}", "v1", "2xx") for number in range(apart.SERIES)
    ]

    late = each.series("api", "m", "GET one/too/many", "v1", "2xx")

    assert late == Series("api", "m", OTHER, "", "2xx")
    assert each.uncounted == 1
    assert each.series("api", "m", "GET 5", "v1", "2xx") is known[5]


def test_a_million_names_and_workers_take_little_room() -> None:
    each = Apart()
    found = {
        each.series("api", f"worker-{number // 3}", f"GET {number}", "", "2xx")
        for number in range(30_000)
    }
    assert len(found) <= apart.SERIES + apart.OTHERS + 1
    assert Series("api", OTHER, OTHER, "", "2xx") in found
    assert each.uncounted == apart.TOO_MANY


def test_a_long_name_is_cut() -> None:
    found = Apart().series("api", "m", "x" * 5000, "", "2xx")
    assert found.name == "x" * (apart.NAME - 1) + "…"


@pytest.mark.parametrize(
    ("state", "status", "expected"),
    [
        (State.FORWARDED, 204, "2xx"),
        (State.FORWARDED, 404, "4xx"),
        (State.FORWARDED, 999, "error"),
        (State.FORWARDED, None, "ok"),
        (State.REJECTED, 503, "5xx"),
        (State.REJECTED, None, "failed"),
        (State.FAILED, 504, "failed"),
        (State.INTERRUPTED, None, "failed"),
    ],
)
def test_an_outcome_is_the_class_of_its_status(
    state: State, status: int | None, expected: str
) -> None:
    assert outcome(state, status) == expected
