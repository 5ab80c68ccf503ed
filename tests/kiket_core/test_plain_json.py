from __future__ import annotations

import pytest

from kiket_core import plain_json


def test_reads_what_every_reader_reads_alike() -> None:
    assert plain_json.read(b'{"a": [1, 2.5, null, {"a": "\xc3\xa4"}]}') == {
        "a": [1, 2.5, None, {"a": "ä"}]
    }


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b'{"a": 1, "a": 1}', "a key is there twice"),
        (b'[{"a": {"b": 1, "b": 2}}]', "a key is there twice"),
        (b"NaN", "NaN is no number"),
        (b"[-Infinity]", "-Infinity is no number"),
        (b"{", "Expecting property name"),
        (b"\xff", "invalid start byte"),
        ("[]".encode("utf-16"), "invalid start byte"),
    ],
)
def test_refuses_what_two_readers_might_read_differently(raw: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        plain_json.read(raw)
