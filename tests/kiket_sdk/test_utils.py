"""Variable names and references."""

from __future__ import annotations

from typing import Any

import pytest

from kiket_sdk.utils import (
    ENV_SECRET_PREFIX,
    environment_reference,
    environment_secret_name,
    resolve_env_reference,
)


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("example.apiKey", "EXAMPLE_APIKEY"),
        ("api-key", "API_KEY"),
        ("a..b", "A_B"),
        ("-x-", "X"),
        (" sp ace ", "SP_ACE"),
        ("ünïcode", "N_CODE"),
        ("9lives", "9LIVES"),
    ],
)
def test_the_variable_of_a_secret(key: str, name: str) -> None:
    assert environment_secret_name(key) == ENV_SECRET_PREFIX + name


@pytest.mark.parametrize(
    ("value", "name", "resolved"),
    [
        ("env:SET", "SET", "value"),
        ("ENV: SET ", "SET", "value"),
        ("env.SET", "SET", "value"),
        ("${SET}", "SET", "value"),
        ("${ SET }", "SET", "value"),
        ("env:EMPTY", "EMPTY", ""),
        ("env:UNSET", "UNSET", None),
        ("env:", "", None),
        ("${}", "", None),
        ("env.example.com", None, "env.example.com"),
        ("env.prod", None, "env.prod"),
        ("a ${SET} b", None, "a ${SET} b"),
        ("plain", None, "plain"),
        ("", None, ""),
        (7, None, 7),
        (None, None, None),
        (["env:SET"], None, ["env:SET"]),
    ],
)
def test_references(
    monkeypatch: pytest.MonkeyPatch, value: Any, name: str | None, resolved: Any
) -> None:
    monkeypatch.setenv("SET", "value")
    monkeypatch.setenv("EMPTY", "")
    monkeypatch.delenv("UNSET", raising=False)
    assert environment_reference(value) == name
    assert resolve_env_reference(value) == resolved
