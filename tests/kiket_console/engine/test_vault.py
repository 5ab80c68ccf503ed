"""Secrets are kept in a keyring that deserves the name, or for this session, or not at all."""

from __future__ import annotations

import asyncio
import json
import os
import stat
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, ClassVar

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends import chainer, fail, null
from keyring.errors import KeyringLocked, PasswordDeleteError

from kiket_console.engine import vault as vaults
from kiket_console.engine.vault import Vault, open_vault
from kiket_console.errors import ConsoleError, ExitCode
from kiket_core.secret import redactor

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KEY = "shop-0123456789ab"


class MemoryKeyring(KeyringBackend):
    """A keyring that works."""

    priority: ClassVar[float] = 1
    viable: ClassVar[bool] = False  # to be chosen by name alone: other tests look for a keyring
    name = "Memory"

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # keyring's is not typed
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if self.kept.pop((service, username), None) is None:
            raise PasswordDeleteError("not found")


class HangingKeyring(MemoryKeyring):
    """A keyring whose prompt nobody sees."""

    def __init__(self) -> None:
        super().__init__()
        self.answers = threading.Event()

    def get_password(self, service: str, username: str) -> str | None:
        self.answers.wait(30)
        return super().get_password(service, username)


@pytest.fixture(autouse=True)
def leave_keyring_as_it_was() -> Iterator[None]:
    before = keyring.get_keyring()
    yield
    keyring.set_keyring(before)


@pytest.fixture
def backend() -> MemoryKeyring:
    backend = MemoryKeyring()
    keyring.set_keyring(backend)
    return backend


@pytest.fixture
def index(own_places: Path) -> Path:
    return own_places / "vault-index.json"


def on_disk(index: Path) -> str:
    """Return the index as it is stored, empty when it is not."""
    if not index.exists():
        return ""
    assert stat.S_IMODE(index.stat().st_mode) == 0o600
    return index.read_text()


async def opened(index: Path, mode: str = "auto") -> Vault:
    return await open_vault(KEY, index, mode, call_limit_s=2.0)


async def test_a_secret_is_in_the_keyring_and_its_name_in_the_index(
    backend: MemoryKeyring, index: Path
) -> None:
    vault = await opened(index)
    await vault.set("api.token", "canary-value-1")
    assert backend.kept == {("kiket-console", f"{KEY}/api.token"): "canary-value-1"}
    assert "api.token" in on_disk(index)
    assert "canary" not in on_disk(index)
    again = await opened(index)
    assert await again.get("api.token") == "canary-value-1"
    assert [known.name for known in await again.names()] == ["api.token"]
    assert again.description == "Memory"
    assert not again.is_session_only


async def test_when_it_was_made_and_changed_is_known(backend: MemoryKeyring, index: Path) -> None:
    vault = await opened(index)
    await vault.set("b", "first-value")
    [first] = await vault.names()
    await vault.set("b", "second-value")
    await vault.set("a", "other-value")
    names = await (await opened(index)).names()
    assert [known.name for known in names] == ["a", "b"]
    assert names[1].created_us == first.created_us == first.updated_us
    assert names[1].updated_us > first.updated_us


async def test_a_deleted_secret_is_gone_but_stays_redacted(
    backend: MemoryKeyring, index: Path
) -> None:
    vault = await opened(index)
    await vault.set("token", "canary-of-deletion")
    assert await vault.delete("token")
    assert not await vault.delete("token")
    assert await vault.get("token") is None
    assert await vault.names() == []
    assert backend.kept == {}
    assert "canary" not in redactor.redact("canary-of-deletion")


async def test_values_are_registered_with_the_redactor_before_anything_else(
    backend: MemoryKeyring, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault = await opened(index)

    def refuse(service: str, username: str, password: str) -> None:
        raise KeyringLocked(f"cannot keep {password}")

    monkeypatch.setattr(backend, "set_password", refuse)
    with pytest.raises(ConsoleError) as refused:
        await vault.set("token", "canary-of-refusal")
    assert "canary" not in str(refused.value)
    assert "KeyringLocked" in str(refused.value)
    assert refused.value.exit_code is ExitCode.AUTH
    assert await vault.names() == []


async def test_a_value_read_from_the_keyring_is_redacted(
    backend: MemoryKeyring, index: Path
) -> None:
    backend.kept["kiket-console", f"{KEY}/token"] = "canary-from-outside"
    assert await (await opened(index)).get("token") == "canary-from-outside"
    assert "canary" not in redactor.redact("canary-from-outside")


async def test_a_keyring_that_hangs_is_left_behind(index: Path) -> None:
    hanging = HangingKeyring()
    keyring.set_keyring(hanging)
    try:
        vault = await open_vault(KEY, index, call_limit_s=0.05)
        assert vault.is_session_only
        assert vault.description == ("this session only: the keyring did not answer within 0.05 s")
        await vault.set("token", "kept-in-memory")
        assert await vault.get("token") == "kept-in-memory"
        assert on_disk(index) == ""
        with pytest.raises(ConsoleError, match="did not answer within") as refused:
            await open_vault(KEY, index, "keyring", call_limit_s=0.05)
        assert "--session-secrets" in refused.value.hint
    finally:
        hanging.answers.set()


async def test_a_keyring_that_begins_to_hang_costs_a_bounded_number_of_threads(
    index: Path,
) -> None:
    hanging = HangingKeyring()
    hanging.answers.set()
    keyring.set_keyring(hanging)
    vault = await open_vault(KEY, index, call_limit_s=0.05)
    assert not vault.is_session_only
    hanging.answers.clear()
    try:
        for _ in range(10):
            with pytest.raises(ConsoleError, match="did not answer"):
                await vault.get("token")
        waiting = [each for each in threading.enumerate() if each.name == "kiket-keyring"]
        assert len(waiting) <= 4
        assert all(each.daemon for each in waiting)
    finally:
        hanging.answers.set()


@pytest.mark.parametrize(
    ("module", "reason"),
    [
        (fail, "there is no keyring here"),
        (null, "the keyring keyring.backends.null.Keyring does not keep secrets safe"),
    ],
)
async def test_backends_that_keep_nothing_are_refused(
    index: Path, module: object, reason: str
) -> None:
    keyring.set_keyring(module.Keyring())  # type: ignore[attr-defined]  # each has one
    vault = await opened(index)
    assert vault.description == f"this session only: {reason}"
    with pytest.raises(ConsoleError, match=reason):
        await opened(index, "keyring")


def plain_text_keyring() -> KeyringBackend:
    kind = type("PlaintextKeyring", (MemoryKeyring,), {"__module__": "keyrings.alt.file"})
    return kind()  # type: ignore[no-any-return]  # made just above


async def test_a_plain_text_keyring_is_refused_even_inside_a_chain(
    index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A chain may write into any of its parts."""
    keyring.set_keyring(plain_text_keyring())
    assert "keyrings.alt.file.PlaintextKeyring" in (await opened(index)).description
    chain = chainer.ChainerBackend()  # type: ignore[no-untyped-call]  # keyring's is not typed
    parts = [MemoryKeyring(), plain_text_keyring()]
    monkeypatch.setattr(chainer.ChainerBackend, "backends", parts)
    assert "PlaintextKeyring" in vaults.refused(chain)
    parts.pop()
    assert vaults.refused(chain) == ""
    parts.pop()
    assert vaults.refused(chain) == "there is no keyring here"


async def test_session_mode_does_not_touch_the_keyring(backend: MemoryKeyring, index: Path) -> None:
    vault = await opened(index, "session")
    await vault.set("token", "only-for-now")
    assert backend.kept == {}
    assert vault.description == "this session only"
    assert await (await opened(index, "session")).get("token") is None


async def test_our_own_secrets_are_made_once_and_are_in_no_list(
    backend: MemoryKeyring, index: Path
) -> None:
    vault = await opened(index)
    token = await vault.generated("KIKET_WORKSPACE_TOKEN", "wk_local_")
    assert token.startswith("wk_local_")
    assert len(token) > 40
    assert await vault.generated("KIKET_WORKSPACE_TOKEN", "wk_local_") == token
    assert await (await opened(index)).generated("KIKET_WORKSPACE_TOKEN", "wk_local_") == token
    assert await vault.names() == []
    assert token not in redactor.redact(f"token {token}")


@pytest.mark.parametrize("name", ["", "a/b", "a b", "x" * 129, "ü", "../up"])
async def test_names_have_a_form(index: Path, name: str) -> None:
    vault = await opened(index, "session")
    with pytest.raises(ConsoleError, match="cannot be called"):
        await vault.set(name, "some-value")


@pytest.mark.parametrize("value", ["", "x" * (vaults.VALUE_LIMIT + 1)])
async def test_values_have_a_size(index: Path, value: str) -> None:
    vault = await opened(index, "session")
    with pytest.raises(ConsoleError, match=f"has {len(value)} characters"):
        await vault.set("token", value)


def test_a_broken_index_is_told(backend: MemoryKeyring, index: Path) -> None:
    index.write_text("[1")
    with pytest.raises(ConsoleError, match="cannot be read") as refused:
        asyncio.run(opened(index))
    assert "Remove it" in refused.value.hint


REAL = """
import asyncio, sys
from pathlib import Path
from kiket_console.engine.vault import open_vault

async def main():
    vault = await open_vault("shop-1", Path(sys.argv[1]), "keyring", call_limit_s=10)
    await vault.set("token", "v" * 20_000)
    again = await open_vault("shop-1", Path(sys.argv[1]), "keyring", call_limit_s=10)
    assert await again.get("token") == "v" * 20_000
    assert [known.name for known in await again.names()] == ["token"]
    assert await again.delete("token")
    assert await again.get("token") is None
    print(again.description)

asyncio.run(main())
"""

SESSION = """
set -eu
head -c 16 /dev/urandom | od -An -tx1 | tr -d ' ' |
    gnome-keyring-daemon --unlock --foreground --components=secrets >/dev/null 2>&1 &
daemon=$!
trap 'kill "$daemon"' EXIT
owned="org.freedesktop.DBus.NameHasOwner string:org.freedesktop.secrets"
for _ in $(seq 200); do
    dbus-send --session --print-reply --dest=org.freedesktop.DBus / $owned 2>/dev/null |
        grep -q "boolean true" && break
    sleep 0.05
done
"$@"
"""
"""A keyring, unlocked by a password from a pipe, for one command."""


@pytest.mark.needs("dbus-run-session", "dbus-send", "gnome-keyring-daemon")
def test_a_real_secret_service_keeps_a_secret(own_places: Path) -> None:
    """In a session of its own, with a keyring unlocked by a password that nobody ever sees."""
    private = {
        name: own_places / f"own-{name}" for name in ("HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR")
    }
    for place in private.values():
        place.mkdir(mode=0o700)
    (private["XDG_DATA_HOME"] / "keyrings").mkdir()
    environment = {"PATH": os.environ["PATH"], **{k: str(v) for k, v in private.items()}}
    ended = subprocess.run(
        [
            *("dbus-run-session", "--", "sh", "-c", SESSION, "sh"),
            *(sys.executable, "-c", REAL, str(own_places / "index.json")),
        ],
        env=environment,
        capture_output=True,
        text=True,
        timeout=45,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert "SecretService" in ended.stdout
    assert json.loads((own_places / "index.json").read_text()) == {}
