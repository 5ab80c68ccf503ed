"""The question before a worker is killed: what it is doing is lost."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from kiket_console.text import visible
from kiket_console.ui.screens.question import QuestionScreen

if TYPE_CHECKING:
    from kiket_console.model import Worker


class Sure(StrEnum):
    """Whether to go on."""

    CANCEL = "Cancel"
    KILL = "Kill now"


class KillScreen(QuestionScreen[Sure]):
    """Ask whether to kill a worker."""

    def __init__(self, worker: Worker) -> None:
        name = visible(worker.name)
        pid = f" (pid {worker.pid})" if worker.pid else ""
        lost = f"{name}{pid} and all that it started get no time to finish; open requests are lost."
        sentences = [lost, "To stop it with three seconds to finish, cancel and press s."]
        super().__init__(f"Kill {name}?", sentences, (Sure.CANCEL, Sure.KILL), Sure.CANCEL)
