"""Which delivery a call belongs to: by its token, its trace, or a guess."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kiket_console.engine import parentage as module
from kiket_console.engine.parentage import Parentage
from kiket_console.engine.trace import new_span_id, new_trace

if TYPE_CHECKING:
    import pytest


def test_the_token_counts_more_than_the_trace_and_the_trace_more_than_a_guess() -> None:
    parentage = Parentage()
    traces = [new_trace() for _ in range(3)]
    for number, seen in enumerate(traces, 1):
        parentage.began(number, "marketing", seen, f"dlv_{number}")
    carried = (("traceparent", traces[1].parent(new_span_id())),)

    named = parentage.of_call(carried, "marketing", "dlv_1")
    traced = parentage.of_call(carried, "marketing", "dlv_unknown")
    guessed = parentage.of_call((), "marketing")

    assert named is not None
    assert (named.exchange_id, named.guessed) == (1, False)
    assert named.trace.trace_id == traces[1].trace_id
    assert traced is not None
    assert (traced.exchange_id, traced.guessed) == (2, False)
    assert guessed is not None
    assert (guessed.exchange_id, guessed.guessed) == (3, True)


def test_a_delivery_that_is_sent_again_is_the_newest_of_its_id() -> None:
    parentage = Parentage()
    for number in (1, 2):
        parentage.began(number, "marketing", new_trace(), "dlv_1")
        parentage.ended(number)

    found = parentage.of_call((), "", "dlv_1")
    assert found is not None
    assert found.exchange_id == 2


def test_only_the_newest_ids_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KNOWN", 2)
    parentage = Parentage()
    for number in range(3):
        parentage.began(number, "marketing", new_trace(), f"dlv_{number}")
        parentage.ended(number)

    found = [parentage.of_call((), "marketing", f"dlv_{number}") for number in range(3)]
    assert [each and each.exchange_id for each in found] == [None, 1, 2]
