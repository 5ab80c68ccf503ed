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


def test_of_several_deliveries_of_a_trace_it_is_the_one_that_its_worker_handles() -> None:
    parentage = Parentage()
    seen = new_trace()
    carried = (("traceparent", seen.parent(new_span_id())),)
    for number, worker in enumerate(("shop", "mail", "shop"), 1):
        parentage.began(number, worker, seen)

    def found(worker: str) -> tuple[int, bool]:
        parent = parentage.of_call(carried, worker)
        assert parent is not None
        return parent.exchange_id, parent.guessed

    assert found("mail") == (2, False)
    assert found("shop") == (3, True), "both are under way"
    parentage.ended(3)  # the first one caused the third, and goes on
    assert found("shop") == (1, False)
    assert (parentage.by_trace(seen.trace_id, "mail"), found("")) == (2, (2, True))
    parentage.ended(1)
    assert found("shop") == (3, True), "neither is"


def test_what_a_module_says_while_it_handles_a_request_of_the_trace_is_a_part_of_that() -> None:
    parentage = Parentage()
    seen = new_trace()
    carried = (("traceparent", seen.parent(new_span_id())),)
    parentage.began(1, "shop", seen)
    parentage.asked(2, "billing", seen)

    parent = parentage.of_call(carried, "billing")
    assert parent is not None
    assert (parent.exchange_id, parent.worker, parent.guessed) == (2, "billing", False)
    parentage.ended(2)
    assert parentage.by_trace(seen.trace_id, "billing") == 2, "its log may come later"


def test_a_flood_of_one_trace_is_remembered_in_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "OF_A_TRACE", 2)
    parentage = Parentage()
    seen = new_trace()
    for number, worker in enumerate(("mail", "shop", "shop"), 1):
        parentage.began(number, worker, seen)
    assert parentage.by_trace(seen.trace_id, "mail") == 3


def test_what_a_module_logged_is_of_its_request_though_that_is_over() -> None:
    """Its log comes by another way, and later, than its answer."""
    parentage = Parentage()
    seen = new_trace()
    for number, worker in ((1, "shop"), (2, "mail")):
        parentage.asked(number, worker, seen)
    parentage.ended(2)

    found = [parentage.by_trace(seen.trace_id, each) for each in ("shop", "mail", "else")]
    assert found == [1, 2, 1]
