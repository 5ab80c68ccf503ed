"""A producer on this machine, and an environment in which nothing else of AWS is known."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from unittest.mock import patch

import pytest
import stamina

from kindo_message_client import _connection, _pool, _retrying
from kindo_message_client.testing import FakeProducer, fake_producer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Any


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Be in a folder of one's own, with the producer's credentials and no other setting of AWS.

    What is sent again is sent again at once.
    """
    names = [name for name in os.environ if name.startswith(("AWS_", "KINDO_"))]
    with patch.dict(os.environ), stamina.set_testing(True, attempts=3, cap=True):
        for name in names:
            del os.environ[name]
        os.environ |= {
            "HOME": str(tmp_path),
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
        }
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(_retrying, "budget", _retrying.Budget())
        monkeypatch.setattr(_pool, "CONNECT_S", 120)  # however busy this machine is
        yield


@pytest.fixture(scope="session")
def running_producer() -> Iterator[FakeProducer]:
    """Run one producer for all tests."""
    with fake_producer() as producer:
        yield producer
        _connection.close()


@pytest.fixture
def producer(running_producer: FakeProducer) -> FakeProducer:
    """Return a producer that nothing was sent to."""
    for past in (
        running_producer.messages,
        running_producer.tracking_ids,
        running_producer.calls,
        running_producer.answers,
    ):
        past.clear()
    return running_producer


@pytest.fixture
def message() -> dict[str, Any]:
    """Return a message with all that the schema asks for, and no more."""
    return {
        "event_type": "user.notification",
        "message_channel": "email",
        "behavior": "instant",
        "payload": {"user_id": "12345"},
    }
