"""What the writer is given: one frozen record for each thing that can be written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kiket_console.model import Judgement, Message, Source, State

_ROW_BYTES = 256  # of a row's metadata, roughly; bodies are counted exactly


@dataclass(slots=True)  # not frozen: one for each delivery, and that costs three times as much
class NewExchange:
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

    @property
    def cost(self) -> int:
        """Return about how many bytes waiting costs."""
        return _ROW_BYTES + len(self.request.body.raw)


@dataclass(slots=True)  # not frozen: one for each delivery, and that costs three times as much
class NewAttempt:
    """A try that has begun."""

    exchange_id: int
    number: int
    target: str
    started_us: int

    @property
    def cost(self) -> int:
        """Return about how many bytes waiting costs."""
        return _ROW_BYTES


@dataclass(slots=True)  # not frozen: one for each delivery, and that costs three times as much
class AttemptEnd:
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


@dataclass(frozen=True, slots=True)
class NewLog:
    """A line that a worker or the engine wrote."""

    at_us: int
    worker: str
    stream: str
    level: str
    logger: str
    text: str
    trace_id: str = ""
    exchange_id: int | None = None

    @property
    def cost(self) -> int:
        """Return about how many bytes waiting costs."""
        return _ROW_BYTES + len(self.text)


@dataclass(frozen=True, slots=True)
class SetPinned:
    """Keep an exchange for ever, or no longer."""

    exchange_id: int
    pinned: bool

    @property
    def cost(self) -> int:
        """Return about how many bytes waiting costs."""
        return _ROW_BYTES


@dataclass(frozen=True, slots=True)
class SetNote:
    """Say something about an exchange, in one line; an empty text says nothing any more."""

    exchange_id: int
    note: str

    @property
    def cost(self) -> int:
        """Return about how many bytes waiting costs."""
        return _ROW_BYTES + len(self.note)


@dataclass(frozen=True, slots=True)
class SetRetry:
    """Say what is to become of a delivery that failed; see `model.Retry`."""

    exchange_id: int
    retry: str
    next_try_us: int = 0

    @property
    def cost(self) -> int:
        """Return about how many bytes waiting costs."""
        return _ROW_BYTES


@dataclass(frozen=True, slots=True)
class Remove:
    """Take exchanges out of sight; they can be restored until the store is closed."""

    exchange_ids: tuple[int, ...]
    at_us: int

    @property
    def cost(self) -> int:
        """Return about how many bytes waiting costs."""
        return _ROW_BYTES + 8 * len(self.exchange_ids)


@dataclass(frozen=True, slots=True)
class Restore:
    """Bring removed exchanges back."""

    exchange_ids: tuple[int, ...]

    @property
    def cost(self) -> int:
        """Return about how many bytes waiting costs."""
        return _ROW_BYTES + 8 * len(self.exchange_ids)


Row = (
    NewExchange
    | NewAttempt
    | AttemptEnd
    | NewLog
    | SetPinned
    | SetNote
    | SetRetry
    | Remove
    | Restore
)


@dataclass(frozen=True, slots=True)
class Committed:
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
