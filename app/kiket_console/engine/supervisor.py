"""The workers of a project: what the rest of the engine knows of the developer's running code."""

from __future__ import annotations

import asyncio
import os
import time
from functools import partial
from typing import TYPE_CHECKING

from kiket_console import project as projects
from kiket_console.contract import NOTHING
from kiket_console.engine.command import CommandProcess
from kiket_console.engine.keeper import DRAIN_LIMIT_S, Keeper
from kiket_console.engine.leftovers import end_marked
from kiket_console.engine.orchestrator.process import ModuleProcess
from kiket_console.engine.ports import Judging
from kiket_console.engine.secret_uses import SecretUses
from kiket_console.engine.surroundings import (
    EXTENSION_API_KEY,
    WORKSPACE_TOKEN,
    Surrounder,
)
from kiket_console.engine.worker import WorkerProcess
from kiket_console.engine.worker_messages import NOTHING as NOTHING_LEARNED
from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.model import WorkerState
from kiket_console.project import with_known_names
from kiket_console.settings_file import PROJECT_FILE
from kiket_console.store.records import NewLog
from kiket_console.worker_spec import ModuleSpec
from kiket_core.secret import Secret
from kiket_sdk._keys import PREVIOUS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from pathlib import Path

    from kiket_console.contract import Contract
    from kiket_console.engine.lateness import Lateness
    from kiket_console.engine.orchestrator.ports import OpenSession
    from kiket_console.engine.ports import Target
    from kiket_console.engine.process import Process
    from kiket_console.engine.secrets.vault import Vault
    from kiket_console.engine.surroundings import Surroundings
    from kiket_console.engine.worker_messages import Ready
    from kiket_console.model import Worker
    from kiket_console.paths import ProjectPaths
    from kiket_console.project import Project
    from kiket_console.telemetry.nouns import Reload
    from kiket_console.worker_spec import WorkerSpec

_STOPPED = frozenset({WorkerState.STOPPING, WorkerState.STOPPED})
_DEFAULT_DIALECTS = ("k0", "sw1", "kr", "k1")


class Supervisor:
    """Runs the project's workers; it is the gateway's `ports.Workers`.

    `on_change` is called on the event loop whenever a worker's state has changed, `on_log` for
    each line, `on_reload` for each start that came to serve or did not; all must be quick.
    `variables` point the code at this engine. `is_busy` tells whether a start, by its label, has
    requests to answer. What a save replaces has
    `drain_limit_s` to answer what it took. Modules speak with us by *open_session*, and are told
    the address *orchestrator_api*; `free_port` gives a start, by its label, a port to serve on.
    *uses* is told which secrets a start is given. Messages go below `producer_url`, and traces of
    OpenTelemetry below `otlp_url`.
    """

    def __init__(
        self,
        project: Project,
        paths: ProjectPaths,
        vault: Vault,
        *,
        variables: Mapping[str, str],
        on_change: Callable[[], None],
        on_log: Callable[[NewLog], None],
        on_reload: Callable[[Reload], None] = lambda _: None,
        is_busy: Callable[[str], bool],
        open_session: OpenSession,
        free_port: Callable[[str], int],
        orchestrator_api: str = "",
        inherited: Mapping[str, str] | None = None,
        uses: SecretUses | None = None,
        env_file: Path | None = None,
        producer_url: str = "",
        otlp_url: str = "",
        shows_locals: bool = True,
        drain_limit_s: float = DRAIN_LIMIT_S,
    ) -> None:
        self._key = paths.key
        self._uses = SecretUses(vault.version) if uses is None else uses
        self._on_change = on_change
        self._on_log = on_log
        surrounder = Surrounder(
            key=paths.key,
            run_folder=paths.run,
            vault=vault,
            inherited=dict(os.environ if inherited is None else inherited),
            variables=variables,
            on_log=on_log,
            uses=self._uses,
            env_file=env_file,
            producer_url=producer_url,
            otlp_url=otlp_url,
            shows_locals=shows_locals,
        )
        self._project = project
        self._make_keeper = partial(
            Keeper,
            surrounder=surrounder,
            make_process=partial(
                _make_process,
                on_log=on_log,
                is_busy=is_busy,
                make_module=partial(
                    ModuleProcess,
                    open_session=open_session,
                    free_port=free_port,
                    orchestrator_api=orchestrator_api,
                    on_change=on_change,
                ),
            ),
            on_change=on_change,
            on_log=on_log,
            on_reload=on_reload,
            drain_limit_s=drain_limit_s,
        )
        self._keepers: dict[str, Keeper] = {}
        self._keeping: asyncio.TaskGroup | None = None
        self._closed = asyncio.Event()
        for spec in project.workers:
            self._add(spec)

    async def run(self) -> None:
        """Run the workers until `close`, or until cancelled; both leave no process behind."""
        await self._end_leftovers()
        async with asyncio.TaskGroup() as self._keeping:
            for keeper in self._keepers.values():
                self._keeping.create_task(self._keep(keeper))
            await self._closed.wait()

    def close(self) -> None:
        """End every worker; `run` returns when nothing is left."""
        self._closed.set()
        for keeper in self._keepers.values():
            keeper.close()

    # What the gateway asks (ports.Workers)

    def workers(self) -> tuple[Worker, ...]:
        """Return every worker: the extensions in the project's order, then the modules."""
        return tuple([keeper.worker for keeper in self._keepers.values()])

    def extensions(self) -> tuple[Worker, ...]:
        """Return the workers that take deliveries; modules take none."""
        keepers = self._keepers.values()
        return tuple([each.worker for each in keepers if each.spec.kind != ModuleSpec.kind])

    def worker(self, name: str) -> Worker | None:
        """Return one worker, None when there is none of that name."""
        keeper = self._keepers.get(name)
        return keeper.worker if keeper else None

    def serving(self, name: str) -> Target | None:
        """Return where requests for worker *name* go now, or None when nothing serves."""
        keeper = self._keepers.get(name)
        return _target(keeper.serving) if keeper else None

    async def wait_serving(self, name: str, timeout_s: float = 10.0) -> Target | None:
        """Wait until worker *name* serves; None when time is over or no start is under way."""
        keeper = self._keepers.get(name)
        return _target(await keeper.wait_serving(timeout_s)) if keeper else None

    def judging(self, name: str) -> Judging:
        """Return by what the deliveries to worker *name* are judged."""
        keeper = self._keepers.get(name)
        if keeper is None or keeper.spec.kind == ModuleSpec.kind:
            return Judging((), ())
        process = keeper.serving
        serves = process or keeper.given  # not what a start under way is given
        secrets = serves.webhook_secrets if serves else ()
        found = process.found if process else None
        accepted = keeper.spec.dialects or (found.accepts if found else ())
        return Judging(secrets, accepted or _DEFAULT_DIALECTS)

    def contract(self, name: str) -> Contract:
        """Return what the manifest of worker *name* says of deliveries."""
        keeper = self._keepers.get(name)
        return keeper.spec.declared.contract if keeper else NOTHING

    def lateness(self, name: str) -> Lateness | None:
        """Return how late the event loop of what serves for worker *name* was."""
        keeper = self._keepers.get(name)
        return keeper.serving.lateness if keeper and keeper.serving else None

    def noted(self, name: str, **changes: object) -> None:
        """Note what is seen of worker *name*, if it is still there: fields of `Worker`."""
        keeper = self._keepers.get(name)
        if keeper is not None:
            keeper.noted(**changes)

    def tokens(self) -> tuple[tuple[str, Secret], ...]:
        """Return the workspace tokens that workers may show to the platform, with whose each is."""
        return tuple(
            (name, Secret(value, name))
            for name, keeper in self._keepers.items()
            for value in dict.fromkeys(_tokens(keeper))
        )

    # What a person asks

    def reload(self, name: str, file: str, is_code: bool = False) -> None:
        """Start worker *name* anew because *file* was saved; it may have been removed by then.

        *is_code*: Python code alone was saved, so that it is run as it was before.
        """
        keeper = self._keepers.get(name)
        if keeper is not None:
            keeper.reload(file, is_code)

    def foresee(self, name: str, files: Collection[str]) -> None:
        """Make ready for the `reload` of worker *name* that *files*, just saved, will lead to."""
        keeper = self._keepers.get(name)
        if keeper is not None:
            keeper.foresee(files)

    def reload_all(self, file: str) -> None:
        """Start every worker anew because *file* was saved."""
        for keeper in self._keepers.values():
            keeper.reload(file)

    def adopt(self, project: Project) -> tuple[WorkerSpec, ...]:
        """Run what *project* names now, and nothing else; return it by the names it goes by."""
        self._project = project = self._known(project)
        names = [spec.name for spec in project.workers]
        for name, keeper in self._keepers.items():
            if name not in names:
                keeper.remove()
        for spec in project.workers:
            known = self._keepers.get(spec.name)
            if known is None:
                self._add(spec)
            elif known.spec != spec or known.worker.problem is not None:
                known.reload(PROJECT_FILE)
        in_order = [*names, *(name for name in self._keepers if name not in names)]
        self._keepers = {name: self._keepers[name] for name in in_order}
        self._on_change()
        return project.workers

    def restart(self, name: str) -> None:
        """Start worker *name* anew; what serves goes on until the new one does."""
        self._keeper(name).restart()

    def start(self, name: str) -> None:
        """Start worker *name* unless it serves."""
        self._keeper(name).start()

    def stop(self, name: str) -> None:
        """End worker *name* until it is started again."""
        self._keeper(name).stop()

    def kill(self, name: str) -> None:
        """Kill worker *name* and all that it started; it stays ended until it is started again."""
        self._keeper(name).kill()

    def secret_changed(self, secret: str, *, is_kept: bool = True) -> tuple[str, ...]:
        """Start the workers anew that ask for *secret*, so that they have its new value.

        A module that serves is told of it without a new start. Return who is started. *is_kept*:
        there is a value, it was not forgotten.
        """
        started: list[str] = []
        for keeper in self._keepers.values():
            is_module = keeper.spec.kind == ModuleSpec.kind
            # an extension's that has a value, though not of the vault, was set by the person
            asks = any(
                secret == name and (is_module or not has) for name, has in keeper.worker.secrets
            )
            if asks or self._uses.has_at_start(keeper.name, secret):
                if is_module and keeper.serving is not None:
                    is_there = is_kept or (
                        keeper.given is not None and secret in keeper.given.answers
                    )
                    known = keeper.worker.secrets
                    keeper.noted(
                        secrets=tuple(
                            (each, is_there if each == secret else has) for each, has in known
                        )
                    )
                    self._on_change()
                    if keeper.worker.state is not WorkerState.RELOADING:
                        continue  # else its successor, whom nobody tells, may have the old value
                if keeper.worker.state in _STOPPED:
                    continue  # it has it when a person starts it
                keeper.restart()
                started.append(keeper.name)
        return tuple(started)

    async def settled(self, names: tuple[str, ...], timeout_s: float) -> tuple[str, ...]:
        """Wait for the starts of workers; return those that do not serve what was started last."""
        keepers = [keeper for name, keeper in self._keepers.items() if name in names]
        serve = await asyncio.gather(*(keeper.wait_settled(timeout_s) for keeper in keepers))
        return tuple(
            keeper.name for keeper, serves in zip(keepers, serve, strict=True) if not serves
        )

    def _look_again(self, name: str) -> WorkerSpec | None:
        """Return what the folder says of worker *name* now; None when it names it no more.

        Raises `ConsoleError` when the folder cannot be understood.
        """
        found = self._known(projects.find(self._project.folder)).workers
        return next((spec for spec in found if spec.name == name), None)

    def _known(self, project: Project) -> Project:
        keepers = list(self._keepers.values())  # at once: a thread may be asking
        return with_known_names(project, [keeper.spec for keeper in keepers])

    def _add(self, spec: WorkerSpec) -> None:
        """Keep one more worker, from now on if the others are kept already."""
        keeper = self._make_keeper(spec, partial(self._look_again, spec.name))
        self._keepers[spec.name] = keeper
        if self._keeping is not None:
            self._keeping.create_task(self._keep(keeper))

    async def _keep(self, keeper: Keeper) -> None:
        """Keep a worker until the project names it no more; it may come back by then."""
        await keeper.run()
        if self._closed.is_set():
            return
        del self._keepers[keeper.name]
        back = next((spec for spec in self._project.workers if spec.name == keeper.name), None)
        if back is not None:
            self._add(back)
        self._on_change()

    def _keeper(self, name: str) -> Keeper:
        try:
            return self._keepers[name]
        except KeyError:
            raise ConsoleError(
                f"There is no worker {name!r}.",
                hint=f"Known: {', '.join(self._keepers)}.",
                exit_code=ExitCode.USAGE,
            ) from None

    async def _end_leftovers(self) -> None:
        """End what an engine that was killed together with its life-lines left, and say so."""
        ended = await asyncio.to_thread(end_marked, f"{self._key}/")
        if ended:
            sentence = f"Processes of an earlier engine still ran, and were ended: {ended}."
            self._on_log(
                NewLog(time.time_ns() // 1000, "engine", "log", "WARNING", "workers", sentence)
            )


def _make_process(
    spec: WorkerSpec,
    number: int,
    given: Surroundings,
    *,
    on_log: Callable[[NewLog], None],
    on_gone: Callable[[], None],
    is_busy: Callable[[str], bool],
    make_module: Callable[..., ModuleProcess],
    learned: Ready = NOTHING_LEARNED,
    waits: bool = False,
) -> Process:
    make: Callable[..., Process] = partial(WorkerProcess, learned=learned, waits=waits)
    if isinstance(spec, ModuleSpec):
        make = partial(make_module, learned=learned, waits=waits, is_busy=is_busy)
    elif spec.command:
        make = partial(CommandProcess, is_busy=is_busy)
    return make(spec, number, given, on_log=on_log, on_gone=on_gone)


def _target(process: Process | None) -> Target | None:
    return None if process is None else process.target


def _tokens(keeper: Keeper) -> list[str]:
    secrets = keeper.given.secrets if keeper.given else {}
    found = keeper.serving.found.workspace_token if keeper.serving and keeper.serving.found else ""
    names = (WORKSPACE_TOKEN, EXTENSION_API_KEY, f"{WORKSPACE_TOKEN}{PREVIOUS}")
    given = (secrets.get(name, "") for name in names)  # what is replaced calls us for a while yet
    return [token for token in (*given, found) if token]
