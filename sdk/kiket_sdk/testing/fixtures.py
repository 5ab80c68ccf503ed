"""Pytest fixtures to import by name into a conftest.py; the plugin's own need no import."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kiket_sdk.testing._client import kiket_client_fixture
from kiket_sdk.testing._extension import invented_extension
from kiket_sdk.testing._payload import PayloadFactory, payloads_for, webhook_payload_factory
from kiket_sdk.testing.replay import platform_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastapi.testclient import TestClient

    from kiket_sdk.sdk import KiketSDK

__all__ = [
    "client",
    "kiket_client_fixture",
    "kiket_sdk_fixture",
    "signed_payload",
    "webhook_payload_factory",
]


@pytest.fixture
def kiket_sdk_fixture() -> Iterator[KiketSDK]:
    """Yield an extension with invented credentials and no handlers.

    Its calls go to a platform on this machine.
    """
    sdk = invented_extension()
    with platform_for(sdk):
        yield sdk


@pytest.fixture
def client(kiket_sdk_fixture: KiketSDK) -> TestClient:
    """Return a test client of `kiket_sdk_fixture`."""
    return kiket_client_fixture(kiket_sdk_fixture)


@pytest.fixture
def signed_payload(kiket_sdk_fixture: KiketSDK) -> PayloadFactory:
    """Return a function that signs a body for `kiket_sdk_fixture`."""
    return payloads_for(kiket_sdk_fixture)
