"""What a worker is given besides its code: listed variables, and secrets apart from them."""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import quote

import msgspec

from kiket_console import env_file
from kiket_console.engine.chronicle import line
from kiket_console.engine.leftovers import MARK
from kiket_console.engine.telemetry.variables import telemetry_variables
from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.producing.destination import URL_VARIABLE
from kiket_console.settings import ENVIRONMENT_PREFIX
from kiket_console.wire_secrets import PREVIOUS_S
from kiket_console.worker_spec import ExtensionSpec, ModuleSpec
from kiket_core.secret import RedactorFullError, redactor
from kiket_sdk._keys import PREVIOUS, PREVIOUS_UNTIL, previous_of
from kiket_sdk.utils import environment_secret_name

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from pathlib import Path

    from kiket_console.engine.secret_uses import SecretUses
    from kiket_console.engine.secrets.vault import Vault
    from kiket_console.env_file import EnvFile
    from kiket_console.store.records import NewLog
    from kiket_console.worker_spec import WorkerSpec

WEBHOOK_SECRET = "KIKET_WEBHOOK_SECRET"  # noqa: S105 (a variable's name)
WORKSPACE_TOKEN = "KIKET_WORKSPACE_TOKEN"  # noqa: S105 (a variable's name)
EXTENSION_API_KEY = "KIKET_EXTENSION_API_KEY"
"""By what extensions of the interim releases are known; theirs to set, none is made."""
_GENERATED = {WEBHOOK_SECRET: "wh_local_", WORKSPACE_TOKEN: "wk_local_"}
"""What each extension has of its own, made by us unless the person set it, and how it begins."""
_ALLOWED = re.compile(
    r"PATH|HOME|LANG|LC_[A-Z]+|TERM|TZ|TMPDIR|VIRTUAL_ENV|KIKET_\w+"
    r"|KINDO_MESSAGE_(?:PRODUCER_URL|PRODUCER_ARN|BEHAVIOR)",
    re.ASCII,
)
_OF_MODULES = frozenset(
    ("RUST_LOG", "RUST_BACKTRACE", "CARGO_HOME", "RUSTUP_HOME", "PYWATT_LOG_LEVEL")
)
"""What a module gets of the person's shell besides."""
_SECRET = re.compile(r"KIKET_\w*(?:SECRET|TOKEN|KEY|PASS|CREDENTIAL|DSN)\w*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a worker's process is given besides its code."""

    run_folder: Path
    """For its socket."""
    marker: str
    """The value of `leftovers.MARK` in its environment."""
    environment: Mapping[str, str]
    """Plain variables, the whole of them."""
    secrets: Mapping[str, str] = field(repr=False)
    """Variables that go over the control socket and are in no process listing."""
    declared: tuple[tuple[str, bool], ...]
    """The secrets that the worker asks for, and whether each has a value."""
    answers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """What the person set of the secrets that a module may ask for, by their names; what is not
    here is in the vault."""
    shows_locals: bool = True
    """Whether its exceptions tell what their frames held."""
    webhook_secrets: tuple[str, ...] = field(init=False, repr=False)
    """What its deliveries may be signed with: `webhook_secret`, and what came before it."""

    def __post_init__(self) -> None:
        current = self.webhook_secret
        try:
            known = (current, *previous_of(current, self.secrets)) if current else ()
        except ValueError:  # a time of the person's own that is none: the worker says so
            known = (current,)
        object.__setattr__(self, "webhook_secrets", known)

    @property
    def webhook_secret(self) -> str:
        """Return what its deliveries are signed with, unless its code configures another."""
        return self.secrets.get(WEBHOOK_SECRET, "")


class Surrounder(msgspec.Struct, frozen=True):
    """Composes the surroundings of each start."""

    key: str
    """The project's, for marks."""
    run_folder: Path
    vault: Vault
    inherited: Mapping[str, str]
    """The variables that the person started us with."""
    variables: Mapping[str, str]
    """Those that point the code at this engine; they win over the shell's."""
    on_log: Callable[[NewLog], None]
    uses: SecretUses
    """Told of the secrets that a start is given."""
    env_file: Path | None = None
    """Read again for each start; the shell's variables win over its own."""
    producer_url: str = ""
    """Where messages of workers go that are not told another place; each has a path below it."""
    otlp_url: str = ""
    """Where their traces go, likewise; empty: nowhere."""
    shows_locals: bool = True
    """Whether exceptions of workers tell what their frames held."""
    _told: set[tuple[str, str]] = msgspec.field(default_factory=set)
    """Of which extension it was said that it does not get which variable."""

    async def surround(self, spec: WorkerSpec, label: str) -> Surroundings:
        """Return what the start called *label* gets.

        Raises `ConsoleError` when the vault fails, or when the file of variables cannot be used.
        """
        marker = f"{self.key}/{label}/"
        found = None
        if self.env_file is not None:
            found = await asyncio.to_thread(env_file.read, self.env_file)
        given, hidden = self._given(found) if found else ({}, {})
        said = given | hidden | (dict(spec.variables) if isinstance(spec, ModuleSpec) else {})
        given = telemetry_variables(self.otlp_url, spec.name, said) | given
        if isinstance(spec, ModuleSpec):
            return await self._of_module(spec, marker, given, hidden)
        assert isinstance(spec, ExtensionSpec)  # noqa: S101 - there is no third kind
        secrets, declared = await self._secrets(spec, {**given, **hidden})
        secrets = {**hidden, **secrets}
        given = {name: value for name, value in given.items() if name not in secrets}
        return Surroundings(
            run_folder=self.run_folder,
            marker=marker,
            environment={**self._plain(spec, given), **self.variables, MARK: marker},
            secrets=secrets,
            declared=declared,
            shows_locals=self.shows_locals,
        )

    async def _of_module(
        self,
        spec: ModuleSpec,
        marker: str,
        given: Mapping[str, str],
        hidden: Mapping[str, str],
    ) -> Surroundings:
        """Return what a module gets; it asks for its secrets, and finds none in its environment."""
        said = {**given, **hidden, **self.inherited}
        answers: dict[str, str] = {}
        declared = []
        for name in spec.declared.secrets:
            value = said.get(name) or said.get(environment_secret_name(name))
            if value:  # what the person set is explicit, and wins
                redactor.add(name, value)
                answers[name] = value
            declared.append((name, bool(value) or await self.vault.get(name) is not None))
        asked = {*answers, *map(environment_secret_name, answers)}
        variables = {
            "RUST_LOG": "info",
            "PYWATT_LOG_LEVEL": "INFO",
            **self._plain(spec, given),
            **{name: value for name, value in self.inherited.items() if name in _OF_MODULES},
            "PYWATT_MODULE_ID": spec.name,
            **dict(spec.variables),
        }
        return Surroundings(
            run_folder=self.run_folder,
            marker=marker,
            environment={
                **{key: value for key, value in variables.items() if value and key not in asked},
                MARK: marker,
            },
            secrets={
                key: value
                for key, value in hidden.items()
                if key not in asked and not _SECRET.fullmatch(key)  # an extension's, or another's
            },
            declared=tuple(declared),
            answers=answers,
            shows_locals=self.shows_locals,
        )

    def _given(self, found: EnvFile) -> tuple[dict[str, str], dict[str, str]]:
        """Return (plain variables, those that hold secrets) as the file and the shell say."""
        plain: dict[str, str] = {}
        hidden: dict[str, str] = {}
        for name, written in found.variables.items():
            value = self.inherited.get(name, written)
            secret = env_file.secret_part(name, value)
            try:
                redactor.add(name, secret)
            except RedactorFullError as error:
                raise ConsoleError(
                    f"{found.source(name)} cannot be used: {error}",
                    hint="Keep fewer secrets there, and shorter ones.",
                    exit_code=ExitCode.CONFIG,
                ) from error
            if not name.startswith(ENVIRONMENT_PREFIX) and name not in self.variables:
                (hidden if secret else plain)[name] = value
        return plain, hidden

    def _plain(self, spec: WorkerSpec, given: Mapping[str, str]) -> dict[str, str]:
        own = {URL_VARIABLE: f"{self.producer_url}/{quote(spec.name, safe='')}"}
        plain = (own if self.producer_url else {}) | dict(given)
        plain |= {
            name: value
            for name, value in self.inherited.items()
            if _ALLOWED.fullmatch(name) and not _SECRET.fullmatch(name)
        }
        plain.pop("VIRTUAL_ENV", None)
        scripts = spec.interpreter.parent
        if (scripts.parent / "pyvenv.cfg").is_file():
            plain["VIRTUAL_ENV"] = str(scripts.parent)
            plain["PATH"] = f"{scripts}:{plain.get('PATH', '')}".rstrip(":")
        return plain

    async def _secrets(
        self, spec: ExtensionSpec, given: Mapping[str, str]
    ) -> tuple[dict[str, str], tuple[tuple[str, bool], ...]]:
        """Return (variables, declared names and whether they have a value)."""
        secrets: dict[str, str] = {}
        wanted = {*_GENERATED, EXTENSION_API_KEY, *spec.declared.variables}
        wanted |= {environment_secret_name(name) for name in spec.declared.secrets}
        for name, value in {**given, **self.inherited}.items():
            if value and name in wanted:  # what the person set is explicit, and wins
                secrets[name] = value
                redactor.add(name, value)
            elif value and _SECRET.fullmatch(name) and name not in given:
                self._tell_withheld(spec.name, name)
        kept: dict[str, str] = {}
        for name, prefix in _GENERATED.items():
            is_wanted = name != WEBHOOK_SECRET or not spec.is_unsigned  # else it takes no token
            if is_wanted and name not in secrets:
                kept |= await self._own(name, _own_name(name, spec), prefix)
        for name in spec.declared.secrets:
            variable = environment_secret_name(name)
            if variable not in secrets:
                kept |= await self._kept(name, variable)
        self._note_uses(spec, kept)
        secrets |= kept
        return secrets, tuple(
            (name, environment_secret_name(name) in secrets) for name in spec.declared.secrets
        )

    async def _own(self, variable: str, made: str, prefix: str) -> dict[str, str]:
        """Return what an extension has of its own: what the person set, else what we made of it.

        What a rotation replaces counts for a while yet, and the first replaces what we made.
        """
        value = await self.vault.generated(made, prefix)
        found: dict[str, str] = {}
        if self.vault.version(variable):
            found = await self._kept(variable, variable)
            until_us = self.vault.first_set_us(variable) + PREVIOUS_S * 1_000_000
            if found and f"{variable}{PREVIOUS}" not in found and until_us > _now_us():
                found |= _before(variable, value, until_us)
        if found:
            return found
        found = {variable: value}
        for name in (variable, made):
            previous = await self.vault.previous(name)
            if previous is not None:
                found |= _before(variable, previous.value, previous.until_us)
        return found

    async def _kept(self, name: str, variable: str) -> dict[str, str]:
        """Return the variables that have a secret of the vault, and the one before it."""
        value = await self.vault.get(name)
        if value is None:
            return {}
        previous = await self.vault.previous(name)
        before = _before(variable, previous.value, previous.until_us) if previous else {}
        return {variable: value, **before}

    def _note_uses(self, spec: ExtensionSpec, variables: Collection[str]) -> None:
        """Note which secrets of ours a start is given, by their variables, and in which way."""
        names = {name: name for name in _GENERATED}
        names |= {_own_name(name, spec): name for name in _GENERATED}
        names |= {name: environment_secret_name(name) for name in spec.declared.secrets}
        self.uses.note(
            spec.name,
            "environment" if spec.command else "pipe",
            *(name for name, variable in names.items() if variable in variables),
        )

    def _tell_withheld(self, worker: str, name: str) -> None:
        """Say once that a secret of the person's shell does not reach an extension."""
        if (worker, name) not in self._told:
            self._told.add((worker, name))
            text = f"{name} of your shell is not handed on: its manifest asks for no such secret"
            self.on_log(line(worker, "INFO", text))


def _now_us() -> int:
    return time.time_ns() // 1000


def _own_name(variable: str, spec: ExtensionSpec) -> str:
    """Return the name of what one extension has alone; a folder may be called `a@previous`."""
    return f"{variable}.{quote(spec.name, safe='')}"


def _before(variable: str, value: str, until_us: int) -> dict[str, str]:
    """Return the variables that say what a secret took the place of, and until when that counts."""
    until = datetime.fromtimestamp(until_us / 1_000_000, UTC).isoformat(timespec="seconds")
    return {f"{variable}{PREVIOUS}": value, f"{variable}{PREVIOUS_UNTIL}": until}
