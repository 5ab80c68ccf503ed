"""What is counted apart, what is measured, and what happened at a moment: frozen, no I/O."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from kiket_console.telemetry.histogram import Histogram  # noqa: TC001 (read by msgspec)

STEPS: Final = {1: 180, 10: 3600, 60: 48 * 3600, 900: 0}
"""Measures are kept in steps of so many seconds, each kept for so many; 0: as long as exchanges."""
OTHER: Final = "(other)"
"""What stands for the name, and then the worker, of what came when too much was counted apart."""


class Series(Struct, frozen=True):
    """What is counted together: exchanges of one source, worker, name, version and outcome."""

    source: str
    """A word of `model.Source`."""
    worker: str
    name: str
    """As `Exchange.name`: the event, the API call, the message's op, the event type."""
    version: str
    outcome: str
    """`2xx` … `5xx` by the status; `ok` or `error` of what has none; `failed` without an answer."""

    @property
    def failing(self) -> bool:
        """Whether a person should look, as `Exchange.failing` has it."""
        return self.outcome in _FAILING


_FAILING = frozenset(("4xx", "5xx", "error", "failed"))


class Measure(Struct, frozen=True):
    """What one series did in one step of time, by one start of its worker's code."""

    at_s: int
    """When the step begins (Unix seconds); its length is that of the reading."""
    series: Series
    code_us: int
    """When the code that did it was started (Unix µs); 0 where that is not known."""
    durations: Histogram


class Reload(Struct, frozen=True):
    """A start of a worker's code that took over, or that did not; a mark on every chart."""

    at_us: int
    """When it served, or failed to; measures with `code_us` at or above it are of this code."""
    worker: str
    label: str
    """The worker and its start count, `marketing#3`."""
    file: str
    """Whose save caused it; empty for a start by hand, after a crash, or with the engine."""
    took_us: int
    """From the save, or the call for it, to the first moment it served."""
    problem: str = ""
    """Why it did not come to serve, in one sentence."""

    @property
    def brought_code(self) -> bool:
        """Whether it may be of other code: after a save, or the first since the engine started."""
        return bool(self.file) or self.label.endswith("#1")


class Sample(Struct, frozen=True):
    """What one thing of a worker measured over one step of time."""

    at_s: int
    worker: str
    """A worker's name, or `engine`."""
    name: str
    """`cpu` (percent of one core), `memory` (bytes), `lag` (seconds that its event loop was late),
    `restarts` (how often it was started after a crash), or a line of its `/metrics`,
    `requests_total{route="/"}`."""
    count: int
    mean: float
    lowest: float
    highest: float
    last: float


class Span(Struct, frozen=True):
    """A piece of work that code told of: an OpenTelemetry span, or a handler by SDK telemetry."""

    id: int
    trace_id: str
    """32 lower-case hex digits; empty where what told of it knew none."""
    span_id: str
    """16 of them, or empty."""
    parent_span_id: str
    exchange_id: int | None
    """The exchange that it belongs to, as far as that could be told."""
    worker: str
    kind: str
    """`handler` (SDK telemetry) or an OpenTelemetry kind: `internal`, `server`, `client`,
    `producer`, `consumer`."""
    name: str
    started_us: int
    duration_us: int
    status: str
    """`ok`, `error`, or empty."""
    message: str
    """What it says about its status: an error's class for handlers."""
    attributes: tuple[tuple[str, str], ...]
    guessed: bool = False
    """Whether `exchange_id` is a guess, by worker and time."""
