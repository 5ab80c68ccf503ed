"""What is wrong with a message's text, each mistake at its line."""

from __future__ import annotations

import pytest
from tests.snap.producer import SCHEMA

from kiket_console.producing.checking import Wrong, check, members, place_of
from kiket_console.producing.templates import built_in

WHOLE = """{
  "event_type": "a",
  "message_channel": "b",
  "behavior": "instant",
  "payload": {}
}"""


@pytest.mark.parametrize("template", built_in(), ids=lambda each: each.name)
def test_each_template_that_comes_with_the_program_can_be_sent(template: object) -> None:
    """A first message can be sent as it stands."""
    assert check(getattr(template, "text", ""), SCHEMA) == ()


@pytest.mark.parametrize(
    ("before", "after", "wrong"),
    [
        ('"b",', '"b"', Wrong(3, 2, "A comma is missing here.")),
        ('"instant"', '"later"',
         Wrong(3, 14, '"later" is none of instant, scheduled, deferred, long_term.', "behavior")),
        ('"a"', "5",
         Wrong(1, 16, '"event_type" must be a text in double quotes.', "event_type")),
        ("{}", "[1]", Wrong(4, 13, '"payload" must be an object, { }.', "payload")),
        ('  "event_type": "a",\n', "", Wrong(0, 0, '"event_type" is missing.', "event_type")),
        ('"payload"', '"colour": [{"payload": 1}],\n  "payload"',
         Wrong(4, 2, 'The schema knows no "colour".', "colour")),
        (WHOLE, "[]", Wrong(0, 0, "The message must be an object, { }.")),
        (WHOLE, "", Wrong(0, 0, "It is empty.")),
        ("{}", '{"a": NaN}', Wrong(4, 19, "JSON has no NaN.")),
    ],
    ids=lambda value: value.sentence if isinstance(value, Wrong) else "",
)  # fmt: skip
def test_a_mistake_is_told_at_its_place(before: str, after: str, wrong: Wrong) -> None:
    """Line and column are those of the text, counted from 0."""
    assert check(WHOLE.replace(before, after), SCHEMA) == (wrong,)


def test_several_mistakes_come_in_the_order_of_the_text() -> None:
    """Without an end of their own, missing members are where the object begins."""
    text = '{"behavior": 5, "x": 1, "payload": 2}'
    found = check(text, SCHEMA)
    assert [each.member for each in found] == [
        "event_type", "message_channel", "behavior", "behavior", "x", "payload",
    ]  # fmt: skip
    assert [each.column for each in found] == sorted(each.column for each in found)


def test_a_value_is_found_among_braces_and_commas_inside_texts() -> None:
    """A way leads through objects and arrays; the last of two values of one name counts."""
    text = '{"a,}": [1, {"b": "x]"}], "a,}": [7, {"b":\n "y"}]}'
    assert place_of(text, ("a,}", 1, "b")) == (1, 1)
    assert place_of(text, ("a,}", 1, "b"), name=True) == (0, 38)
    assert place_of(text, ("nowhere",)) == (0, 0)


def test_members_are_handed_out_as_they_are_written() -> None:
    """Numbers keep their digits, and a name that is there twice is there twice."""
    text = '{"a": 1.50, "b" : {"c": [1]}, "a": "\\u00e9"}'
    assert members(text) == [("a", "1.50"), ("b", '{"c": [1]}'), ("a", '"\\u00e9"')]
