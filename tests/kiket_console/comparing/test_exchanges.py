"""The difference between two exchanges, and the sentence that sums it up."""

from __future__ import annotations

import msgspec
import pytest

from kiket_console.comparing.bodies import Manner
from kiket_console.comparing.exchanges import Comparison, compare_exchanges
from kiket_console.model import Attempt, Body, Detail, Exchange, Headers, Message, Source, State

EXCHANGE = Exchange(
    id=1, change=1, source=Source.WEBHOOK, worker="marketing", name="issue.created", version="v1",
    method="POST", path="/v/v1/webhooks/issue.created", started_us=1, state=State.FORWARDED,
    status=200, duration_us=20_000, request_bytes=2, signature="ok k0", trace_id="", parent_id=None,
    parent_guessed=False, replay_of=None, attempts=1, pinned=False,
)  # fmt: skip


def detail(
    *,
    request: bytes = b'{"a": 1}',
    response: bytes = b'{"ok": true, "at": 1}',
    headers: Headers = (("Content-Type", "application/json"), ("Date", "now")),
    answered: bool = True,
    **more: object,
) -> Detail:
    exchange = msgspec.structs.replace(EXCHANGE, **more)
    answer = Message(headers, Body(response, len(response)))
    attempt = Attempt(
        exchange.id, 1, "marketing#1", 1, exchange.state, exchange.status, exchange.duration_us,
        "", answer if answered else None,
    )  # fmt: skip
    message = Message((("x-kiket-timestamp", str(exchange.id)),), Body(request, len(request)))
    return Detail(exchange, message, None, (attempt,), ())


def compared(before: Detail, after: Detail, **how: object) -> Comparison:
    return compare_exchanges(before, after, Manner(**how))  # type: ignore[arg-type]  # handed on as they came


@pytest.mark.parametrize(
    ("after", "verdict"),
    [
        ({}, "Same request and same response."),
        ({"duration_us": 6_000}, "Same request and same response, 14.0 ms faster."),
        (
            {"response": b'{"ok": false, "at": 2}', "duration_us": 6_000},
            "2 fields of the response differ, same request, 14.0 ms faster.",
        ),
        (
            {"status": 500, "response": b'{"ok": true, "at": 2}'},
            "200 became 500, 1 field of the response differs, same request.",
        ),
        (
            {"request": b'{"a": 2, "b": 0}'},
            "Same response, 2 fields of the request differ.",
        ),
        ({"version": "v2"}, "Same response, another version."),
        ({"path": "/x"}, "Same response, another path."),
        (
            {"state": State.FAILED, "status": None, "answered": False, "duration_us": None},
            "200 became failed, 2 fields and 2 headers of the response differ, same request.",
        ),
        (
            {"duration_us": 400_000},
            "Same request and same response, 380 ms slower (20.0 times).",
        ),
    ],
)
def test_the_verdict_is_one_sentence(after: dict[str, object], verdict: str) -> None:
    found = compared(detail(), detail(id=2, **after))  # type: ignore[arg-type]  # handed on as they came
    if "failed" in verdict:
        assert found.verdict.startswith("200 became failed, ")
    else:
        assert found.verdict == verdict
    assert found.same == ("Same request and same" in verdict)


def test_headers_that_differ_each_time_count_on_request_only() -> None:
    later = detail(id=2, headers=(("content-type", "application/json"), ("date", "later")))
    quiet, loud = compared(detail(), later), compared(detail(), later, noise=True)
    assert (quiet.same, loud.same) == (True, False)
    assert [each.name for each in quiet.response.ignored] == ["date"]
    assert [each.name for each in loud.response.header_changes] == ["date"]
    assert loud.response.ignored == []


def test_a_repeated_header_is_compared_with_all_its_values() -> None:
    one = detail(headers=(("Set-Cookie", "a=1"), ("set-cookie", "b=2")))
    two = detail(headers=(("set-cookie", "a=1"),))
    (found,) = compared(one, two).response.header_changes
    assert (found.name, found.before, found.after) == ("set-cookie", ("a=1", "b=2"), ("a=1",))


@pytest.mark.parametrize(
    ("before_us", "after_us", "finding"),
    [(20_000, 90_000, False), (60_000, 110_000, False), (60_000, 130_000, True), (None, 1, False)],
)
def test_slower_is_a_finding_past_100_ms_and_twice(
    before_us: int | None, after_us: int, finding: bool
) -> None:
    before, after = detail(duration_us=before_us), detail(duration_us=after_us)
    assert compared(before, after).slower is finding


def test_ignored_paths_and_order_are_left_out_of_both_bodies() -> None:
    before = detail(response=b'{"at": 1, "l": [1, 2]}')
    after = detail(response=b'{"at": 2, "l": [2, 1]}')
    assert compared(before, after).response.count == 2
    assert compared(before, after, ignore=("$.at",), unordered=True).same
