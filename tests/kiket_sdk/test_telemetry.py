"""Telemetry: the hook before the reply, the post behind it, nothing unasked."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from kiket_core.secret import redactor
from kiket_sdk import KiketSDK, TelemetryRecord, telemetry
from kiket_sdk.exceptions import ConfigurationError
from kiket_sdk.telemetry import TelemetryReporter, telemetry_endpoint
from kiket_sdk.testing import webhook_payload_factory

if TYPE_CHECKING:
    from tests.kiket_sdk.conftest import Platform

SECRET = "a webhook secret of more than 24 bytes"


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let collectors take their time: a post that is given up is tried again."""
    monkeypatch.setattr(telemetry, "_TIMEOUT_S", 120)
    monkeypatch.setattr(telemetry, "_FLUSH_S", 120)


def build_sdk(**options: Any) -> KiketSDK:
    sdk = KiketSDK(
        webhook_secret=SECRET,
        workspace_token="wk_test",
        extension_id="ext.test",
        extension_version="1.0.0",
        **options,
    )

    async def succeed(_payload: Any, _context: Any) -> None:
        return None

    async def fail(_payload: Any, _context: Any) -> None:
        raise ValueError("boom")

    sdk.register("good", succeed, version="v1")
    sdk.register("bad", fail, version="v1")
    return sdk


def deliver(sdk: KiketSDK, *events: str, lifespan: bool = False) -> list[int]:
    sign = webhook_payload_factory(SECRET)
    client = sdk.create_test_client()
    if lifespan:
        client.__enter__()
    statuses = []
    for event in events:
        signed = sign({}, event=event)
        reply = client.post(signed["path"], content=signed["body"], headers=signed["headers"])
        statuses.append(reply.status_code)
    if lifespan:
        client.__exit__(None, None, None)
    return statuses


def test_blanks_around_a_url_are_no_part_of_it() -> None:
    assert (
        TelemetryReporter(telemetry_url="https://c.io/hook\n").telemetry_url == "https://c.io/hook"
    )
    assert TelemetryReporter(telemetry_url=" ").telemetry_url is None


@pytest.mark.parametrize("is_async", [True, False])
def test_the_hook_has_run_when_the_reply_arrives(is_async: bool) -> None:
    records: list[TelemetryRecord] = []

    async def hook(record: TelemetryRecord) -> None:
        await asyncio.sleep(0)
        records.append(record)

    sdk = build_sdk(feedback_hook=hook if is_async else records.append)
    assert deliver(sdk, "good", "bad", "unknown") == [200, 400, 404]
    good, bad = records
    assert (good.event, good.version, good.status, good.metadata) == ("good", "v1", "ok", {})
    assert (good.extension_id, good.extension_version) == ("ext.test", "1.0.0")
    assert good.duration_ms >= 0
    assert bad.status == "error"
    assert bad.metadata == {
        "message": "boom",
        "error_message": "boom",
        "error_class": "ValueError",
    }


async def test_any_awaitable_of_a_hook_is_awaited() -> None:
    loop = asyncio.get_running_loop()
    future: asyncio.Future[None] = loop.create_future()
    loop.call_soon(future.set_result, None)
    await TelemetryReporter(feedback_hook=lambda _record: future).record("e", "v1", "ok", 1.0)
    assert future.done()


@pytest.mark.parametrize("is_async", [True, False])
def test_a_failing_hook_is_logged_and_harms_nobody(
    is_async: bool, caplog: pytest.LogCaptureFixture
) -> None:
    def hook(_record: TelemetryRecord) -> None:
        raise RuntimeError("hook")

    async def later(record: TelemetryRecord) -> None:
        hook(record)

    assert deliver(build_sdk(feedback_hook=later if is_async else hook), "good") == [200]
    assert "The telemetry feedback hook failed." in caplog.text


@pytest.mark.parametrize("lifespan", [True, False])
def test_records_are_posted(platform: Platform, lifespan: bool) -> None:
    url = f"{platform.url}/collect?x=1"
    assert deliver(build_sdk(telemetry_url=url), "good", "bad", lifespan=lifespan) == [200, 400]
    good, bad = platform.calls
    assert good.path == "/collect?x=1"
    assert set(good.body) == {
        *("event", "version", "status", "duration_ms", "timestamp"),
        *("extension_id", "extension_version", "metadata"),
    }
    assert good.body["status"] == "ok"
    assert isinstance(good.body["timestamp"], float)
    assert bad.body["metadata"]["message"] == bad.body["error_message"] == "boom"
    assert bad.body["error_class"] == "ValueError"


@pytest.mark.parametrize("lifespan", [True, False])
def test_a_record_is_posted_within_the_trace_of_its_webhook(
    platform: Platform, lifespan: bool
) -> None:
    sdk = build_sdk(telemetry_url=platform.url)
    signed = webhook_payload_factory(SECRET)({}, event="good")
    trace_id = "4bf92f3577b34da6a3ce929d0e0e4736"
    headers = {**signed["headers"], "traceparent": f"00-{trace_id}-00f067aa0ba902b7-01"}
    with contextlib.ExitStack() as stack:
        client = sdk.create_test_client()
        if lifespan:
            stack.enter_context(client)
        client.post(signed["path"], content=signed["body"], headers=headers)
    (call,) = platform.calls
    assert call.headers["traceparent"].split("-")[1] == trace_id


def test_the_environment_names_the_url(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KIKET_SDK_TELEMETRY_URL", platform.url)
    deliver(build_sdk(), "good", lifespan=True)
    assert platform.calls[0].path == "/telemetry"


@pytest.mark.parametrize("value", ["1", " TRUE ", "yes", "on"])
def test_opting_out_silences_hook_and_post(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("KIKET_SDK_TELEMETRY_OPTOUT", value)
    records: list[TelemetryRecord] = []
    sdk = build_sdk(telemetry_url=platform.url, feedback_hook=records.append)
    deliver(sdk, "good", lifespan=True)
    assert not sdk.telemetry.enabled
    assert (records, platform.calls) == ([], [])


def test_nothing_is_posted_without_a_url() -> None:
    reporter = build_sdk().telemetry
    assert (reporter.telemetry_url, reporter.telemetry_endpoint) == (None, None)


async def test_a_busy_collector_is_tried_again(platform: Platform) -> None:
    platform.answer("POST /telemetry", (503, None), (429, None), (204, None))
    reporter = TelemetryReporter(telemetry_url=platform.url)
    async with reporter.running():
        await reporter.record("e", "v1", "ok", 1.0)
    assert len(platform.calls) == 3


async def test_a_refusing_collector_is_not(
    platform: Platform, caplog: pytest.LogCaptureFixture
) -> None:
    platform.answer("POST /telemetry", (400, None))
    reporter = TelemetryReporter(telemetry_url=platform.url)
    async with reporter.running():
        await reporter.record("e", "v1", "ok", 1.0)
    assert len(platform.calls) == 1
    assert f"Telemetry was not accepted by {platform.url}/telemetry: status 400." in caplog.text


async def test_the_queue_is_bounded_and_counts_what_it_drops(
    platform: Platform, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert telemetry.QUEUE_LIMIT == 1_000
    monkeypatch.setattr(telemetry, "QUEUE_LIMIT", 20)
    reporter = TelemetryReporter(telemetry_url=platform.url)
    with caplog.at_level(logging.WARNING, "kiket_sdk.telemetry"):
        async with reporter.running():
            for _ in range(23):  # nothing is posted until this task waits
                await reporter.record("e", "v1", "ok", 1.0)
            assert reporter.dropped == 3
    assert len(platform.calls) == 20
    assert caplog.text.count("Telemetry is dropped") == 1


async def test_what_a_silent_collector_was_not_given_is_counted(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reached.set()
        await reader.read()
        writer.close()

    monkeypatch.setattr(telemetry, "_FLUSH_S", 0.01)
    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        reporter = TelemetryReporter(telemetry_url=f"http://127.0.0.1:{port}")
        async with reporter.running():
            for _ in range(3):
                await reporter.record("e", "v1", "ok", 1.0)
            await reached.wait()
    assert "3 telemetry records were not posted." in caplog.text


@pytest.mark.parametrize(
    "url", ["collector:4318", "http://h:99999999", "http://[x", "http://", "file:///etc/passwd"]
)
def test_a_url_that_nothing_can_be_posted_to_is_said_at_once(url: str) -> None:
    """It would be found when the first record is posted, and end the program."""
    with pytest.raises(ConfigurationError, match="The address for telemetry"):
        build_sdk(telemetry_url=url)


@pytest.mark.parametrize(
    ("url", "endpoint"),
    [
        ("http://h", "http://h/telemetry"),
        ("http://h/", "http://h/telemetry"),
        ("http://h/api/v1/ext", "http://h/api/v1/ext/telemetry"),
        ("http://h/api/v1/ext/", "http://h/api/v1/ext/telemetry"),
        ("http://h/api/v1/ext/telemetry", "http://h/api/v1/ext/telemetry"),
        ("http://h/collect", "http://h/collect"),
        ("http://h/collect/?a=b", "http://h/collect/?a=b"),
    ],
)
def test_where_records_go(url: str, endpoint: str) -> None:
    assert telemetry_endpoint(url) == endpoint


PLATFORM_PATH = "/api/v1/ext/telemetry"


async def test_the_platform_is_told_in_the_form_of_the_newest_release(platform: Platform) -> None:
    reporter = TelemetryReporter(telemetry_url=f"{platform.url}/api/v1/ext", api_key="ek_1")
    failure = {"message": "boom", "error_message": "boom", "error_class": "ValueError"}
    await reporter.record("e", "v1", "error", 1.0, **failure)
    await reporter.record("e", "v1", "ok", 1.0, note=1)
    failed, good = platform.calls
    assert failed.path == PLATFORM_PATH
    assert failed.headers["x-kiket-api-key"] == "ek_1"
    assert (failed.body["error_message"], failed.body["error_class"]) == ("boom", "ValueError")
    assert failed.body["metadata"] == {"message": "boom"}
    assert datetime.fromisoformat(failed.body["timestamp"]).utcoffset() == timedelta(0)
    assert (good.body["error_message"], good.body["metadata"]) == (None, {"note": 1})


async def test_another_receiver_never_sees_the_extensions_key(platform: Platform) -> None:
    await TelemetryReporter(telemetry_url=platform.url, api_key="ek_1").record("e", "v1", "ok", 1.0)
    assert "x-kiket-api-key" not in platform.calls[0].headers


async def test_what_is_posted_holds_no_secret_and_is_always_json(platform: Platform) -> None:
    redactor.add("MAIL_TOKEN", "never-in-telemetry")
    reporter = TelemetryReporter(telemetry_url=platform.url)
    await reporter.record(
        "e", "v1", "ok", 1.0, found=["never-in-telemetry"], at=Path("x"), ratio=float("nan")
    )
    assert platform.calls[0].body["metadata"] == {
        "found": ["[secret:MAIL_TOKEN]"],
        "at": "x",
        "ratio": None,
    }


async def test_a_receiver_s_password_is_sent_and_not_logged(
    platform: Platform, caplog: pytest.LogCaptureFixture
) -> None:
    platform.answer("POST /t?key=hunter3", (400, None))
    url = platform.url.replace("//", "//ana:hunter2@") + "/t?key=hunter3"
    await TelemetryReporter(telemetry_url=url).record("e", "v1", "ok", 1.0)
    assert platform.calls[0].headers["authorization"].startswith("Basic ")
    assert f"not accepted by {platform.url}/t: status 400" in caplog.text
    assert "hunter" not in caplog.text


class Unspeakable:
    def __str__(self) -> str:
        raise RuntimeError("no words")


async def test_a_record_that_cannot_be_told_ends_nothing(
    platform: Platform, caplog: pytest.LogCaptureFixture
) -> None:
    reporter = TelemetryReporter(telemetry_url=platform.url)
    async with reporter.running():
        await reporter.record("e", "v1", "ok", 1.0, lock=threading.Lock())
        await reporter.record("e", "v1", "ok", 1.0, told=Unspeakable())
        await reporter.record("e", "v2", "ok", 1.0)
    assert [call.body["version"] for call in platform.calls] == ["v1", "v2"]
    assert "<unlocked _thread.lock" in platform.calls[0].body["metadata"]["lock"]
    assert "RuntimeError" in caplog.text


async def test_a_collector_that_wants_a_long_rest_is_left_alone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    asked = 0

    async def busy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        asked += 1
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 429 Slow\r\nretry-after: 3600\r\ncontent-length: 0\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(busy, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        reporter = TelemetryReporter(telemetry_url=f"http://127.0.0.1:{port}")
        async with reporter.running():
            await reporter.record("e", "v1", "ok", 1.0)
    assert asked == 1
    assert "status 429" in caplog.text
