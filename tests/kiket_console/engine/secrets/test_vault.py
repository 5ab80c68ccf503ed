"""Secrets are kept in a keyring that deserves the name, or for this session, or not at all."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import keyring
import pytest
from keyring.errors import KeyringLocked
from tests.kiket_console.engine.secrets.keyrings import (
    MemoryKeyring,
    SmallKeyring,
)
from tests.kiket_console.engine.secrets.opening import on_disk, opened, value_before

from kiket_console.engine.secrets import scope as scopes
from kiket_console.engine.secrets import vault as vaults
from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.paths import ProjectPaths
from kiket_console.wire_secrets import PREVIOUS_S, PROJECT, SHARED, SecretEntry, VaultFacts
from kiket_core.secret import Redactor, redactor

if TYPE_CHECKING:
    from collections.abc import Sequence


def named(entries: Sequence[SecretEntry]) -> list[tuple[str, str]]:
    return [(each.name, each.scope) for each in entries]


# What is kept, and where


async def test_a_secret_is_in_the_keyring_and_its_name_in_the_index(
    backend: MemoryKeyring, paths: ProjectPaths
) -> None:
    vault = await opened(paths)
    await vault.set("api.token", "canary-value-1")
    assert backend.kept == {("kiket-console", f"{paths.key}/api.token"): "canary-value-1"}
    assert "api.token" in on_disk(paths)
    assert "canary" not in on_disk(paths)
    again = await opened(paths)
    assert await again.get("api.token") == "canary-value-1"
    assert named(await again.names()) == [("api.token", PROJECT)]
    assert again.facts == VaultFacts("Memory", "keyring")
    assert (again.description, again.is_session_only) == ("Memory", False)


async def test_a_shared_secret_is_seen_by_all_projects_and_hidden_by_their_own(
    backend: MemoryKeyring, paths: ProjectPaths
) -> None:
    folder = paths.folder.with_name("other")
    folder.mkdir()
    other_paths = ProjectPaths(folder)
    other_paths.make()
    here, there = await opened(paths), await opened(other_paths)
    await here.set("TOKEN", "of-everybody", SHARED)
    await here.set("TOKEN", "of-the-shop")
    assert (await here.get("TOKEN"), await there.get("TOKEN")) == ("of-the-shop", "of-everybody")
    assert await here.get("TOKEN", SHARED) == "of-everybody"
    assert await there.get("TOKEN", PROJECT) is None
    assert backend.at("shared/TOKEN") == "of-everybody"
    assert named(await here.names()) == [("TOKEN", PROJECT)]  # what it sees
    own, shared = await here.entries()
    assert (own.scope, own.hides_shared) == (PROJECT, True)
    assert (shared.scope, shared.hides_shared) == (SHARED, False)
    assert await here.delete("TOKEN")
    assert await here.get("TOKEN") == "of-everybody"
    assert not await here.delete("TOKEN")  # what is shared is not this project's to forget
    assert await here.delete("TOKEN", SHARED)
    assert await there.get("TOKEN") is None


async def test_when_it_was_made_and_changed_is_known_and_its_changes_are_counted(
    backend: MemoryKeyring, paths: ProjectPaths
) -> None:
    vault = await opened(paths)
    first = await vault.set("b", "first-value")
    await vault.set("b", "second-value")
    await vault.set("b", "second-value")  # which changes nothing
    await vault.set("a", "other-value")
    a, b = await (await opened(paths)).names()
    assert (a.name, a.version) == ("a", 1)
    assert (b.name, b.version, first.version) == ("b", 2, 1)
    assert b.created_us == first.created_us == first.updated_us < b.updated_us
    assert (vault.version("b"), vault.version("c")) == (2, 0)
    assert (vault.first_set_us("b"), vault.first_set_us("c")) == (b.created_us, 0)


async def test_of_two_editors_the_second_is_told_and_nothing_is_lost(
    backend: MemoryKeyring, paths: ProjectPaths
) -> None:
    """As two engines change a secret that all projects share."""
    one, two = await opened(paths), await opened(paths)
    seen = await one.set("TOKEN", "what-both-see", SHARED, version=0)
    await two.set("TOKEN", "of-the-second", SHARED, version=seen.version)
    for late in (seen.version, 0):
        with pytest.raises(ConsoleError, match="was changed meanwhile: it is at version 2") as told:
            await one.set("TOKEN", "of-the-first", SHARED, version=late)
        assert told.value.exit_code is ExitCode.VERIFICATION
        assert "of-the" not in str(told.value)
    assert await one.get("TOKEN") == "of-the-second"
    await one.delete("TOKEN", SHARED)
    with pytest.raises(ConsoleError, match="it has no value now, not at 2"):
        await two.set("TOKEN", "of-the-second", SHARED, version=2)


async def test_a_value_that_is_gone_from_the_keyring_is_shown_as_missing(
    backend: MemoryKeyring, paths: ProjectPaths
) -> None:
    await (await opened(paths)).set("gone", "some-value")
    backend.kept.clear()  # with the keyring's own program
    vault = await opened(paths)
    [entry] = await vault.entries()
    assert (entry.name, entry.present) == ("gone", False)
    assert await vault.names() == []
    assert await vault.delete("gone")
    assert await vault.entries() == []


async def test_a_value_without_an_entry_is_found_and_redacted(
    backend: MemoryKeyring, paths: ProjectPaths
) -> None:
    backend.kept["kiket-console", f"{paths.key}/token"] = "canary-from-outside"
    assert await (await opened(paths)).get("token") == "canary-from-outside"
    assert "canary" not in redactor.redact("canary-from-outside")


async def test_short_values_are_known_to_be(backend: MemoryKeyring, paths: ProjectPaths) -> None:
    vault = await opened(paths)
    assert (await vault.set("pin", "1234567")).short
    assert not (await vault.set("pin", "12345678")).short
    await vault.set("pin", "1234567")
    assert [each.short for each in await (await opened(paths)).entries()] == [True]


async def test_our_own_secrets_are_made_once_and_are_in_no_list(
    backend: MemoryKeyring, paths: ProjectPaths
) -> None:
    vault = await opened(paths)
    token = await vault.generated("KIKET_WORKSPACE_TOKEN", "wk_local_")
    assert token.startswith("wk_local_")
    assert len(token) > 40
    assert await vault.generated("KIKET_WORKSPACE_TOKEN", "wk_local_") == token
    assert await (await opened(paths)).generated("KIKET_WORKSPACE_TOKEN", "wk_local_") == token
    assert await vault.entries() == []
    assert token not in redactor.redact(f"token {token}")


# What can be taken back


async def test_a_deleted_secret_is_gone_stays_redacted_and_can_be_brought_back(
    backend: MemoryKeyring, paths: ProjectPaths
) -> None:
    vault = await opened(paths)
    await vault.set("token", "canary-of-deletion")
    assert await vault.delete("token")
    assert not await vault.delete("token")
    assert await vault.get("token") is None
    assert await vault.names() == []
    [entry] = await vault.entries()
    assert (entry.present, entry.version) == (False, 0)
    assert entry.previous_until_us == entry.updated_us + PREVIOUS_S * 1_000_000
    assert "canary" not in redactor.redact("canary-of-deletion")
    back = await (await opened(paths)).restore("token")
    assert (back.present, back.version, back.previous_until_us) == (True, 3, 0)
    assert backend.kept == {("kiket-console", f"{paths.key}/token"): "canary-of-deletion"}
    with pytest.raises(ConsoleError, match="no earlier value of the secret 'token'"):
        await vault.restore("token")


async def test_a_rotation_is_taken_back_and_taken_back_again(
    backend: MemoryKeyring, paths: ProjectPaths
) -> None:
    vault = await opened(paths)
    for value in ("the-first", "the-second", "the-third"):
        await vault.set("token", value)
    assert await value_before(vault, "token") == "the-second"
    assert "the-second" not in repr(await vault.previous("token"))
    assert (await vault.restore("token")).version == 4
    assert await vault.get("token") == "the-second"
    assert (await vault.restore("token")).version == 5
    assert await vault.get("token") == "the-third"


async def test_after_a_day_the_value_before_is_forgotten(
    backend: MemoryKeyring, paths: ProjectPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault = await opened(paths)
    for name in ("changed", "deleted"):
        await vault.set(name, "the-first")
        await vault.set(name, "the-second")
    await vault.delete("deleted")
    await vault.set("later", "the-first")
    tomorrow_us = time.time_ns() // 1000 + PREVIOUS_S * 1_000_000
    monkeypatch.setattr(scopes, "_now_us", lambda: tomorrow_us - 3_600_000_000)
    await vault.set("later", "the-second")
    monkeypatch.setattr(scopes, "_now_us", lambda: tomorrow_us)
    assert await vault.previous("changed") is None
    with pytest.raises(ConsoleError, match="no earlier value"):
        await vault.restore("deleted")
    assert backend.at(f"{paths.key}/changed@previous") == "the-first"
    await vault.forget_old()
    assert {place for _, place in backend.kept} == {
        f"{paths.key}/{place}" for place in ("changed", "later", "later@previous")
    }
    assert [each.name for each in await vault.entries()] == ["changed", "later"]


async def test_after_a_new_start_the_redactor_knows_what_can_be_brought_back(
    backend: MemoryKeyring, paths: ProjectPaths
) -> None:
    vault = await opened(paths)
    await vault.set("known", "now-4711-abcdef")
    backend.kept["kiket-console", f"{paths.key}/known@previous"] = "before-4711-abcdef"
    rows = paths.vault_index.read_text().replace('"previous_until_us": 0', '"previous_until_us": 9')
    paths.vault_index.write_text(rows.replace(": 9", f": {2**60}"))
    again = await opened(paths)
    assert "before-4711" in redactor.redact("before-4711-abcdef")
    await again.remember_old()
    text = redactor.redact("before-4711-abcdef now-4711-abcdef")
    assert text == "[secret:known] [secret:known]"


# Long values


async def test_a_value_that_is_longer_than_the_keyring_takes_is_kept_in_parts(
    paths: ProjectPaths,
) -> None:
    backend = SmallKeyring()
    keyring.set_keyring(backend)
    vault = await opened(paths)
    assert vault.facts.name == "Windows Credential Manager"
    first, second = "1" * 3000, "2" * vaults.VALUE_LIMIT
    await vault.set("key", first)
    assert len(backend.kept) == 1 + 3
    await vault.set("key", second)
    assert await (await opened(paths)).get("key") == second
    await vault.restore("key")
    assert await vault.get("key") == first
    await vault.set("key", "short-again")
    await vault.set("key", "short-again-2")
    assert len(backend.kept) == 2  # nothing is left of the parts


async def test_a_half_written_value_is_never_returned_and_the_old_one_stays(
    paths: ProjectPaths,
) -> None:
    backend = SmallKeyring()
    keyring.set_keyring(backend)
    vault = await opened(paths)
    old = "1" * 3000
    await vault.set("key", old)
    backend.full_at = 4 + 2  # there is room for the one before, and for two parts
    with pytest.raises(ConsoleError, match="Windows Credential Manager refused"):
        await vault.set("key", "2" * 5000)
    backend.full_at = None
    assert await vault.get("key") == old
    missing = next(place for place in backend.kept if place[1].endswith(".2"))
    del backend.kept[missing]
    again = await opened(paths)
    assert await again.get("key") is None
    assert [each.present for each in await again.entries()] == [False]


# This session only


async def test_session_mode_does_not_touch_the_keyring(
    backend: MemoryKeyring, paths: ProjectPaths
) -> None:
    vault = await opened(paths, "session")
    await vault.set("token", "only-for-now")
    assert backend.kept == {}
    assert on_disk(paths) == ""
    assert (vault.facts, vault.description) == (VaultFacts("", "session"), "this session only")
    assert await (await opened(paths, "session")).get("token") is None


async def test_what_was_kept_for_the_session_goes_into_a_keyring_that_is_unlocked_later(
    backend: MemoryKeyring, paths: ProjectPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    await (await opened(paths)).set("token", "from-another-day")

    def locked(service: str, username: str) -> str:
        raise KeyringLocked("Failed to unlock the collection!")

    monkeypatch.setattr(backend, "get_password", locked)
    vault = await opened(paths)
    said = "Secrets cannot be kept: the keyring Memory is locked."
    assert vault.facts == VaultFacts("Memory", "none", said, locked=True)
    with pytest.raises(ConsoleError, match="the keyring Memory is locked") as refused:
        await vault.choose_keyring()
    assert refused.value.exit_code is ExitCode.AUTH
    made = await vault.generated("WEBHOOK", "wh_")
    assert await vault.choose_session() == VaultFacts("Memory", "session")
    await vault.set("token", "of-this-session")
    await vault.set("mine", "gone-again")
    await vault.delete("mine")
    await vault.set("all", "of-everybody", SHARED)

    monkeypatch.undo()
    keyring.set_keyring(backend)
    facts = await vault.choose_keyring()
    assert facts == VaultFacts("Memory", "keyring", moved=("all", "token"))
    assert vault.facts == VaultFacts("Memory", "keyring")
    again = await opened(paths)
    assert await again.get("token") == "of-this-session"
    assert (await again.restore("token")).version == 3
    assert await again.get("token") == "from-another-day"
    assert await again.get("all", SHARED) == "of-everybody"
    assert await again.generated("WEBHOOK", "wh_") == made
    assert await vault.choose_keyring() == VaultFacts("Memory", "keyring")  # as it is already


async def test_what_was_made_on_another_day_outlives_what_was_made_for_the_session(
    backend: MemoryKeyring, paths: ProjectPaths
) -> None:
    """Who sends knows it; what runs meanwhile has the other one, which counts for a day."""
    made = await (await opened(paths)).generated("WEBHOOK.shop", "wh_")
    vault = await opened(paths, "session")
    for_now = await vault.generated("WEBHOOK.shop", "wh_")
    assert (await vault.choose_keyring()).moved == ()
    assert await vault.generated("WEBHOOK.shop", "wh_") == made
    assert await value_before(vault, "WEBHOOK.shop") == for_now
    assert await vault.names() == []  # nobody set it
    await vault.set("WEBHOOK.shop", "a person's own")
    assert [each.name for each in await vault.names()] == ["WEBHOOK.shop"]


async def test_the_session_may_be_chosen_while_the_keyring_works(
    backend: MemoryKeyring, paths: ProjectPaths
) -> None:
    vault = await opened(paths)
    await vault.set("token", "in-the-keyring")
    await vault.choose_session()
    assert await vault.get("token") is None
    assert await vault.entries() == []
    assert (await vault.choose_keyring()).moved == ()
    assert await vault.get("token") == "in-the-keyring"


# Names and values


@pytest.mark.parametrize("name", ["", "a/b", "a b", "x" * 129, "ü", "../up", "a@previous", "a#1"])
async def test_names_have_a_form(paths: ProjectPaths, name: str) -> None:
    vault = await opened(paths, "session")
    with pytest.raises(ConsoleError, match="cannot be called"):
        await vault.set(name, "some-value")


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("", "has 0 characters"),
        ("x" * (vaults.VALUE_LIMIT + 1), f"has {vaults.VALUE_LIMIT + 1} characters"),
        ("a\ud800b", "is not Unicode text"),
    ],
    ids=["empty", "too long", "half a pair"],
)
async def test_values_have_a_size_and_are_text(
    paths: ProjectPaths, value: str, problem: str
) -> None:
    vault = await opened(paths, "session")
    with pytest.raises(ConsoleError, match=problem):
        await vault.set("token", value)


async def test_what_could_not_be_cut_out_of_texts_is_not_taken_nor_given(
    backend: MemoryKeyring, paths: ProjectPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scopes, "redactor", Redactor())
    vault = await opened(paths)
    lines = ["\n".join(f"line-{name}{number}" for number in range(5200)) for name in "ab"]
    await vault.set("a", lines[0])
    with pytest.raises(ConsoleError, match="The value of the secret 'b' cannot be used") as told:
        await vault.set("b", lines[1])
    assert "line-" not in f"{told.value} {told.value.hint}"
    assert backend.at(f"{paths.key}/b") is None
    backend.kept["kiket-console", f"{paths.key}/b"] = lines[1]
    with pytest.raises(ConsoleError, match="cannot be used"):
        await vault.get("b")


async def test_a_broken_index_is_told(backend: MemoryKeyring, paths: ProjectPaths) -> None:
    paths.vault_index.write_text("[1")
    with pytest.raises(ConsoleError, match="cannot be read"):
        await opened(paths)
