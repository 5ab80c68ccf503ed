"""What is typed to change a template."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiket_console import json_path
from kiket_console.sending import overrides
from kiket_console.sending.overrides import OverrideError
from kiket_console.sending.values import Values

ISSUE = {
    "issue": {"id": 42, "priority": "low", "labels": ["a", "b"], "a key": {"b": None}},
    "n": 1,
}
VALUES = Values(
    now=datetime(2026, 11, 20, 14, 5, 9, tzinfo=UTC),
    environ={"REGION": "eu"},
    last={"issue": {"id": 7, "tags": ["x"]}},
)


def applied(line: str, document: Any = ISSUE) -> Any:
    return overrides.apply(document, overrides.read(line), VALUES)


def refused(line: str, document: Any = ISSUE) -> OverrideError:
    with pytest.raises(OverrideError) as caught:
        applied(line, document)
    return caught.value


leaves = st.none() | st.booleans() | st.integers() | st.text()
keys = st.text(min_size=1, max_size=8)
documents = st.dictionaries(
    keys,
    st.recursive(
        leaves, lambda inner: st.lists(inner) | st.dictionaries(keys, inner), max_leaves=8
    ),
    min_size=1,
)


@given(st.data(), documents, leaves.filter(lambda value: "${" not in str(value)))
def test_what_is_set_is_got_and_nothing_else_changes(
    data: st.DataObject, document: dict[str, Any], value: object
) -> None:
    found = [place for place, _ in json_path.parse("$..*").find(document)]
    place = data.draw(st.sampled_from(found))
    line = f"{json_path.write(place)}={json.dumps(value)}"

    changed = applied(line, document)

    assert json_path.get(changed, place) == value
    before = json_path.get(document, place)
    assert json_path.put(changed, place, before) == document


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ('$.n="high"', "high"),
        ("$.n=high", "high"),
        ("$.n='high and low'", "high and low"),
        ("$.n=12", 12),
        ("$.n=1.5", 1.5),
        ("$.n=true", True),
        ("$.n=null", None),
        ("$.n = 3", 3),
        ('$.n=""', ""),
        ('$.n={"a": [1, 2]}', {"a": [1, 2]}),
        ("$.n=2026-11-20", "2026-11-20"),
        ("$.n=${n}", 1),
        ("$.n=no-${n}", "no-1"),
        ("$.n=${now}", "2026-11-20T14:05:09Z"),
        ("$.n=${now + 5m}", "2026-11-20T14:10:09Z"),
        ("$.n=${now-2d}", "2026-11-18T14:05:09Z"),
        ("$.n=${unix}", 1795183509),
        ('$.n="at ${unix+1s}"', "at 1795183510"),
        ("$.n=${last.$.issue.id}", 7),
        ("$.n=${last.$.issue}", {"id": 7, "tags": ["x"]}),
        ('$.n=${last.$["issue"]["tags"][0]}', "x"),
        ("$.n=${env.REGION}", "eu"),
        ("$.n=$${now}", "${now}"),
        ('$.n=["${n}", {"a": "${n}"}]', [1, {"a": 1}]),
    ],
)
def test_a_value_is_json_or_plain_words_with_values_in_them(line: str, value: object) -> None:
    assert applied(line) == {**ISSUE, "n": value}


def test_several_stand_on_a_line_and_are_carried_out_in_order() -> None:
    found = applied('  $.issue.priority="high"  $.issue["a key"].b=${n} $.n=2 $.n=3 ')

    assert found["issue"]["priority"] == "high"
    assert found["issue"]["a key"] == {"b": 1}
    assert found["n"] == 3


def test_one_path_may_lead_to_many_places() -> None:
    assert applied("$.issue.labels[*]=x")["issue"]["labels"] == ["x", "x"]
    assert applied("$.issue.labels[-1]=x")["issue"]["labels"] == ["a", "x"]


def test_a_uuid_is_a_new_one_each_time() -> None:
    first, second = (applied("$.n=${uuid}")["n"] for _ in range(2))

    assert first != second
    assert len(first) == 36


def test_the_document_that_was_given_stays_as_it_is() -> None:
    before = json.dumps(ISSUE)
    applied("$.issue.labels[0]=x")

    assert json.dumps(ISSUE) == before


def test_what_came_from_outside_is_never_worked_out() -> None:
    """Only what a person types is; else a sender could read their environment."""
    assert applied("$.n=2", {"n": 1, "text": "${env.REGION}"})["text"] == "${env.REGION}"
    last = Values(last={"text": "${env.REGION}"}, environ={"REGION": "eu"})
    found = overrides.apply({"n": 1}, overrides.read("$.n=${last.$.text}"), last)
    assert found == {"n": "${env.REGION}"}


@pytest.mark.parametrize(
    ("line", "message", "hint", "suggestion", "column"),
    [
        (
            "$.issue.prioritty=1", "There is no $.issue.prioritty.",
            "Did you mean $.issue.priority?", "$.issue.priority", 0,
        ),
        (
            "$.n=2 $.priority=1", "There is no $.priority.",
            "Did you mean $.issue.priority?", "$.issue.priority", 6,
        ),
        (
            "$.prioritty=1",
            "There is no $.prioritty.",
            "Did you mean $.issue.priority?",
            "$.issue.priority",
            0,
        ),
        ("$.issue.labels[7]=1", "There is no $.issue.labels[7].",
         "$.issue.labels is an array of 2.", "", 0),
        ("$..nothing=1", "There is no $..nothing in this event.", "", "", 0),
        ("$.n", "A = is missing behind $.n.", 'As in $.issue.priority="high".', "", 3),
        ("$.n=", "A value is missing here.", '"" is the empty text.', "", 4),
        ("n=1", "A JSON path begins with `$`.", "As in $.issue.key.", "", 0),
        ('$.n="a" $.n="b', "The value that begins here is no JSON.",
         "Unterminated string starting at.", "", 12),
        ('$.n="a"$.n=1', "A blank is missing between this value and the next.", "", "", 7),
        ("$.n=${nwo}", "There is no value ${nwo}.", "Did you mean ${now}?", "", 4),
        ("$.n=a-${uuid", "This ${ has no closing brace.", (
            "There are ${uuid}, ${now}, ${now+5m}, ${unix}, ${n}, ${last.$.path} and ${env.NAME}."
        ), "", 6),
        ("$.n=${env.NONE}", "The environment has no variable NONE.", "", "", 4),
        ("$.n=${last.$.issue.key}", "In the newest capture: There is no $.issue.key.",
         "$.issue has id, tags.", "", 4),
        ("$.n=${now+999999999w}", "${now+999999999w} is outside of the calendar.", "", "", 4),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_said_with_its_place_and_what_was_meant(
    line: str, message: str, hint: str, suggestion: str, column: int
) -> None:
    error = refused(line)

    assert (error.message, error.hint, error.suggestion) == (message, hint, suggestion)
    assert error.column == column


def test_the_same_name_elsewhere_is_meant_rather_than_a_like_one_beside_it() -> None:
    document = {"project": 1, "issue": {"priority": "low"}}

    assert refused("$.priority=1", document).suggestion == "$.issue.priority"
    assert refused("$.projct=1", document).suggestion == "$.project"


def test_without_a_capture_there_is_nothing_to_refer_to() -> None:
    with pytest.raises(OverrideError, match="There is no capture of this event yet"):
        overrides.apply(ISSUE, overrides.read("$.n=${last.$.x}"), Values())


def test_on_a_command_line_blanks_belong_to_the_value() -> None:
    override = overrides.read_one("$.n=two words = fine")

    assert overrides.apply(ISSUE, [override], VALUES)["n"] == "two words = fine"


def test_a_value_of_unclosed_braces_costs_nothing() -> None:
    began_s = time.process_time()
    [override] = overrides.read("$.a=" + "${" * 20_000)
    assert override.value == "${" * 20_000
    assert time.process_time() - began_s < 3


def test_a_path_may_not_change_half_the_document() -> None:
    error = refused("$[*]=1", [0] * 1001)

    assert error.message == "$[*] leads to more than 1000 places."


@pytest.mark.parametrize(
    ("line", "completed", "names"),
    [
        ("$.is", "$.issue.", ("issue",)),
        ("$.n=1 $.issue.pri", "$.n=1 $.issue.priority=", ("priority",)),
        ("$.issue.", "$.issue.", ("id", "priority", "labels")),
        ("$.issue.l", "$.issue.labels=", ("labels",)),
        ("$.issue.nothing", "$.issue.nothing", ()),
        ("$.issue.labels.", "$.issue.labels.", ()),
        ("$.n=1", "$.n=1", ()),
        ("", "", ()),
        ("$..[.x", "$..[.x", ()),
    ],
)
def test_a_path_that_is_being_typed_is_completed(
    line: str, completed: str, names: tuple[str, ...]
) -> None:
    assert overrides.completed(ISSUE, line) == (completed, names)


def test_names_with_a_common_beginning_are_completed_up_to_it() -> None:
    document = {"created_at": 1, "created_by": 2}

    assert overrides.completed(document, "$.c") == ("$.created_", ("created_at", "created_by"))
