"""The question before leaving: detach, stop all, or stay."""

from __future__ import annotations

from enum import StrEnum

from kiket_console.ui.screens.question import QuestionScreen


class Leave(StrEnum):
    """How to leave."""

    DETACH = "Detach"
    STOP = "Stop all"
    STAY = "Cancel"


class QuitScreen(QuestionScreen[Leave]):
    """Ask how to leave; the first of *answers* is selected, and loses nothing."""

    def __init__(self, sentences: list[str], answers: tuple[Leave, ...] = tuple(Leave)) -> None:
        super().__init__("Leave?", sentences, answers, Leave.STAY)
