"""A still clock, and the places of an empty project."""

from __future__ import annotations

from tests.snap.stillness import paths, still

__all__ = ["paths", "still"]
