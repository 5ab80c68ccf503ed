"""Secrets that are text, or what a text means."""

from __future__ import annotations

import copy
import json
import pickle

import pytest

import kiket_core.secret
from pywatt_sdk import SecretError
from pywatt_sdk.security.typed_secret import Secret, SecretString, typed


@pytest.mark.parametrize("show", [str, repr, "{}".format, "%s".__mod__])
def test_a_secret_never_shows_its_value(show: object) -> None:
    assert callable(show)
    assert "hunter2" not in show(Secret("hunter2", "PASSWORD"))
    assert "hunter2" not in show(Secret("hunter2"))


def test_a_secret_is_shown_by_its_name() -> None:
    assert str(Secret("hunter2", "PASSWORD")) == "[secret:PASSWORD]"
    assert f"{Secret('hunter2'):>12}" == "  [REDACTED]"
    assert repr(Secret(12)) == "Secret<int>([REDACTED])"


def test_a_secret_exposes_what_it_was_made_with_and_is_one_of_the_core() -> None:
    number = Secret(5432, "PORT")

    assert number.expose_secret() == 5432
    assert number.reveal() == "5432"
    assert isinstance(number, kiket_core.secret.Secret)
    assert number == Secret("5432")


def test_a_secret_string_is_a_secret() -> None:
    assert SecretString("hunter2").expose_secret() == "hunter2"


def test_a_secret_is_not_pickled_copied_or_put_into_json() -> None:
    secret = Secret("hunter2")

    assert copy.deepcopy(secret) is secret
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    with pytest.raises(TypeError):
        json.dumps(secret)
    with pytest.raises(AttributeError):
        secret._expose = lambda: ""


def test_what_is_made_of_a_secret_is_secret() -> None:
    url = Secret("pw", "DB").map(lambda password: f"postgres://me:{password}@host")

    assert url.expose_secret() == "postgres://me:pw@host"
    assert str(url) == "[secret:DB]"


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("yes", bool, True),
        (" OFF ", bool, False),
        ("42\n", int, 42),
        ("2.5", float, 2.5),
        ("a b", str, "a b"),
        ("é", bytes, b"\xc3\xa9"),
        ('{"a": [1]}', dict, {"a": [1]}),
        ("[1, 2]", list, [1, 2]),
        ("1+2j", complex, 1 + 2j),
    ],
)
def test_text_becomes_what_it_means(text: str, kind: type, value: object) -> None:
    assert typed(Secret(text), kind).expose_secret() == value


@pytest.mark.parametrize("kind", [int, float, bool, dict, complex])
def test_text_that_means_nothing_is_not_told(kind: type) -> None:
    with pytest.raises(SecretError, match=f"'TOKEN' is no {kind.__name__}") as raised:
        typed(Secret('"hunter2"', "TOKEN"), kind)

    assert "hunter2" not in str(raised.value)
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__
