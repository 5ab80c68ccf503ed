"""Fields of a payload go out as a keyed hash, where their value must stay here."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import TYPE_CHECKING, Any

import pytest

from kiket_core.secret import Secret
from kindo_message_client._hashing import hashed
from kindo_message_client.config import ConfigError
from kindo_message_client.producer import send_to_producer

if TYPE_CHECKING:
    from pathlib import Path

    from kindo_message_client.testing import FakeProducer

KEY = "a key of thirty-two bytes, or so"


def of(text: str) -> str:
    """Return what stands for a text, as anybody with the key can compute it."""
    return f"hmac-sha256:{hmac.new(KEY.encode(), text.encode(), hashlib.sha256).hexdigest()}"


def test_a_field_is_hashed_on_its_way_and_the_message_stays(
    producer: FakeProducer, message: dict[str, Any]
) -> None:
    message["payload"] = {"credit_card_last4": "1234", "amount": 99.99}
    send_to_producer(producer.url, message, hash_fields=["credit_card_last4"], hmac_key=KEY)
    assert producer.messages[0]["payload"] == {"credit_card_last4": of("1234"), "amount": 99.99}
    assert message["payload"]["credit_card_last4"] == "1234"
    assert message["security_level"] == "normal"


@pytest.mark.parametrize(
    ("fields", "payload", "expected"),
    [
        (["a"], {"a": "x", "b": {"a": "y"}}, {"a": of("x"), "b": {"a": of("y")}}),
        (["a"], {"l": [{"a": "x"}, [{"a": "y"}]]}, {"l": [{"a": of("x")}, [{"a": of("y")}]]}),
        (["b.a"], {"a": "x", "b": {"a": "y"}}, {"a": "x", "b": {"a": of("y")}}),
        (["b.a"], {"b": [{"a": "y"}]}, {"b": [{"a": of("y")}]}),
        (["b.a"], {"b.a": "x"}, {"b.a": of("x")}),
        (["a"], {"a": 1234}, {"a": of("1234")}),
        (["a"], {"a": {"z": [True, None], "b": "ü"}}, {"a": of('{"b":"ü","z":[true,null]}')}),
        (["a"], {"a": None}, {"a": None}),
        (["a"], {"a": of("x")}, {"a": of("x")}),
        (["missing"], {"a": "x"}, {"a": "x"}),
    ],
)
def test_which_values_are_hashed(
    fields: list[str], payload: dict[str, Any], expected: dict[str, Any]
) -> None:
    before = json.dumps(payload)
    assert hashed(payload, fields, KEY) == expected
    assert json.dumps(payload) == before


@pytest.mark.parametrize("key", [KEY, KEY.encode(), Secret(KEY)], ids=["text", "bytes", "secret"])
def test_a_key_is_given_in_any_form(key: Any) -> None:
    assert hashed({"a": "x"}, ["a"], key) == {"a": of("x")}


def test_the_key_comes_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="environment variable: KINDO_MESSAGE_HMAC_KEY"):
        hashed({"a": "x"}, ["a"], None)
    monkeypatch.setenv("KINDO_MESSAGE_HMAC_KEY", KEY)
    assert hashed({"a": "x"}, ["a"], None) == {"a": of("x")}


def test_a_short_key_is_refused_without_being_shown() -> None:
    with pytest.raises(ConfigError, match="has 5 bytes") as short:
        hashed({"a": "x"}, ["a"], "short")
    assert "short" not in str(short.value).replace("short of", "")


def test_one_text_is_no_list_of_names() -> None:
    with pytest.raises(TypeError, match=r"write \('card',\)"):
        hashed({"card": "x"}, "card", KEY)


def test_a_payload_that_never_ends_is_refused(message: dict[str, Any]) -> None:
    deep: dict[str, Any] = {}
    for _ in range(5_000):
        deep = {"in": deep}
    message["payload"] = deep
    with pytest.raises(ValueError, match="nested too deeply"):
        send_to_producer("https://example.test", message, hash_fields=["a"], hmac_key=KEY)
