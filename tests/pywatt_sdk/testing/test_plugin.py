"""The fixture that a module's tests may ask for, as the tests of others see it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.applications import Starlette

from pywatt_sdk import AppState, pywatt_module

if TYPE_CHECKING:
    from pywatt_sdk.testing import TestOrchestrator


@pywatt_module
def module(state: AppState) -> Starlette:
    """Return a module."""
    del state
    return Starlette()


async def test_the_fixture_runs_modules(pywatt_orchestrator: TestOrchestrator) -> None:
    running = await pywatt_orchestrator.start(module)

    assert (await running.http.get("/health")).json()["status"] == "OK"
