"""Help module authors test: an orchestrator in the test's own process.

Names load on first use, so that pytest, which loads the plugin, does not pay for them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pywatt_sdk.testing._peers import RunningModule, Said
    from pywatt_sdk.testing.orchestrator import TestOrchestrator

__all__ = ["RunningModule", "Said", "TestOrchestrator"]

_HOMES: Final = {
    "RunningModule": "pywatt_sdk.testing._peers",
    "Said": "pywatt_sdk.testing._peers",
    "TestOrchestrator": "pywatt_sdk.testing.orchestrator",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'pywatt_sdk.testing' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(home), name)
