"""What a person can ask of a running engine besides sending: the control API's `Controls`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kiket_console.engine.ports import named
from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.wire import ROTATION_WAIT_S, SecretName

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from kiket_console.engine.supervisor import Supervisor
    from kiket_console.engine.vault import Vault
    from kiket_console.model import EngineStatus, Worker
    from kiket_console.wire import Rotation


class Actions:
    """Carry out what is asked of workers and secrets."""

    def __init__(
        self,
        *,
        status: Callable[[], EngineStatus],
        stop: Callable[[], None],
        workers: Supervisor,
        vault: Vault,
        rotate: Callable[[str, str, float], Awaitable[Rotation]],
    ) -> None:
        self.status = status
        self.stop = stop
        self._workers = workers
        self._vault = vault
        self._rotate = rotate

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

    async def secrets(self) -> tuple[SecretName, ...]:
        """Return the names of the secrets that are kept or asked for."""
        kept = {known.name for known in await self._vault.names()}
        asked: dict[str, list[str]] = {}
        for worker in self._workers.workers():
            for name, _ in worker.secrets:
                asked.setdefault(name, []).append(worker.name)
        return tuple(
            SecretName(name, name in kept, tuple(asked.get(name, ())))
            for name in sorted(kept | asked.keys())
        )

    async def set_secret(self, name: str, value: str) -> None:
        """Keep a secret; hand it to the modules that run, start others anew that ask for it."""
        await self._rotate(name, value, ROTATION_WAIT_S)

    async def delete_secret(self, name: str) -> None:
        """Forget a secret."""
        if not await self._vault.delete(name):
            raise ConsoleError(
                f'There is no secret "{name}".',
                hint="`kiket-console secrets list` says which there are.",
                exit_code=ExitCode.USAGE,
            )
        self._workers.secret_changed(name, is_kept=False)
