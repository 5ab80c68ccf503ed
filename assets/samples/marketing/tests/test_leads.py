from __future__ import annotations

from typing import Any

import pytest

from marketing import leads
from marketing.payloads import PayloadError

WATCHED = frozenset({"pricing", "demo", "trial"})


def issue(**values: Any) -> dict[str, Any]:
    return {"issue": {"key": "LEAD-1", "title": "Hello", **values}}


@pytest.mark.parametrize(
    ("values", "score"),
    [
        ({}, 15),
        ({"priority": "low"}, 0),
        ({"priority": "critical", "labels": ["Pricing"]}, 70),
        ({"priority": "high", "labels": ["other"], "custom_fields": {"decision_maker": "A"}}, 45),
        (
            {
                "priority": "critical",
                "labels": ["pricing", "demo", "trial"],
                "custom_fields": {"budget_approved": True},
            },
            100,
        ),
    ],
)
def test_a_lead_is_as_warm_as_its_priority_labels_and_answers(
    values: dict[str, Any], score: int
) -> None:
    assert leads.score(leads.from_v1(issue(**values)), WATCHED) == score


def test_both_versions_of_an_event_read_the_same_lead() -> None:
    as_mapping = issue(custom_fields={"budget_approved": True})
    as_list = issue(custom_fields=[{"key": "budget_approved", "value": True}])

    assert leads.from_v1(as_mapping) == leads.from_v2(as_list)


@pytest.mark.parametrize(
    ("payload", "sentence"),
    [
        ({}, "`issue` must be an object, not missing or null."),
        ({"issue": []}, "`issue` must be an object, not []."),
        ({"issue": {}}, "`issue.title` must be a text that is not empty, not missing or null."),
        (issue(title=" "), "`issue.title` must be a text that is not empty, not ' '."),
        (issue(labels="pricing"), "`issue.labels` must be a list of texts, not 'pricing'."),
        (issue(custom_fields=[1]), "`issue.custom_fields` must be an object in version v1."),
    ],
)
def test_a_payload_that_cannot_be_read_is_refused_with_a_sentence(
    payload: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(PayloadError) as refused:
        leads.from_v1(payload)

    assert str(refused.value) == sentence


def test_only_changes_that_count_ask_for_a_new_score() -> None:
    assert leads.scored_changes({"priority": {}, "assignee": {}, "labels": {}}) == (
        "labels",
        "priority",
    )
    assert leads.scored_changes({"assignee": {}}) == ()
    assert leads.scored_changes(None) == ()
