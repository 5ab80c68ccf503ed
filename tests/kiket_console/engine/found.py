"""What is asked for of the workers that a test has, whatever they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from kiket_console.model import Worker


class Found:
    """Finds those of `workers`."""

    workers: Callable[[], tuple[Worker, ...]]

    def extensions(self) -> tuple[Worker, ...]:
        """Return those that take deliveries."""
        return tuple(each for each in self.workers() if each.kind == "extension")

    def worker(self, name: str) -> Worker | None:
        """Return one."""
        return next((each for each in self.workers() if each.name == name), None)
