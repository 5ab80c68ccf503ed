"""What an engine says of itself: what runs, how sure that is, and what does less than it should."""

from __future__ import annotations

from msgspec import Struct

from kiket_console.model import Worker  # noqa: TC001 (read by msgspec)
from kiket_console.text import plural, visible


class Degraded(Struct, frozen=True):
    """A part of the engine that does less than it should, told until it is well again."""

    part: str
    """`recording` (nothing is recorded now), `outages` (nothing was at times, a moment ago),
    `keyring`, `watcher`, `disk`, `logs`, `messages` or `telemetry`."""
    brief: str
    """In a few words, for the header: `keyring locked`."""
    sentence: str
    """What is wrong, and what to do."""
    since_us: int
    """When it was first seen."""


class EngineStatus(Struct, frozen=True):
    """What runs, how sure we are and since when."""

    version: str
    pid: int
    folder: str
    project: str
    started_us: int
    gateway_url: str
    platform_url: str
    store: str
    recording: str
    """`ok`, or a sentence about what is wrong with the store."""
    durability: str
    vault: str
    """`Secret Service`, … or `this session only`, with the reason when that is not by choice."""
    exchanges: int
    dropped_logs: int
    rate_per_s: float
    p95_us: int | None
    error_share: float
    workers: tuple[Worker, ...]
    notes: tuple[str, ...] = ()
    """What a person should know: guesses, a port that was taken, a missing keyring."""
    recording_since_us: int = 0
    """Since when `recording` is trouble; 0 while it is `ok`."""
    interrupted: int = 0
    """How many exchanges an earlier engine was cut off in."""
    refused: int = 0
    """How many requests were refused before they were read: foreign, malformed, over a limit."""
    env_file: str = ""
    """The file of variables for workers; empty when there is none."""
    options: tuple[str, ...] = ()
    """Those that it was started with, for whoever starts the next one."""
    dropped_frames: int = 0
    """How many messages of modules came faster than they could be recorded."""
    degraded: tuple[Degraded, ...] = ()
    """What does less than it should now, what matters most first; empty while all is well."""
    written_us: int = 0
    """When the store was last written; 0: that is not known."""
    vault_us: int = 0
    """When the keyring last did as asked; 0 where secrets are in none."""
    counts: bool = True
    """Whether what ends is counted; False by the setting `telemetry`."""

    @property
    def extensions(self) -> tuple[Worker, ...]:
        """The workers that take webhooks."""
        return tuple(worker for worker in self.workers if worker.kind != "module")

    @property
    def running(self) -> int:
        """How many workers have a process."""
        return sum(worker.pid is not None for worker in self.workers)


def what_stopped(name: str, last: EngineStatus | None) -> str:
    """Return what is said once the engine of project *name* was stopped; *last*: its last words."""
    workers = f" and {plural(last.running, 'worker')}" if last and last.running else ""
    return f"Stopped {visible(name)}: the engine{workers}."
