"""What a console does beside drawing: Textual's workers, and what becomes of those called off."""

from __future__ import annotations

from inspect import iscoroutine
from typing import TYPE_CHECKING, Any

from textual.worker_manager import WorkerManager

if TYPE_CHECKING:
    from textual.worker import Worker


class Background(WorkerManager):
    """Textual's workers, that leave nothing behind when they are called off before they began.

    Python would warn of a coroutine that was never awaited, on the terminal of who has just left.
    """

    def _remove_worker(self, worker: Worker[Any]) -> None:
        super()._remove_worker(worker)
        if iscoroutine(worker._work):
            worker._work.close()  # nothing to one that ran
