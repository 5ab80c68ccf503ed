"""What is told of a worker to whoever looks, at its beginning and once its code serves."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from msgspec.structs import replace

from kiket_console.model import Worker, WorkerState
from kiket_console.module_facts import ModuleFacts
from kiket_console.worker_spec import ModuleSpec

if TYPE_CHECKING:
    from kiket_console.engine.process import Process
    from kiket_console.engine.surroundings import Surroundings
    from kiket_console.worker_spec import WorkerSpec


def at_first(spec: WorkerSpec) -> Worker:
    """Return a worker that has not been started yet."""
    return Worker(
        name=spec.name,
        kind=spec.kind,
        state=WorkerState.STARTING,
        serving=False,
        evidence="not started yet",
        evidence_us=time.time_ns() // 1000,
        started_us=0,
        pid=None,
        starts=0,
        reloads=0,
        restarts=0,
        entry=spec.runs,
        guessed=spec.guessed,
        interpreter=spec.run_by,
        dialects=spec.dialects,
        era=spec.era,
        folder=str(spec.folder),
        watched=tuple(map(str, spec.watch)),
        module=ModuleFacts() if spec.kind == ModuleSpec.kind else None,
    )


def launched(worker: Worker, spec: WorkerSpec) -> Worker:
    """Return *worker* as one that is started once more, in the way that *spec* says."""
    return replace(
        worker,
        kind=spec.kind,
        module=ModuleFacts() if spec.kind == ModuleSpec.kind else None,
        starts=worker.starts + 1,
        entry=spec.runs,
        guessed=spec.guessed,
        interpreter=spec.run_by,
        note=spec.note,
        era=spec.era,
        folder=str(spec.folder),
        watched=tuple(map(str, spec.watch)),
    )


def surrounded(worker: Worker, given: Surroundings) -> Worker:
    """Return *worker* with what it is given: names, never values."""
    named = tuple(sorted(given.environment))
    return replace(worker, secrets=given.declared, environment=named)


def reloaded(worker: Worker, file: str, after_ms: float) -> Worker:
    """Return *worker* as one whose code serves since now, because *file* was saved."""
    return replace(
        worker,
        reloads=worker.reloads + 1,
        last_reload=file,
        last_reload_us=time.time_ns() // 1000,
        last_reload_ms=after_ms,
    )


def with_code(worker: Worker, spec: WorkerSpec, process: Process) -> Worker:
    """Return *worker* with what the code that serves turned out to be."""
    found, declared = process.found, spec.declared
    handled = {handler.event for handler in process.handlers}
    handled |= {f"{handler.event}@{handler.version}" for handler in process.handlers}
    is_sdk = found is not None and found.is_sdk
    return replace(
        worker,
        extension_id=(found.extension_id if found else "") or declared.extension_id,
        extension_version=(found.extension_version if found else "") or declared.version,
        started_us=process.started_us,
        pid=process.pid,
        handlers=process.handlers,
        unhandled=tuple(event for event in declared.events if event not in handled and is_sdk),
        dialects=spec.dialects or (found.accepts if found else ()),
    )
