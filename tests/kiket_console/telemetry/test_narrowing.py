"""Which series a person means, in words."""

from __future__ import annotations

import pytest
from tests.kiket_console.telemetry.made import series

from kiket_console.telemetry.narrowing import NarrowingError, narrowing

UPDATED = series("issue.updated")
FAILED = series("issue.updated", "5xx")
CALL = series("POST extensions/logs", source="api", version="")
GREETING = series("http_request", "ok", source="ipc", worker="greeter", version="")
ALL = (UPDATED, FAILED, CALL, GREETING)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("issue", {UPDATED, FAILED}),
        ("ISSUE 5xx", {FAILED}),
        ("-issue", {CALL, GREETING}),
        ("event:issue.*", {UPDATED, FAILED}),
        ("event:issue", set()),
        ('event:"POST extensions/logs"', {CALL}),
        ('"extensions/logs"', {CALL}),
        ("ext:marketing -src:api", {UPDATED, FAILED}),
        ("mod:greet*", {GREETING}),
        ("src:ipc,api", {CALL, GREETING}),
        ("v:v1 status:2*x", {UPDATED}),
        ("event:*up*date*d", {UPDATED, FAILED}),
        ("event:*updated*updated", set()),
    ],
)
def test_rows_have_all_the_words(text: str, meant: set[object]) -> None:
    keep = narrowing(text)
    assert keep is not None
    assert {each for each in ALL if keep(each)} == meant


def test_no_words_mean_all() -> None:
    assert narrowing("  ") is None


def test_an_unknown_field_is_named_with_its_place() -> None:
    with pytest.raises(NarrowingError, match=r'no field "body"\. There are event:, ext:') as caught:
        narrowing("issue -body:x")
    assert (caught.value.column, caught.value.length) == (7, 4)
