"""A producer message as a form and as JSON: nothing is lost between the two."""

from __future__ import annotations

import json

import pytest
from tests.snap.producer import SCHEMA

from kiket_console.errors import ConsoleError
from kiket_console.producing.templates import built_in
from kiket_console.ui.producer_form import Form, form_of


@pytest.mark.parametrize("template", built_in(), ids=lambda each: each.name)
def test_a_message_is_the_same_text_again(template: object) -> None:
    text = getattr(template, "text", "")
    assert form_of(text).text == text


def test_numbers_escapes_and_members_of_no_field_stay_as_they_are() -> None:
    text = '{"payload": {"a": 1.50, "b": 1e3}, "extra": {"é": [1]}, "event_type": ""}'
    form = form_of(text)
    assert form.others == (("extra", '{"é": [1]}'),)
    assert '"a": 1.50' in form.text
    assert '"b": 1e3' in form.text
    assert json.loads(form.text) == json.loads(text)
    assert form_of(form.text) == form


def test_a_field_that_is_emptied_is_left_out_unless_it_was_there_empty() -> None:
    """So that a forgotten field is said to be missing, and an empty one stays allowed."""
    assert "event_type" not in Form(event_type="", behavior="instant").text
    assert '"event_type": ""' in form_of('{"event_type": "", "payload": {}}').text


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "ends too early"),
        ("[]", "no JSON object"),
        ('{"event_type": 5}', '"event_type" is no text'),
        ('{"payload": {}, "payload": {}}', '"payload" is there twice'),
    ],
)
def test_what_fits_no_form_says_why(text: str, why: str) -> None:
    with pytest.raises(ConsoleError, match=why):
        form_of(text)


def test_mistakes_are_told_by_the_lines_of_the_payload() -> None:
    """A person sees the payload alone; a mistake in a field belongs to that field."""
    form = Form("a", "b", "later", payload='{\n  "x": 1,\n  "y": \n}')
    in_payload, in_field = form.check(SCHEMA)
    assert (in_payload.line, in_payload.column, in_payload.member) == (3, 0, "payload")
    assert in_field.member == "behavior"
    whole = Form("a", "b", "instant", payload="[1]")
    [wrong] = whole.check(SCHEMA)
    assert (wrong.line, wrong.column, wrong.member) == (0, 0, "payload")
    extra = form_of('{"x": 1, "payload": {}, "event_type": "a"}').check(SCHEMA)
    assert [each.member for each in extra] == ["behavior", "message_channel", "x"]
