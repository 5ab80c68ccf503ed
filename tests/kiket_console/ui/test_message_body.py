"""A module's message is shown with what it carries decoded, and as it was sent on demand."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace
from tests.kiket_console.ui.test_paint import MESSAGE, lines_of

from kiket_console.carried import as_base64, as_numbers
from kiket_console.model import Attempt, Body, Detail, Message, State
from kiket_console.ui.paint import detail as paint
from kiket_console.ui.paint.layout import Shape

if TYPE_CHECKING:
    from kiket_console.model import Exchange


def shown(
    raw: bytes, *headers: tuple[str, str], pretty: bool = True, of: Exchange = MESSAGE
) -> list[str]:
    """Return the rows of a request whose text is *raw*, as one reads them."""
    message = Message(headers, Body(raw, len(raw)))
    found = Detail(of, message, None, (), ())
    view = paint.view_of(found, message)
    view.lay_at_once(Shape(100, False), pretty=pretty)
    return [" ".join(row.split()) for row in lines_of(paint.request(found, view, 100))]


JSON = b'{"total":1204}'


@pytest.mark.parametrize("written", [as_numbers(JSON), as_base64(JSON)])
def test_the_fields_come_first_then_the_body_laid_out(written: bytes) -> None:
    rows = shown(b'{"op":"http_request","request_id":"h-1","body":%s}' % written)

    assert rows[0] == f"POST /invoices {48 + len(written)} b to billing over stdio"
    assert '"request_id": "h-1",' in rows
    assert '"body": "… 14 bytes, below"' in rows
    at = rows.index("body 14 b")
    assert rows[at + 1 :] == ["{", '"total": 1204', "}"]


def test_a_body_is_shown_as_its_headers_say_and_bytes_as_hex() -> None:
    form = shown(
        b'{"op":"http_request","body":%s}' % as_numbers(b"a=1&b=2"),
        ("content-type", "application/x-www-form-urlencoded"),
    )
    picture = shown(b'{"op":"http_request","body":%s}' % as_numbers(b"\x89PNG\r\n\x1a\n"))

    assert form[-3:] == ["body application/x-www-form-urlencoded 7 b", "a 1", "b 2"]
    assert picture[-2:] == ["body 8 b PNG image", "89 50 4e 47 0d 0a 1a 0a ·PNG····"]


def test_a_payload_is_shown_too_and_secrets_are_named() -> None:
    raw = b'{"op":"route_to_module","payload":{"data":[34,[secret:KEY],34],"format":"Json"}}'

    rows = shown(raw)

    assert rows[-2:] == ["payload 14 b", '"[secret:KEY]"']


def test_as_sent_it_is_the_text_that_went_over_the_channel() -> None:
    raw = b'{"op":"http_request","body":%s}' % as_numbers(b"hi")

    assert shown(raw, pretty=False)[-1] == raw.decode()


def test_stray_output_and_direct_http_are_shown_as_they_are() -> None:
    stray = replace(
        MESSAGE, kind="invalid", state=State.REJECTED, direction="out", method="", path=""
    )
    direct = replace(MESSAGE, channel="http")

    assert shown(b'connected: "body":[104,105]', of=stray)[-1] == 'connected: "body":[104,105]'
    assert shown(b'{"body":[104]}', ("content-type", "application/json"), of=direct)[2:] == [
        "{", '"body": [', "104", "]", "}",
    ]  # fmt: skip


def test_what_is_wrong_with_what_is_no_message_stands_above_it() -> None:
    row = replace(MESSAGE, kind="invalid", state=State.REJECTED, method="", path="")
    why = "There is no message `dance`."
    tried = Attempt(1, 1, "billing#1", 0, State.REJECTED, None, 0, why, None)
    raw = b'{"op":"dance"}'
    message = Message((), Body(raw, len(raw)))
    found = Detail(row, message, None, (tried,), ())
    view = paint.view_of(found, message)
    view.lay_at_once(Shape(100, False), pretty=True)

    assert lines_of(paint.request(found, view, 100))[1].strip() == why
    assert "dance" not in "\n".join(lines_of(paint.response(found, None, 0, 100)))


@pytest.mark.parametrize(
    ("kind", "state", "sentence"),
    [
        ("notify", State.FORWARDED, "Nobody answers such a message."),
        ("invalid", State.REJECTED, "This is no message of the protocol, so nobody answers it."),
        ("req", State.RECEIVED, "No answer yet."),
    ],
)
def test_why_there_is_no_reply_is_said(kind: str, state: State, sentence: str) -> None:
    row = replace(MESSAGE, kind=kind, state=state, status=None)
    found = Detail(row, Message(), None, (), ())

    assert sentence in "\n".join(lines_of(paint.response(found, None, 0, 100)))


def test_a_reply_is_shown_with_its_body_decoded() -> None:
    raw = json.dumps({"content": {"status_code": 200, "body": list(JSON)}}).encode()
    answer = Message((), Body(raw, len(raw)))
    attempt = Attempt(1, 1, "billing#1", 0, State.FORWARDED, 200, 900, "", answer)
    found = Detail(MESSAGE, Message(), None, (attempt,), ())
    view = paint.view_of(found, answer)
    view.lay_at_once(Shape(100, False), pretty=True)

    rows = [" ".join(row.split()) for row in lines_of(paint.response(found, view, 0, 100))]
    assert rows[0].startswith("200 from billing#1 in 0.9 ms")
    assert '"total": 1204' in rows
