"""A message is edited as a person reads it, and sent as it was written."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.kiket_console.sending.test_draft import recorded as delivery

from kiket_console.carried import as_base64, as_numbers
from kiket_console.errors import ConsoleError
from kiket_console.model import Body, Detail, Message, Source
from kiket_console.sending.message import message_of, op_of, sample_of
from kiket_console.wire import IpcField, IpcOp

if TYPE_CHECKING:
    from collections.abc import Callable

HEAD = b'{"op":"http_request","request_id":"h-1","method":"POST","uri":"/","headers":{},"body":'
BODY = b'{"name": "Ada", "points": 5.0}'


def recorded(raw: bytes, *headers: tuple[str, str], **facts: object) -> Detail:
    """Return a message to module `billing` as it was recorded."""
    made = delivery(b"{}")
    said = {"source": Source.IPC, "worker": "billing", "kind": "req", "direction": "in",
            "channel": "stdio", "id": 7, "method": "POST", "path": "/a?b=1"}  # fmt: skip
    exchange = replace(made.exchange, **(said | facts))
    return replace(made, exchange=exchange, request=Message(headers, Body(raw, len(raw))))


@pytest.mark.parametrize("written", [as_numbers, as_base64])
def test_a_body_is_edited_as_json_and_what_nobody_changed_is_sent_as_it_came(
    written: Callable[[bytes], bytes],
) -> None:
    raw = HEAD + written(BODY) + b"}"

    found = message_of(recorded(raw))

    assert json.loads(found.text)["body"] == {"json": {"name": "Ada", "points": 5.0}}
    sent = found.message(found.text)
    assert (sent.module, sent.like, sent.channel) == ("billing", 7, "stdio")
    assert sent.raw_message == raw


def test_what_is_changed_of_a_body_is_written_as_the_rest_of_it_was() -> None:
    found = message_of(recorded(HEAD + as_numbers(BODY) + b"}"))

    sent = found.message(found.text.replace("Ada", "Grace")).raw_message

    assert bytes(json.loads(sent)["body"]) == b'{"name": "Grace", "points": 5.0}'


@given(st.text())
def test_any_text_is_edited_as_text_and_sent_as_it_was(text: str) -> None:
    raw = HEAD + (as_numbers(text.encode()) if text else b"null") + b"}"

    found = message_of(recorded(raw))

    assert json.loads(found.message(found.text).raw_message) == json.loads(raw)


def test_bytes_that_are_no_text_stay_numbers() -> None:
    raw = HEAD + as_numbers(b"\xff\x00") + b"}"

    found = message_of(recorded(raw))

    assert json.loads(found.text)["body"] == [255, 0]
    assert found.message(found.text).raw_message == raw


def test_the_marker_of_a_secret_stays_where_its_value_is_put_back() -> None:
    raw = b'{"op":"x","payload":{"data":[34,58,[secret:KEY],34],"format":"Json"}}'

    found = message_of(recorded(raw))

    assert "[secret:KEY]" in found.text
    assert found.message(found.text).raw_message == raw


def test_a_copy_names_no_exchange_and_leaves_bytes_to_the_engine() -> None:
    found = message_of(recorded(HEAD + as_numbers(BODY) + b"}"), linked=False)

    sent = found.message(found.text)

    assert sent.like == 0
    assert json.loads(sent.raw_message)["body"] == {"json": {"name": "Ada", "points": 5.0}}


def test_http_that_went_directly_is_edited_as_a_message_without_its_credentials() -> None:
    headers = (("authorization", "Bearer [redacted]"), ("content-type", "application/json"))

    found = message_of(recorded(BODY, *headers, channel="http"))

    assert json.loads(found.text) == {
        "op": "http_request",
        "method": "POST",
        "uri": "/a?b=1",
        "headers": {"content-type": "application/json"},
        "body": {"json": {"name": "Ada", "points": 5.0}},
    }
    assert found.channel == "http"


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        ({"direction": "out"}, "Exchange 7 came from billing; only what went to a module can be"),
        ({"kind": "invalid"}, "Exchange 7 is no message that could be sent."),
        ({"source": Source.WEBHOOK}, "Exchange 7 is no message that could be sent."),
    ],
)
def test_what_cannot_be_sent_is_refused_in_a_sentence(
    facts: dict[str, object], sentence: str
) -> None:
    with pytest.raises(ConsoleError, match=sentence):
        message_of(recorded(HEAD + b"null}", **facts))


@pytest.mark.parametrize("text", ["[1]", "{", '{"a": 1, "a": 2}', "1"])
def test_what_is_no_message_is_refused(text: str) -> None:
    found = message_of(recorded(HEAD + b"null}"))

    with pytest.raises(ConsoleError):
        found.message(text)


def test_a_sample_is_laid_out_to_be_edited() -> None:
    op = IpcOp("heartbeat", "Is it alive?", (IpcField("at", "text", required=False),),
               {"op": "heartbeat", "at": "ä"})  # fmt: skip

    found = sample_of(op, "billing")

    assert found.text == '{\n  "op": "heartbeat",\n  "at": "ä"\n}'
    assert (found.op, found.message(found.text).raw_message) == (
        "heartbeat",
        '{"op":"heartbeat","at":"ä"}'.encode(),
    )


@pytest.mark.parametrize("text", ["", "{", "[]", '{"op": 1}', "{}"])
def test_a_text_that_says_no_op_has_none(text: str) -> None:
    assert op_of(text) == ""
