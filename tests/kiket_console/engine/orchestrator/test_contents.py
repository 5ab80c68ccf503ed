"""What is read of a message's inside, and what is left out of it when it is sent again."""

from __future__ import annotations

import json

import pytest

from kiket_console.carried import without_credentials
from kiket_console.engine.orchestrator.contents import headers
from kiket_console.engine.orchestrator.ports import Frame
from kiket_console.ipc import Channel, Direction, Kind


@pytest.mark.parametrize(
    ("kept", "left"),
    [
        ({"authorization": "[secret:authorization]"}, {}),
        ({"a": "1", "Cookie": "[secret:cookie]"}, {"a": "1"}),
        ({"Cookie": "[secret:cookie]", "x-api-key": "[secret:x-api-key]", "a": "1"}, {"a": "1"}),
        ({"a": "1", "cookie": "[secret:cookie]", "b": "2"}, {"a": "1", "b": "2"}),
        ({"x-name": "[secret:KEY]", "name": "[secret:name]"}, None),
    ],
)
@pytest.mark.parametrize("indent", [None, 1])
def test_headers_of_which_nobody_kept_the_value_are_left_out(
    kept: dict[str, str], left: dict[str, str] | None, indent: int | None
) -> None:
    """A secret's marker stays: its value is put back."""
    message = {"op": "http_request", "headers": kept, "body": None}

    found = without_credentials(json.dumps(message, indent=indent).encode())

    assert json.loads(found) == message | {"headers": kept if left is None else left}


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"[]", b'{"headers": 1}', b'{"headers": {"a": 1}}', b"\xff", b"null"]
)
def test_a_message_that_cannot_be_read_has_no_headers(raw: bytes) -> None:
    frame = Frame("m", "m#1", Channel.TCP, Direction.IN, raw, "http_request", Kind.REQUEST)

    assert headers(frame) == ()
