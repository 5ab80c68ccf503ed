"""What makes a module, under the name that older programs import it by."""

from __future__ import annotations

from pywatt_sdk.module import AnnouncedEndpoint, ModuleApp, pywatt_module, run_module

__all__ = ["AnnouncedEndpoint", "ModuleApp", "pywatt_module", "run_module"]
