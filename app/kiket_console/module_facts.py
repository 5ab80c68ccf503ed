"""What is known of a module besides what is known of every worker; imports nothing of ours."""

from __future__ import annotations

from msgspec import Struct


class ModuleChannel(Struct, frozen=True):
    """A channel between a module and the orchestrator."""

    name: str
    """`stdio`, `tcp` or `uds`."""
    state: str
    """`listening`, `connected` or `closed`; with a reason, `closed: it proved nothing`."""
    since_us: int


class ModuleEndpoint(Struct, frozen=True):
    """A route that a module announced."""

    path: str
    methods: tuple[str, ...]
    auth: str = ""
    """`jwt`, or whatever the module calls it; empty: open."""


class ModuleService(Struct, frozen=True):
    """A service that a module registered."""

    name: str
    type: str
    """`database`, `cache`, `jwt` or `custom:search`."""
    address: str


class ModuleFacts(Struct, frozen=True):
    """What is known of a module besides what is known of every worker."""

    handshake: str = ""
    """`starting`, `asking for secrets`, `announced`, `ready`, `degraded`, `unhealthy` or
    `stopping`; empty while it has no process."""
    sdk: str = ""
    """What it says it is built with, `pywatt_sdk 0.3.0`; empty when it says nothing."""
    listen: str = ""
    """Where it serves HTTP, as announced; before that as it was told."""
    channels: tuple[ModuleChannel, ...] = ()
    endpoints: tuple[ModuleEndpoint, ...] = ()
    services: tuple[ModuleService, ...] = ()
    asked: tuple[tuple[str, bool], ...] = ()
    """Names of the secrets that it asked for, and whether each was answered."""
    heartbeat_us: int = 0
    """When it last answered a heartbeat; 0: never."""
    heartbeats: int = 0
    """How many it has answered."""
    heartbeat_took_us: int = 0
    """How long the slowest of the newest few took to be answered; 0: none was."""
    frames_in: int = 0
    """Messages towards the module, heartbeats apart."""
    frames_out: int = 0
    """Messages from the module, heartbeats apart."""
    stray: int = 0
    """How often it sent what is no message: lines on its standard output, frames."""
    dropped: int = 0
    """Messages that were not taken down, or given up, because too many came."""


class RegisteredProgram(Struct, frozen=True):
    """A program that nobody here started, and that registered (pywatt wire specification §4)."""

    id: str
    name: str
    version: str
    description: str
    status: str
    """`healthy`, `degraded` or `unhealthy`, as it says itself; empty until it does."""
    since_us: int
    heard_us: int
    """When it last said anything."""
    endpoints: tuple[ModuleEndpoint, ...] = ()


class Registrations(Struct, frozen=True):
    """Where programs register, and those that have."""

    address: str
    """Host and port; empty while there is no module here."""
    programs: tuple[RegisteredProgram, ...] = ()
