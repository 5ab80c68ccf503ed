from __future__ import annotations

import msgspec
import pytest

from kiket_console.model import Exchange, Message, Problem, Source, State

EXCHANGE = Exchange(
    id=1,
    change=1,
    source=Source.WEBHOOK,
    worker="marketing",
    name="issue.created",
    version="v1",
    method="POST",
    path="/v/v1/webhooks/issue.created",
    started_us=1_700_000_000_000_000,
    state=State.FORWARDED,
    status=200,
    duration_us=3_200,
    request_bytes=412,
    signature="ok k0",
    trace_id="0af7651916cd43dd8448eb211c80319c",
    parent_id=None,
    parent_guessed=False,
    replay_of=None,
    attempts=1,
    pinned=False,
)


@pytest.mark.parametrize(
    ("state", "status", "failing"),
    [
        (State.FORWARDED, 200, False),
        (State.FORWARDED, 399, False),
        (State.FORWARDED, 400, True),
        (State.FORWARDED, 503, True),
        (State.RECEIVED, None, False),
        (State.HELD, None, False),
        (State.FAILED, None, True),
        (State.INTERRUPTED, None, True),
        (State.REJECTED, 503, True),
    ],
)
def test_an_exchange_is_failing_when_a_person_should_look(
    state: State, status: int | None, failing: bool
) -> None:
    assert msgspec.structs.replace(EXCHANGE, state=state, status=status).failing is failing


def test_an_exchange_never_changes() -> None:
    with pytest.raises(AttributeError):
        EXCHANGE.status = 500  # type: ignore[misc]  # the very thing that must not work


def test_a_header_is_found_whatever_its_case_and_the_first_one_counts() -> None:
    message = Message(headers=(("X-Kiket-Event", "a"), ("x-kiket-event", "b")))

    assert message.header("X-KIKET-EVENT") == "a"
    assert message.header("X-Missing") == ""


@pytest.mark.parametrize(
    ("problem", "told"),
    [
        (Problem("'(' was never closed", "main.py", 7), "'(' was never closed (main.py:7)"),
        (Problem("main.py:3: KeyError: 'NOPE'", "main.py", 3), "main.py:3: KeyError: 'NOPE'"),
        (Problem("It did not answer."), "It did not answer."),
        (Problem("a.yaml cannot be opened.", "a.yaml"), "a.yaml cannot be opened."),
        (Problem("It is no UTF-8.", "a.yaml"), "It is no UTF-8. (a.yaml)"),
    ],
)
def test_a_problem_says_once_where_it_is(problem: Problem, told: str) -> None:
    assert problem.told == told
