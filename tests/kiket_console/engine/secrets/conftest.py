"""A project with places of its own, and a keyring that the test has chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import keyring
import pytest
from tests.kiket_console.engine.secrets.keyrings import MemoryKeyring

from kiket_console.engine.secrets import vault
from kiket_console.paths import ProjectPaths

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def be_patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a keyring that answers be looked into for as long as it takes."""
    monkeypatch.setattr(vault, "_LOOK_FOR_S", 60.0)


@pytest.fixture(autouse=True)
def leave_keyring_as_it_was() -> Iterator[None]:
    before = keyring.get_keyring()
    yield
    keyring.set_keyring(before)


@pytest.fixture
def backend() -> MemoryKeyring:
    """Return the keyring of the test, which works."""
    backend = MemoryKeyring()
    keyring.set_keyring(backend)
    return backend


@pytest.fixture
def paths(own_places: Path) -> ProjectPaths:
    """Return the places of a project of the test."""
    folder = own_places / "shop"
    folder.mkdir()
    paths = ProjectPaths(folder)
    paths.make()
    return paths
