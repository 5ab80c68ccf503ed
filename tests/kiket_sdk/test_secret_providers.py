"""Where secrets come from: the environment, files, the keyring, or what an author brings."""

from __future__ import annotations

import json
import logging
import os
import threading
from typing import TYPE_CHECKING, Any

import keyring
import keyring.backend
import keyring.errors
import pytest

from kiket_core.secret import redactor
from kiket_sdk import (
    EnvironmentSecrets,
    ExtensionSecretManager,
    FileSecrets,
    KeyringSecrets,
    KiketClient,
    KiketSDK,
    SecretProvider,
)
from kiket_sdk.exceptions import SecretStoreError
from kiket_sdk.secret_providers import SECRET_LIMIT_BYTES, secret_reader

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.kiket_sdk.conftest import Platform

NOBODY: Any = object()


def test_the_environment_has_secrets_under_our_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KIKET_SECRET_CRM_APIKEY", "from-environment")
    monkeypatch.setenv("KIKET_SECRET_EMPTY", "")
    monkeypatch.setenv("BARE", "not ours")
    provider = EnvironmentSecrets()
    assert provider.get("crm.apiKey") == "from-environment"
    assert (provider.get("EMPTY"), provider.get("BARE")) == (None, None)
    assert isinstance(provider, SecretProvider)


# Files


def test_a_folder_has_a_file_per_secret(tmp_path: Path) -> None:
    """As Docker, Kubernetes and systemd lay them out."""
    (tmp_path / "MAIL_TOKEN").write_text("from-file\n")
    (tmp_path / "two lines").write_text("a\nb\r\n")
    (tmp_path / "EMPTY").touch()
    (tmp_path / "folder").mkdir()
    provider = FileSecrets(tmp_path)
    assert provider.get("MAIL_TOKEN") == "from-file"
    assert provider.get("two lines") == "a\nb"
    for key in ("EMPTY", "ABSENT", "folder", "", ".", "..", "../MAIL_TOKEN", "a\0b"):
        assert provider.get(key) is None


def test_a_secret_outside_the_folder_cannot_be_named(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "other").write_text("not a secret of this extension")
    provider = FileSecrets(tmp_path / "secrets")
    assert provider.get("../other") is None
    assert provider.get(str(tmp_path / "other")) is None


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("secrets.json", json.dumps({"A": "1", "B": "two words", "C": "", "N": 7, "Z": None})),
        (".env", "# mine\nexport A=1\nB='two words'\nC=\nN=7\n"),
    ],
)
def test_a_file_has_several(tmp_path: Path, name: str, text: str) -> None:
    file = tmp_path / name
    file.write_text(text)
    file.chmod(0o600)
    provider = FileSecrets(file)
    assert [provider.get(key) for key in ("A", "B", "C", "N", "Z", "D")] == [
        *("1", "two words", None, "7", None, None)
    ]


def test_a_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    file = tmp_path / "secrets.json"
    file.write_text('{"A": "first"}')
    provider = FileSecrets(file)
    assert provider.get("A") == "first"
    file.write_text('{"A": "second!"}')
    assert provider.get("A") == "second!"
    file.unlink()
    assert provider.get("A") is None


def test_variables_in_a_file_stay_as_they_stand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/somewhere")
    (tmp_path / ".env").write_text("A=pa$$word${HOME}\n")
    assert FileSecrets(tmp_path / ".env").get("A") == "pa$$word${HOME}"


@pytest.mark.parametrize("text", ["[1]", "{", "\udcff"])
def test_a_file_of_another_form_is_said_without_its_text(tmp_path: Path, text: str) -> None:
    file = tmp_path / "secrets.json"
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(SecretStoreError) as refused:
        FileSecrets(file).get("A")
    assert str(refused.value) == (f"Cannot read secrets from {file}: it is not text of that form")


def test_a_file_that_is_too_long_is_refused(tmp_path: Path) -> None:
    (tmp_path / "BIG").write_bytes(b"x" * (SECRET_LIMIT_BYTES + 1))
    with pytest.raises(SecretStoreError, match="more than 65536 bytes"):
        FileSecrets(tmp_path).get("BIG")


def test_a_file_that_anybody_can_read_is_warned_of_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / ".env"
    file.write_text("A=1\n")
    file.chmod(0o644)
    provider = FileSecrets(file)
    assert (provider.get("A"), provider.get("B")) == ("1", None)
    file.write_text("A=22\n")
    assert provider.get("A") == "22"
    assert caplog.text.count("chmod 600 it") == 1


# The keyring


class Memory(keyring.backend.KeyringBackend):
    """A keyring that counts how often it is asked."""

    priority = 1

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}
        self.asked = 0
        self.is_locked = False

    def get_password(self, service: str, username: str) -> str | None:
        self.asked += 1
        if self.is_locked:
            raise keyring.errors.KeyringLocked("no prompt")
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password


@pytest.fixture
def ring() -> Iterator[Memory]:
    before = keyring.get_keyring()
    memory = Memory()
    keyring.set_keyring(memory)
    yield memory
    keyring.set_keyring(before)


def test_the_keyring_is_asked_once_a_while(ring: Memory) -> None:
    keyring.set_password("com.example.crm", "A", "from-keyring")
    provider = KeyringSecrets("com.example.crm")
    assert [provider.get("A"), provider.get("A"), provider.get("B"), provider.get("B")] == [
        *("from-keyring", "from-keyring", None, None)
    ]
    assert ring.asked == 2
    forgetful = KeyringSecrets("com.example.crm", remember_s=0)
    assert forgetful.get("A") == forgetful.get("A")
    assert ring.asked == 4


def test_a_locked_keyring_says_what_to_do(ring: Memory) -> None:
    ring.is_locked = True
    with pytest.raises(SecretStoreError, match="KeyringLocked; unlock it, or use another"):
        KeyringSecrets("com.example.crm").get("A")


# In an extension


class Bring:
    """A provider of an author's own, which says in which thread it is asked."""

    def __init__(self, **secrets: str) -> None:
        self.secrets = secrets
        self.threads: list[int] = []

    def get(self, key: str) -> str | None:
        self.threads.append(threading.get_ident())
        return self.secrets.get(key)


async def test_providers_are_asked_in_order_and_then_the_platform(platform: Platform) -> None:
    path = "GET /api/v1/extensions/ext.test/secrets/C"
    platform.answer(path, (200, {"key": "C", "value": "platform"}))
    first, second = Bring(A="first"), Bring(A="second", B="second")
    async with KiketClient(platform.url, None) as client:
        secrets = ExtensionSecretManager(client, "ext.test", providers=[first, second])
        assert [(await secrets.get(key)).value for key in "ABC"] == ["first", "second", "platform"]
        other = secrets.with_extension("ext.test")
        assert (await other.get("A")).value == "first"
    assert threading.get_ident() not in first.threads, "a provider may be slow"


async def test_without_providers_of_ones_own_it_is_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KIKET_SECRET_A", "environment")
    assert (await ExtensionSecretManager(NOBODY).get("A")).value == "environment"
    with pytest.raises(SecretStoreError, match="Extension ID is required"):
        await ExtensionSecretManager(NOBODY, providers=[]).get("A")


def test_an_extension_uses_the_providers_that_it_names(tmp_path: Path) -> None:
    (tmp_path / "MAIL_TOKEN").write_text("from-file")
    sdk = KiketSDK(
        webhook_secret="a webhook secret of more than 24 bytes",
        secret_providers=[FileSecrets(tmp_path)],
    )

    async def handle(_payload: Any, context: Any) -> Any:
        return (await context.secrets.get("MAIL_TOKEN")).value

    sdk.register("e", handle, version="v1")
    from kiket_sdk.testing import webhook_payload_factory

    signed = webhook_payload_factory(sdk.config.webhook_secret)({}, event="e")
    reply = sdk.create_test_client().post(
        signed["path"], content=signed["body"], headers=signed["headers"]
    )
    assert reply.json() == "from-file"


async def test_rotating_while_a_provider_hides_the_platform_is_said(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("KIKET_SECRET_A", "old")
    async with KiketClient(platform.url, None) as client:
        await ExtensionSecretManager(client, "ext.test").rotate("A", "new-value")
    assert "EnvironmentSecrets still gives the old value" in caplog.text
    assert "new-value" not in caplog.text


# context.secret


def test_the_payload_comes_first_then_providers_then_the_bare_variable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in {
        "KIKET_SECRET_A": "prefixed",
        "A": "bare",
        "B": "bare",
        "C": "",
    }.items():
        monkeypatch.setenv(name, value)
    secret = secret_reader({"P": "payload", "A": "", "N": 7})
    assert [secret(key) for key in ("P", "A", "B", "C", "N", "ABSENT", "", "z\0", "z=b")] == [
        *("payload", "prefixed", "bare", None, "7", None, None, None, None)
    ]
    assert secret_reader(None)("P") is None
    assert redactor.redact("it is prefixed") == "it is [secret:A]"


def test_the_secrets_of_deliveries_are_not_gathered_in_the_process() -> None:
    """Each tenant has its own; to look for those of a thousand in each text takes a second."""
    known = len(redactor._entries)
    for number in range(20):
        assert secret_reader({"P": f"of tenant {number}"})("P") == f"of tenant {number}"
    assert len(redactor._entries) == known


@pytest.mark.parametrize(
    "key", ["AWS_SECRET_ACCESS_KEY", "aws_session_token", "KIKET_WEBHOOK_SECRET", "DATABASE_URL"]
)
def test_what_belongs_to_the_machine_is_for_declared_keys_alone(
    key: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A key may come from a payload."""
    monkeypatch.setenv(key, "of the machine")
    assert secret_reader(None)(key) is None
    assert f"declare it as a secret in the manifest, or set KIKET_SECRET_{key.upper()}" in (
        caplog.text
    )
    assert "of the machine" not in caplog.text
    assert secret_reader(None, declared={key})(key) == "of the machine"
    monkeypatch.setenv(f"KIKET_SECRET_{key.upper()}", "ours")
    assert secret_reader(None)(key) == "ours"


def test_an_ordinary_variable_is_read_quietly(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-1234567")
    with caplog.at_level(logging.DEBUG):
        assert secret_reader(None)("SLACK_BOT_TOKEN") == os.environ["SLACK_BOT_TOKEN"]
    assert caplog.text == ""
