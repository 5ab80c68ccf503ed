"""A still clock, and the places of an empty project."""

from __future__ import annotations

from tests.snap.stillness import parsed_once, paths, still, unhurried

__all__ = ["parsed_once", "paths", "still", "unhurried"]
