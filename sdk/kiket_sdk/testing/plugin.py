"""Pytest fixtures whose names begin with `kiket_`.

Nothing of the SDK is imported before a test asks for a fixture. `kiket_sdk = main:sdk` in the
pytest configuration names the extension under test; without it an empty one is made.
`kiket_dialect = es256` has it sent runtime tokens instead of signatures.
"""

from __future__ import annotations

import os
import sys
from functools import partial
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import httpx
    from fastapi.testclient import TestClient

    from kiket_sdk.sdk import KiketSDK
    from kiket_sdk.testing._payload import PayloadFactory
    from kiket_sdk.testing.platform import FakePlatform
    from kiket_sdk.testing.recordings import Recording

_OPTION = "kiket_sdk"
_DIALECT = "kiket_dialect"
_TOKENS = "es256"
_VARIABLE = "KIKET_WEBHOOK_SECRET"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the option that names the extension under test."""
    parser.addini(_OPTION, "the extension under test, as module:name, for example main:sdk")
    parser.addini(_DIALECT, "how payloads are signed: k0, kr, k1, sw1 or es256 (a runtime token)")


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Make a named extension importable and let it have a webhook secret, before any test file.

    The folder of the pytest configuration is where `module` is looked for, as with
    `pythonpath = .`; KIKET_WEBHOOK_SECRET is set unless it is already, and taken away where
    runtime tokens decide.
    """
    if not early_config.getini(_OPTION):
        return
    folder = str(early_config.rootpath)
    if folder not in sys.path:
        sys.path.insert(0, folder)
        early_config.add_cleanup(lambda: sys.path.remove(folder))
    surroundings = pytest.MonkeyPatch()
    if early_config.getini(_DIALECT) == _TOKENS:
        surroundings.delenv(_VARIABLE, raising=False)
    elif not os.environ.get(_VARIABLE):
        from kiket_sdk.testing._payload import TEST_SECRET

        surroundings.setenv(_VARIABLE, TEST_SECRET)
    early_config.add_cleanup(surroundings.undo)


@pytest.fixture
def kiket_sdk(pytestconfig: pytest.Config) -> KiketSDK:
    """Return the configured extension, or a new one with invented credentials."""
    from importlib import import_module

    from kiket_sdk.sdk import KiketSDK

    target: str = pytestconfig.getini(_OPTION)
    if not target:
        from kiket_sdk.testing._extension import invented_extension

        return invented_extension(is_signed=pytestconfig.getini(_DIALECT) != _TOKENS)
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
def kiket_platform(kiket_sdk: KiketSDK) -> Iterator[FakePlatform]:
    """Yield a platform on this machine that answers the calls of `kiket_sdk`."""
    from kiket_sdk.testing.replay import platform_for

    with platform_for(kiket_sdk) as platform:
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
def kiket_signed_payload(kiket_sdk: KiketSDK, request: pytest.FixtureRequest) -> PayloadFactory:
    """Return a function that signs a body for `kiket_sdk`.

    An extension without a webhook secret, or with pinned keys, is sent runtime tokens of
    `kiket_platform`; any other one is when `scopes` are named, and verifies none.
    """
    from kiket_sdk.testing._payload import payloads_for

    config = kiket_sdk.config
    needs_platform = not config.webhook_secret or config.jwks_url is not None
    platform = None
    if needs_platform or "kiket_platform" in request.fixturenames:
        platform = request.getfixturevalue("kiket_platform")
    return payloads_for(kiket_sdk, platform, dialect=request.config.getini(_DIALECT))


@pytest.fixture
def kiket_replay(
    kiket_sdk: KiketSDK, kiket_client: TestClient, kiket_platform: FakePlatform
) -> Callable[[Recording | str | os.PathLike[str]], httpx.Response]:
    """Return a function that delivers a recording, or the one in a file, and returns the answer."""
    from kiket_sdk.testing.replay import replay_recording

    return partial(replay_recording, kiket_sdk, platform=kiket_platform, client=kiket_client)
