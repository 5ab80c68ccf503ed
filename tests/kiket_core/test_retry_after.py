"""How long an answer asks to wait."""

from __future__ import annotations

import httpx
import pytest
import time_machine

from kiket_core.retry_after import asked_pause_s


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        (" 120 ", 120.0),
        ("Sun, 22 Nov 2026 12:00:30 GMT", 30.0),
        ("Sun, 22 Nov 2026 11:00:00 GMT", 0.0),
        ("", None),
        ("soon", None),
        ("-1", None),
        ("1.5", None),
        ("٣", None),
        ("Sun, 22 Nov 99999999999 12:00:30 GMT", None),
    ],
)
def test_seconds_and_dates_are_read_and_nothing_else(text: str, seconds: float | None) -> None:
    with time_machine.travel("2026-11-22T12:00:00+00:00", tick=False):
        assert asked_pause_s({"retry-after": text}) == seconds


def test_names_have_any_case_and_an_answer_need_not_say() -> None:
    assert asked_pause_s(httpx.Headers({"Retry-After": "5"})) == 5.0
    assert asked_pause_s({}) is None
