"""Build modules for the Wattson orchestrator: handshake, secrets, routes, messages.

Names load on first use, so that importing one corner does not pay for the whole.
"""

from __future__ import annotations

from typing import Any

__version__ = "0.1.0"

_HOMES: dict[str, str] = {}
"""Each public name, and the module that it lives in."""

__all__ = [*_HOMES, "__version__"]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'pywatt_sdk' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    return sorted(__all__)
