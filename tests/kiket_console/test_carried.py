"""What a message carries is found however it is written, and written back as it was."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiket_console.carried import as_base64, as_numbers, carried, replaced

KEPT = b'{"op":"http_request","request_id":"h","body":%s,"uri":"/"}'


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (b'{"op":"http_request","body":[123,34]}', [("body", b'{"')]),
        (b'{"op": "http_request", "body": [ 123, 34 ]}', [("body", b'{"')]),
        (b'{"content":{"status_code":200,"body":"aGk="},"metadata":{}}', [("body", b"hi")]),
        (b'{"payload":{"data":"aGk=","format":"Json"}}', [("data", b"hi")]),
        (b'{"payload":{"data":[104,105],"format":"Json"}}', [("data", b"hi")]),
        (b'{"op":"http_request","body":null}', []),
        (b'{"op":"http_request","body":[]}', []),
        (b'{"op":"http_request","body":[256]}', []),
        (b'{"op":"http_request","body":[-1,2.5,"a"]}', []),
        (b'{"op":"service_request","config":{"data":"abcd","body":"abcd"}}', []),
        (b'{"op":"x","said":"\\"body\\":[104,105]"}', []),
        (b'{"op":"http_request","body":"no base64!"}', []),
        (b"\xff\x00 not even text", []),
    ],
)
def test_only_what_is_bytes_is_found(text: bytes, found: list[tuple[str, bytes]]) -> None:
    assert [(each.key, each.raw) for each in carried(text)] == found


@given(st.binary(min_size=1), st.booleans())
def test_any_bytes_are_found_and_written_back(raw: bytes, base64: bool) -> None:
    text = KEPT % (as_base64(raw) if base64 else as_numbers(raw))

    [found] = carried(text)

    assert found.raw == raw
    assert found.is_base64 == base64
    assert replaced(text, [found], lambda _: b"0") == KEPT % b"0"


def test_the_marker_of_a_secret_among_numbers_stays_a_marker() -> None:
    text = b'{"op":"http_request","body":[34,[secret:KEY],34]}'

    [found] = carried(text)

    assert found.raw == b'"[secret:KEY]"'
    assert replaced(text, [found], lambda each: as_numbers(each.raw)) == text


def test_a_large_body_is_found_fast_enough_to_be_looked_at() -> None:
    """A pattern that backtracks would take minutes."""
    raw = b'{"a":1}' * 100_000

    assert carried(KEPT % json.dumps(list(raw)).encode())[0].raw == raw
    assert carried(KEPT % (b"[" + b"1," * 200_000 + b'"')) == ()
