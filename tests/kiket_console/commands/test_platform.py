"""Values of rows on the command line."""

from __future__ import annotations

import io
import sys
from typing import Any

import pytest

from kiket_console.commands.platform_changes import row_of
from kiket_console.errors import ConsoleError, ExitCode


@pytest.mark.parametrize(
    ("words", "row"),
    [
        (["email=ada@example.com", "score=4"], {"email": "ada@example.com", "score": 4}),
        (["name=Ada Lovelace", "vip=true", "left=null"],
         {"name": "Ada Lovelace", "vip": True, "left": None}),
        (['zip="0123"', "zip2=0123"], {"zip": "0123", "zip2": "0123"}),
        (['profile={"a": [1]}', "empty="], {"profile": {"a": [1]}, "empty": ""}),
        (['{"a": 1, "b": 2}', "b=3"], {"a": 1, "b": 3}),
        (["formula=a=b"], {"formula": "a=b"}),
    ],
)  # fmt: skip
def test_a_value_is_json_or_else_a_text(words: list[str], row: dict[str, Any]) -> None:
    """What is no JSON is the text itself; quotes make a text of a number."""
    assert row_of(words) == row


def test_a_dash_reads_an_object_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    """Words after it win."""
    stdin = io.TextIOWrapper(io.BytesIO(b'{"a": 1, "b": 2}'))
    monkeypatch.setattr(sys, "stdin", stdin)

    assert row_of(["-", "b=3"]) == {"a": 1, "b": 3}


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("email", '"email" is no value.'),
        ("=4", '"=4" is no value.'),
        ('{"a": ', "That is no JSON. Line 1"),
    ],
)
def test_a_word_that_says_nothing_is_refused(word: str, said: str) -> None:
    with pytest.raises(ConsoleError) as caught:
        row_of([word])
    assert str(caught.value).startswith(said)
    assert caught.value.exit_code is ExitCode.USAGE
