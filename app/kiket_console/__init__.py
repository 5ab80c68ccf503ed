"""The developer console for event-driven extensions and modules."""

from __future__ import annotations

__version__ = "0.1.0"
