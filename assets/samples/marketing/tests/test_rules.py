from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kiket_sdk.exceptions import KiketSDKError
from marketing import campaigns, funnel
from marketing.settings import Settings
from marketing.sla import overdue_minutes

EVENTS = Path(__file__).parents[1] / "events"


def event(name: str) -> dict[str, Any]:
    payload: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text())
    return payload


def test_settings_have_sensible_values_when_nothing_is_set() -> None:
    assert Settings.of({}) == Settings(
        hot_score=70,
        watched_labels=frozenset(),
        budget_limit=20_000,
        quiet=False,
        region="everywhere",
    )


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        ({"hot_score": 700}, "Setting `hot_score` is 700; it goes from 0 to 100."),
        ({"budget_limit": "much"}, "Setting `budget_limit` is 'much'; it must be a number."),
    ],
)
def test_a_setting_that_makes_no_sense_is_named(raw: dict[str, Any], sentence: str) -> None:
    with pytest.raises(KiketSDKError) as refused:
        Settings.of(raw)

    assert str(refused.value) == sentence


def test_a_campaign_keeps_its_token_under_a_name_of_its_own() -> None:
    campaign = campaigns.from_payload(event("campaign.created.v1"))

    assert campaigns.token_name(campaign) == "CAMPAIGN_77_TOKEN"
    assert campaigns.new_token() != campaigns.new_token()


def test_a_campaign_with_an_unknown_channel_is_refused() -> None:
    payload = {"campaign": {"id": 1, "name": "A", "budget": 1, "channels": ["pigeon"]}}

    with pytest.raises(KiketSDKError, match="names 'pigeon'; known are email, post, sms, web"):
        campaigns.from_payload(payload)


@pytest.mark.parametrize("budget", [-1, "12", None, True, float("nan")])
def test_a_budget_is_a_number_of_zero_or_more(budget: object) -> None:
    payload = {"campaign": {"id": 1, "name": "A", "budget": budget}}

    with pytest.raises(KiketSDKError, match=r"`campaign\.budget` must be a number"):
        campaigns.from_payload(payload)


@pytest.mark.parametrize(("span", "minutes"), [("18m", 18), ("1h 20m", 80), ("2h", 120)])
def test_a_delay_is_read_in_minutes(span: str, minutes: int) -> None:
    assert overdue_minutes({"sla": {"exceeded_by": span}}) == minutes


def test_a_delay_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(KiketSDKError, match="must read like `1h 20m`, not 'soon'"):
        overdue_minutes({"sla": {"exceeded_by": "soon"}})


def test_a_lead_moves_forward_or_back() -> None:
    made = funnel.move(event("issue.transitioned.v1"))

    assert (made.before, made.after, made.forward) == ("triage", "qualified", True)
    assert not funnel.Move("LEAD-1", "offer", "triage", "ana@example.com").forward


def test_a_bulk_move_has_no_transition() -> None:
    """The known bug of the README: this test turns red once it is mended, and then goes."""
    with pytest.raises(KeyError, match="transition"):
        funnel.move(event("issue.transitioned.v1.bulk"))
