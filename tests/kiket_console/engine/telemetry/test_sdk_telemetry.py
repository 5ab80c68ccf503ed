"""What the SDK of each release posts when a handler has ended."""

from __future__ import annotations

from typing import Any

import pytest

from kiket_console.engine.telemetry import sdk_telemetry
from kiket_console.engine.telemetry.sdk_telemetry import Handled, handled
from kiket_sdk.telemetry import TelemetryReporter

NOW_US = 1_800_000_000_000_000
TOLD: dict[str, Any] = {
    "event": "issue.created",
    "version": "v1",
    "status": "ok",
    "duration_ms": 12.5,
    "timestamp": NOW_US / 1_000_000,
    "extension_id": "com.example.marketing",
    "extension_version": "1.0",
    "metadata": {"project": "shop"},
}
FAILED = {"status": "error"}


def told(**fields: Any) -> Handled:
    found = handled(TOLD | fields, NOW_US + 5)
    assert found is not None
    return found


def test_a_record_becomes_the_span_of_its_handler() -> None:
    found = told()

    span = found.span
    assert (span.kind, span.name, span.status) == ("handler", "issue.created@v1", "ok")
    assert (span.started_us, span.duration_us) == (NOW_US - 12_500, 12_500)
    assert (found.event, found.version) == ("issue.created", "v1")
    assert found.extension_id == "com.example.marketing"
    assert span.attributes == (
        ("extension_id", "com.example.marketing"),
        ("extension_version", "1.0"),
        ("project", "shop"),
    )
    assert (span.trace_id, span.span_id, span.exchange_id, span.worker) == ("", "", None, "")


@pytest.mark.parametrize(
    ("fields", "message", "attribute"),
    [
        pytest.param({"metadata": {"message": "no funds"}}, "no funds", "no funds", id="v0"),
        pytest.param(
            {"metadata": {"error_message": "no funds", "error_class": "KiketSDKError"}},
            "KiketSDKError",
            "no funds",
            id="interim",
        ),
        pytest.param(
            {"metadata": {}, "error_message": "no funds", "error_class": "KiketSDKError"},
            "KiketSDKError",
            "no funds",
            id="newest",
        ),
        pytest.param({"error_message": None, "error_class": None}, "", "", id="nothing said"),
    ],
)
def test_an_error_is_told_by_its_class_and_its_text(
    fields: dict[str, Any], message: str, attribute: str
) -> None:
    span = told(**FAILED, **fields).span

    assert (span.status, span.message) == ("error", message)
    assert dict(span.attributes).get("error.message", "") == attribute


@pytest.mark.parametrize(
    ("timestamp", "ended_us"),
    [
        (1_799_999_999.25, NOW_US - 750_000),
        (1_799_999_999, NOW_US - 1_000_000),
        ("2027-01-15T07:59:59.250000+00:00", NOW_US - 750_000),
        ("2027-01-15T07:59:59.25Z", NOW_US - 750_000),
        ("2027-01-15T08:59:59+01:00", NOW_US - 1_000_000),
        ("2027-01-15T07:59:59", NOW_US - 1_000_000),
        (None, NOW_US + 5),
        (True, NOW_US + 5),
        ("soon", NOW_US + 5),
        ("", NOW_US + 5),
        ([], NOW_US + 5),
        ({}, NOW_US + 5),
        (-1, NOW_US + 5),
        (0, NOW_US + 5),
        (1e300, NOW_US + 5),
        (float("nan"), NOW_US + 5),
        (float("inf"), NOW_US + 5),
        (10**400, NOW_US + 5),
        (NOW_US / 1_000_000 + 90_000, NOW_US + 5),
    ],
    ids=lambda value: str(value)[:32],
)
def test_the_timestamp_may_be_of_any_release(timestamp: Any, ended_us: int) -> None:
    span = told(timestamp=timestamp).span

    assert span.started_us + span.duration_us == ended_us


@pytest.mark.parametrize(
    "fields",
    [
        {"event": None},
        {"event": ""},
        {"event": 3},
        {"duration_ms": None},
        {"duration_ms": "1"},
        {"duration_ms": True},
        {"duration_ms": -1},
        {"duration_ms": float("nan")},
        {"duration_ms": float("inf")},
        {"duration_ms": 1e15},
    ],
    ids=str,
)
def test_what_says_not_which_event_or_how_long_is_none(fields: dict[str, Any]) -> None:
    assert handled(TOLD | fields, NOW_US) is None
    assert handled({}, NOW_US) is None


def test_what_a_record_says_is_bounded() -> None:
    span = told(
        event="e" * 5000,
        status=["ok"],
        metadata={f"{each}" * 100: "v" * 9000 for each in range(100)},
        error_message={"deep": ["x" * 9000]},
    ).span

    assert (len(span.name), span.status) == (201, "")
    assert len(span.attributes) == sdk_telemetry.METADATA + 3
    assert max(len(value) for _, value in span.attributes) == 2049


def test_what_is_nested_as_deep_as_can_be_is_left_out() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]

    assert dict(told(metadata={"deep": deep}).span.attributes)["deep"] == "…"


@pytest.mark.parametrize("path", ["/api/v1/ext/telemetry", "/telemetry"])
def test_what_our_sdk_writes_is_read(path: str) -> None:
    """It writes the form of the newest release for the platform's address, else of the first."""
    reporter = TelemetryReporter(telemetry_url=f"http://127.0.0.1:1{path}", extension_id="x")
    about = {"error_message": "no funds", "error_class": "PaymentError"}
    record = reporter.build("issue.created", "v1", "error", 2.0, about)

    found = handled(reporter._written(record), round(record.timestamp * 1_000_000) + 9)

    assert found is not None
    assert found.span.message == "PaymentError"
    assert found.span.started_us == pytest.approx(record.timestamp * 1_000_000 - 2000, abs=1)
