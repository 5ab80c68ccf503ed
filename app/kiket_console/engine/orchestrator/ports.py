"""What the orchestrator's parts ask of each other; the composition root hands each its others.

ModuleProcess ──► Session (a `Peer`) ──► Orchestrating (registry, routing, services)
                        └──► Tape ──► recording
gateway ──► Peer: `address`, or `http` over the module's channels
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from kiket_console.model import State

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Sequence
    from typing import BinaryIO

    from kiket_console.engine.surroundings import Surroundings
    from kiket_console.ipc import Channel, Direction, Kind
    from kiket_console.model import Headers
    from kiket_console.module_facts import ModuleFacts, ModuleService
    from kiket_console.worker_spec import ModuleSpec
    from pywatt_sdk._protocol import (
        Announce,
        HttpRequest,
        HttpResponse,
        Init,
        RotationAck,
        RouteToModule,
        ToModule,
        ToOrchestrator,
    )


class Frame(Struct, frozen=True):
    """One message as it went over a channel."""

    module: str
    label: str
    """The module and its start count, `search#3`."""
    channel: Channel
    direction: Direction
    raw: bytes
    """The exact JSON text, without newline or frame header."""
    op: str
    """For an invalid one what is wrong with it: `stray output`, `too long`."""
    kind: Kind
    method: str = ""
    path: str = ""
    headers: Headers = ()
    """Of HTTP that went directly; what is in the message itself is read from there."""


class Errand(Struct):
    """Why a message is sent to a module, and, once it is sent, as which exchange."""

    channel: str = ""
    """By which it is to go; empty: the one on which the module expects it. Then: the one used."""
    answers: int | None = None
    """The exchange that it is the reply to; it is taken down there."""
    parent: int | None = None
    replay_of: int | None = None
    edited: bool = False
    exchange_id: int | None = None
    """Set by who sends: as what it is taken down; None when that was dropped."""


class Tape(Protocol):
    """Takes down what is said; never waits, and drops, counted, what it has no room for."""

    def request(
        self,
        frame: Frame,
        *,
        parent: int | None = None,
        replay_of: int | None = None,
        edited: bool = False,
    ) -> int | None:
        """Take down a message that asks for a reply; return its exchange, None if dropped."""
        ...

    def reply(
        self,
        exchange_id: int | None,
        frame: Frame | None,
        *,
        state: State = State.FORWARDED,
        status: int | None = None,
        error: str = "",
    ) -> None:
        """Take down how a request ended: with *frame*, or without one, and then *error* says why.

        Does nothing for None, the exchange of what was dropped.
        """
        ...

    def lone(
        self,
        frame: Frame,
        *,
        parent: int | None = None,
        replay_of: int | None = None,
        edited: bool = False,
    ) -> int | None:
        """Take down a message that nobody answers; return its exchange, None if dropped."""
        ...

    def traceparent(self, exchange_id: int | None) -> str | None:
        """Return what says that a message is a part of an exchange; None where that is dropped."""
        ...


class Peer(Protocol):
    """A running module as the others see it."""

    @property
    def name(self) -> str:
        """The module's name, which is its `module_id` too."""
        ...

    @property
    def label(self) -> str:
        """The module and its start count, `search#3`."""
        ...

    @property
    def facts(self) -> ModuleFacts:
        """How it is now."""
        ...

    @property
    def address(self) -> tuple[str, int] | None:
        """Host and port where it serves HTTP; None when its requests go over a channel."""
        ...

    def send(self, message: ToModule, errand: Errand | None = None) -> None:
        """Send *message* on the channel on which the module expects it; never waits.

        It is taken down: as a reply where the errand says so, else as an exchange of its own.
        Raises ConnectionError when the module takes nothing any more, or not by that channel.
        """
        ...

    async def http(
        self, request: HttpRequest, timeout_s: float, errand: Errand | None = None
    ) -> HttpResponse:
        """Return the answer to *request*, sent over a channel.

        Raises TimeoutError, and ConnectionError when the module ends before it answers.
        """
        ...

    async def rotate(
        self, keys: Sequence[str], rotation_id: str, timeout_s: float
    ) -> RotationAck | None:
        """Tell that the secrets *keys* have new values; return what it says, None for silence.

        Raises ConnectionError when the module ends before.
        """
        ...


class Orchestrating(Protocol):
    """Who decides what becomes of what modules say."""

    def heard(
        self, peer: Peer, message: ToOrchestrator, exchange_id: int | None, channel: str
    ) -> None:
        """Take a message that concerns others: services, routing, ports. Never waits.

        Its reply, if any, goes by the *channel* that it came by.
        """
        ...

    def services_of(self, label: str) -> tuple[ModuleService, ...]:
        """Return what the start called *label* offers others, for its facts."""
        ...

    def answered(self, peer: Peer, message: RouteToModule) -> int | None:
        """Return the exchange that *message* is the reply to; None when it is a request of its own.

        Asked before `heard`, so that it is taken down there.
        """
        ...

    def joined(self, peer: Peer) -> None:
        """Take note that *peer* is ready, in the place of an older one of its name."""
        ...

    def gone(self, peer: Peer) -> None:
        """Take note that *peer* takes nothing any more; its successor may have joined."""
        ...


class Session(Peer, Protocol):
    """What a module's process and we say to each other, from its init line to its end.

    `ModuleProcess` makes one for each process, runs it, and walks it down the ladder at the end.
    """

    @property
    def announced(self) -> asyncio.Future[Announce]:
        """What the module announced.

        Its exception is `process.StartFailed` where the handshake failed for good, and
        ConnectionError where the module ended before; nobody need wait for it.
        """
        ...

    async def run(self, stdin: BinaryIO, stdout: BinaryIO) -> None:
        """Speak with the module until its output ends; closes both, and every channel of its own.

        *stdin* is our end of the module's standard input, *stdout* of its standard output: both
        unbuffered. Nothing is raised for what a module does.
        """
        ...

    def became_ready(self) -> None:
        """Take note that its address answers: others may send to it now."""
        ...

    def shut_down(self) -> None:
        """Send `shutdown` on every channel that may carry it now; not before it has announced."""
        ...

    def close_stdin(self) -> None:
        """Close the module's standard input, once what was sent has gone."""
        ...

    @property
    def under_way(self) -> int:
        """How many requests it has not answered yet."""
        ...


class OpenSession(Protocol):
    """Makes the session of one process; nothing is said before its `run`."""

    def __call__(
        self,
        spec: ModuleSpec,
        label: str,
        init: Init,
        given: Surroundings,
        *,
        on_change: Callable[[], None],
        note: Callable[[str, str], None],
        pid: Callable[[], int | None],
    ) -> Session:
        """Return the session of the start called *label*.

        *init* has no channels yet: those that `spec.channels` names are opened by the session.
        *on_change* is called when its facts have changed in a way that a person should see at
        once, *note* with a level and a sentence for the module's log. *pid* returns the root of
        the module's process tree, None before there is one.
        """
        ...
