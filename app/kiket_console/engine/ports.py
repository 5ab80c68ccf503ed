"""What the engine's parts ask of each other; the composition root hands each part its others.

gateway ──► Workers (the supervisor)     platform ──► Secrets (the vault)
trigger, replay ──► Delivery ──► gateway ──► Outcome
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.wire import Result

if TYPE_CHECKING:
    from kiket_console.contract import Contract
    from kiket_console.engine.room import Claim
    from kiket_console.model import Headers, State, Worker
    from kiket_console.wire_secrets import SecretEntry


@dataclass(slots=True)  # not frozen: one for each delivery, and that costs three times as much
class Target:
    """A worker that takes requests now."""

    worker_name: str
    label: str
    """The worker and its start count, `marketing#3`."""
    socket_path: str = ""
    """A Unix socket; empty for a worker that listens on loopback's `port`."""
    port: int | None = None
    ip: str = "127.0.0.1"
    """Which of loopback's addresses it listens on."""
    webhook_secret: str = field(default="", repr=False, compare=False)
    """What the platform signs with for this very process; empty where it has no secret."""

    @property
    def host(self) -> str:
        """What requests to it say as their host."""
        if self.port is None:
            return "localhost"
        return f"[{self.ip}]:{self.port}" if ":" in self.ip else f"{self.ip}:{self.port}"


class Judging(Struct, frozen=True):
    """By what the signature of a worker's deliveries is judged."""

    secrets: tuple[str, ...]
    """Webhook secrets, any of which may have signed; never shown."""
    accept: tuple[str, ...]
    """The HMAC dialects that the worker's code accepts, the preferred one first."""

    def __repr__(self) -> str:
        return f"Judging(secrets=<{len(self.secrets)}>, accept={self.accept!r})"


class Workers(Protocol):
    """The developer's code, as the gateway sees it."""

    def workers(self) -> tuple[Worker, ...]:
        """Return every worker, the project's first extension first.

        What modules tell of themselves is gathered for that: where each request asks, it is for
        those that it needs.
        """
        ...

    def extensions(self) -> tuple[Worker, ...]:
        """Return the workers that take deliveries; modules take none."""
        ...

    def worker(self, name: str) -> Worker | None:
        """Return one worker, None when there is none of that name."""
        ...

    def serving(self, name: str) -> Target | None:
        """Return where requests for worker *name* go now, or None when nothing serves."""
        ...

    async def wait_serving(self, name: str, timeout_s: float = 10.0) -> Target | None:
        """Wait until worker *name* serves.

        None when the time is over, or at once when no start is under way (broken, stopped, fatal).
        """
        ...

    def judging(self, name: str) -> Judging:
        """Return by what the deliveries to worker *name* are judged."""
        ...

    def contract(self, name: str) -> Contract:
        """Return what the manifest of worker *name* says of deliveries."""
        ...


def named(workers: Workers, name: str) -> Worker:
    """Return a worker by its name; raises `ConsoleError` when there is none."""
    found = workers.worker(name)
    if found is None:
        names = ", ".join(each.name for each in workers.workers())
        raise ConsoleError(
            f'There is no worker "{name}".',
            hint=f"Known: {names or 'none'}.",
            exit_code=ExitCode.USAGE,
        )
    return found


class Secrets(Protocol):
    """Where secrets are kept, as the platform sees it.

    Each method raises `ConsoleError` when the keyring does not answer. `set` registers the value
    with the redactor before it returns.
    """

    async def get(self, name: str) -> str | None:
        """Return the value of *name*, or None when it has none."""
        ...

    async def set(self, name: str, value: str) -> SecretEntry:
        """Keep *value* under *name* for this project, in place of an older one."""
        ...

    async def delete(self, name: str) -> bool:
        """Forget this project's *name*; False when it had no value."""
        ...

    async def names(self) -> Sequence[SecretEntry]:
        """List what has a value that this project sees, by name."""
        ...


class Delivery(Struct, eq=False):
    """A webhook on its way to a worker, whoever sent it."""

    extension: str | None
    """None: the project's only extension."""
    event: str
    version: str
    """As the path says it; empty when it does not."""
    path: str
    """Path and query, as the worker is to see them."""
    headers: Headers
    raw_body: bytes
    replay_of: int | None = None
    edited: bool = False
    """Whether it differs from what it repeats in more than what is made anew each time."""
    signature_word: str | None = None
    """What the list says of the signature instead of the verdict: `re-signed`."""
    sender: str = ""
    """The address that it came from; empty for one that the engine itself sends."""
    limit_s: float | None = None
    """How long the answer may take; None: as long as the gateway allows."""
    is_retried: bool = False
    """Whether it is tried again by the platform's schedule when it fails."""
    signed_with: str = ""
    """The webhook secret that signed `headers`; empty for what somebody else has signed."""
    sign: Callable[[str], Headers] | None = None
    """Return its headers as another webhook secret signs them; None: they go as they are.
    Raises `ConsoleError` for a secret that its dialect cannot use."""
    named: dict[bytes, bytes] | None = None
    """The values of `headers` by their names in lower case, of repeated ones the last; None where
    nobody has them at hand."""

    def __repr__(self) -> str:
        return f"Delivery({self.event!r} {self.version!r} to {self.extension!r})"

    def headers_for(self, target: Target) -> Headers:
        """Return the headers that *target* takes: the secret may have changed since they were made.

        A secret that cannot sign changes nothing: the worker says what is wrong.
        """
        secret = target.webhook_secret
        if self.sign is None or secret in {"", self.signed_with}:
            return self.headers
        try:
            return self.sign(secret)
        except ConsoleError:
            return self.headers


class Outcome(Struct):
    """What became of a delivery, and what its sender is answered."""

    exchange_id: int | None
    """None when it could not be recorded, and so was not accepted."""
    state: State
    status: int
    headers: Headers
    raw_body: bytes
    duration_us: int
    error: str
    """One sentence when the worker did not answer, else empty."""
    room: Claim | None = None
    """What a large answer takes of the memory for such, until it is given back."""
    decision: str = ""
    """What a guard's answer decides: a word of `decision.WORDS`; empty for any other event."""
    retry: str = ""
    """A word of `model.Retry`."""
    next_try_us: int = 0
    """When it is tried again; 0 unless it waits for that."""


def told(exchange_id: int, outcome: Outcome) -> Result:
    """Return what a person who asked for a delivery is told of how it went."""
    return Result(
        exchange_id,
        outcome.state,
        outcome.status,
        outcome.duration_us,
        outcome.error,
        outcome.decision,
        outcome.retry,
        outcome.next_try_us,
    )


Deliver = Callable[[Delivery], Awaitable[Outcome]]
