"""The pytest fixture `pywatt_orchestrator`.

Nothing of the SDK is imported before a test asks for it. It is asynchronous: pytest-asyncio, in
either mode, or anyio runs it.
"""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pywatt_sdk.testing.orchestrator import TestOrchestrator


def pytest_configure(config: pytest.Config) -> None:
    """Offer the fixture in the way that whoever runs asynchronous tests here understands."""
    fixture: Any = pytest.fixture
    if config.pluginmanager.hasplugin("asyncio"):
        import pytest_asyncio

        fixture = pytest_asyncio.fixture
    plugin = ModuleType("pywatt_sdk_fixtures", "Fixtures of pywatt_sdk, made for this session.")
    plugin.pywatt_orchestrator = fixture(pywatt_orchestrator)  # type: ignore[attr-defined]
    config.pluginmanager.register(plugin, plugin.__name__)


async def pywatt_orchestrator() -> AsyncIterator[TestOrchestrator]:
    """Yield an orchestrator that runs modules in this process."""
    from pywatt_sdk.testing.orchestrator import TestOrchestrator

    async with TestOrchestrator() as orchestrator:
        yield orchestrator
