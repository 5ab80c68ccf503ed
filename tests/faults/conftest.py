"""Running engines, shared by the tests of one file where they leave it as it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.faults.lab import Lab, engine

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="package")
def lab() -> Iterator[Lab]:
    """Return an engine as people run it, that every test leaves in good health."""
    with engine() as running:
        yield running


@pytest.fixture(scope="package")
def hasty() -> Iterator[Lab]:
    """Return an engine with short deadlines."""
    with engine(header_deadline_s=0.5, body_deadline_s=0.7, idle_s=0.5) as running:
        yield running
