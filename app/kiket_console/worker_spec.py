"""How to run a worker, as a project's folder says it."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, ClassVar

from msgspec import Struct
from msgspec.structs import replace

from kiket_console.wire import ES256

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from kiket_console.declared import Declared
    from kiket_console.model import Problem

CHANNELS = ("tcp", "uds")
"""What a module can be offered besides its standard input and output."""


class WorkerSpec(Struct, frozen=True, kw_only=True):
    """How to run one worker, whatever it is."""

    kind: ClassVar[str] = ""
    """As `model.Worker.kind`."""

    name: str
    folder: Path
    entry: str
    """Module and attribute, `main:sdk`; a module's can be a file, `main.py`. Empty when none was
    found, and for a command."""
    import_roots: tuple[Path, ...]
    """Folders for the import path, first one first."""
    interpreter: Path
    """What runs an entry; a command finds the programs beside it first."""
    watch: tuple[Path, ...]
    declared: Declared
    guessed: str = ""
    """What was guessed, in words; empty when `kiket.toml` says it."""
    command: tuple[str, ...] = ()
    """What to run instead of Python code; empty for an entry."""
    port: int | None = None
    """Where it has to listen; None: on any port that it is given."""
    is_named: bool = False
    """Whether `kiket.toml` names it, so that its name is no guess either."""
    problem: Problem | None = None
    """Why it cannot start, when that is known without starting it."""
    manifest: Path | None = None
    """What says how an extension is delivered to; a module has none."""
    dialects: tuple[str, ...] = ()
    """The ways to sign that an extension's code accepts, where `kiket.toml` says so, be it by an
    era; else empty."""
    era: str = ""
    """The release of the SDK that an extension's deliveries are made for, one of `wire.ERAS`."""

    def runs_like(self, other: WorkerSpec) -> bool:
        """Tell whether it is run just as *other*; a guess about the code is told, not run."""
        return replace(self, guessed=other.guessed) == other

    @property
    def runs(self) -> str:
        """Return what it runs in one line: the entry, or the command as a shell would take it."""
        return shlex.join(self.command) or self.entry

    @property
    def run_by(self) -> str:
        """Return the interpreter of an entry; a command says its own."""
        return "" if self.command else str(self.interpreter)

    @property
    def note(self) -> str:
        """Say what a person should know of how it is run."""
        return ""


class ExtensionSpec(WorkerSpec, frozen=True, kw_only=True):
    """How to run one extension."""

    kind: ClassVar[str] = "extension"

    uses_sdk: bool = False

    def runs_like(self, other: WorkerSpec) -> bool:
        """Tell whether it is run just as *other*; a guess about the code is told, not run."""
        if not isinstance(other, ExtensionSpec):
            return False
        return replace(self, guessed=other.guessed, uses_sdk=other.uses_sdk) == other

    @property
    def is_unsigned(self) -> bool:
        """Whether its deliveries have no signature, but a runtime token alone."""
        return self.dialects == (ES256,)

    @property
    def note(self) -> str:
        """Say what a person should know of how it is run."""
        return "its secrets are in its environment" if self.command else ""


class ModuleSpec(WorkerSpec, frozen=True, kw_only=True):
    """How to run one module; `declared.secrets` are those that it may ask for."""

    kind: ClassVar[str] = "module"

    variables: tuple[tuple[str, str], ...] = ()
    """What its init line and its environment say besides what they say to all; an empty value
    takes a variable away."""
    channels: tuple[str, ...] = CHANNELS
    """What it is offered besides its standard input and output, some of `CHANNELS`."""
    announce_s: float = 30.0
    """How long it may take from its start to its announcement; a compiler may run before."""
    empties: bool = False
    """Whether a secret without a value is answered with an empty text, where the module knows no
    other answer; else such a module is stopped."""

    @property
    def env(self) -> Mapping[str, str]:
        """Return the variables that its init line names."""
        return {name: value for name, value in self.variables if value}
