"""The nouns that every part of the program speaks of: frozen, no I/O, importing words alone.

Moments are Unix microseconds (`…_us`), durations microseconds too; headers are pairs in the
order they came.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct, field

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


class Exchange(Struct, frozen=True):
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
    duplicate_of: int | None = None
    """The delivery that this one is once more, as far as its sender says or its body shows."""
    unread: bool = False
    """Whether nobody has looked at it yet."""

    @property
    def failing(self) -> bool:
        """Whether a person should look: no answer, or one of 400 and above."""
        return self.state in _BAD_STATES or (self.status is not None and self.status >= 400)

    @property
    def is_open(self) -> bool:
        """Whether it is not known yet how its last attempt ends."""
        return self.state in _OPEN_STATES


_BAD_STATES = frozenset({State.FAILED, State.INTERRUPTED, State.REJECTED})
_OPEN_STATES = frozenset({State.RECEIVED, State.HELD})


class SecretReference(Struct, frozen=True):
    """A known secret that stood at `offset` of the original body; its bytes are not stored."""

    offset: int
    length: int
    name: str


class Body(Struct, frozen=True):
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


class Message(Struct, frozen=True):
    """Headers, redacted by name where they carry credentials, and a body."""

    headers: Headers = ()
    body: Body = field(default_factory=Body)

    def header(self, name: str) -> str:
        """Return the first value of header *name*, or an empty text."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), "")


class Judgement(Struct, frozen=True):
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


class Attempt(Struct, frozen=True):
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


class Detail(Struct, frozen=True):
    """All that is known of one exchange."""

    exchange: Exchange
    request: Message
    judgement: Judgement | None
    attempts: tuple[Attempt, ...]
    children: tuple[Exchange, ...]


class LogLine(Struct, frozen=True):
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
    frames: str = ""
    """What the frames of a traceback held, as `traced_frames` keeps it; empty: nothing is known."""


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


class Handler(Struct, frozen=True):
    """A handler that a worker registered."""

    event: str
    version: str
    file: str = ""
    """Relative to the project folder."""
    line: int = 0
    scopes: tuple[str, ...] = ()
    """What the sender of its event must have been granted."""


class Problem(Struct, frozen=True):
    """Why code did not start: one sentence, where, and the traceback's lines."""

    sentence: str
    file: str = ""
    line: int = 0
    traceback: tuple[str, ...] = ()

    @property
    def told(self) -> str:
        """The sentence and where, which is said once: many a sentence begins with it."""
        place = f"{self.file}:{self.line}" if self.line else self.file
        is_said = not place or self.sentence.startswith(place)
        return self.sentence if is_said else f"{self.sentence} ({place})"


class Draining(Struct, frozen=True):
    """An older process of a worker, which finishes what it took before it ends."""

    label: str
    """The worker and its start count, `marketing#2`."""
    pid: int | None
    since_us: int


class Crash(Struct, frozen=True):
    """An end that nobody asked for, or a start that failed."""

    at_us: int
    label: str
    """The worker and its start count, `marketing#2`."""
    reason: str
    """One sentence: `It was killed by SIGKILL after 4.0 s.`"""


class Worker(Struct, frozen=True):
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
    lag_s: float | None = None
    """By how much its event loop was late lately, at most; None where that is not told."""
    metrics: str = ""
    """What its `/metrics` said last: `12 values`, or why they cannot be read; empty: not asked."""
    metrics_us: int = 0
    """When they were asked for last."""
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
    """The release of the SDK that deliveries are made for (`wire.ERAS`); empty for a module."""
    module: ModuleFacts | None = None
    """What is known of a module; None for an extension."""

    @property
    def answers(self) -> bool:
        """Whether requests are answered now as far as is known: it did when it was last asked."""
        shaky = self.module is not None and self.module.handshake in ("degraded", "unhealthy")
        return self.serving and not shaky and not self.is_silent

    @property
    def is_silent(self) -> bool:
        """Whether it did not answer when it was last asked; the evidence says for how long."""
        return self.evidence.startswith("has not ")


class Notice(Struct, frozen=True):
    """What changed, coalesced: newest ids and change numbers, never the rows themselves."""

    newest_exchange: int
    newest_change: int
    newest_log: int
    workers_change: int
    removals: int = 0
    """How often exchanges went away or came back since the store was opened; ids of a list that
    was read at another count are to be read again."""
