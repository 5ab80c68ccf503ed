"""Deliveries that were recorded, delivered again."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from msgspec import structs
from tests.kiket_console.exporting.conftest import make_detail

from kiket_console.exporting.case import case
from kiket_console.exporting.commands import Urls
from kiket_console.exporting.files import Recorded, made
from kiket_console.model import Body, Source
from kiket_sdk import HandlerContext, KiketSDK
from kiket_sdk.testing import RecordedCall, Recording, recordings, replay_recording

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.kiket_console.exporting.conftest import MakeDetail

    from kiket_sdk.testing import FakePlatform

__all__ = ["make_detail"]  # a fixture

SECRET = "a webhook secret of more than 24 bytes"
URLS = Urls("http://127.0.0.1:8700", "http://127.0.0.1:8701")
LOGS = "/api/v1/extensions/logs"
FORM = "/api/v1/ext/intake_forms/bug?project_id=7"


def build_sdk(**options: Any) -> KiketSDK:
    sdk = KiketSDK(webhook_secret=SECRET, **options)

    async def handle(payload: Any, context: HandlerContext) -> Any:
        await context.endpoints.log_event("seen")
        form = await context.endpoints.intake_forms(7).get("bug")
        return {"issue": payload["issue"], "form": form["name"], "version": context.event_version}

    sdk.register("issue.updated", handle, version="v2")
    return sdk


@pytest.fixture
def export(make_detail: MakeDetail) -> Callable[[str], bytes]:
    """Return a way to export a delivery, its calls, and one whose body is no JSON."""
    delivery = make_detail(b'{"issue": 42}', answer=b'{"issue": 42, "form": "Bugs"}')
    api = {"source": Source.API, "parent_id": delivery.exchange.id, "replay_of": None}
    form = make_detail(
        b"",
        id=1205,
        method="GET",
        path=FORM,
        name="",
        version="",
        answer=b'{"name": "Bugs"}',
        **api,
    )
    log = make_detail(b"{}", id=1206, path=LOGS, name="", version="", status=204, answer=b"", **api)
    binary = make_detail(b"\xff\x00", id=1207, name="issue.closed", path="/webhooks/issue.closed")
    whole = [delivery, form, log, binary]
    return lambda name: made(name, [Recorded(each) for each in whole], URLS)


@pytest.mark.parametrize(("name", "suffix"), [("jsonl", ".jsonl"), ("har", ".har")])
def test_what_the_console_exported_is_delivered_again(
    export: Callable[[str], bytes], tmp_path: Path, name: str, suffix: str
) -> None:
    """The calls of the handler are answered as they were; nobody asks the real platform."""
    file = tmp_path / f"traffic{suffix}"
    file.write_bytes(export(name))
    recording, binary = recordings(file)
    assert (recording.event, recording.version, recording.status) == ("issue.updated", "v2", 200)
    assert recording.payload == {"issue": 42}
    assert recording.response == {"issue": 42, "form": "Bugs"}
    assert recording.calls == (
        RecordedCall("GET", FORM, 200, {"name": "Bugs"}),
        RecordedCall("POST", LOGS, 204, None),
    )
    sdk = build_sdk()
    answer = replay_recording(sdk, recording)
    assert answer.json() == {"issue": 42, "form": "Bugs", "version": "v2"}
    assert sdk.config.base_url == "https://kiket.dev"
    with pytest.raises(ValueError, match=r"^The body of this issue\.closed is not JSON"):
        _ = binary.payload


def test_several_calls_to_one_place_are_answered_in_turn(
    make_detail: MakeDetail, tmp_path: Path
) -> None:
    """Those of an attempt before the last one are left out: the last one is the answer."""
    delivery = make_detail(b'{"issue": 42}')
    [first] = delivery.attempts
    begun_us = first.started_us
    last = structs.replace(first, number=2, started_us=begun_us + 1_000_000)
    failed = structs.replace(first, status=503)
    delivery = structs.replace(delivery, attempts=(failed, last))
    forms = [
        make_detail(
            b"",
            id=1205 + number,
            source=Source.API,
            parent_id=delivery.exchange.id,
            method="GET",
            path=FORM,
            answer=f'{{"name": "{name}"}}'.encode(),
            started_us=begun_us + at_us,
        )
        for number, (name, at_us) in enumerate(
            [("old", 1_000), ("Bugs", 1_001_000), ("Bugs again", 1_002_000)]
        )
    ]
    exported = tmp_path / "traffic.jsonl"
    exported.write_bytes(made("jsonl", [Recorded(each) for each in (delivery, *forms)], URLS))
    saved = tmp_path / "saved.json"
    saved.write_text(case(delivery, "saved", calls=forms).fixture)
    sdk = KiketSDK(webhook_secret=SECRET)

    async def handle(payload: Any, context: HandlerContext) -> Any:
        form = context.endpoints.intake_forms(7)
        return [(await form.get("bug"))["name"] for _ in range(2)]

    sdk.register("issue.updated", handle, version="v2")
    for file in (exported, saved):
        assert replay_recording(sdk, file).json() == ["Bugs", "Bugs again"]


def test_a_saved_test_s_fixture_is_delivered_again(make_detail: MakeDetail, tmp_path: Path) -> None:
    delivery = make_detail(b'{"issue": 42}')
    form = make_detail(b"", source=Source.API, method="GET", path=FORM, answer=b'{"name": "Bugs"}')
    file = tmp_path / "issue_updated.json"
    file.write_text(case(delivery, "issue_updated", calls=[form]).fixture)
    assert replay_recording(build_sdk(), file).json()["form"] == "Bugs"


def test_an_archive_of_another_tool_has_the_requests_that_are_deliveries(tmp_path: Path) -> None:
    def entry(method: str, url: str, **request: Any) -> dict[str, Any]:
        content = {"text": base64.b64encode(b"[1]").decode(), "encoding": "base64"}
        return {
            "request": {"method": method, "url": url, **request},
            "response": {"status": 200, "content": content},
        }

    posted = {"postData": {"text": '{"a": "\\u00e9"}'}}
    headers = {"headers": [{"name": "x-kiket-event-version", "value": " v3 "}]}
    entries = [
        entry("GET", "https://example.com/webhooks/a"),
        entry("POST", "https://example.com/elsewhere", **posted),
        entry("POST", "https://example.com/webhooks/issue%20x?version=v2", **posted),
        entry("POST", "http://127.0.0.1:8700/x/crm/v/v1/webhooks/e", **posted),
        entry("POST", "http://127.0.0.1:8700/webhooks/e?version=v2", **posted, **headers),
        entry("POST", "http://127.0.0.1:8700/webhooks/e", **posted),
    ]
    file = tmp_path / "all.har"
    file.write_text(json.dumps({"log": {"entries": entries}}))
    found = recordings(file)
    assert [(each.event, each.version) for each in found] == [
        *(("issue x", "v2"), ("e", "v1"), ("e", "v3"), ("e", None))
    ]
    assert found[0].payload == {"a": "é"}
    assert found[0].response == [1]


def test_a_body_that_was_cut_is_not_delivered(make_detail: MakeDetail, tmp_path: Path) -> None:
    delivery = make_detail(body=Body(b'{"a"', 9_000_000, b"\0" * 32, truncated=True))
    for name in ("jsonl", "har"):
        file = tmp_path / name
        file.write_bytes(made(name, [Recorded(delivery)], URLS))
        with pytest.raises(ValueError, match="was cut when it was recorded"):
            replay_recording(build_sdk(), file)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "it is neither JSON lines nor an HTTP Archive"),
        ("{", "it is not JSON"),
        ("[1]", "it is neither JSON lines nor an HTTP Archive"),
        ("{}", "it has neither `request`, `payload` nor `log`"),
        ('{"log": {}}', r"a part of it is missing \(KeyError: 'entries'\)"),
        ('{"log": {"entries": [3]}}', "a part of it is missing"),
        ('{"source": "webhook", "request": {}}', "a part of it is missing"),
    ],
)
def test_a_file_of_another_form_is_said_to_be_one(tmp_path: Path, text: str, sentence: str) -> None:
    file = tmp_path / "traffic.jsonl"
    file.write_text(text)
    with pytest.raises(ValueError, match=f"holds no recorded deliveries: {sentence}"):
        recordings(file)


def test_a_file_with_several_deliveries_is_not_guessed_from(
    export: Callable[[str], bytes], tmp_path: Path
) -> None:
    file = tmp_path / "traffic.jsonl"
    file.write_bytes(export("jsonl"))
    with pytest.raises(ValueError, match="holds 2 deliveries; pick one"):
        replay_recording(build_sdk(), file)


def test_a_recorded_token_is_replaced_by_one_that_is_good_now() -> None:
    sdk = KiketSDK(extension_id="com.example.crm")
    sdk.register("e", lambda _payload, context: context.auth.ext_id, version="v1")
    stale = {"authentication": {"runtime_token": "eyJ.e30.x"}, "api": {"base_url": "http://x"}}
    answer = replay_recording(sdk, Recording("e", None, json.dumps(stale)))
    assert (answer.status_code, answer.json()) == (200, "com.example.crm")


def test_the_plugin_replays_against_its_platform(
    kiket_sdk: KiketSDK, kiket_platform: FakePlatform, kiket_replay: Callable[[Any], Any]
) -> None:
    async def handle(payload: Any, context: HandlerContext) -> None:
        await context.endpoints.emit_metric("n", payload["n"])

    kiket_sdk.register("e", handle, version="v1")
    recording = Recording("e", "v1", '{"n": 2}', calls=())
    assert kiket_replay(recording).json() == {"ok": True}
    busy = replace(
        recording, calls=(RecordedCall("POST", "/api/v1/extensions/metrics", 503, None),)
    )
    assert kiket_replay(busy).status_code == 400
    assert [metric["value"] for metric in kiket_platform.metrics] == [2, 2]
