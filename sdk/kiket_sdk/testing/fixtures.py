"""Pytest fixtures to import by name into a conftest.py; the plugin has the same, prefixed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kiket_sdk.sdk import KiketSDK
from kiket_sdk.testing._client import kiket_client_fixture
from kiket_sdk.testing._payload import PayloadFactory, webhook_payload_factory

if TYPE_CHECKING:
    from fastapi.testclient import TestClient

__all__ = [
    "client",
    "kiket_client_fixture",
    "kiket_sdk_fixture",
    "signed_payload",
    "webhook_payload_factory",
]

TEST_SECRET = "kiket-test-secret-of-32-bytes-ok"  # noqa: S105 (for tests only)


@pytest.fixture
def kiket_sdk_fixture() -> KiketSDK:
    """Return an extension with invented credentials and no handlers."""
    return KiketSDK(
        webhook_secret=TEST_SECRET,
        workspace_token="wk_test",  # noqa: S106 (for tests only)
        extension_id="com.example.test",
        extension_version="0.0.0",
    )


@pytest.fixture
def client(kiket_sdk_fixture: KiketSDK) -> TestClient:
    """Return a test client of `kiket_sdk_fixture`."""
    return kiket_client_fixture(kiket_sdk_fixture)


@pytest.fixture
def signed_payload(kiket_sdk_fixture: KiketSDK) -> PayloadFactory:
    """Return a function that signs a body for `kiket_sdk_fixture`."""
    return webhook_payload_factory(kiket_sdk_fixture.config.webhook_secret)
