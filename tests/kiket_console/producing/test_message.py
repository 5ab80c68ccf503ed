from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.producing import message

if TYPE_CHECKING:
    from pathlib import Path

TEXT = '{"event_type": "e", "message_channel": "c", "behavior": "instant", "payload": {"a": "ä"}}'


def test_the_bytes_are_those_that_the_client_library_sends() -> None:
    read = message.read(TEXT)

    assert read.raw_body == json.dumps({**json.loads(TEXT), "security_level": "normal"}).encode()
    assert (read.event_type, read.is_sensitive) == ("e", False)


def test_a_sensitive_message_shows_nothing_of_its_payload() -> None:
    read = message.read(TEXT.replace('"payload"', '"security_level": "sensitive", "payload"'))

    assert read.is_sensitive
    assert "ä" not in repr(read)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{\n "a": }', "at line 2, column 7."),
        ("[" * 100_000, "more than 200 levels"),
        ("null", "is null, not an object"),
        ("5", "is a number, not an object"),
        ('"x"', "is a text, not an object"),
        (TEXT.replace("instant", "later"), "'later' is not one of"),
        (TEXT.replace('"payload": {', '"payload": {"n": 1e999, '), "no way to write"),
    ],
    ids=range(7),
)
def test_what_is_no_message_has_a_sentence_and_a_place(text: str, said: str) -> None:
    with pytest.raises(ConsoleError) as refused:
        message.read(text)

    assert (refused.value.exit_code, said in refused.value.message) == (ExitCode.USAGE, True)


def test_a_message_larger_than_a_producer_takes_is_not_sent() -> None:
    huge = json.dumps({**json.loads(TEXT), "payload": {"a": "x" * message.MESSAGE_BYTES}})

    with pytest.raises(ConsoleError, match="more than the 6,291,456") as refused:
        message.read(huge)

    assert refused.value.exit_code is ExitCode.TOO_LARGE


def test_another_schema_takes_other_messages(own_places: Path) -> None:
    schema = own_places / "schema.json"
    schema.write_text('{"type": "object", "required": ["name"]}')

    assert message.read('{"name": "x"}', schema).fields["name"] == "x"
    with pytest.raises(ConsoleError, match="'name' is a required property"):
        message.read(TEXT, schema)


@pytest.mark.parametrize(
    "schema",
    ["{", '{"type": 5}', '{"$ref": "https://example.com/schema.json"}', '{"$ref": "#/nowhere"}'],
)
def test_a_schema_that_cannot_be_used_has_a_sentence_and_nothing_is_fetched(
    own_places: Path, schema: str
) -> None:
    file = own_places / "schema.json"
    file.write_text(schema)

    with pytest.raises(ConsoleError, match=r"schema\.json") as refused:
        message.read(TEXT, file)

    assert refused.value.exit_code is ExitCode.CONFIG
