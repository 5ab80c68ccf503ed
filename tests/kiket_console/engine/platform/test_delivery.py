from __future__ import annotations

import base64
import json
from datetime import UTC, datetime

import pytest

from kiket_console.engine.platform import delivery
from kiket_console.errors import ConsoleError
from kiket_console.model import Handler

NOW = datetime(2027, 5, 6, 7, 8, 9, tzinfo=UTC)
URL = "http://127.0.0.1:9"


def test_the_catalogue_has_thirty_events_with_a_title_each() -> None:
    samples = delivery.samples()

    assert len(samples) == 30
    assert len({(each.event, each.version) for each in samples}) == 30
    assert all(each.title for each in samples)
    assert json.dumps([each.payload for each in samples]).count("runtime_token") == 0


def test_what_handlers_take_comes_first_and_nothing_twice() -> None:
    handlers = (Handler("sla.custom", "v7"), Handler("issue.created", "v2"))

    found = delivery.templates(handlers, URL, NOW)

    assert [(each.event, each.version, each.handled) for each in found[:2]] == [
        ("sla.custom", "v7", True),
        ("issue.created", "v2", True),
    ]
    assert len(found) == 31
    assert not any(each.handled for each in found[2:])


@pytest.mark.parametrize(
    "sample", delivery.samples(), ids=lambda each: f"{each.event}@{each.version}"
)
def test_the_times_of_a_sample_are_moved_to_now(sample: delivery.Template) -> None:
    payload = delivery.sample_payload(sample.event, sample.version, URL, NOW)

    moment = payload.get("timestamp") or payload.get("occurred_at") or payload["createdAt"]
    assert datetime.fromisoformat(moment) == NOW
    text = json.dumps(payload)
    assert '"2026-02-03T' not in text
    assert "{{" not in text


def test_times_keep_their_distance_and_days_stay_days() -> None:
    before = next(each for each in delivery.samples() if each.event == "issue.created").payload
    after = delivery.sample_payload("issue.created", "v1", URL, NOW)
    campaign = delivery.sample_payload("campaign.created", "v1", URL, NOW)["campaign"]

    def age_s(payload: dict[str, dict[str, str]]) -> float:
        made = datetime.fromisoformat(payload["issue"]["created_at"])
        return (datetime.fromisoformat(str(payload["timestamp"])) - made).total_seconds()

    assert age_s(after) == age_s(before)
    assert after["issue"]["created_at"].endswith("Z")
    assert len(campaign["starts_on"]) == len("2027-05-06")
    assert campaign["starts_on"] > "2027-05-06"


def test_a_sample_serves_versions_that_have_none_of_their_own() -> None:
    payload = delivery.sample_payload("issue.created", "v9", URL, NOW)

    assert payload["event_version"] == "v9"
    assert payload["issue"]["title"]


def test_an_event_that_nobody_knows_gets_a_small_payload() -> None:
    payload = delivery.sample_payload("my.own", "v1", URL, NOW)

    assert (payload["event"], payload["event_version"]) == ("my.own", "v1")
    assert payload["timestamp"] == "2027-05-06T07:08:09Z"


def test_samples_are_not_changed_by_use() -> None:
    before = json.dumps([each.payload for each in delivery.samples()])
    delivery.templates((), URL, NOW)
    delivery.sample_payload("issue.created", "v9", URL, NOW)

    assert json.dumps([each.payload for each in delivery.samples()]) == before


def test_the_version_is_the_newest_handlers_else_a_samples_else_v1() -> None:
    handlers = (Handler("issue.created", "v1"), Handler("issue.created", "v2"))

    assert delivery.version_for("issue.created", handlers) == "v2"
    assert delivery.version_for("campaign.created", handlers) == "v1"
    assert delivery.version_for("my.own", ()) == "v1"


def test_k0_is_signed_with_unless_the_target_does_not_take_it() -> None:
    assert delivery.dialect_for(("k1", "k0")) == "k0"
    assert delivery.dialect_for(("k1", "sw1")) == "k1"
    assert delivery.dialect_for(()) == "k0"


def test_a_lone_surrogate_is_written_as_an_escape() -> None:
    assert delivery.encoded({"a": "\ud800"}) == b'{"a":"\\ud800"}'


def test_a_private_key_signs_what_it_can_and_says_so_where_it_cannot() -> None:
    """An extension under way may verify with the key that signs; a public key signs nothing."""
    private = "whsk_" + base64.b64encode(bytes(range(32))).decode()

    signed = dict(delivery.signatures("sw1", private, b"{}", "dlv_1"))

    assert signed["webhook-signature"].startswith("v1a,")
    with pytest.raises(ConsoleError, match="signs sw1 alone"):
        delivery.signatures("k0", private, b"{}", "dlv_1")
    with pytest.raises(ConsoleError, match="sign with its whsk_ key"):
        delivery.signatures("sw1", "whpk_" + "A" * 43 + "=", b"{}", "dlv_1")
