from __future__ import annotations

import pytest

from kiket_core import env
from kiket_core.secret import redactor


def test_reads_the_process_environment_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KIKET_PLACE", "here")
    assert env.text("KIKET_PLACE") == "here"


@pytest.mark.parametrize("environ", [{}, {"X": ""}, {"X": "  "}])
def test_takes_the_default_for_a_missing_or_blank_variable(environ: dict[str, str]) -> None:
    assert env.text("X", environ=environ) is None
    assert env.text("X", "other", environ=environ) == "other"
    assert env.secret("X", environ=environ) is None
    assert env.flag("X", environ=environ) is False
    assert env.flag("X", True, environ=environ) is True
    assert env.integer("X", 7, environ=environ) == 7
    assert env.seconds("X", 2.5, environ=environ) == 2.5


def test_keeps_text_as_it_is() -> None:
    assert env.text("X", environ={"X": " a "}) == " a "


def test_names_a_secret_after_its_variable() -> None:
    secret = env.secret("API_KEY", environ={"API_KEY": "value"})
    assert secret is not None
    assert secret.reveal() == "value"
    assert repr(secret) == "[secret:API_KEY]"


@pytest.mark.parametrize("word", ["1", "true", "yes", "on", "TRUE", " Yes "])
def test_reads_yes(word: str) -> None:
    assert env.flag("X", environ={"X": word}) is True


@pytest.mark.parametrize("word", ["0", "false", "no", "off", "Off"])
def test_reads_no(word: str) -> None:
    assert env.flag("X", True, environ={"X": word}) is False


def test_reads_numbers_up_to_their_bounds() -> None:
    assert env.integer("X", 0, 1, 10, environ={"X": "1"}) == 1
    assert env.integer("X", 0, 1, 10, environ={"X": " 10 "}) == 10
    assert env.seconds("X", 0, 0.5, 2, environ={"X": "0.5"}) == 0.5
    assert env.seconds("X", 0, environ={"X": "30"}) == 30


@pytest.mark.parametrize(
    ("read", "sentence"),
    [
        (
            lambda: env.flag("X", environ={"X": "maybe"}),
            "X is 'maybe', but must be one of 1, true, yes, on, 0, false, no, off.",
        ),
        (
            lambda: env.integer("X", 0, 1, 10, environ={"X": "eleven"}),
            "X is 'eleven', but must be a whole number from 1 to 10.",
        ),
        (
            lambda: env.integer("X", 0, 1, environ={"X": "0"}),
            "X is '0', but must be a whole number, 1 or more.",
        ),
        (
            lambda: env.integer("X", 0, maximum=3, environ={"X": "4"}),
            "X is '4', but must be a whole number, 3 or less.",
        ),
        (
            lambda: env.integer("X", 0, environ={"X": "1.5"}),
            "X is '1.5', but must be a whole number.",
        ),
        (
            lambda: env.seconds("X", 0, environ={"X": "-1"}),
            "X is '-1', but must be a number of seconds, 0 or more.",
        ),
        (
            lambda: env.seconds("X", 0, 0, 60, environ={"X": "nan"}),
            "X is 'nan', but must be a number of seconds from 0 to 60.",
        ),
        (
            lambda: env.seconds("X", 0, environ={"X": "1h"}),
            "X is '1h', but must be a number of seconds, 0 or more.",
        ),
    ],
)
def test_says_what_is_wrong_in_one_sentence(read: object, sentence: str) -> None:
    with pytest.raises(env.EnvironmentValueError) as raised:
        read()  # type: ignore[operator]  # a table of lambdas
    assert str(raised.value) == sentence
    assert raised.value.name == "X"


def test_quotes_values_printable_bounded_and_without_secrets() -> None:
    redactor.add("KEY", "env-test-secret")
    value = "env-test-secret \x1b[2J" + "x" * 500
    with pytest.raises(env.EnvironmentValueError) as raised:
        env.flag("X", environ={"X": value})
    message = str(raised.value)
    assert message.startswith("X is '[secret:KEY] \\x1b[2Jxxx")
    assert len(message) < 200
