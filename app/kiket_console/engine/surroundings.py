"""What a worker is given besides its code: listed variables, and secrets apart from them."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kiket_console import env_file
from kiket_console.config import ENVIRONMENT_PREFIX
from kiket_console.engine.chronicle import line
from kiket_console.engine.leftovers import MARK
from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.worker_spec import ExtensionSpec, ModuleSpec
from kiket_core.secret import RedactorFullError, redactor
from kiket_sdk.utils import environment_secret_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from kiket_console.engine.vault import Vault
    from kiket_console.env_file import EnvFile
    from kiket_console.store.records import NewLog
    from kiket_console.worker_spec import WorkerSpec

WEBHOOK_SECRET = "KIKET_WEBHOOK_SECRET"  # noqa: S105 (a variable's name)
WORKSPACE_TOKEN = "KIKET_WORKSPACE_TOKEN"  # noqa: S105 (a variable's name)
EXTENSION_API_KEY = "KIKET_EXTENSION_API_KEY"
"""By what extensions of the interim releases are known; theirs to set, none is made."""
_GENERATED = {WEBHOOK_SECRET: "wh_local_", WORKSPACE_TOKEN: "wk_local_"}
"""What each extension has of its own, made by us unless the person set it, and how it begins."""
_ALLOWED = re.compile(r"PATH|HOME|LANG|LC_[A-Z]+|TERM|TZ|TMPDIR|VIRTUAL_ENV|KIKET_\w+", re.ASCII)
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

    @property
    def webhook_secret(self) -> str:
        """Return what its deliveries are signed with, unless its code configures another."""
        return self.secrets.get(WEBHOOK_SECRET, "")


@dataclass(frozen=True, slots=True)
class Surrounder:
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
    env_file: Path | None = None
    """Read again for each start; the shell's variables win over its own."""
    _told: set[tuple[str, str]] = field(default_factory=set)
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
        plain = dict(given) | {
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
        secrets = {
            name: await self.vault.generated(f"{name}.{spec.name}", prefix)
            for name, prefix in _GENERATED.items()
            if name != WEBHOOK_SECRET or not spec.is_unsigned  # with one it would not take a token
        }
        for name in spec.declared.secrets:
            value = await self.vault.get(name)
            if value is not None:
                secrets[environment_secret_name(name)] = value
        wanted = {*_GENERATED, EXTENSION_API_KEY, *spec.declared.variables}
        wanted |= {environment_secret_name(name) for name in spec.declared.secrets}
        for name, value in {**given, **self.inherited}.items():
            if value and name in wanted:  # what the person set is explicit, and wins
                secrets[name] = value
                redactor.add(name, value)
            elif value and _SECRET.fullmatch(name) and name not in given:
                self._tell_withheld(spec.name, name)
        return secrets, tuple(
            (name, environment_secret_name(name) in secrets) for name in spec.declared.secrets
        )

    def _tell_withheld(self, worker: str, name: str) -> None:
        """Say once that a secret of the person's shell does not reach an extension."""
        if (worker, name) not in self._told:
            self._told.add((worker, name))
            text = f"{name} of your shell is not handed on: its manifest asks for no such secret"
            self.on_log(line(worker, "INFO", text))
