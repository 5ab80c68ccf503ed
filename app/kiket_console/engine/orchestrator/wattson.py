"""The engine's stand-in for Wattson: what modules speak with, made before there are any.

sessions ──► Tape ──► Recorder
    └──► Orchestrator ──► registry, routing, services, ports
programs ──► Registration
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

from kiket_console.engine.chronicle import line
from kiket_console.engine.orchestrator.allocation import Ports
from kiket_console.engine.orchestrator.orchestrator import Orchestrator
from kiket_console.engine.orchestrator.registration import Registration
from kiket_console.engine.orchestrator.session import ModuleSession
from kiket_console.engine.orchestrator.tape import RecordedTape
from kiket_console.engine.orchestrator.watched_tape import WatchedTape
from kiket_console.model import WorkerState

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from kiket_console.config import Config
    from kiket_console.engine.orchestrator.tape import OnAnswer
    from kiket_console.engine.recorder import Recorder
    from kiket_console.engine.secret_uses import SecretUses
    from kiket_console.engine.secrets.vault import Vault
    from kiket_console.engine.surroundings import Surroundings
    from kiket_console.model import Worker
    from kiket_console.worker_spec import ModuleSpec
    from pywatt_sdk._protocol import Init

_ENDED = frozenset(
    {WorkerState.STOPPING, WorkerState.STOPPED, WorkerState.BROKEN, WorkerState.FATAL}
)


class Wattson:
    """Speak with the modules among *workers*, which are asked for only once there are some.

    *note* takes a sentence for the person, *own_ports* are those that the engine itself listens on.
    *uses* is told which secrets they are given, *on_answer* what they answered; see `RecordedTape`.
    """

    def __init__(
        self,
        recorder: Recorder,
        vault: Vault,
        config: Config,
        *,
        note: Callable[[str], None],
        uses: SecretUses,
        own_ports: Collection[int],
        workers: Callable[[], tuple[Worker, ...]],
        on_answer: OnAnswer,
    ) -> None:
        self._vault = vault
        self._uses = uses
        self._workers = workers
        self._recorded = RecordedTape(recorder, on_answer)
        self.tape = WatchedTape(self._recorded)
        ports = Ports(own_ports)
        self.free_port = ports.allocate
        """Gives the start of a module a port to serve on, which is its own until it is gone."""
        self.orchestrator = Orchestrator(
            self.tape,
            ports,
            secret=self._secret,
            is_starting=self._is_starting,
            known=lambda: tuple(worker.name for worker in self._modules()),
            note=lambda module, sentence: recorder.log(line(module, "WARNING", sentence)),
            hold_s=config.held_s,
        )
        self.registration = Registration(self.tape, note)
        self._has_modules = asyncio.Event()
        self._open = partial(
            ModuleSession,
            tape=self.tape,
            orchestrating=self.orchestrator,
            vault=vault,
            records_heartbeats=config.heartbeats,
            body_bytes=config.body_mib * 1024**2,
        )

    def open_session(
        self, spec: ModuleSpec, label: str, init: Init, given: Surroundings, **told: Any
    ) -> ModuleSession:
        """Return the session of one start; it is the processes' `ports.OpenSession`."""
        self._has_modules.set()
        given_to = partial(self._uses.note, spec.name, "message")
        return self._open(spec, label, init, given, on_given=given_to, **told)

    async def run(self) -> None:
        """Do what modules wait for, and take registrations once there is a module."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.orchestrator.run())
            await self._has_modules.wait()
            await self.registration.run()

    @property
    def dropped(self) -> int:
        """How many messages came faster than they could be stored."""
        return self._recorded.dropped

    def _modules(self) -> list[Worker]:
        return [worker for worker in self._workers() if worker.kind == "module"]

    def _is_starting(self, name: str) -> bool:
        """Tell whether a module that does not run is on its way."""
        found = next((worker for worker in self._modules() if worker.name == name), None)
        return found is not None and (found.serving or found.state not in _ENDED)

    async def _secret(self, module: str, name: str) -> str | None:
        """Return a secret's value for a module that declares it."""
        found = next((worker for worker in self._modules() if worker.name == module), None)
        if found is None or all(declared != name for declared, _ in found.secrets):
            return None
        return await self._vault.get(name)
