"""What the writer is given: one frozen record for each thing that can be written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from kiket_console.telemetry.nouns import STEPS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kiket_console.model import Judgement, Message, Source, State
    from kiket_console.telemetry.nouns import Measure, Reload, Sample, Span

_ROW_BYTES = 256  # of a row's metadata, roughly; bodies are counted exactly


class NewExchange(Struct):
    """An exchange that has arrived; nothing tried yet."""

    id: int
    source: Source
    worker: str
    name: str
    version: str
    method: str
    path: str
    started_us: int
    state: State
    request: Message
    signature: str = ""
    judgement: Judgement | None = None
    trace_id: str = ""
    span_id: str = ""
    parent_id: int | None = None
    parent_guessed: bool = False
    replay_of: int | None = None
    edited: bool = False
    kind: str = ""
    direction: str = ""
    channel: str = ""
    duplicate_of: int | None = None

    @property
    def cost(self) -> int:
        """Return about how many bytes waiting costs."""
        return _ROW_BYTES + len(self.request.body.raw)


class NewAttempt(Struct):
    """A try that has begun."""

    exchange_id: int
    number: int
    target: str
    started_us: int

    @property
    def cost(self) -> int:
        """Return about how many bytes waiting costs."""
        return _ROW_BYTES


class AttemptEnd(Struct):
    """How a try ended, and with it, for now, its exchange.

    `status` is what the sender was answered; `answer` is what the target said, or None when it
    said nothing.
    """

    exchange_id: int
    number: int
    state: State
    status: int | None
    duration_us: int
    error: str = ""
    answer: Message | None = None
    decision: str = ""
    retry: str = ""
    next_try_us: int = 0

    @property
    def cost(self) -> int:
        """Return about how many bytes waiting costs."""
        return _ROW_BYTES + (len(self.answer.body.raw) if self.answer else 0)


class NewLog(Struct):
    """A line that a worker or the engine wrote."""

    at_us: int
    worker: str
    stream: str
    level: str
    logger: str
    text: str
    trace_id: str = ""
    exchange_id: int | None = None
    frames: str = ""
    """JSON of a traceback's frames, with their source lines and locals."""
    dropped: int = 0
    """So many lines are missing where this row stands; that is all that it says."""

    @property
    def cost(self) -> int:
        """Return about how many bytes waiting costs."""
        return _ROW_BYTES + len(self.text) + len(self.frames)


class SetPinned(Struct, frozen=True):
    """Keep an exchange for ever, or no longer."""

    exchange_id: int
    pinned: bool

    @property
    def cost(self) -> int:
        """Return about how many bytes waiting costs."""
        return _ROW_BYTES


class SetRead(Struct, frozen=True):
    """Say that a person has looked at exchanges."""

    exchange_ids: tuple[int, ...]

    @property
    def cost(self) -> int:
        """Return about how many bytes waiting costs."""
        return _ROW_BYTES + 8 * len(self.exchange_ids)


class SetNote(Struct, frozen=True):
    """Say something about an exchange, in one line; an empty text says nothing any more."""

    exchange_id: int
    note: str

    @property
    def cost(self) -> int:
        """Return about how many bytes waiting costs."""
        return _ROW_BYTES + len(self.note)


class SetRetry(Struct, frozen=True):
    """Say what is to become of a delivery that failed; see `model.Retry`."""

    exchange_id: int
    retry: str
    next_try_us: int = 0

    @property
    def cost(self) -> int:
        """Return about how many bytes waiting costs."""
        return _ROW_BYTES


class Remove(Struct, frozen=True):
    """Take exchanges out of sight; they can be restored until the store is closed."""

    exchange_ids: tuple[int, ...]
    at_us: int

    @property
    def cost(self) -> int:
        """Return about how many bytes waiting costs."""
        return _ROW_BYTES + 8 * len(self.exchange_ids)


class Restore(Struct, frozen=True):
    """Bring removed exchanges back."""

    exchange_ids: tuple[int, ...]

    @property
    def cost(self) -> int:
        """Return about how many bytes waiting costs."""
        return _ROW_BYTES + 8 * len(self.exchange_ids)


class AddMeasures(Struct, frozen=True):
    """Add what was measured to what each step of these lengths (s) holds.

    The moments of *measures* may be any; each is counted in the step that it lies in.
    """

    measures: tuple[Measure, ...]
    steps: tuple[int, ...] = tuple(STEPS)
    until_us: int = 0
    """With it, all that ended before (Unix microseconds) is counted."""
    uncounted: int | None = None
    """With it, no exchange above this one is uncounted from the time before there were measures."""
    too_many: int | None = None
    """With it, so many series were not told apart since the engine began."""

    @property
    def cost(self) -> int:
        """Return about how many bytes waiting costs."""
        return _ROW_BYTES * (1 + len(self.measures))


class AddSamples(Struct, frozen=True):
    """Add samples to what each step of these lengths (s) holds; numbers that are none are not."""

    samples: tuple[Sample, ...]
    steps: tuple[int, ...] = (10, 60, 900)

    @property
    def cost(self) -> int:
        """Return about how many bytes waiting costs."""
        return _ROW_BYTES * (1 + len(self.samples))


class NewSpan(Struct, frozen=True):
    """A span; the store gives it its number, whatever its `id` says."""

    span: Span

    @property
    def cost(self) -> int:
        """Return about how many bytes waiting costs."""
        return (
            _ROW_BYTES
            + len(self.span.message)
            + sum(len(name) + len(value) for name, value in self.span.attributes)
        )


class NewReload(Struct, frozen=True):
    """A start of a worker's code that took over, or did not."""

    reload: Reload

    @property
    def cost(self) -> int:
        """Return about how many bytes waiting costs."""
        return _ROW_BYTES + len(self.reload.problem)


Row = (
    NewExchange
    | NewAttempt
    | AttemptEnd
    | NewLog
    | SetPinned
    | SetRead
    | SetNote
    | SetRetry
    | Remove
    | Restore
    | AddMeasures
    | AddSamples
    | NewSpan
    | NewReload
)


def cost_of(rows: Sequence[Row]) -> int:
    """Return what rows cost while they wait; a plain loop, for the event loop's sake."""
    cost = 0
    for row in rows:
        cost += row.cost
    return cost


class Committed(Struct, frozen=True):
    """What a commit brought, for those who look at the store: numbers, never rows.

    `removals` rises when exchanges were removed, restored or purged: a list of ids that was read
    before holds too many, or too few. `exchanges` and `logs` say how many rows there are, removed
    ones included.
    """

    newest_exchange: int
    newest_change: int
    newest_log: int
    removals: int = 0
    exchanges: int = 0
    logs: int = 0
