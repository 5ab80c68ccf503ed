"""Which messages are sent, and what is said of the others (Kindo specification §7.2, §7.3)."""

from __future__ import annotations

import itertools
import json
import os
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest

from kindo_message_client._schema import (
    SchemaFileError,
    _is_plainly_good,
    validate,
    validator,
)
from kindo_message_client.config import SCHEMA_PATH, ConfigError
from kindo_message_client.producer import send_to_producer, validate_message_with_schema

Message = dict[str, Any]

REQUIRED = "event_type", "message_channel", "behavior", "payload"
CHOICES = "['instant', 'scheduled', 'deferred', 'long_term']"


def test_the_schema_is_the_documented_one() -> None:
    schema = json.loads(Path(SCHEMA_PATH).read_text("utf-8"))
    assert schema["$schema"] == "http://json-schema.org/draft-07/schema#"
    assert schema["required"] == list(REQUIRED)
    assert schema["additionalProperties"] is False
    rules = schema["properties"].items()
    assert {name: rule.get("enum") or rule["type"] for name, rule in rules} == {
        "event_type": "string",
        "message_channel": "string",
        "behavior": ["instant", "scheduled", "deferred", "long_term"],
        "security_level": ["sensitive", "normal"],
        "payload": "object",
    }


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        *(({name: ...}, f"{name!r} is a required property") for name in REQUIRED),
        ({"behavior": "later"}, f"'later' is not one of {CHOICES}"),
        ({"security_level": "secret"}, "'secret' is not one of ['sensitive', 'normal']"),
        ({"security_level": None}, "None is not one of ['sensitive', 'normal']"),
        ({"event_type": 5}, "5 is not of type 'string'"),
        ({"message_channel": None}, "None is not of type 'string'"),
        ({"payload": [1]}, "[1] is not of type 'object'"),
        ({"payload": "text"}, "'text' is not of type 'object'"),
        ({"extra": 1}, "Additional properties are not allowed ('extra' was unexpected)"),
        ({"x": 1, "a": 1}, "Additional properties are not allowed ('a', 'x' were unexpected)"),
        (dict.fromkeys(REQUIRED, ...), "'event_type' is a required property"),
        ({"payload": ..., "extra": 1, "event_type": 5}, "'payload' is a required property"),
        (
            {"extra": 1, "payload": [1]},
            "Additional properties are not allowed ('extra' was unexpected)",
        ),
        ({"security_level": 1, "payload": [1]}, "1 is not one of ['sensitive', 'normal']"),
        ({"payload": [1], "message_channel": 2, "event_type": 3}, "[1] is not of type 'object'"),
        ({"message_channel": 2, "event_type": 3, "behavior": 4}, "2 is not of type 'string'"),
        ({"event_type": 3, "behavior": "later"}, "3 is not of type 'string'"),
    ],
)
def test_what_is_wrong_is_told_in_the_words_of_the_releases(
    message: Message, change: Message, sentence: str
) -> None:
    changed = {name: value for name, value in (message | change).items() if value is not ...}
    with pytest.raises(ValueError) as wrong:  # noqa: PT011  # the whole text is compared
        send_to_producer("https://example.test", changed)
    assert str(wrong.value) == f"Invalid message structure: {sentence}"


@pytest.mark.parametrize(
    "change",
    [
        {"event_type": "", "message_channel": ""},
        {"payload": {}},
        {"payload": OrderedDict(a=float("nan"))},
        {"security_level": "sensitive"},
    ],
    ids=["empty texts", "empty payload", "nan", "sensitive"],
)
def test_what_the_schema_allows_is_allowed(message: Message, change: Message) -> None:
    validate_message_with_schema(message | change)


@pytest.mark.parametrize("wrong", [None, [], 5], ids=["null", "list", "number"])
def test_what_is_no_dictionary_is_a_type_error(wrong: Any) -> None:
    with pytest.raises(TypeError):
        send_to_producer("https://example.test", wrong)


def test_validating_alone_completes_the_message_too(message: Message) -> None:
    validate_message_with_schema(message)
    assert message["security_level"] == "normal"


def test_nothing_of_a_sensitive_payload_is_told(message: Message, tmp_path: Path) -> None:
    strict = tmp_path / "strict.json"
    payload = {"type": "object", "properties": {"card": {"pattern": "^[0-9]{16}$"}}}
    strict.write_text(json.dumps({"properties": {"payload": payload}, "not": {"required": ["x"]}}))
    for value, schema_path in (
        ("4111 1111", None),
        ({"card": "4111 1111"}, strict),
    ):
        message |= {"security_level": "sensitive", "payload": value}
        with pytest.raises(ValueError, match=r"Invalid message structure: \$\.payload") as wrong:
            validate(message, schema_path)
        assert "4111 " not in str(wrong.value)
        assert wrong.value.__cause__ is None
        assert wrong.value.__suppress_context__
    with pytest.raises(ValueError, match=r"\$ does not meet 'not'") as whole:
        validate({**message, "payload": {"card": "1" * 16}, "x": 1}, strict)
    assert "1" * 16 not in str(whole.value)


def test_a_long_value_is_cut(message: Message) -> None:
    with pytest.raises(ValueError, match=r"…$") as wrong:
        validate({**message, "payload": ["x"] * 10_000})
    assert len(str(wrong.value)) < 600


class TestASchemaOfOnesOwn:
    """`schema_path` was documented, and lost in later releases."""

    def test_is_used_instead_and_read_again_when_it_changes(
        self, message: Message, tmp_path: Path
    ) -> None:
        path = tmp_path / "own.json"
        path.write_text(
            json.dumps({"required": ["payload"], "properties": {"note": {"type": "null"}}})
        )
        validate({"event_type": 1, "payload": 2, "more": 3}, path)
        with pytest.raises(ValueError, match="'x' is not of type 'null'"):
            validate({**message, "note": "x"}, str(path))
        path.write_text(json.dumps({"required": ["something else"]}))
        os.utime(path, ns=(1, 1))
        with pytest.raises(ValueError, match="'something else' is a required property"):
            validate(message, path)

    def test_is_found_from_the_working_directory_then_in_the_package(
        self, message: Message, tmp_path: Path
    ) -> None:
        validate(message | {"security_level": "normal"}, "schemas/producer_payload.json")
        (tmp_path / "schemas").mkdir()
        (tmp_path / "schemas" / "producer_payload.json").write_text('{"required": ["mine"]}')
        with pytest.raises(ValueError, match="'mine' is a required property"):
            validate(message, "schemas/producer_payload.json")

    def test_of_another_draft_is_taken_as_such(self, message: Message, tmp_path: Path) -> None:
        path = tmp_path / "2020.json"
        draft = "https://json-schema.org/draft/2020-12/schema"
        path.write_text(json.dumps({"$schema": draft, "unevaluatedProperties": False}))
        with pytest.raises(ValueError, match="Unevaluated properties are not allowed"):
            validate(message, path)

    @pytest.mark.parametrize(
        ("text", "sentence"),
        [
            (None, r"cannot be read \(No such file or directory\)"),
            ("{", "cannot be read as JSON"),
            ("[" * 100_000, "cannot be read as JSON"),
            ('{"type": "text"}', r"no JSON schema: \$\.type 'text' is not valid"),
            ("5", "no JSON schema"),
            (" " * (1024 * 1024 + 1), "has 1,048,577 bytes"),
            ('{"$ref": "other.json"}', "refers to 'other.json', which is not in it"),
            ('{"$ref": "http://127.0.0.1:9/x"}', "addresses are not followed"),
        ],
        ids=["missing", "broken", "deep", "wrong", "number", "large", "file", "address"],
    )
    def test_that_cannot_be_used_says_so(
        self, message: Message, tmp_path: Path, text: str | None, sentence: str
    ) -> None:
        path = tmp_path / "own.json"
        if text is not None:
            path.write_text(text)
        with pytest.raises(SchemaFileError, match=sentence) as wrong:
            send_to_producer("https://example.test", message, schema_path=str(path))
        assert isinstance(wrong.value, ConfigError)
        assert str(path) in str(wrong.value)

    def test_that_is_a_folder_says_so(self, message: Message, tmp_path: Path) -> None:
        with pytest.raises(SchemaFileError, match="cannot be read"):
            validate(message, tmp_path)


def test_the_checker_is_made_once() -> None:
    assert validator() is validator()


def test_what_is_taken_without_asking_the_checker_is_what_the_checker_takes() -> None:
    """A message that is plainly good is not shown to jsonschema, which takes 20 times as long."""
    names = ["event_type", "message_channel", "behavior", "security_level", "payload", "other"]
    values: list[Any] = ["instant", "sensitive", 5, {}, ["instant"]]
    checker = validator()
    for chosen in itertools.product([None, *values], repeat=3):
        for place in range(len(names) - 2):
            message: Message = {
                "event_type": "a",
                "message_channel": "b",
                "behavior": "instant",
                "payload": {},
            }
            for name, value in zip(names[place:], chosen, strict=False):
                message.pop(name, None)
                if value is not None:
                    message[name] = value
            assert _is_plainly_good(message) == checker.is_valid(message), message
    nothing: list[Any] = [None, [], "x", 5]
    assert not any(_is_plainly_good(wrong) for wrong in nothing)
