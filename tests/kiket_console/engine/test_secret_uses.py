"""Who was given which secret is known by its newest use, and forgotten when there are too many."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kiket_console.engine import secret_uses
from kiket_console.engine.secret_uses import SecretUses

if TYPE_CHECKING:
    import pytest


def test_the_newest_use_in_each_way_is_known() -> None:
    versions = {"KEY": 1}
    uses = SecretUses(lambda name: versions.get(name, 0))
    uses.note("shop", "pipe", "KEY", "OTHER")
    uses.note("search", "message", "KEY")
    uses.note("shop", "payload", "KEY")
    versions["KEY"] = 2
    uses.note("shop", "pipe", "KEY", "OTHER")

    assert {
        name: [(use.worker, use.how, use.version) for use in found]
        for name, found in uses.by_name().items()
    } == {
        "KEY": [("search", "message", 1), ("shop", "payload", 1), ("shop", "pipe", 2)],
        "OTHER": [("shop", "pipe", 0)],
    }
    assert all(use.at_us > 0 for found in uses.by_name().values() for use in found)


def test_what_is_given_at_a_start_is_told_from_what_is_given_later() -> None:
    uses = SecretUses(lambda _: 1)
    uses.note("shop", "environment", "A")
    uses.note("shop", "payload", "B")

    assert uses.has_at_start("shop", "A")
    assert not uses.has_at_start("shop", "B")
    assert not uses.has_at_start("search", "A")


def test_another_start_is_given_what_it_is_given_and_no_more() -> None:
    uses = SecretUses(lambda _: 1)
    uses.note("shop", "pipe", "A", "B")
    uses.note("shop", "payload", "A")
    uses.note("search", "pipe", "A")
    uses.note("shop", "environment", "B")

    assert not uses.has_at_start("shop", "A")
    assert {
        name: [(use.worker, use.how) for use in found] for name, found in uses.by_name().items()
    } == {"A": [("search", "pipe"), ("shop", "payload")], "B": [("shop", "environment")]}


def test_the_oldest_is_forgotten_when_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secret_uses, "MOST_USES", 2)
    uses = SecretUses(lambda _: 1)
    for name in ("A", "B", "A", "C"):
        uses.note("shop", "payload", name)

    assert set(uses.by_name()) == {"A", "C"}
