"""What the extension answers, and what it tells the platform, delivery by delivery."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from fastapi.testclient import TestClient

    from kiket_sdk import KiketSDK
    from kiket_sdk.testing import FakePlatform, PayloadFactory

EVENTS = Path(__file__).parents[1] / "events"
SECRETS = "/api/v1/extensions/com.example.marketing/secrets"

Deliver = Callable[..., Any]


@pytest.fixture
def deliver(
    kiket_platform: FakePlatform,
    kiket_client: TestClient,
    kiket_signed_payload: PayloadFactory,
) -> Deliver:
    """Return a function that delivers one of `events/`, changed by keywords, and the answer."""

    def delivered(name: str, status: int = 200, **changes: Any) -> Any:
        event, _, version = name.removesuffix(".bulk").rpartition(".")
        payload = json.loads((EVENTS / f"{name}.json").read_text()) | changes
        signed = kiket_signed_payload(payload, event=event, version=version)
        answer = kiket_client.post(
            signed["path"], content=signed["body"], headers=signed["headers"]
        )
        assert answer.status_code == status, answer.text
        return answer.json()

    return delivered


def test_a_hot_lead_is_logged_counted_and_announced(
    deliver: Deliver, kiket_platform: FakePlatform
) -> None:
    answer = deliver("issue.created.v1")

    assert answer == {"ok": True, "issue": "LEAD-88", "score": 100, "hot": True}
    assert kiket_platform.logs == [
        {
            "message": "lead.scored",
            "metadata": {"issue": "LEAD-88", "score": 100, "hot": True, "region": "everywhere"},
        }
    ]
    assert kiket_platform.metrics == [{"name": "lead.score", "value": 100, "unit": "points"}]
    assert kiket_platform.notifications == [
        {
            "title": "Hot lead LEAD-88",
            "body": "Quote for 40 seats scored 100 of 100.",
            "level": "success",
        }
    ]


def test_a_warm_lead_of_version_two_is_not_announced(
    deliver: Deliver, kiket_platform: FakePlatform
) -> None:
    answer = deliver("issue.created.v2")

    assert answer == {"ok": True, "issue": "LEAD-89", "score": 40, "hot": False}
    assert kiket_platform.notifications == []


def test_quiet_counts_but_announces_nothing(
    deliver: Deliver,
    kiket_platform: FakePlatform,
    kiket_sdk: KiketSDK,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(kiket_sdk.config.settings.raw, "quiet", True)

    assert deliver("issue.created.v1")["hot"] is True
    assert kiket_platform.notifications == []
    assert len(kiket_platform.metrics) == 1


def test_a_changed_priority_scores_again(deliver: Deliver, kiket_platform: FakePlatform) -> None:
    assert deliver("issue.updated.v1")["rescored"] is True
    assert kiket_platform.logs[0]["metadata"]["because"] == "priority"


def test_a_changed_assignee_does_not(deliver: Deliver, kiket_platform: FakePlatform) -> None:
    answer = deliver("issue.updated.v1", changes={"assignee": {"from": None, "to": "ana"}})

    assert answer == {"ok": True, "issue": "LEAD-88", "rescored": False}
    assert kiket_platform.calls == []


def test_a_move_through_the_funnel_is_counted(
    deliver: Deliver, kiket_platform: FakePlatform
) -> None:
    assert deliver("issue.transitioned.v1")["stage"] == "qualified"
    assert kiket_platform.metrics == [
        {"name": "funnel.qualified", "value": 1, "unit": "count"},
    ]


def test_a_bulk_move_fails(deliver: Deliver, kiket_platform: FakePlatform) -> None:
    """The README's known bug, seen from outside."""
    assert "error" in deliver("issue.transitioned.v1.bulk", status=400)
    assert kiket_platform.calls == []


def test_a_campaign_gets_one_token_however_often_it_is_delivered(
    deliver: Deliver, kiket_platform: FakePlatform
) -> None:
    answer = deliver("campaign.created.v1")
    first = dict(kiket_platform.secrets)
    deliver("campaign.created.v1")

    assert answer["token"] == "CAMPAIGN_77_TOKEN"
    assert list(first) == ["CAMPAIGN_77_TOKEN"]
    assert kiket_platform.secrets == first
    assert len(kiket_platform.bodies(SECRETS)) == 3  # listed, set, listed again


def test_a_budget_above_the_limit_is_reported(
    deliver: Deliver, kiket_platform: FakePlatform
) -> None:
    assert deliver("campaign.created.v1")["over_budget"] is True
    assert kiket_platform.notifications[0]["body"] == "Winter launch: 24,500.00 of 20,000.00."


def test_a_missed_target_without_a_mailer_is_only_counted(
    deliver: Deliver, kiket_platform: FakePlatform
) -> None:
    answer = deliver("workflow.sla_breach.v1")

    assert answer == {"ok": True, "issue": "LEAD-72", "overdue_minutes": 80, "mailed": False}
    assert kiket_platform.notifications == []


def test_a_missed_target_with_a_mailer_is_told(
    deliver: Deliver, kiket_platform: FakePlatform
) -> None:
    kiket_platform.secrets["MAILER_TOKEN"] = "mt_1"

    assert deliver("workflow.sla_breach.v1")["mailed"] is True
    assert kiket_platform.notifications[0]["level"] == "error"


@pytest.mark.parametrize(
    ("name", "changes", "sentence"),
    [
        ("issue.created.v1", {"issue": None}, "`issue` must be an object, not missing or null."),
        (
            "workflow.sla_breach.v1",
            {"sla": {"exceeded_by": "soon"}},
            "`sla.exceeded_by` must read like `1h 20m`, not 'soon'.",
        ),
    ],
)
def test_a_payload_that_makes_no_sense_is_answered_with_a_sentence(
    deliver: Deliver, name: str, changes: dict[str, Any], sentence: str
) -> None:
    assert deliver(name, status=400, **changes) == {"error": sentence}


def test_a_failure_has_one_traceback_and_one_line_without_its_text(
    deliver: Deliver, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO"):
        deliver("issue.created.v1", status=400, issue=None)
    traceback, told = (each for each in caplog.records if "http" not in each.name)
    assert traceback.levelname == "ERROR"
    assert traceback.exc_info
    assert (told.name, told.levelname) == ("marketing", "INFO")
    assert re.fullmatch(r"issue\.created v1 failed after \d+ ms \(\w+\)", told.getMessage())


def test_an_unsigned_delivery_is_refused(
    kiket_client: TestClient, kiket_platform: FakePlatform
) -> None:
    answer = kiket_client.post("/v/v1/webhooks/issue.created", json={})

    assert answer.status_code == 401
    assert kiket_platform.calls == []
