"""What docs/filters.md and the help say can be typed, can be typed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kiket_console import filters
from kiket_console.filters import facts
from kiket_console.filters import help as language
from kiket_console.filters.fields import FIELDS, Field

DOCUMENT = (Path(__file__).parents[3] / "docs" / "filters.md").read_text()
EXAMPLES = re.search(r"```text\n(.*?)```", DOCUMENT, re.DOTALL)
PROJECT = re.search(r"\[filters\]\n(.*?)```", DOCUMENT, re.DOTALL)


def test_every_field_and_word_is_documented() -> None:
    for field in FIELDS:
        assert f"`{field.name}`" in DOCUMENT, field.name
    for word in (*facts.STATES, *facts.STATUSES, *facts.SOURCES):
        assert f"`{word}`" in DOCUMENT, word


def test_the_examples_of_the_document_can_be_read() -> None:
    assert EXAMPLES is not None
    assert PROJECT is not None
    for line in EXAMPLES[1].splitlines():
        text = re.split(r" {2,}", line)[0]
        assert filters.parse(text, saved={"slow-hooks": "dur:>1s"}).where().clause
    for line in PROJECT[1].splitlines():
        filters.parse(line.partition('"')[2].rstrip('"'))


@pytest.mark.parametrize("text", [line.typed for line in language.lines() if "@name" not in line])
def test_what_the_help_shows_can_be_read(text: str) -> None:
    for each in re.split(r" {2,}", text):
        filters.parse(each)


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)
def test_every_word_that_is_offered_is_taken(field: Field) -> None:
    for word in field.words:
        assert filters.parse(f"{field.name}:{word}").where().clause
