"""What is degraded is told when it begins and when it is over, to everybody, with its age."""

from __future__ import annotations

import asyncio
import shutil
import time
from typing import TYPE_CHECKING, NamedTuple

from kiket_console.engine import soundness
from kiket_console.engine.soundness import Look, Soundness, Trouble
from kiket_console.wire_secrets import VaultFacts

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


class Told:
    """A store, a vault or a watch that says how it is."""

    trouble = last_trouble = ""
    outages = 0
    facts = VaultFacts("Secret Service", "keyring")


class usage(NamedTuple):  # noqa: N801 - as `shutil.disk_usage` names it
    """What a disk has, in bytes."""

    total: int
    used: int
    free: int


def of(look: Look) -> tuple[Soundness, list[str]]:
    told: list[str] = []
    return Soundness((look,), told.append), told


def test_each_turn_is_told_once_however_long_it_lasts() -> None:
    writer = Told()
    sound, told = of(soundness.recording(writer))
    for trouble in ("", "The disk is full.", "The disk is full.", "It is gone.", "", ""):
        writer.trouble = trouble
        sound.look()
    assert told == ["Nothing is recorded: The disk is full.", "Recording works again."]
    assert not sound.degraded


def test_trouble_that_changes_is_as_old_as_it_was() -> None:
    writer = Told()
    sound, _ = of(soundness.recording(writer))
    writer.trouble = "The disk is full."
    sound.look()
    [before] = sound.degraded
    writer.trouble = "It is gone."
    sound.look()
    [after] = sound.degraded
    assert (after.part, after.sentence) == ("recording", "Nothing is recorded: It is gone.")
    assert after.since_us == before.since_us


def test_recording_that_comes_and_goes_is_told_between_two_outages(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    writer, now_s = Told(), [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now_s[0])
    sound, told = of(soundness.outages(writer))
    writer.outages, writer.trouble = 1, "The disk is full."
    sound.look()
    assert not sound.degraded  # what is so now is told by `recording`
    writer.outages, writer.trouble, writer.last_trouble = 3, "", "The disk is full."
    sound.look()
    [degraded] = sound.degraded
    assert degraded.brief == "rec broke off 3 times"
    now_s[0] += soundness.LATELY_S + 1
    sound.look()
    assert told == [
        "Recording broke off 3 times, the last time because: The disk is full.",
        "Recording has held for a minute.",
    ]


def test_a_locked_keyring_is_not_an_absent_one_and_a_choice_is_no_trouble() -> None:
    vault = Told()
    sound, _ = of(soundness.keyring(vault))
    briefs: list[str] = []
    for facts in (
        VaultFacts("", "looking"),
        VaultFacts("", "none", "Secrets cannot be kept: there is no keyring here."),
        VaultFacts("KWallet", "none", "Secrets cannot be kept: KWallet is locked.", locked=True),
        VaultFacts("KWallet", "keyring", "The keyring KWallet did not answer within 3 s."),
        VaultFacts("KWallet", "session"),
    ):
        vault.facts = facts
        sound.look()
        briefs.append("".join(each.brief for each in sound.degraded))
    assert briefs == ["", "no keyring", "keyring locked", "keyring fails", ""]


def test_drops_are_counted_from_when_they_began_and_are_over_after_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dropped, now_s = [5], [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now_s[0])
    sound, told = of(soundness.drops("logs", "log line", lambda: dropped[0]))
    sound.look()
    assert not sound.degraded  # they were before it looked
    dropped[0] = 6
    sound.look()
    dropped[0] = 1_209
    sound.look()
    now_s[0] += soundness.LATELY_S
    sound.look()
    assert [each.brief for each in sound.degraded] == ["1,204 log lines dropped"]
    now_s[0] += 1
    sound.look()
    assert not sound.degraded
    assert told[-1] == "No log line is dropped any more."


async def test_a_disk_that_is_almost_full_is_told_before_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10, 9, 210 * 1024**2))
    turned = asyncio.Event()
    sound = Soundness((soundness.disk(tmp_path),), lambda _: turned.set())
    async with asyncio.timeout(120), asyncio.TaskGroup() as tasks:
        looking = tasks.create_task(sound.run())
        await turned.wait()
        looking.cancel()
    [degraded] = sound.degraded
    assert degraded.brief == "210 M free"
    assert str(tmp_path) in degraded.sentence


def test_what_matters_most_comes_first() -> None:
    looks = [
        Look(part, lambda part=part: Trouble(part, part), "")  # type: ignore[misc]
        for part in ("recording", "keyring", "disk")
    ]
    sound = Soundness(looks, lambda _: None)
    sound.look()
    assert [each.part for each in sound.degraded] == ["recording", "keyring", "disk"]
