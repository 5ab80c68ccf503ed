"""A keyring that is locked, hangs or fails loses nothing, and holds up nobody for long."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

import keyring
import pytest
from keyring.errors import InitError, KeyringLocked
from tests.kiket_console.engine.secrets.keyrings import (
    HangingKeyring,
    MemoryKeyring,
)
from tests.kiket_console.engine.secrets.opening import on_disk, opened, value_before

from kiket_console.engine.secrets import index as indexes
from kiket_console.engine.secrets import scope as scopes
from kiket_console.engine.secrets import vault as vaults
from kiket_console.engine.secrets.vault import Vault, open_vault
from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.private_file import write_private
from kiket_console.wire_secrets import PROJECT, SHARED, VaultFacts

if TYPE_CHECKING:
    from pathlib import Path

    from kiket_console.paths import ProjectPaths


async def test_values_are_registered_with_the_redactor_before_anything_else(
    backend: MemoryKeyring, paths: ProjectPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault = await opened(paths)

    def refuse(service: str, username: str, password: str) -> None:
        raise RuntimeError(f"cannot keep {password}")

    monkeypatch.setattr(backend, "set_password", refuse)
    with pytest.raises(ConsoleError) as refused:
        await vault.set("token", "canary-of-refusal")
    assert "canary" not in str(refused.value)
    assert "The keyring Memory refused: RuntimeError" in str(refused.value)
    assert refused.value.exit_code is ExitCode.AUTH
    assert await vault.names() == []


@pytest.mark.parametrize("fails_at", [1, 2])
async def test_an_error_in_the_middle_of_a_change_leaves_all_as_it_was(
    backend: MemoryKeyring,
    paths: ProjectPaths,
    monkeypatch: pytest.MonkeyPatch,
    fails_at: int,
) -> None:
    """The value before is put aside first, then the new one takes its place."""
    vault = await opened(paths)
    await vault.set("token", "the-first")
    before = await vault.set("token", "the-second")
    written: list[str] = []

    def fail(service: str, username: str, password: str) -> None:
        written.append(username)
        if len(written) == fails_at:
            raise KeyringLocked("meanwhile")
        MemoryKeyring.set_password(backend, service, username, password)

    monkeypatch.setattr(backend, "set_password", fail)
    with pytest.raises(ConsoleError, match="The keyring Memory is locked") as told:
        await vault.set("token", "the-third", version=before.version)
    assert "Unlock it" in told.value.hint
    assert await vault.get("token") == "the-second"
    assert await value_before(vault, "token") == "the-first"
    assert vault.entry("token", PROJECT) == before
    assert (await vault.set("token", "the-third", version=before.version)).version == 3
    assert await value_before(vault, "token") == "the-second"


@pytest.mark.parametrize("change", ["set", "delete"])
async def test_an_engine_that_is_killed_in_the_middle_of_a_change_leaves_the_value_before(
    backend: MemoryKeyring, paths: ProjectPaths, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    """The value has changed, and the list does not say so yet: who knows the former one goes on."""
    vault = await opened(paths)
    await vault.set("token", "the-first")
    write = write_private

    def killed(file: Path, raw: bytes) -> None:
        if backend.at(f"{paths.key}/token") != "the-first":
            raise asyncio.CancelledError
        write(file, raw)

    with monkeypatch.context() as patch:
        patch.setattr(indexes, "write_private", killed)
        with pytest.raises(asyncio.CancelledError):
            await (vault.set("token", "the-second") if change == "set" else vault.delete("token"))
    again = await opened(paths)
    assert await again.get("token") == ("the-second" if change == "set" else None)
    assert await value_before(again, "token") == "the-first"
    await again.restore("token")
    assert await again.get("token") == "the-first"


async def test_an_engine_that_is_killed_while_a_value_is_brought_back_loses_none(
    backend: MemoryKeyring, paths: ProjectPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault = await opened(paths)
    for value in ("the-first", "the-second"):
        await vault.set("token", value)

    def killed(file: Path, raw: bytes) -> None:
        raise asyncio.CancelledError

    with monkeypatch.context() as patch:
        patch.setattr(indexes, "write_private", killed)
        with pytest.raises(asyncio.CancelledError):
            await vault.restore("token")
    again = await opened(paths)
    assert await again.get("token") == "the-first"
    assert await value_before(again, "token") == "the-second"


async def test_a_list_that_cannot_be_written_leaves_all_as_it_was(
    backend: MemoryKeyring, paths: ProjectPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault = await opened(paths)
    before = await vault.set("token", "the-first")

    def full(file: Path, raw: bytes) -> None:
        raise ConsoleError(f"Cannot write {file}: No space left on device.")

    monkeypatch.setattr(indexes, "write_private", full)
    for asking in (
        lambda: vault.set("token", "the-second"),
        lambda: vault.set("other", "the-first"),
        lambda: vault.delete("token"),
    ):
        with pytest.raises(ConsoleError, match="No space left"):
            await asking()
    now = [await vault.get(name, anew=True) for name in ("token", "other")]
    assert now == ["the-first", None]
    assert vault.entry("token", PROJECT) == before


async def test_a_keyring_that_is_locked_meanwhile_is_said_to_be_until_it_answers(
    backend: MemoryKeyring, paths: ProjectPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault = await opened(paths)
    await vault.set("token", "the-first")

    def locked(service: str, username: str) -> str:
        raise InitError("Failed to create the collection: Prompt dismissed..")

    monkeypatch.setattr(backend, "get_password", locked)
    with pytest.raises(ConsoleError, match=r"The keyring Memory is locked\."):
        await vault.get("token", anew=True)
    assert vault.facts == VaultFacts("Memory", "keyring", "The keyring Memory is locked.", True)
    with pytest.raises(ConsoleError, match="is locked"):
        await vault.choose_keyring()
    monkeypatch.undo()
    assert await vault.choose_keyring() == VaultFacts("Memory", "keyring")


async def test_a_value_that_passed_is_not_asked_for_again_and_outlives_a_lock(
    backend: MemoryKeyring, paths: ProjectPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Deliveries go on with it; a change of another engine counts at once."""
    vault, other = await opened(paths), await opened(paths)
    await vault.set("TOKEN", "the-first", SHARED)
    asked: list[str] = []

    def locked(service: str, username: str) -> str:
        asked.append(username)
        raise KeyringLocked("meanwhile")

    with monkeypatch.context() as patch:
        patch.setattr(backend, "get_password", locked)
        assert [await vault.get("TOKEN", SHARED) for _ in range(3)] == ["the-first"] * 3
        assert asked == []
        patch.setattr(scopes, "HELD_S", 0.0)  # it passed long ago
        patch.setattr(scopes, "_AGAIN_S", 60.0)
        assert [await vault.get("TOKEN", SHARED) for _ in range(3)] == ["the-first"] * 3
        assert asked == ["shared/TOKEN"]
        assert vault.facts.locked
        with pytest.raises(ConsoleError, match="is locked"):
            await vault.get("TOKEN", SHARED, anew=True)
        with pytest.raises(ConsoleError, match="is locked"):
            await vault.get("OTHER")
    await other.set("TOKEN", "the-second", SHARED)
    assert await vault.get("TOKEN", SHARED) == "the-second"
    await other.delete("TOKEN", SHARED)
    assert await vault.get("TOKEN", SHARED) is None


async def test_a_keyring_that_hangs_from_the_start_is_left_behind(paths: ProjectPaths) -> None:
    hanging = HangingKeyring()
    keyring.set_keyring(hanging)
    try:
        vault = await open_vault(paths, call_limit_s=0.03)
        assert vault.is_session_only
        assert vault.description == "this session only: the keyring did not answer within 0.03 s"
        said = "Secrets cannot be kept: the keyring did not answer within 0.03 s."
        assert vault.facts == VaultFacts("Hanging", "none", said)
        assert (await vault.generated("WEBHOOK", "wh_")).startswith("wh_")  # works meanwhile
        with pytest.raises(ConsoleError, match="Secrets cannot be kept"):
            await vault.set("token", "what a worker stores")
        with pytest.raises(ConsoleError, match="did not answer within") as refused:
            await vault.choose_keyring()
        assert "--session-secrets" in refused.value.hint
        assert on_disk(paths) == ""
    finally:
        hanging.answers.set()


async def test_until_a_keyring_answers_names_are_listed_and_values_are_waited_for(
    paths: ProjectPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    hanging = HangingKeyring()
    hanging.answers.set()
    keyring.set_keyring(hanging)
    await (await opened(paths)).set("token", "the-first")
    hanging.answers.clear()
    monkeypatch.setattr(vaults, "_LOOK_FOR_S", 0.0)
    vault = Vault(paths, call_limit_s=60)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(vault.look())
        asking = tasks.create_task(vault.get("token"))
        making = tasks.create_task(vault.generated("WEBHOOK", "wh_"))
        assert [(each.name, each.present) for each in await vault.entries()] == [("token", True)]
        assert vault.facts == VaultFacts("", "looking")
        assert (asking.done(), making.done()) == (False, False)
        hanging.answers.set()
    assert vault.facts == VaultFacts("Hanging", "keyring")
    assert asking.result() == "the-first"
    assert hanging.at(f"{paths.key}/WEBHOOK") == making.result()


async def test_a_look_that_is_given_up_lets_nobody_wait(paths: ProjectPaths) -> None:
    hanging = HangingKeyring()
    keyring.set_keyring(hanging)
    vault = Vault(paths, call_limit_s=60)
    async with asyncio.TaskGroup() as tasks:
        looking = tasks.create_task(vault.look())
        asking = tasks.create_task(vault.get("token"))
        await asyncio.sleep(0)
        looking.cancel()
    hanging.answers.set()
    assert asking.result() is None
    assert vault.facts.state == "none"


async def test_a_keyring_that_begins_to_hang_shows_the_list_and_answers_later(
    paths: ProjectPaths,
) -> None:
    hanging = HangingKeyring()
    hanging.answers.set()
    keyring.set_keyring(hanging)
    vault, again = await opened(paths), await opened(paths)
    await vault.set("token", "the-first")
    again._calls.limit_s = 0.03
    hanging.answers.clear()
    try:
        for _ in range(10):
            with pytest.raises(ConsoleError, match="did not answer"):
                await again.get("token")
        waiting = [each for each in threading.enumerate() if each.name == "kiket-keyring"]
        assert 0 < len(waiting) <= 2
        assert all(each.daemon for each in waiting)
        with pytest.raises(ConsoleError, match="did not answer"):
            await again.set("token", "the-second")
        [entry] = await again.entries()
        assert (entry.name, entry.present, entry.version) == ("token", True, 1)
        assert again.facts.problem == "The keyring Hanging did not answer within 0.03 s."
    finally:
        hanging.answers.set()
    for each in waiting:
        each.join(20)
    assert await vault.get("token") == "the-first"
    assert (await vault.set("token", "the-second")).version == 2
