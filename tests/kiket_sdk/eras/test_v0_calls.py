"""What an extension of the first release (era A) reads and calls: settings, platform, telemetry."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from tests.kiket_sdk.eras import extension_v0
from tests.kiket_sdk.eras.conftest import ISSUE, SECRET, answering, extension, sender

from kiket_sdk import (
    ExtensionConfig,
    ExtensionEndpoints,
    ExtensionSecretManager,
    KiketClient,
    KiketSDK,
    SecretMetadata,
    SecretValue,
    TelemetryRecord,
)
from kiket_sdk.config import ExtensionSettings
from kiket_sdk.exceptions import OutboundRequestError, SecretStoreError
from kiket_sdk.manifest import (
    DEFAULT_MANIFEST_FILENAMES,
    ExtensionManifest,
    ManifestNotFoundError,
    apply_secret_env_overrides,
    load_manifest,
)
from kiket_sdk.telemetry import TelemetryReporter
from kiket_sdk.utils import ENV_SECRET_PREFIX, environment_secret_name, resolve_env_reference

if TYPE_CHECKING:
    from pathlib import Path

    from tests.kiket_sdk.conftest import Platform

# Configuration and manifest (§3.5, §4)

MANIFEST = """\
id: nz.harbour.issue-triage
version: "2.3.1"
delivery:
  callback: { secret: env:TRIAGE_SECRET }
configuration:
  properties:
    default_team: { type: string, default: support }
    max_open: { type: string, default: "10" }
    dry_run: { type: boolean, default: false }
    region: { type: string, default: env:TRIAGE_REGION }
    triage.apiKey: { type: string, secret: true }
"""


def test_the_manifest_in_the_current_folder_fills_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "extension.yaml").write_text(MANIFEST)
    (tmp_path / "manifest.yaml").write_text("id: other")
    monkeypatch.setenv("TRIAGE_SECRET", "of-triage")
    monkeypatch.setenv("KIKET_SECRET_TRIAGE_APIKEY", "key")
    sdk = KiketSDK()
    assert sdk.manifest is not None
    assert sdk.manifest.path.name == "extension.yaml"
    assert sdk.config.extension_id == "nz.harbour.issue-triage"
    assert sdk.config.extension_version == "2.3.1"
    assert sdk.config.webhook_secret == "of-triage"
    assert sdk.config.settings.raw == {
        "default_team": "support",
        "max_open": "10",
        "dry_run": False,
        "triage.apiKey": "key",
    }
    assert KiketSDK(settings={"triage.apiKey": "mine"}).config.settings.get("triage.apiKey") == (
        "mine"
    )
    assert "triage.apiKey" not in KiketSDK(auto_env_secrets=False).config.settings.raw


def test_the_manifest_reader_stands_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert DEFAULT_MANIFEST_FILENAMES[:4] == (
        *("extension.yaml", "extension.yml"),
        *("manifest.yaml", "manifest.yml"),
    )
    monkeypatch.chdir(tmp_path)
    assert load_manifest() is None
    with pytest.raises(ManifestNotFoundError, match=r"Manifest file not found at .*gone\.yaml"):
        load_manifest(tmp_path / "gone.yaml")
    file = tmp_path / "mine.yaml"
    file.write_text(MANIFEST)
    manifest = load_manifest(str(file))
    assert isinstance(manifest, ExtensionManifest)
    assert manifest.delivery_secret is None
    assert set(manifest.configuration_properties()) >= {"default_team", "triage.apiKey"}
    assert manifest.settings_defaults()["default_team"] == "support"
    assert manifest.secret_keys() == ("triage.apiKey",)
    monkeypatch.setenv("KIKET_SECRET_TRIAGE_APIKEY", "k")
    assert apply_secret_env_overrides({"a": 1}, ["triage.apiKey"]) == {"a": 1, "triage.apiKey": "k"}


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("example.apiKey", "KIKET_SECRET_EXAMPLE_APIKEY"),
        ("api-key", "KIKET_SECRET_API_KEY"),
        ("a..b", "KIKET_SECRET_A_B"),
        ("-x-", "KIKET_SECRET_X"),
        (" sp ace ", "KIKET_SECRET_SP_ACE"),
        ("9lives", "KIKET_SECRET_9LIVES"),
        ("ünïcode", "KIKET_SECRET_N_CODE"),
    ],
)
def test_secret_names_in_the_environment(key: str, name: str) -> None:
    assert environment_secret_name(key) == name
    assert name.startswith(ENV_SECRET_PREFIX)


def test_references_to_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_NAME", "value")
    monkeypatch.setenv("AN_EMPTY_NAME", "")
    assert resolve_env_reference("env:A_NAME") == "value"
    assert resolve_env_reference("ENV: A_NAME ") == "value"
    assert resolve_env_reference("env:AN_EMPTY_NAME") == ""
    assert resolve_env_reference("env:NOT_SET") is None
    assert resolve_env_reference("plain") == "plain"
    assert resolve_env_reference(7) == 7


def test_configuration_and_settings() -> None:
    config = ExtensionConfig()
    assert (config.webhook_secret, config.base_url) == (None, "https://kiket.dev")
    assert isinstance(config.settings, ExtensionSettings)
    made = ExtensionConfig.from_mapping({"workspace_token": "wk", "settings": {"a": 1}})
    assert (made.workspace_token, made.settings.get("a"), made.settings.get("b", 2)) == ("wk", 1, 2)
    assert made.settings.require("a") == 1
    with pytest.raises(KeyError, match="Missing required extension setting 'b'"):
        made.settings.require("b")


def test_empty_arguments_fall_through_to_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Appendix A, 7."""
    monkeypatch.setenv("KIKET_WORKSPACE_TOKEN", "wk_environment")
    monkeypatch.setenv("KIKET_BASE_URL", "https://kiket.test/")
    sdk = KiketSDK(webhook_secret=SECRET, workspace_token="", base_url="")
    assert sdk.config.workspace_token == "wk_environment"
    assert sdk.config.base_url.rstrip("/") == "https://kiket.test"


def test_settings_are_an_object_outside_and_a_mapping_inside() -> None:
    """Appendix A, 3."""
    seen: list[Any] = []
    sdk = answering(lambda _, context: seen.append(context.settings), settings={"limit": 3})
    sender(sdk).deliver("issue.created", ISSUE)
    assert sdk.config.settings.require("limit") == seen[0]["limit"] == seen[0].get("limit") == 3


# Calls to the platform (§2.1, §2.2, §3.6 to §3.8)


async def test_the_client_calls_as_a_workspace(platform: Platform) -> None:
    platform.answer("GET /things?x=1", (200, {"things": []}))
    async with KiketClient(platform.url + "/", "wk_test") as client:
        assert client.base_url == platform.url
        answer = await client.get("/things", params={"x": 1})
        assert answer.json() == {"things": []}
        await client.post("/things", json={"a": 1}, headers={"Authorization": "Bearer mine"})
        await client.put("/things/1", json={})
        await client.delete("/things/1")
    get, post, put, delete = platform.calls
    assert get.headers["authorization"] == "Bearer wk_test"
    assert (post.body, post.headers["authorization"]) == ({"a": 1}, "Bearer mine")
    assert (put.method, delete.method) == ("PUT", "DELETE")


async def test_what_the_platform_refuses_is_one_error(platform: Platform) -> None:
    platform.answer("GET /gone", (404, {"error": "no"}))
    async with KiketClient(platform.url, "wk_test") as client:
        with pytest.raises(OutboundRequestError, match="Kiket API returned 404"):
            await client.get("/gone")
    async with KiketClient("http://127.0.0.1:9", "wk_test") as client:
        with pytest.raises(OutboundRequestError, match="Failed to communicate with Kiket API"):
            await client.get("/gone")


async def test_a_test_may_put_its_own_connections_in() -> None:
    import httpx

    client = KiketClient("https://kiket.test", "wk_test")
    client._client = httpx.AsyncClient(
        base_url="https://kiket.test",
        transport=httpx.MockTransport(lambda _: httpx.Response(200, json={"ok": 1})),
    )
    async with client:
        assert (await client.get("/anything")).json() == {"ok": 1}
    assert client._build_headers({})["Authorization"] == "Bearer wk_test"


async def test_endpoints_log_measure_and_notify(platform: Platform) -> None:
    async with KiketClient(platform.url, "wk_test") as client:
        endpoints = ExtensionEndpoints(client, "com.example.marketing", event_version="v2")
        await endpoints.log_event("seen", issue=7)
        await endpoints.emit_metric("leads", 2.5)
        await endpoints.notify("Title", "Body")
    log, metric, notification = platform.calls
    assert log.body == {"message": "seen", "metadata": {"issue": 7}}
    assert metric.body == {"name": "leads", "value": 2.5, "unit": "count"}
    assert notification.body == {"title": "Title", "body": "Body", "level": "info"}
    assert {call.headers["x-kiket-event-version"] for call in platform.calls} == {"v2"}


async def test_secrets_are_listed_read_written_and_deleted(platform: Platform) -> None:
    root = "/api/v1/extensions/com.example.marketing/secrets"
    dated = {"key": "TOKEN", "created_at": "2026-01-05T08:00:00Z", "updated_at": "garbage"}
    platform.answer(f"GET {root}", (200, [dated]))
    platform.answer(f"GET {root}/TOKEN", (200, dated | {"value": "abc"}))
    platform.answer(f"POST {root}", (201, None))
    async with KiketClient(platform.url, "wk_test") as client:
        manager = ExtensionSecretManager(client).with_extension("com.example.marketing")
        [listed] = await manager.list()
        assert isinstance(listed, SecretMetadata)
        assert listed.created_at == datetime(2026, 1, 5, 8, tzinfo=UTC)
        assert listed.updated_at is None
        value = await manager.get("TOKEN")
        assert (value.value, [field.name for field in fields(SecretValue)]) == (
            "abc",
            ["key", "created_at", "updated_at", "value"],
        )
        await manager.set("TOKEN", "abc123")
        await manager.delete("TOKEN")
    assert [(call.method, call.body) for call in platform.calls[2:]] == [
        ("POST", {"secret": {"key": "TOKEN", "value": "abc123"}}),
        ("DELETE", None),
    ]


async def test_what_secrets_refuse(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KIKET_SECRET_A_KEY", "from-here")
    platform.answer("GET /api/v1/extensions/ext/secrets", (500, None))
    async with KiketClient(platform.url, "wk_test") as client:
        manager = ExtensionSecretManager(client)
        assert (await manager.get("a.key")).value == "from-here"
        with pytest.raises(SecretStoreError, match="Extension ID is required"):
            await manager.list()
        with pytest.raises(SecretStoreError, match="Secret value cannot be blank"):
            await manager.set("k", "", extension_id="ext")
        with pytest.raises(SecretStoreError, match="Failed to list secrets for extension 'ext'"):
            await manager.list(extension_id="ext")


def test_a_failure_on_the_way_out_is_a_failure_of_the_handler(
    base_url: str, platform: Platform
) -> None:
    platform.answer("POST /api/v1/extensions/logs", (503, None))
    sdk = extension()
    sdk.load(extension_v0)
    answer = sender(sdk).deliver("issue.created", ISSUE)
    assert (answer.status_code, answer.json()) == (400, {"error": "Kiket API returned 503"})


def test_without_an_id_an_extension_logs_but_keeps_no_secrets(
    base_url: str, platform: Platform
) -> None:
    """Appendix A, 6."""

    async def handle(payload: Any, context: Any) -> None:
        await context.endpoints.log_event("seen")
        await context.secrets.set("TOKEN", "abc")

    answer = sender(answering(handle, extension_id=None)).deliver("issue.created", ISSUE)
    assert answer.status_code == 400
    assert answer.json() == {"error": "Extension ID is required when managing secrets"}
    assert [call.path for call in platform.calls] == ["/api/v1/extensions/logs"]


# Telemetry (§3.9)


def test_each_handler_call_is_told_to_the_hook_before_the_answer() -> None:
    records: list[TelemetryRecord] = []

    async def feedback(record: TelemetryRecord) -> None:
        records.append(record)

    sdk = answering({}, feedback_hook=feedback)
    sdk.register("issue.closed", lambda p, _: p["missing"], version="v1")
    sent = sender(sdk)
    sent.deliver("issue.created", ISSUE)
    sent.deliver("issue.closed", ISSUE)
    sent.deliver("issue.unknown", ISSUE)
    assert [(each.event, each.version, each.status) for each in records] == [
        ("issue.created", "v1", "ok"),
        ("issue.closed", "v1", "error"),
    ]
    assert records[0].extension_id == "com.example.marketing"
    assert records[0].duration_ms >= 0
    assert records[1].metadata["message"] == "'missing'"


@pytest.mark.parametrize("word", ["1", " TRUE ", "yes", "on"])
def test_the_environment_may_opt_out(word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KIKET_SDK_TELEMETRY_OPTOUT", word)
    records: list[TelemetryRecord] = []
    sdk = answering({}, feedback_hook=records.append)
    sender(sdk).deliver("issue.created", ISSUE)
    assert (sdk.telemetry.enabled, records) == (False, [])


async def test_records_are_posted_to_exactly_the_given_url(platform: Platform) -> None:
    reporter = TelemetryReporter(
        telemetry_url=f"{platform.url}/hooks/telemetry-of-mine",
        extension_id="com.example.marketing",
        extension_version="1.0.0",
    )
    await reporter.record("issue.created", "v1", "ok", 1.5, note="n")
    [call] = platform.wait_for(1)
    assert call.path == "/hooks/telemetry-of-mine"
    assert (
        call.body.items()
        >= {
            "event": "issue.created",
            "version": "v1",
            "status": "ok",
            "duration_ms": 1.5,
            "extension_id": "com.example.marketing",
            "extension_version": "1.0.0",
            "metadata": {"note": "n"},
        }.items()
    )
