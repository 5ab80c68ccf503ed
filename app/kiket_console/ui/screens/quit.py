"""The question before leaving: detach, stop all, or stay."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from kiket_console.ui.screens.question import QuestionScreen

if TYPE_CHECKING:
    from textual.events import Key


class Leave(StrEnum):
    """How to leave."""

    DETACH = "Detach"
    STOP = "Stop all"
    STAY = "Cancel"


class QuitScreen(QuestionScreen[Leave]):
    """Ask how to leave; the first of *answers* is selected, and loses nothing.

    A small letter takes the answer that begins with it.
    """

    def __init__(self, sentences: list[str], answers: tuple[Leave, ...] = tuple(Leave)) -> None:
        super().__init__("Leave?", sentences, answers, Leave.STAY)

    def on_key(self, event: Key) -> None:
        """Take the answer of a letter."""
        for answer in self._answers:
            if event.character == answer.value[0].lower():
                event.stop()
                self.dismiss(answer)
