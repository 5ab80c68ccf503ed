"""What a person does with secrets reaches what runs, and is refused where it would be lost."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import keyring
import pytest
from keyring.errors import KeyringLocked
from msgspec.structs import replace

from kiket_console.engine.secrets.desk import SecretDesk
from kiket_console.engine.secrets.vault import Vault, open_vault
from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.model import Worker, WorkerState
from kiket_console.module_facts import ModuleFacts
from kiket_console.paths import ProjectPaths
from kiket_console.wire import Rotation
from kiket_console.wire_secrets import PROJECT, SHARED, Generate, SecretUse

if TYPE_CHECKING:
    from tests.kiket_console.engine.secrets.keyrings import MemoryKeyring


OWN = "KIKET_WEBHOOK_SECRET.shop"
"""What the engine makes for a worker."""


def worker(name: str, *secrets: str, asked: tuple[str, ...] = ()) -> Worker:
    """Return a worker that declares *secrets*; with *asked*, a module that asked for those."""
    facts = ModuleFacts(asked=tuple((each, False) for each in asked)) if asked else None
    return Worker(
        name=name,
        kind="module" if asked else "extension",
        state=WorkerState.SERVING,
        serving=True,
        evidence="",
        evidence_us=1,
        started_us=1,
        pid=7,
        starts=1,
        reloads=0,
        restarts=0,
        handlers=(),
        secrets=tuple((each, False) for each in secrets),
        module=facts,
    )


@dataclass
class House:
    """A desk, its vault, and what was handed out."""

    desk: SecretDesk
    vault: Vault
    started: list[str]
    """Names of workers, in the order of their starts."""
    handed: list[tuple[Any, ...]] = field(default_factory=list)


async def house(paths: ProjectPaths, mode: str = "auto") -> House:
    """Return a desk over the keyring of the test."""
    started: list[str] = []
    workers = (
        worker("shop", "TOKEN", "PIN"),
        worker("billing", "TOKEN", asked=("OTHER",)),
        replace(worker("broken"), state=WorkerState.BROKEN),
    )
    uses = {name: (SecretUse("shop", 5, "pipe", seen),) for name, seen in (("TOKEN", 1), (OWN, 0))}

    async def hand_out(name: str, timeout_s: float, *, is_kept: bool = True) -> Rotation:
        made.handed.append((name, timeout_s, is_kept))
        return Rotation(name, "r", (), ("shop",))

    vault = await open_vault(paths, mode, call_limit_s=60)
    desk = SecretDesk(
        vault, lambda: workers, hand_out, started.append, lambda: uses, paths.folder / ".env"
    )
    made = House(desk, vault, started)
    return made


@pytest.fixture
def locked(backend: MemoryKeyring, monkeypatch: pytest.MonkeyPatch) -> MemoryKeyring:
    """Return a keyring that is locked until `monkeypatch` is undone."""

    def refuse(service: str, username: str) -> str:
        raise KeyringLocked("Failed to unlock the collection!")

    monkeypatch.setattr(backend, "get_password", refuse)
    return backend


async def test_what_is_kept_and_what_is_asked_for_are_in_one_list(
    backend: MemoryKeyring, paths: ProjectPaths
) -> None:
    here = await house(paths)
    (paths.folder / ".env").write_text("KIKET_SECRET_PIN=1234\nidle=x\n")
    await here.desk.set("idle", "a-value-of-use", SHARED, None)
    await here.desk.set("TOKEN", "a-value", PROJECT, None)
    state = await here.desk.state()
    assert state.vault.state == "keyring"
    assert [(each.name, each.scope, each.present) for each in state.entries] == [
        ("idle", SHARED, True),
        ("OTHER", "", False),
        ("PIN", "", False),
        ("TOKEN", PROJECT, True),
    ]
    idle, other, pin, token = state.entries
    assert (other.declared_by, pin.declared_by) == (("billing",), ("shop",))
    assert token.declared_by == ("shop", "billing")
    assert token.uses == (SecretUse("shop", 5, "pipe", 1),)
    assert [each.env_file for each in state.entries] == [True, False, True, False]
    assert (token.short, idle.short) == (True, False)
    await here.desk.set("TOKEN", "of-everybody", SHARED, None)
    own, shared = [each for each in (await here.desk.state()).entries if each.name == "TOKEN"]
    assert (own.hides_shared, own.declared_by) == (True, ("shop", "billing"))
    assert (shared.scope, shared.declared_by, shared.uses) == (SHARED, (), ())


async def test_a_change_is_handed_out_and_says_its_version_and_what_to_know_of_it(
    backend: MemoryKeyring, paths: ProjectPaths
) -> None:
    here = await house(paths)
    kept = await here.desk.set("TOKEN", "a-long-value", PROJECT, 0)
    assert (kept.version, kept.restarted, kept.warning) == (1, ("shop",), "")
    short = await here.desk.set("TOKEN", "short", PROJECT, 1)
    assert (short.version, "fewer than 8 characters" in short.warning) == (2, True)
    with pytest.raises(ConsoleError) as refused:
        await here.desk.set("TOKEN", "of-another-editor", PROJECT, 1)
    assert refused.value.exit_code is ExitCode.VERIFICATION
    back = await here.desk.restore("TOKEN", "")
    assert (back.version, await here.desk.reveal("TOKEN", "")) == (3, "a-long-value")
    assert here.handed == [("TOKEN", 5.0, True)] * 3


async def test_a_shared_value_that_the_project_does_not_see_is_handed_to_nobody(
    backend: MemoryKeyring, paths: ProjectPaths
) -> None:
    here = await house(paths)
    await here.desk.set("TOKEN", "of-the-project", PROJECT, None)
    shared = await here.desk.set("TOKEN", "of-everybody", SHARED, None)
    assert (shared.version, shared.restarted, len(here.handed)) == (1, (), 1)
    gone = await here.desk.delete("TOKEN", "")  # the one that is seen
    assert (gone.scope, gone.present, gone.previous_until_us > 0) == (PROJECT, False, True)
    assert here.handed[1:] == [("TOKEN", 5.0, True)]  # the shared one is seen now
    await here.desk.delete("TOKEN", "")
    assert here.handed[2:] == [("TOKEN", 5.0, False)]
    with pytest.raises(ConsoleError, match='no secret "TOKEN"'):
        await here.desk.delete("TOKEN", "")
    with pytest.raises(ConsoleError, match='no scope "everywhere"'):
        await here.desk.delete("TOKEN", "everywhere")
    with pytest.raises(ConsoleError, match='"TOKEN" has no value'):
        await here.desk.reveal("TOKEN", "")
    await here.desk.restore("TOKEN", "")  # the one that was deleted last
    assert await here.desk.reveal("TOKEN", "") == "of-everybody"


async def test_what_another_engine_changes_for_all_projects_is_handed_out_here_too(
    backend: MemoryKeyring, paths: ProjectPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = paths.folder.with_name("other")
    folder.mkdir()
    other_paths = ProjectPaths(folder)
    other_paths.make()
    here, there = await house(paths), await house(other_paths)
    await here.desk.set("TOKEN", "of-everybody", SHARED, None)
    await here.desk.set("UNUSED", "of-everybody", SHARED, None)
    before = list(here.handed)
    for each in (here, there):
        await each.desk.take_shared()
        await each.desk.take_shared()
    assert here.handed == before  # its own changes are handed out once
    assert there.handed == [("TOKEN", 5.0, True)]  # nothing that runs asks for the other one
    await here.desk.delete("TOKEN", SHARED)
    await there.desk.take_shared()
    assert there.handed[1:] == [("TOKEN", 5.0, False)]

    def refuse(service: str, username: str) -> str:
        raise KeyringLocked("meanwhile")

    await here.desk.set("TOKEN", "of-everybody-again", SHARED, None)
    with monkeypatch.context() as patch:
        patch.setattr(backend, "get_password", refuse)
        await there.desk.take_shared()
    assert there.handed[2:] == []
    await there.desk.take_shared()
    assert there.handed[2:] == [("TOKEN", 5.0, True)]


async def test_a_rotation_types_a_value_makes_one_or_hands_the_present_one_out(
    backend: MemoryKeyring, paths: ProjectPaths
) -> None:
    here = await house(paths)
    with pytest.raises(ConsoleError, match="TOKEN has no value that could be handed out"):
        await here.desk.rotate("TOKEN", None, "", 5)
    assert (await here.desk.rotate("TOKEN", "typed-in", "", 2)).version == 1
    assert (await here.desk.rotate("TOKEN", None, "", 3)).version == 1
    made = []
    for form in (Generate("hex", 8), Generate("base64url", 33), Generate("uuid")):
        await here.desk.rotate("TOKEN", form, "", 4)
        made.append(await here.desk.reveal("TOKEN", ""))
    assert re.fullmatch("[0-9a-f]{16}", made[0])
    assert re.fullmatch("[A-Za-z0-9_-]{44}", made[1])
    assert uuid.UUID(made[2]).version == 4
    assert [each[1] for each in here.handed] == [2, 3, 4, 4, 4]


async def test_without_a_keyring_nothing_is_kept_until_somebody_chooses(
    locked: MemoryKeyring, paths: ProjectPaths
) -> None:
    here = await house(paths)
    for asking in (
        here.desk.set("TOKEN", "canary-4711", PROJECT, None),
        here.desk.rotate("TOKEN", Generate(), "", 5),
    ):
        with pytest.raises(ConsoleError, match="Secrets cannot be kept: the keyring") as refused:
            await asking
        assert refused.value.exit_code is ExitCode.AUTH
        assert "Unlock it and try again" in refused.value.hint
        assert "secrets vault --session" in refused.value.hint
        assert "canary" not in str(refused.value)
    assert (await here.desk.state()).vault.locked
    assert here.handed == []
    assert (await here.desk.vault("session")).state == "session"
    assert (await here.desk.set("TOKEN", "for-now-only", PROJECT, None)).version == 1
    assert locked.kept == {}


async def test_what_a_locked_keyring_has_is_listed_and_not_said_to_be_missing(
    backend: MemoryKeyring, paths: ProjectPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    await (await house(paths)).desk.set("TOKEN", "a-value", PROJECT, None)

    def refuse(service: str, username: str) -> str:
        raise KeyringLocked("Failed to unlock the collection!")

    monkeypatch.setattr(backend, "get_password", refuse)
    here = await house(paths)

    state = await here.desk.state()
    assert (state.vault.state, state.vault.locked) == ("none", True)
    assert [each.present for each in state.entries if each.name == "TOKEN"] == [True]
    for asking in (here.desk.reveal("TOKEN", PROJECT), here.desk.delete("TOKEN", PROJECT)):
        with pytest.raises(ConsoleError, match="is locked"):
            await asking


async def test_a_keyring_that_was_unlocked_meanwhile_is_found_by_the_next_change(
    locked: MemoryKeyring, paths: ProjectPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what runs is handed what it has asked for in vain."""
    here = await house(paths)
    locked.kept["kiket-console", f"{paths.key}/PIN"] = "from-another-day"
    monkeypatch.undo()
    keyring.set_keyring(locked)
    assert (await here.desk.set("TOKEN", "a-value", PROJECT, None)).version == 1
    assert here.handed == [("PIN", 5.0, True), ("TOKEN", 5.0, True)]
    assert locked.at(f"{paths.key}/TOKEN") == "a-value"
    assert here.started == ["broken"]  # it may have been so for want of a keyring
    await here.desk.vault("keyring")  # as it is already
    assert here.started == ["broken"]


async def test_what_runs_with_a_secret_made_for_the_session_is_handed_the_one_that_was_kept(
    backend: MemoryKeyring, paths: ProjectPaths
) -> None:
    made = await (await house(paths)).vault.generated(OWN, "wh_")
    here = await house(paths, "session")
    await here.vault.generated(OWN, "wh_")
    await here.desk.vault("keyring")
    assert here.handed == [(OWN, 5.0, True)]
    assert await here.vault.get(OWN) == made
