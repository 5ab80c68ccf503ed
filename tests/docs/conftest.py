"""A platform for the examples, in an empty folder and a clean environment."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from kiket_sdk.testing.platform import FakePlatform, fake_platform

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Be where a reader is: in a folder of their own, with nothing set."""
    for name in list(os.environ):
        if name.startswith("KIKET_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def platform(reader: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakePlatform]:
    """Yield a platform that extensions call when they name none."""
    with fake_platform() as platform:
        monkeypatch.setenv("KIKET_BASE_URL", platform.url)
        yield platform
