"""A platform for the examples, in an empty folder and a clean environment."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import pytest

from kiket_sdk.testing import webhook_payload_factory
from kiket_sdk.testing.platform import FakePlatform, fake_platform
from kindo_message_client.testing import FakeProducer, fake_producer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from kiket_sdk import KiketSDK


SECRET = "a secret of at least 24 bytes"


def deliver(sdk: KiketSDK, event: str, payload: Any, *, version: str = "v1", **headers: str) -> Any:
    """Post a signed webhook to an extension while it runs; return the answer.

    Headers are named as keywords: `x_kiket_delivery="d1"`.
    """
    signed = webhook_payload_factory(SECRET, event=event, version=version)(payload)
    more = {name.replace("_", "-"): value for name, value in headers.items()}
    with sdk.create_test_client() as client:
        return client.post(signed["path"], content=signed["body"], headers=signed["headers"] | more)


@pytest.fixture(autouse=True)
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Be where a reader is: in a folder of their own, with the secrets the platform gave them."""
    for name in list(os.environ):
        if name.startswith("KIKET_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("KIKET_WEBHOOK_SECRET", SECRET)
    monkeypatch.setenv("KIKET_WORKSPACE_TOKEN", "wk_of_the_reader")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def platform(reader: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakePlatform]:
    """Yield a platform that extensions call when they name none."""
    with fake_platform() as platform:
        monkeypatch.setenv("KIKET_BASE_URL", platform.url)
        yield platform


@pytest.fixture
def producer(reader: Path) -> Iterator[FakeProducer]:
    """Yield a producer that a reader's programs send to, with credentials that it knows."""
    with fake_producer() as producer, patch.dict(os.environ):
        for name in [name for name in os.environ if name.startswith(("AWS_", "KINDO_"))]:
            del os.environ[name]
        os.environ |= {**producer.environment, "HOME": str(reader)}
        yield producer
