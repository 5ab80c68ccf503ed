"""A project without load: an engine to do things to, and one sender to see what comes of it."""

from __future__ import annotations

import random
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.torture.judge import Judge
from tests.torture.ledger import Handled, Ledger
from tests.torture.senders import Senders
from tests.torture.subject import Subject

if TYPE_CHECKING:
    from collections.abc import Iterator


collect_ignore_glob = [] if sys.platform == "linux" else ["test_*.py"]
"""The judge finds processes in /proc, and daemons detach themselves by `setsid`."""


@pytest.fixture
def subject() -> Iterator[Subject]:
    """Return a project; whatever its engines leave is gone when the test ends."""
    place = Path(tempfile.mkdtemp(prefix="kt", dir="/tmp"))
    made = Subject(place)
    yield made
    made.end()
    shutil.rmtree(place)


@pytest.fixture
def ledger(subject: Subject) -> Iterator[Ledger]:
    """Return what was sent and answered."""
    made = Ledger(subject.place / "ledger")
    yield made
    made.close()


@pytest.fixture
def handled(subject: Subject) -> Handled:
    """Return what reached a handler."""
    return Handled(subject.worker_ledger)


@pytest.fixture
def senders(subject: Subject, ledger: Ledger) -> Senders:
    """Return whoever sends deliveries to the project."""
    return Senders(subject, ledger, random.Random(5), connections=16)  # noqa: S311 - to be repeated


@pytest.fixture
def judge(subject: Subject, ledger: Ledger, handled: Handled) -> Judge:
    """Return the judge of the project's store."""
    return Judge(subject.store, ledger, handled)
