"""What is said over the control API, besides the nouns of `model`: importing nothing of ours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

API = "/v1"
WAYS = ("resigned", "exact")
"""How a recorded delivery can be sent again: with a fresh signature, or byte for byte."""
SELECTION_LIMIT = 1000
"""How many exchanges one request can name."""
NOTE_LIMIT = 500
"""How many characters a note has at most."""
VERBS = ("restart", "stop", "start")
"""What a person can ask of a worker."""


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """Where a running engine can be reached."""

    pid: int
    version: str
    folder: str
    started_us: int
    gateway_url: str
    platform_url: str


@dataclass(frozen=True, slots=True)
class Result:
    """How a delivery that the engine sent has ended."""

    exchange_id: int
    state: str
    """A word of `model.State`."""
    status: int | None
    duration_us: int | None
    error: str
    """One sentence when no answer came, else empty."""

    @property
    def ok(self) -> bool:
        """Whether an answer of 200 to 299 came."""
        return self.status is not None and 200 <= self.status < 300


@dataclass(frozen=True, slots=True)
class Template:
    """A sample event that can be triggered."""

    event: str
    version: str
    handled: bool
    """Whether a running extension has a handler for it."""
    title: str
    payload: Any
    """The event's own JSON value, as `trigger` takes it."""


@dataclass(frozen=True, slots=True)
class SecretName:
    """A secret by name; values never leave the engine."""

    name: str
    present: bool
    declared_by: tuple[str, ...] = ()
    """Workers whose manifest asks for it."""


@dataclass(frozen=True, slots=True)
class Selection:
    """The exchanges that something was done to: those that were named, and what went with them."""

    ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request to the control API was not carried out."""

    error: str
    hint: str = ""
    exit_code: int = 1
    """What the command line ends with: `errors.ExitCode`."""
