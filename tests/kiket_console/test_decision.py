"""What a guard's answer decides."""

import json

import pytest
from msgspec.structs import replace

from kiket_console import decision
from kiket_console.model import (
    Attempt,
    Body,
    Detail,
    Exchange,
    Message,
    Source,
    State,
)


def answered(raw: bytes = b"", status: int | None = 200, *, event: str = decision.GUARD) -> Detail:
    """Return a delivery that was answered so."""
    exchange = Exchange(
        id=7,
        change=9,
        source=Source.WEBHOOK,
        worker="marketing",
        name=event,
        version="v1",
        method="POST",
        path=f"/v/v1/webhooks/{event}",
        started_us=1,
        state=State.FORWARDED,
        status=status,
        duration_us=5,
        request_bytes=2,
        signature="ok k0",
        trace_id="0" * 32,
        parent_id=None,
        parent_guessed=False,
        replay_of=None,
        attempts=1,
        pinned=False,
    )
    answer = Message((), Body(raw, len(raw)))
    attempt = Attempt(7, 1, "marketing#1", 1, State.FORWARDED, status, 5, "", answer)
    return Detail(exchange, Message(), None, (attempt,), ())


def failed(state: State, error: str) -> Detail:
    """Return a delivery that no answer came to."""
    detail = answered(status=504)
    exchange = replace(detail.exchange, state=state)
    attempt = replace(detail.attempts[0], state=state, error=error, answer=None)
    return replace(detail, exchange=exchange, attempts=(attempt,))


@pytest.mark.parametrize("word", decision.WORDS)
def test_its_status_decides(word: str) -> None:
    said = {"status": word, "message": "QA first", "metadata": {"output_fields": {"risk": 3}}}
    found = decision.decide(answered(json.dumps(said).encode()))
    assert found == decision.Decision(
        word, f"Its status is {word}.", "QA first", {"output_fields": {"risk": 3}}
    )


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", "An empty answer allows."),
        (b" \r\n", "An empty answer allows."),
        (b"deny", "An answer that is no JSON allows."),
        (b"\xff\xfe", "An answer that is no JSON allows."),
        (b"[" * 100_000, "An answer that is no JSON allows."),
        (b'["deny"]', "An answer that is no JSON object allows."),
        (b'{"ok": true}', "An answer without a status allows."),
        (b'{"status": null}', "An answer without a status allows."),
        (
            b'{"status": "denied"}',
            'Its status "denied" is none of allow, deny, pending, so it allows.',
        ),
        (
            b'{"status": ["deny"]}',
            'Its status ["deny"] is none of allow, deny, pending, so it allows.',
        ),
    ],
)
def test_what_says_nothing_clear_allows(raw: bytes, why: str) -> None:
    found = decision.decide(answered(raw))
    assert found is not None
    assert (found.word, found.why) == (decision.ALLOW, why)


def test_a_status_that_is_no_word_is_shown_shortened() -> None:
    found = decision.decide(answered(json.dumps({"status": "x" * 5000}).encode()))
    assert found is not None
    assert len(found.why) < 120


@pytest.mark.parametrize("status", [302, 400, 401, 404, 429, 500, 503])
def test_an_http_error_denies_whatever_it_says(status: int) -> None:
    found = decision.decide(answered(b'{"status": "allow"}', status))
    assert found is not None
    assert found.word == decision.DENY
    assert found.why == f"A guard that answers {status} denies, whatever it says."


@pytest.mark.parametrize("state", [State.FAILED, State.INTERRUPTED, State.REJECTED])
def test_no_answer_denies(state: State) -> None:
    found = decision.decide(failed(state, "marketing#1 did not answer within 10 s."))
    assert found is not None
    assert found.word == decision.DENY
    assert found.why == (
        "marketing#1 did not answer within 10 s. A guard that gives no answer denies."
    )


def test_a_message_or_metadata_of_another_kind_is_left_out() -> None:
    found = decision.decide(answered(b'{"status": "deny", "message": 5, "metadata": [1]}'))
    assert found is not None
    assert (found.word, found.message, found.metadata) == (decision.DENY, "", {})


def test_nothing_is_decided_while_it_is_under_way() -> None:
    detail = answered()
    for state in (State.RECEIVED, State.HELD):
        open_ = replace(detail, exchange=replace(detail.exchange, state=state))
        assert decision.decide(open_) is None


@pytest.mark.parametrize("event", ["workflow.after_transition", "issue.created"])
def test_the_platform_does_not_wait_for_other_events(event: str) -> None:
    assert decision.decide(answered(b'{"status": "deny"}', event=event)) is None


def test_a_call_of_the_same_name_is_no_guard() -> None:
    detail = answered()
    call = replace(detail, exchange=replace(detail.exchange, source=Source.API))
    assert decision.decide(call) is None
