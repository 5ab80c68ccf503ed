"""Notices when nothing can be recorded any more, and when it can be again; tells it once each."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

LOOK_EVERY_S = 0.5


class Recorded(Protocol):
    """What says how recording goes: the store's writer."""

    @property
    def trouble(self) -> str:
        """What is wrong, in one sentence; empty while all is well."""


class Recording:
    """Look after *writer*; *on_turn* is called with a sentence for each turn, bad or good."""

    def __init__(self, writer: Recorded, on_turn: Callable[[str], None]) -> None:
        self._writer = writer
        self._on_turn = on_turn
        self._in_trouble = False

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            self.look()
            await asyncio.sleep(LOOK_EVERY_S)

    def look(self) -> None:
        """Tell what has turned since the last look."""
        trouble = self._writer.trouble
        if bool(trouble) != self._in_trouble:
            self._in_trouble = bool(trouble)
            self._on_turn(
                f"Nothing is recorded: {trouble}" if trouble else "Recording works again."
            )
