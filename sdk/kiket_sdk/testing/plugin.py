"""Pytest fixtures `kiket_sdk`, `kiket_client` and `kiket_signed_payload`.

Nothing of the SDK is imported before a test asks for a fixture. `kiket_sdk = main:sdk` in the
pytest configuration names the extension under test; without it an empty one is made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastapi.testclient import TestClient

    from kiket_sdk.sdk import KiketSDK
    from kiket_sdk.testing._payload import PayloadFactory

_OPTION = "kiket_sdk"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the option that names the extension under test."""
    parser.addini(_OPTION, "the extension under test, as module:name, for example main:sdk")


@pytest.fixture
def kiket_sdk(pytestconfig: pytest.Config) -> KiketSDK:
    """Return the configured extension, or a new one with invented credentials."""
    from importlib import import_module

    from kiket_sdk.sdk import KiketSDK

    target: str = pytestconfig.getini(_OPTION)
    if not target:
        return KiketSDK(
            webhook_secret="kiket-test-secret-of-32-bytes-ok",  # noqa: S106 (for tests only)
            workspace_token="wk_test",  # noqa: S106 (for tests only)
            extension_id="com.example.test",
            extension_version="0.0.0",
        )
    module, _, name = target.partition(":")
    sdk = getattr(import_module(module), name or "sdk", None)
    if not isinstance(sdk, KiketSDK):
        raise pytest.UsageError(
            f"kiket_sdk = {target!r} does not name a KiketSDK; write module:name, such as main:sdk."
        )
    return sdk


@pytest.fixture
def kiket_client(kiket_sdk: KiketSDK) -> Iterator[TestClient]:
    """Yield a test client of `kiket_sdk` while the extension is running."""
    from kiket_sdk.testing._client import test_client

    with test_client(kiket_sdk.app) as client:
        yield client


@pytest.fixture
def kiket_signed_payload(kiket_sdk: KiketSDK) -> PayloadFactory:
    """Return a function that signs a body for `kiket_sdk`."""
    from kiket_sdk.testing._payload import webhook_payload_factory

    return webhook_payload_factory(kiket_sdk.config.webhook_secret)
