from __future__ import annotations

import json
from typing import TYPE_CHECKING

import msgspec
import pytest

from kiket_console.errors import ExitCode
from kiket_console.producing import answers, message, signing
from kiket_console.producing.destination import Destination
from kiket_console.producing.profiles import LOCAL_KEYS
from kiket_console.producing.sending import Answer
from kiket_core.secret import redactor

if TYPE_CHECKING:
    from kiket_console.wire_producer import ProducerResult

TEXT = json.dumps(
    {
        "event_type": "paid",
        "message_channel": "internal",
        "behavior": "instant",
        "security_level": "sensitive",
        "payload": {"card": "4111111111111111"},
    }
)
MESSAGE = message.read(TEXT)
REQUEST = signing.request(MESSAGE, Destination("https://f.example/", "r-1", "lambda"), LOCAL_KEYS)


def message_of(**changes: object) -> message.Message:
    return message.read(json.dumps({**json.loads(TEXT), **changes}))


def answered(status: int, text: str, *headers: tuple[str, str]) -> Answer:
    return Answer(1500, status, headers, text.encode())


def told(answer: Answer) -> ProducerResult:
    return answers.result(REQUEST, answer, MESSAGE)[0]


def test_only_200_with_a_tracking_id_is_taken() -> None:
    result = told(answered(200, '{"tracking_id": "t-1"}'))

    assert (result.tracking_id, result.error, result.exit_code) == ("t-1", "", 0)
    assert (result.took_us, result.url) == (1500, "https://f.example/")


@pytest.mark.parametrize(
    ("answer", "code", "said"),
    [
        (Answer(1, error="f.example cannot be reached: no."), ExitCode.NETWORK, "no."),
        (answered(200, "<html>"), ExitCode.UNREADABLE, "is 200, but no JSON: <html>."),
        (answered(200, ""), ExitCode.UNREADABLE, "is 200, but no JSON: nothing."),
        (answered(200, "[1]"), ExitCode.UNREADABLE, "is 200, but no JSON object: [1]."),
        (answered(200, '{"ok": 1}'), ExitCode.UNTRACKED, "no tracking id"),
        (answered(200, '{"tracking_id": null}'), ExitCode.UNTRACKED, "no tracking id"),
        (answered(202, '{"tracking_id": "t"}'), ExitCode.CONTRACT, "only 200 means"),
        (answered(302, ""), ExitCode.CONTRACT, "points elsewhere (302)"),
        (answered(400, '{"message": "bad"}'), ExitCode.CONTRACT, "the message (400): bad."),
        (answered(413, "big"), ExitCode.TOO_LARGE, "too large for the producer (413): big."),
        (answered(429, "", ("Retry-After", "7")), ExitCode.CONTRACT, "no more for now (429)."),
        (answered(502, '{"Message": "down"}'), ExitCode.CONTRACT, "failed (502): down."),
        (answered(403, '{"Message": "Forbidden"}'), ExitCode.VERIFICATION, ""),
        (
            answered(403, '{"message": "Signature expired: 20261122T020000Z is now earlier"}'),
            ExitCode.SKEW,
            "clocks",
        ),
        (
            answered(403, '{"message": "Credential should be scoped to a valid region."}'),
            ExitCode.SCOPE,
            "region",
        ),
        (
            answered(403, '{"message": "The security token included in the request is expired"}'),
            ExitCode.EXPIRED,
            "token",
        ),
    ],
    ids=lambda value: value.name if isinstance(value, ExitCode) else "",
)
def test_each_failure_has_its_sentence_and_exit_code(
    answer: Answer, code: ExitCode, said: str
) -> None:
    result = told(answer)

    assert (result.exit_code, said in result.error) == (code, True), result.error
    assert result.error.endswith(".")
    assert result.tracking_id == ""


def test_how_long_to_wait_is_told_where_the_producer_says_it() -> None:
    assert told(answered(429, "", ("Retry-After", "7"))).hint == ("Send it again in 7 s.")


def test_an_answer_is_told_cut_and_without_what_is_sensitive() -> None:
    said = "no 4111111111111111 " + "x" * 9000

    result, _ = answers.result(REQUEST, answered(400, said), MESSAGE)

    assert len(result.answer) == answers.SHOWN
    assert len(result.error) < 600
    assert "4111111111" not in result.answer + result.error


def test_a_tracking_id_is_read_whatever_else_an_answer_repeats() -> None:
    fields = {"amount": 2026.5, "year": "2026", "card": "4111111111111111"}
    message = message_of(payload=fields)
    came = answered(200, json.dumps({"tracking_id": "t-2026-1", "echo": fields}))

    result, shown = answers.result(REQUEST, came, message)

    assert (result.tracking_id, result.error) == ("t-2026-1", "")
    assert json.loads(shown.raw_body)["echo"] == dict.fromkeys(fields, "[masked]")


@pytest.mark.parametrize("status", [200, 400, 403, 500])
def test_half_a_pair_of_surrogates_in_an_answer_can_be_told(status: int) -> None:
    half = "\\ud800"
    said = f'{{"tracking_id": "{half}", "message": "{half}"}}'

    assert b"ud800" in msgspec.json.encode(told(answered(status, said)))


def test_what_an_answer_echoes_of_the_request_is_cut_out_of_body_and_headers() -> None:
    """A value in the midst of a session token does not keep the token from being found."""
    token = "session-token-with-4111111111111111-in-it"
    redactor.add("test/token", token)
    headers = dict(REQUEST.headers)
    echoed = json.dumps({"headers": headers, "token": token, "body": TEXT})

    answer = answers.cleared(
        answered(403, echoed, ("X-Echo", headers["Authorization"]), ("X-Token", token)),
        REQUEST,
        MESSAGE,
    )
    redactor.discard("test/token")

    signature = headers["Authorization"].rpartition("=")[2]
    for hidden in (signature, "session-token", "4111111111111111"):
        assert hidden not in repr(answer)
    assert "Signature=[redacted]" in answer.header("x-echo")
