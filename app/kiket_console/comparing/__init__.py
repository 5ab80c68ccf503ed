"""What differs between two JSON values, two texts or two exchanges: pure, bounded, without I/O.

`compare` is for JSON values; `bodies` and `exchanges` are for what was recorded.
"""

from __future__ import annotations

from kiket_console.comparing.structure import Change, Kind, TooDifferent, compare

__all__ = ["Change", "Kind", "TooDifferent", "compare"]
