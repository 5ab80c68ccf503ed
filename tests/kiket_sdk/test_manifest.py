"""Manifests: three dialects, references, and errors that say where."""

from __future__ import annotations

import datetime
import logging
import re
from typing import TYPE_CHECKING, Any

import pytest

from kiket_sdk import KiketSDK
from kiket_sdk.exceptions import ConfigurationError, KiketSDKError
from kiket_sdk.manifest import (
    DEFAULT_MANIFEST_FILENAMES,
    MANIFEST_LIMIT_BYTES,
    Callback,
    DeclaredEvent,
    ManifestError,
    ManifestNotFoundError,
    apply_secret_env_overrides,
    load_manifest,
    read_early,
)

if TYPE_CHECKING:
    from pathlib import Path

SDK_STYLE = """
id: com.example.sdk
version: "2.5.1"
delivery:
  type: http
  callback:
    secret: env:TEST_WEBHOOK_SECRET
configuration:
  properties:
    example.apiUrl: {type: string, default: "https://api.example.com"}
    example.apiKey: {type: string, secret: true}
    count: {type: integer, default: 0}
    region: {default: env:TEST_REGION}
    none: {type: string}
"""

PLATFORM_STYLE = """
model_version: "1.0"
extension:
  id: com.example.platform
  version: 1.0
  delivery: http
  callback: {url: "${BASE}/hook", secret: env.TEST_WEBHOOK_SECRET}
  configuration:
    TOKEN: {type: string, secret: true}
    team: {type: string, default: support}
"""

OTHER_SDKS = """
id: com.example.node
version: 1.2.3
delivery_secret: "${TEST_WEBHOOK_SECRET}"
settings:
  - {key: TOKEN, secret: true}
  - {key: team, default: support}
  - nonsense
"""


def write(folder: Path, text: str, name: str = "extension.yaml") -> Path:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, "utf-8")
    return path


@pytest.mark.parametrize(
    ("text", "identity", "defaults", "secret_keys"),
    [
        pytest.param(
            SDK_STYLE,
            ("com.example.sdk", "2.5.1"),
            {"example.apiUrl": "https://api.example.com", "count": 0},
            ("example.apiKey",),
            id="SDK style",
        ),
        pytest.param(
            "extension:\n" + SDK_STYLE.replace("\n", "\n  "),
            ("com.example.sdk", "2.5.1"),
            {"example.apiUrl": "https://api.example.com", "count": 0},
            ("example.apiKey",),
            id="SDK style under extension",
        ),
        pytest.param(
            PLATFORM_STYLE,
            ("com.example.platform", "1.0"),
            {"team": "support"},
            ("TOKEN",),
            id="platform style",
        ),
        pytest.param(
            OTHER_SDKS,
            ("com.example.node", "1.2.3"),
            {"team": "support"},
            ("TOKEN",),
            id="other SDKs",
        ),
    ],
)
def test_every_dialect_says_the_same(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    text: str,
    identity: tuple[str, str],
    defaults: dict[str, Any],
    secret_keys: tuple[str, ...],
) -> None:
    monkeypatch.setenv("TEST_WEBHOOK_SECRET", "whsec_123")
    monkeypatch.delenv("TEST_REGION", raising=False)
    manifest = load_manifest(write(tmp_path, text))
    assert manifest is not None
    assert (manifest.extension_id, manifest.version) == identity
    assert manifest.delivery_secret == "whsec_123"
    assert manifest.settings_defaults() == defaults
    assert manifest.secret_keys() == secret_keys


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("delivery: http", None),
        ("delivery: internal", None),
        ("extension: {delivery: http}", None),
        ("delivery: {type: http, callback: null}", None),
        ("delivery: {callback: {secret: literal}}", "literal"),
        ("delivery: literal", "literal"),
        ("delivery: env:NOT_SET_ANYWHERE", None),
        ("delivery_secret: 'env:'", None),
    ],
)
def test_the_webhook_secret(tmp_path: Path, text: str, secret: str | None) -> None:
    """The words http and internal name a kind of delivery; everybody knows them."""
    manifest = load_manifest(write(tmp_path, text))
    assert manifest is not None
    assert manifest.delivery_secret == secret


@pytest.mark.parametrize(
    "text",
    ["", "- a\n- b", "text", "extension:", "configuration: [1]", "configuration: {properties: 3}"],
)
def test_an_odd_manifest_is_an_empty_one(tmp_path: Path, text: str) -> None:
    manifest = load_manifest(write(tmp_path, text))
    assert manifest is not None
    assert (manifest.extension_id, manifest.version, manifest.delivery_secret) == (None,) * 3
    assert manifest.settings_defaults() == {}
    assert manifest.secret_keys() == ()


def test_the_first_default_name_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_manifest() is None
    for name in reversed(DEFAULT_MANIFEST_FILENAMES):
        write(tmp_path, f"id: {name}", name)
        manifest = load_manifest()
        assert manifest is not None
        assert manifest.extension_id == name
        assert manifest.path.as_posix() == name


def test_what_was_parsed_early_counts_while_the_file_says_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    read_early()
    write(tmp_path, "id: [\n")
    read_early()
    write(tmp_path, "id: before")
    read_early()
    write(tmp_path, "id: after")
    for text in ("after", "before", "before"):
        write(tmp_path, f"id: {text}")
        manifest = load_manifest()
        assert manifest is not None
        assert manifest.raw == {"id": text}
        manifest.raw["id"] = "changed"


def test_a_named_manifest_must_be_there(tmp_path: Path) -> None:
    missing = tmp_path / "other.yaml"
    with pytest.raises(ManifestNotFoundError) as caught:
        load_manifest(missing)
    assert str(caught.value) == f"Manifest file not found at {missing}"
    assert isinstance(caught.value, FileNotFoundError)


def no_thirteenth_month() -> str:
    """Return Python's words for such a date: newer ones say more."""
    with pytest.raises(ValueError, match="month") as refused:
        datetime.date(2026, 13, 45)
    return str(refused.value)


@pytest.mark.parametrize(
    ("raw_text", "sentence", "line"),
    [
        (
            b"id: a\nname: b: c\n",
            ":2:8: mapping values are not allowed here; correct that line and save.",
            2,
        ),
        (
            b"id: a\nname: \xff\n",
            ":2:7: not text in UTF-8 (invalid start byte); save it as UTF-8.",
            2,
        ),
        (
            b"id: 2026-13-45\n",
            f" cannot be understood ({no_thirteenth_month()}); simplify it and save.",
            0,
        ),
        (
            b"id: !!timestamp x\n",
            " cannot be understood (a value is not what its tag says); simplify it and save.",
            0,
        ),
        (
            b"id: !!int ''\n",
            " cannot be understood (a value is not what its tag says); simplify it and save.",
            0,
        ),
        (
            b'id: a\nname: "\\ud800"\n',
            ":2:7: found half of a character; correct that line and save.",
            2,
        ),
        (
            b"#" * (MANIFEST_LIMIT_BYTES + 1),
            (
                f" is larger than {MANIFEST_LIMIT_BYTES} bytes; keep data that long in files "
                "of its own."
            ),
            0,
        ),
    ],
    ids=["syntax", "encoding", "value", "tag", "empty number", "surrogate", "size"],
)
def test_a_broken_manifest_says_where_and_what_to_do(
    tmp_path: Path, raw_text: bytes, sentence: str, line: int
) -> None:
    path = tmp_path / "extension.yaml"
    path.write_bytes(raw_text)
    with pytest.raises(ManifestError) as caught:
        KiketSDK(manifest_path=path)
    assert str(caught.value) == f"{path}{sentence}"
    assert caught.value.line == line
    assert isinstance(caught.value, KiketSDKError)
    assert isinstance(caught.value, ValueError)


def test_the_sdk_takes_what_the_manifest_and_environment_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, SDK_STYLE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TEST_WEBHOOK_SECRET", "whsec_123")
    monkeypatch.setenv("KIKET_SECRET_EXAMPLE_APIKEY", "env-secret-456")
    monkeypatch.setenv("KIKET_WORKSPACE_TOKEN", "wk_env_token")
    sdk = KiketSDK(settings={"count": 7})
    assert sdk.config.extension_id == "com.example.sdk"
    assert sdk.config.extension_version == "2.5.1"
    assert sdk.config.webhook_secret == "whsec_123"
    assert sdk.config.workspace_token == "wk_env_token"
    assert sdk.config.settings.raw == {
        "example.apiUrl": "https://api.example.com",
        "example.apiKey": "env-secret-456",
        "count": 7,
    }
    assert sdk.manifest is not None
    assert sdk.manifest.path.name == "extension.yaml"
    assert "env-secret-456" not in repr(sdk.config) + repr(sdk.manifest) + repr(sdk)
    overridden = KiketSDK(auto_env_secrets=False, extension_id="mine", webhook_secret="argument")
    assert overridden.config.settings.get("example.apiKey") is None
    assert overridden.config.extension_id == "mine"
    assert overridden.config.webhook_secret == "argument"


def test_a_reference_to_nothing_is_warned_about(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write(tmp_path, "id: a.b\ndelivery: {callback: {secret: env:NOT_SET_ANYWHERE}}")
    with caplog.at_level(logging.WARNING, "kiket_sdk"):
        sdk = KiketSDK(manifest_path=path)
    assert sdk.config.webhook_secret is None
    assert [record.getMessage() for record in caplog.records] == [
        (
            f"The webhook secret in {path} refers to the environment variable 'NOT_SET_ANYWHERE', "
            "which is not set."
        ),
    ]


def test_a_blank_secret_in_the_manifest_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, "delivery: {callback: {secret: '  '}}")
    with pytest.raises(ConfigurationError, match=re.escape(f"The webhook secret in {path}")):
        KiketSDK(manifest_path=path)


def test_overrides_take_even_an_empty_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KIKET_SECRET_A_B", "")
    settings = {"a.b": "default", "c": 1}
    assert apply_secret_env_overrides(settings, ["a.b", "c"]) == {"a.b": "", "c": 1}
    assert settings["a.b"] == "default"


def test_what_is_said_about_deliveries_is_one_thing_in_every_style(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BASE", "https://example.org")
    platform = """
        extension:
          name: Pager
          delivery: http
          callback: {url: "${BASE}", timeout: 15000, required: true, headers: {X-Team: env:BASE}}
          activationEvents: [issue.created, workflow.before_transition]
          hooks:
            - {event: workflow.before_transition, timeout: 3000, retries: 0, required: true}
          permissions: [issues:read]
    """
    sdk = """
        name: Pager
        delivery:
          type: http
          callback: {url: env.BASE, timeout: 15000, required: true, headers: {X-Team: env:BASE}}
        events:
          - issue.created
          - {name: workflow.before_transition, timeout: 3000, retries: 0, required: true}
        permissions: [issues:read, 3]
    """
    for text, style in ((platform, "platform"), (sdk, "sdk")):
        manifest = load_manifest(write(tmp_path, text))
        assert manifest is not None
        assert (manifest.style, manifest.name) == (style, "Pager")
        assert manifest.callback == Callback(
            "https://example.org", {"X-Team": "https://example.org"}, 15000, required=True
        )
        assert manifest.permissions == ("issues:read",)
        assert manifest.events == (
            DeclaredEvent("issue.created"),
            DeclaredEvent("workflow.before_transition", "", 3000, 0, required=True),
        )


def test_an_event_is_named_by_its_versions_where_it_has_any(tmp_path: Path) -> None:
    """What a hook says holds for each version."""
    text = (
        "events: [{name: a, version: v1, retries: 1}, {event: a, version: 2}]\n"
        "activationEvents: [a]\nhooks: [{event: a, timeout: 500, retries: 2}, nothing]"
    )
    manifest = load_manifest(write(tmp_path, text))
    assert manifest is not None
    assert manifest.events == (DeclaredEvent("a", "v1", 500, 1), DeclaredEvent("a", "2", 500, 2))


def test_events_that_people_send_are_declared_too(tmp_path: Path) -> None:
    text = """
        contributes:
          commands: [{handler: {type: extension_event, event: a.now}}, {handler: 3}, 4]
          workflow_actions: [{handler: {event: a.page}}]
        setup: [{test: {action: a.testConnection}}, {test: 3}, {info: {}}, 4]
    """
    manifest = load_manifest(write(tmp_path, text))
    assert manifest is not None
    assert [each.name for each in manifest.events] == ["a.now", "a.page", "a.testConnection"]


@pytest.mark.parametrize("timeout", ["0", "-5", "3600001", ".nan", "true", "soon", "[1]"])
def test_a_time_limit_that_makes_no_sense_counts_as_unsaid(tmp_path: Path, timeout: str) -> None:
    text = (
        f"delivery: {{callback: {{timeout: {timeout}}}}}\nhooks: [{{event: a, timeout: {timeout}}}]"
    )
    manifest = load_manifest(write(tmp_path, text))
    assert manifest is not None
    assert manifest.callback.timeout_ms is None
    assert manifest.events == (DeclaredEvent("a"),)


@pytest.mark.parametrize("word", ["http", "HTTP", " internal "])
def test_a_kind_of_delivery_is_never_a_secret(tmp_path: Path, word: str) -> None:
    manifest = load_manifest(write(tmp_path, f"delivery: '{word}'"))
    assert manifest is not None
    assert manifest.delivery_secret is None


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("name: a\nid: [b]", ":2:1: id: is no text"),
        ("extension:\n  version: {a: 1}", ":2:3: extension.version: is no text"),
        ("id: a\nversion: 0x" + "f" * 4000, ":2:1: version: is no text"),
    ],
)
def test_an_identity_that_is_no_text_is_refused(tmp_path: Path, text: str, place: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(ManifestError, match=re.escape(f"{path}{place}")):
        load_manifest(path)


@pytest.mark.parametrize(
    "text", ["a: " + "[" * 600 + "]" * 600, "- " * 600 + "a", "a: " + "[" * 600]
)
def test_values_nested_too_deep_are_told(tmp_path: Path, text: str) -> None:
    """They would crash the fast parser, and this process with it."""
    with pytest.raises(ManifestError, match="nested deeper than 500 levels"):
        load_manifest(write(tmp_path, text))


def test_many_values_that_are_nested_little_are_read(tmp_path: Path) -> None:
    pairs = ", ".join(f"{{key: k{number}, default: [{number}]}}" for number in range(2000))
    manifest = load_manifest(write(tmp_path, f"settings: [{pairs}]"))
    assert manifest is not None
    assert manifest.settings_defaults()["k1999"] == [1999]


TYPED = """
configuration:
  properties:
    count: {type: integer, default: " 25 "}
    share: {type: number, default: "0.5"}
    quiet: {type: boolean, default: "False"}
    map: {type: object, default: '{"a": 1}'}
    list: {type: array, default: "[1]"}
    text: {type: string, default: "10"}
    pin: {type: integer, default: "0042", secret: true}
    plain: {default: "10"}
    already: {type: integer, default: 3}
"""


def test_settings_are_text_unless_types_are_asked_for(tmp_path: Path) -> None:
    path = write(tmp_path, TYPED)
    assert KiketSDK(manifest_path=path).config.settings.raw["count"] == " 25 "
    assert KiketSDK(manifest_path=path, typed_settings=True).config.settings.raw == {
        "count": 25,
        "share": 0.5,
        "quiet": False,
        "map": {"a": 1},
        "list": [1],
        "text": "10",
        "pin": "0042",
        "plain": "10",
        "already": 3,
    }


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("integer", "1.5"),
        ("integer", "9" * 5000),
        ("number", "nan"),
        ("number", "many"),
        ("boolean", "maybe"),
        ("object", "[]"),
        ("array", "[" * 100_000),
    ],
)
def test_a_setting_that_has_not_its_type_is_told_with_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, text: str
) -> None:
    monkeypatch.setenv("COUNT", text)
    flat = f"settings:\n  - {{key: a}}\n  - {{key: n, type: {kind}, default: env:COUNT}}"
    nested = f"extension:\n  configuration:\n    n: {{type: {kind}, default: env:COUNT}}"
    for content, key in ((flat, "settings[1]"), (nested, "extension.configuration.n")):
        path = write(tmp_path, content)
        with pytest.raises(ManifestError) as caught:
            KiketSDK(manifest_path=path, typed_settings=True)
        assert (caught.value.line, caught.value.key) == (3, key)
        assert f"declared as {kind}" in str(caught.value)


def test_two_secrets_of_one_variable_are_warned_about(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("KIKET_SECRET_API_KEY", "value")
    with caplog.at_level(logging.WARNING, "kiket_sdk"):
        apply_secret_env_overrides({}, ["api-key", "api_key", "other"])
    assert [record.getMessage() for record in caplog.records] == [
        "KIKET_SECRET_API_KEY holds several secrets at once: api-key, api_key; rename one."
    ]
