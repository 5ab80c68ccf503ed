"""What a person can ask of a running engine besides sending: the control API's `Controls`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kiket_console.engine.ports import named

if TYPE_CHECKING:
    from collections.abc import Callable

    from kiket_console.engine.supervisor import Supervisor
    from kiket_console.engine_status import EngineStatus
    from kiket_console.model import Worker


class Actions:
    """Carry out what is asked of workers."""

    def __init__(
        self,
        *,
        status: Callable[[], EngineStatus],
        stop: Callable[[], None],
        workers: Supervisor,
    ) -> None:
        self.status = status
        self.stop = stop
        self._workers = workers

    async def worker(self, name: str, verb: str) -> Worker:
        """Restart, stop, start or kill a worker; return how it is now."""
        match verb:
            case "restart":
                self._workers.restart(name)
            case "start":
                self._workers.start(name)
            case "kill":
                self._workers.kill(name)
            case _:
                self._workers.stop(name)
        return named(self._workers, name)
