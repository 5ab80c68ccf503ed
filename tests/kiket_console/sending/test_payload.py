"""Payloads are laid out to be read and sent the way they came, token by token."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiket_console.errors import ConsoleError
from kiket_console.sending import payload
from kiket_console.sending.payload import Fault, Layout

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
layouts = st.sampled_from([(",", ":"), (", ", ": "), (",", ": ")])


@given(values, layouts, st.booleans())
def test_what_is_laid_out_and_written_again_is_the_same_text(
    value: object, separators: tuple[str, str], ascii_only: bool
) -> None:
    text = json.dumps(value, separators=separators, ensure_ascii=ascii_only)
    layout = payload.layout_of(text)

    assert layout is not None
    assert layout.write(payload.spread(text)) == text


@given(values)
def test_an_escaped_text_says_the_same_and_can_be_seen(value: object) -> None:
    text = json.dumps(value, ensure_ascii=False)

    shown = payload.escaped(text)

    assert json.loads(shown) == value
    assert payload.is_plain(shown)


@given(values)
def test_a_document_is_written_as_it_was_read(value: object) -> None:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))

    assert payload.write(payload.read(text)) == text


def test_half_a_character_stays_an_escape() -> None:
    text = '{"a":"\\ud83d"}'
    assert payload.write(payload.read(text)).encode() == text.encode()


def test_numbers_keep_their_digits() -> None:
    text = '{"a":1.10,"b":[1e3,12345678901234567890.0]}'

    assert payload.write(payload.read(text)) == text


@pytest.mark.parametrize(
    ("text", "layout"),
    [
        ('{"a": [1, 2]}', Layout(", ", ": ")),
        ('{"a":1}', Layout(",", ":")),
        ("[1,2, 3]", None),
        ('{\n  "a": 1\n}', None),
        (' {"a":1}', None),
        ('{"a":1}\n', None),
        ("1", Layout(",", ":")),
    ],
)
def test_a_layout_is_that_of_one_even_line(text: str, layout: Layout | None) -> None:
    assert payload.layout_of(text) == layout


@pytest.mark.parametrize(
    ("text", "line", "column", "sentence"),
    [
        ('{"a":1,}', 0, 6, "The comma before } is one too many."),
        ("[1,\n]", 0, 2, "The comma before ] is one too many."),
        ("[1,2", 0, 4, "The JSON ends too early: something is not closed."),
        ("{a:1}", 0, 1, "A name in double quotes is missing here."),
        ("{'a':1}", 0, 1, "Names and texts take double quotes, not single ones."),
        ("[1 2]", 0, 3, "A comma is missing here."),
        ('{"a" 1}', 0, 5, "A colon is missing here."),
        ('[\n "abc]', 1, 1, "The text that begins here has no closing quote."),
        ('["x\ny"]', 0, 3, "The text on this line has no closing quote."),
        ('["x\ty"]', 0, 3, "A control character stands inside a text."),
        ('["b\\q"]', 0, 3, "JSON knows no such escape; a backslash is written twice."),
        ("", 0, 0, "It is empty."),
        ("[1, NaN]", 0, 4, "JSON has no NaN."),
        ("[1, -Infinity2]", 0, 4, "JSON has no -Infinity."),
        ("1 2", 0, 2, "The JSON has ended before this."),
        ("[" * 100_000, 0, 0, "It is nested too deeply."),
        (f"[{'1' * 5000}]", 0, 0, "Exceeds the limit (4300 digits) for integer string conversion."),
    ],
)
def test_what_is_wrong_is_said_with_its_place(
    text: str, line: int, column: int, sentence: str
) -> None:
    found = payload.fault(text)

    assert found is not None
    if sentence.startswith("Exceeds"):
        assert found.sentence.startswith("Exceeds the limit (4300 digits) for integer string")
    else:
        assert found == Fault(line, column, sentence)


def test_a_payload_with_a_key_twice_is_not_taken_apart() -> None:
    with pytest.raises(ConsoleError) as refused:
        payload.read('{"a":1,"a":2}')

    assert str(refused.value) == (
        "No single value of this payload can be set. An object has one key twice. Edit all of it."
    )
