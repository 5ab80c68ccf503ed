"""Reading bodies: any JSON by default, and only what every reader understands alike when strict."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.kiket_sdk.webhooks import build_sdk, post, signed

from kiket_sdk._json import DEPTH_LIMIT, KEYS_LIMIT, read, read_strictly
from kiket_sdk._replies import Refused


def nested(levels: int) -> bytes:
    return b'{"a":[' * (levels // 2) + b"1" + b"]}" * (levels // 2)


@pytest.mark.parametrize("reader", [read, read_strictly])
@pytest.mark.parametrize(
    "raw_body",
    [
        *(b"{}", b"[]", b"null", b"1.5", b'"text"', b' {"a": [1, {"b": null}]} '),
        '{"é": "😀"}'.encode(),
        b"9223372036854775807",
        b"-9223372036854775808",
        nested(DEPTH_LIMIT),
        json.dumps({str(key): key for key in range(KEYS_LIMIT)}).encode(),
    ],
    ids=lambda value: str(value)[:24] if isinstance(value, bytes) else value.__name__,
)
def test_json_is_read(reader: Any, raw_body: bytes) -> None:
    assert reader(raw_body) == json.loads(raw_body)


@pytest.mark.parametrize(
    ("raw_body", "said"),
    [
        (b'{"a": 1, "b": {"c": 1, "c": 2}}', "the same key twice"),
        (b"NaN", "NaN, which is not JSON"),
        (b'{"a": -Infinity}', "-Infinity, which is not JSON"),
        (b"9223372036854775808", "an integer of more than 64 bits"),
        (b"-9223372036854775809", "an integer of more than 64 bits"),
        (b'{"a": -1e999}', "a number that no float can hold"),
        (b"1" * 4_000, "an integer of more than 64 bits"),
        (nested(DEPTH_LIMIT + 2), "nested deeper than 64 levels"),
        (b'[{"a":1}' + b',{"a":1}' * KEYS_LIMIT + b"]", "more than 10000 keys"),
        ('{"a": 1}'.encode("utf-16"), "not valid JSON"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_readers_understand_in_several_ways_is_refused_when_strict(
    raw_body: bytes, said: str
) -> None:
    read(raw_body)
    with pytest.raises(Refused, match=said) as raised:
        read_strictly(raw_body)
    assert raised.value.status == 400


@pytest.mark.parametrize("reader", [read, read_strictly])
@pytest.mark.parametrize(
    "raw_body", [b"", b"{", b"\xff\xfe", b'{"a": "\xff"}', b"[" * 100_000, b"{'a': 1}"]
)
def test_what_is_no_json_is_refused(reader: Any, raw_body: bytes) -> None:
    with pytest.raises(Refused, match="not valid JSON"):
        reader(raw_body)


def test_a_strict_extension_reads_strictly() -> None:
    raw_body = b'{"amount": 1, "amount": 1000}'
    path = "/v/v1/webhooks/issue.created"
    assert post(build_sdk(), path, signed(raw_body, "k1"), raw_body)[0] == 200
    found = post(build_sdk(strict=True), path, signed(raw_body, "k1"), raw_body)
    assert found == (400, {"detail": "Request body has an object with the same key twice"})
