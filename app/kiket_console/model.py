"""The nouns that every part of the program speaks of: frozen, no I/O, importing words alone.

Moments are Unix microseconds (`…_us`), durations microseconds too; headers are pairs in the
order they came.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from kiket_console.module_facts import ModuleFacts  # noqa: TC001 (read by msgspec)

Headers = tuple[tuple[str, str], ...]


class Source(StrEnum):
    """Where an exchange was seen."""

    WEBHOOK = "webhook"
    API = "api"
    IPC = "ipc"
    PRODUCER = "producer"


class State(StrEnum):
    """What became of an exchange; each recorded one is in exactly one state."""

    RECEIVED = "received"
    """Recorded; nothing tried yet, or a try is under way."""
    HELD = "held"
    """Waiting for a worker that is being started."""
    FORWARDED = "forwarded"
    """An answer came, whatever its status."""
    FAILED = "failed"
    """Tried, and no answer came: refused, timed out, cut short."""
    INTERRUPTED = "interrupted"
    """The engine ended while a try was under way."""
    REJECTED = "rejected"
    """Never forwarded: over a limit, or no worker to take it."""


class Retry(StrEnum):
    """What is to become of a delivery that failed, where the platform tries again."""

    NONE = ""
    """Nothing: it was answered, or nobody tries again."""
    WAITING = "waiting"
    """The next attempt comes at `Exchange.next_try_us`."""
    GIVEN_UP = "given up"
    """The schedule is over, or what was recorded cannot be sent any more."""
    CANCELLED = "cancelled"
    """A person did not want it tried again."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One row of a list: what was exchanged, and how its last attempt ended."""

    id: int
    change: int
    source: Source
    worker: str
    """The extension or module that it went to or came from; empty when unknown."""
    name: str
    """The event, the API call as `POST extensions/logs`, or the message's op."""
    version: str
    method: str
    path: str
    """Path and query as they came."""
    started_us: int
    state: State
    status: int | None
    duration_us: int | None
    request_bytes: int
    signature: str
    """A word for the list: `ok k0`, `re-signed`, `unsigned`, `mismatch`; or nothing."""
    trace_id: str
    """32 lower-case hex digits (W3C Trace Context)."""
    parent_id: int | None
    parent_guessed: bool
    replay_of: int | None
    attempts: int
    pinned: bool
    """Marked by a person: it is kept whatever its age."""
    note: str = ""
    """What a person wrote about it, in one line; each `#word` in it is a tag."""
    edited: bool = False
    """Whether a person changed what was sent again."""
    decision: str = ""
    """What a guard's last answer decides: `allow`, `deny` or `pending`; empty for any other."""
    retry: str = ""
    """A word of `Retry`: what is to become of a delivery that failed."""
    next_try_us: int = 0
    """When it is tried again; 0 unless it waits for that."""
    kind: str = ""
    """A word of `ipc.Kind`; empty for any exchange that is no module's message."""
    direction: str = ""
    """A word of `ipc.Direction`; empty likewise."""
    channel: str = ""
    """A word of `ipc.Channel`; empty likewise."""

    @property
    def failing(self) -> bool:
        """Whether a person should look: no answer, or one of 400 and above."""
        return self.state in _BAD_STATES or (self.status is not None and self.status >= 400)


_BAD_STATES = frozenset({State.FAILED, State.INTERRUPTED, State.REJECTED})


@dataclass(frozen=True, slots=True)
class SecretReference:
    """A known secret that stood at `offset` of the original body; its bytes are not stored."""

    offset: int
    length: int
    name: str


@dataclass(frozen=True, slots=True)
class Body:
    """A stored body.

    `raw` are the bytes as they came, with each known secret replaced by `[secret:NAME]`;
    `references` say what to put back, `sha256` is of the original, `size` its length in bytes.
    A truncated body is a prefix.
    """

    raw: bytes = b""
    size: int = 0
    sha256: bytes = b""
    truncated: bool = False
    references: tuple[SecretReference, ...] = ()
    unread: int = 0
    """How many stored bytes after `raw` were left in the store, where only a part was asked for."""


@dataclass(frozen=True, slots=True)
class Message:
    """Headers, redacted by name where they carry credentials, and a body."""

    headers: Headers = ()
    body: Body = field(default_factory=Body)

    def header(self, name: str) -> str:
        """Return the first value of header *name*, or an empty text."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), "")


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the gateway found about a signature; `sentence` is for a person."""

    ok: bool
    reason: str
    dialect: str | None
    sentence: str
    skew_s: float | None = None
    nearest: str | None = None
    """A dialect that would have matched, or the nearest handler's name."""
    expected: str = ""
    """Of a signature that does not match, how the right one begins."""
    received: str = ""
    """How the one that came begins."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to carry out an exchange."""

    exchange_id: int
    number: int
    """1 for the first."""
    target: str
    """Whom it was tried on: a worker and its start count as `marketing#3`, or `platform`."""
    started_us: int
    state: State
    status: int | None
    duration_us: int | None
    error: str
    """One sentence when no answer came, else empty."""
    answer: Message | None


@dataclass(frozen=True, slots=True)
class Detail:
    """All that is known of one exchange."""

    exchange: Exchange
    request: Message
    judgement: Judgement | None
    attempts: tuple[Attempt, ...]
    children: tuple[Exchange, ...]


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line of a worker or of the engine."""

    id: int
    at_us: int
    worker: str
    """A worker's name, or `engine`."""
    stream: str
    """`stdout`, `stderr`, or `log` for a record of Python's logging."""
    level: str
    """`DEBUG` … `CRITICAL` for log records, else empty."""
    logger: str
    text: str
    """One line, or several for a traceback."""
    trace_id: str
    exchange_id: int | None


class WorkerState(StrEnum):
    """Where a worker is in its life."""

    STARTING = "starting"
    SERVING = "serving"
    RELOADING = "reloading"
    """The old code serves while the new code starts."""
    BROKEN = "broken"
    """The newest code failed to start; older code may still serve (see `Worker.serving`)."""
    BACKOFF = "backoff"
    STOPPING = "stopping"
    """A person asked for its end, and it has not come yet."""
    STOPPED = "stopped"
    FATAL = "fatal"


@dataclass(frozen=True, slots=True)
class Handler:
    """A handler that a worker registered."""

    event: str
    version: str
    file: str = ""
    """Relative to the project folder."""
    line: int = 0
    scopes: tuple[str, ...] = ()
    """What the sender of its event must have been granted."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Why code did not start: one sentence, where, and the traceback's lines."""

    sentence: str
    file: str = ""
    line: int = 0
    traceback: tuple[str, ...] = ()

    @property
    def told(self) -> str:
        """The sentence and where, which is said once: many a sentence begins with it."""
        place = f"{self.file}:{self.line}" if self.file else ""
        is_said = not place or self.sentence.startswith(place)
        return self.sentence if is_said else f"{self.sentence} ({place})"


@dataclass(frozen=True, slots=True)
class Draining:
    """An older process of a worker, which finishes what it took before it ends."""

    label: str
    """The worker and its start count, `marketing#2`."""
    pid: int | None
    since_us: int


@dataclass(frozen=True, slots=True)
class Crash:
    """An end that nobody asked for, or a start that failed."""

    at_us: int
    label: str
    """The worker and its start count, `marketing#2`."""
    reason: str
    """One sentence: `It was killed by SIGKILL after 4.0 s.`"""


@dataclass(frozen=True, slots=True)
class Worker:
    """One running (or failing) piece of the developer's code."""

    name: str
    kind: str
    """`extension` or `module`."""
    state: WorkerState
    serving: bool
    """Whether requests are answered now, be it by older code."""
    evidence: str
    """How we know: `answered its health check`."""
    evidence_us: int
    started_us: int
    pid: int | None
    starts: int
    reloads: int
    restarts: int
    """Starts after a crash."""
    extension_id: str = ""
    extension_version: str = ""
    entry: str = ""
    """What it runs: module and attribute, or a command as a shell would take it."""
    guessed: str = ""
    """What was guessed about it, in words; empty when `kiket.toml` says it."""
    interpreter: str = ""
    """What runs the entry; empty for a command, which says that itself."""
    note: str = ""
    """What a person should know of how it is run: `its secrets are in its environment`."""
    handlers: tuple[Handler, ...] = ()
    unhandled: tuple[str, ...] = ()
    """Events that the manifest names and no handler takes."""
    secrets: tuple[tuple[str, bool], ...] = ()
    """Declared secret names and whether each has a value."""
    dialects: tuple[str, ...] = ()
    problem: Problem | None = None
    last_reload: str = ""
    """The file whose save caused the last reload."""
    last_reload_us: int = 0
    last_reload_ms: float = 0.0
    cpu_percent: float | None = None
    memory_bytes: int | None = None
    draining: tuple[Draining, ...] = ()
    folder: str = ""
    """Where its code is."""
    watched: tuple[str, ...] = ()
    """Folders; a save in one of them starts it anew."""
    environment: tuple[str, ...] = ()
    """Names of the variables that it is given, without secrets."""
    crashes: tuple[Crash, ...] = ()
    """The newest last; a few."""
    next_try_us: int = 0
    """When it is started again after a crash; 0 unless it waits for that."""
    era: str = ""
    """The release of the SDK that deliveries are made for (`wire.ERAS`); empty: every one."""
    module: ModuleFacts | None = None
    """What is known of a module; None for an extension."""


@dataclass(frozen=True, slots=True)
class Notice:
    """What changed, coalesced: newest ids and change numbers, never the rows themselves."""

    newest_exchange: int
    newest_change: int
    newest_log: int
    workers_change: int
    removals: int = 0
    """How often exchanges went away or came back since the store was opened; ids of a list that
    was read at another count are to be read again."""


@dataclass(frozen=True, slots=True)
class EngineStatus:
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
    dropped_frames: int = 0
    """How many messages of modules came faster than they could be recorded."""

    @property
    def extensions(self) -> tuple[Worker, ...]:
        """The workers that take webhooks."""
        return tuple(worker for worker in self.workers if worker.kind != "module")
