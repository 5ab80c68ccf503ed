"""Pytest fixtures `kiket_sdk`, `kiket_client`, `kiket_signed_payload` and `kiket_platform`.

Nothing of the SDK is imported before a test asks for a fixture. `kiket_sdk = main:sdk` in the
pytest configuration names the extension under test; without it an empty one is made.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastapi.testclient import TestClient

    from kiket_sdk.sdk import KiketSDK
    from kiket_sdk.testing._payload import PayloadFactory
    from kiket_sdk.testing.platform import FakePlatform

_OPTION = "kiket_sdk"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the option that names the extension under test."""
    parser.addini(_OPTION, "the extension under test, as module:name, for example main:sdk")


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Make a named extension importable and let it have a webhook secret, before any test file.

    The folder of the pytest configuration is where `module` is looked for, as with
    `pythonpath = .`; KIKET_WEBHOOK_SECRET is set unless it is already.
    """
    if not early_config.getini(_OPTION):
        return
    folder = str(early_config.rootpath)
    if folder not in sys.path:
        sys.path.insert(0, folder)
        early_config.add_cleanup(lambda: sys.path.remove(folder))
    if not os.environ.get("KIKET_WEBHOOK_SECRET"):
        from kiket_sdk.testing._payload import TEST_SECRET

        invented = pytest.MonkeyPatch()
        invented.setenv("KIKET_WEBHOOK_SECRET", TEST_SECRET)
        early_config.add_cleanup(invented.undo)


@pytest.fixture
def kiket_sdk(pytestconfig: pytest.Config) -> KiketSDK:
    """Return the configured extension, or a new one with invented credentials."""
    from importlib import import_module

    from kiket_sdk.sdk import KiketSDK

    target: str = pytestconfig.getini(_OPTION)
    if not target:
        from kiket_sdk.testing._extension import invented_extension

        return invented_extension()
    module, _, name = target.partition(":")
    try:
        sdk = getattr(import_module(module), name or "sdk", None)
    except ModuleNotFoundError as exc:
        if exc.name != module:
            raise
        raise pytest.UsageError(
            f"kiket_sdk = {target!r} names a module that is neither in {pytestconfig.rootpath} "
            "nor installed; correct the name, or add its folder to pythonpath."
        ) from None
    if not isinstance(sdk, KiketSDK):
        raise pytest.UsageError(
            f"kiket_sdk = {target!r} does not name a KiketSDK; write module:name, such as main:sdk."
        )
    return sdk


@pytest.fixture
def kiket_platform(kiket_sdk: KiketSDK, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakePlatform]:
    """Yield a platform on this machine that answers the calls of `kiket_sdk`."""
    from kiket_sdk.testing.platform import fake_platform

    with fake_platform() as platform:
        monkeypatch.setattr(kiket_sdk.config, "base_url", platform.url)
        yield platform


@pytest.fixture
def kiket_client(kiket_sdk: KiketSDK, request: pytest.FixtureRequest) -> Iterator[TestClient]:
    """Yield a test client of `kiket_sdk` while the extension is running.

    Its calls go to `kiket_platform`, unless the test leaves that out and another base URL than
    the public platform's is configured.
    """
    from kiket_sdk.config import DEFAULT_BASE_URL
    from kiket_sdk.testing._client import test_client

    if "kiket_platform" in request.fixturenames or kiket_sdk.config.base_url == DEFAULT_BASE_URL:
        request.getfixturevalue("kiket_platform")
    with test_client(kiket_sdk.app) as client:
        yield client


@pytest.fixture
def kiket_signed_payload(kiket_sdk: KiketSDK) -> PayloadFactory:
    """Return a function that signs a body for `kiket_sdk`."""
    from kiket_sdk.testing._payload import payloads_for

    return payloads_for(kiket_sdk)
