"""A still clock, and the places of an empty project."""

from __future__ import annotations

from tests.snap.stillness import ended, parsed_once, paths, still, unhurried
from tests.snap.unseen import frames, unseen

__all__ = ["ended", "frames", "parsed_once", "paths", "still", "unhurried", "unseen"]
