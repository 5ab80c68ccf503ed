"""What a worker's thread found comes back to the screen, unless nobody waits for it any more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from textual.worker import get_current_worker

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.app import App


def hand_over(app: App[Any], take: Callable[..., object], *found: object, **how: object) -> None:
    """Call *take* where widgets may be touched and wait for it; belongs in a worker's thread.

    Nothing is called once the worker was cancelled: then its screen is gone, or another worker
    does the same anew. That is found out there and not here, so that nothing can come between.
    """
    worker = get_current_worker()

    def unless_cancelled() -> None:
        if not worker.is_cancelled:
            take(*found, **how)

    app.call_from_thread(unless_cancelled)
