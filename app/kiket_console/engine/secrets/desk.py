"""What a person does with secrets, and what becomes of it in what runs: `SecretControls`."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Protocol

from msgspec.structs import replace

from kiket_console import env_file
from kiket_console.engine.secrets import generate
from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.model import Worker, WorkerState
from kiket_console.text import reading_order
from kiket_console.wire import ROTATION_WAIT_S, Rotation
from kiket_console.wire_secrets import (
    PROJECT,
    SCOPES,
    SHARED,
    SHORT_CHARACTERS,
    Generate,
    SecretEntry,
    SecretsState,
    VaultFacts,
)
from kiket_sdk.utils import environment_secret_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from kiket_console.engine.secrets.vault import Vault
    from kiket_console.wire_secrets import SecretUse


SHARED_EVERY_S: Final = 1.0
"""How often it is looked whether another engine has changed what all projects share."""

_NOT_TAKEN: Final = -1
"""The version of what could not be handed out, to be tried again."""


class HandOut(Protocol):
    """Hand out the value that the vault has now (`HandingOver.hand_out`)."""

    async def __call__(self, name: str, timeout_s: float, *, is_kept: bool = True) -> Rotation:
        """Return who took it, after so long at most; *is_kept*: there is one."""
        ...


class SecretDesk:
    """Keep, change and show the secrets of *vault*, and hand each change to what runs."""

    def __init__(
        self,
        vault: Vault,
        workers: Callable[[], tuple[Worker, ...]],
        hand_out: HandOut,
        restart: Callable[[str], None],
        uses: Callable[[], Mapping[str, tuple[SecretUse, ...]]],
        env_file: Path,
    ) -> None:
        self._vault = vault
        self._workers = workers
        self._hand_out = hand_out
        self._restart = restart
        self._uses = uses
        self._env_file = env_file
        self._shared = vault.versions(SHARED)
        """What was handed out last of what all projects share."""

    async def state(self) -> SecretsState:
        """Return the vault, and what is in it or asked for, by name."""
        entries = list(await self._vault.entries())
        asked, uses = self._asked(), self._uses()
        kept = {each.name for each in entries}
        entries += [SecretEntry(name, present=False) for name in asked if name not in kept]
        hidden = {(each.name, SHARED) for each in entries if each.hides_shared}
        variables = await asyncio.to_thread(self._variables)

        def told(entry: SecretEntry) -> SecretEntry:
            in_file = bool({entry.name, environment_secret_name(entry.name)} & variables)
            if (entry.name, entry.scope) in hidden:  # what asks for the name gets the other one
                return replace(entry, env_file=in_file)
            return replace(
                entry,
                declared_by=asked.get(entry.name, ()),
                uses=uses.get(entry.name, ()),
                env_file=in_file,
            )

        in_order = sorted(entries, key=lambda entry: (reading_order(entry.name), entry.scope))
        return SecretsState(self._vault.facts, tuple(map(told, in_order)))

    async def set(self, name: str, value: str, scope: str, version: int | None) -> Rotation:
        """Keep a value, and hand it to what runs; with *version*, only in place of that one.

        Raises `ConsoleError` when there is nowhere to keep it.
        """
        return await self._kept(name, value, scope or await self._scope(name), version)

    async def rotate(
        self, name: str, new: str | Generate | None, scope: str, timeout_s: float
    ) -> Rotation:
        """Hand out a new value, or the present one again; each module has so long to confirm it."""
        scope = scope or await self._scope(name)
        if isinstance(new, Generate):
            new = generate.value(new)
        if new is not None:
            return await self._kept(name, new, scope, None, timeout_s)
        if await self._vault.get(name, scope) is None:
            raise ConsoleError(
                f"The secret {name} has no value that could be handed out.",
                hint="Say the new one.",
                exit_code=ExitCode.USAGE,
            )
        return await self._handed(name, scope, timeout_s)

    async def delete(self, name: str, scope: str) -> SecretEntry:
        """Forget a value; what runs with it is started anew without it."""
        scope = _known(scope) or await self._scope(name)
        if not await self._vault.delete(name, scope):
            raise ConsoleError(
                f'There is no secret "{name}".',
                hint="`kiket-console secrets list` says which there are.",
                exit_code=ExitCode.USAGE,
            )
        await self._handed(name, scope, ROTATION_WAIT_S)
        return self._vault.entry(name, scope)

    async def restore(self, name: str, scope: str) -> Rotation:
        """Bring back the value before the last change, and hand it to what runs."""
        scope = scope or self._restorable(name)
        entry = await self._vault.restore(name, scope)
        rotation = await self._handed(name, scope, ROTATION_WAIT_S)
        return replace(rotation, version=entry.version)

    async def reveal(self, name: str, scope: str) -> str:
        """Return a value; raises `ConsoleError` when there is none."""
        value = await self._vault.get(name, scope, anew=True)  # who locked it wants it hidden
        if value is None:
            self._vault.check()
            raise ConsoleError(
                f'The secret "{name}" has no value.',
                hint="`kiket-console secrets list` says which have one.",
                exit_code=ExitCode.AUTH,
            )
        return value

    async def vault(self, mode: str) -> VaultFacts:
        """Keep secrets in the keyring, which is looked for again, or for this session alone."""
        await self._vault.known()
        before = self._vault.facts
        if mode == "session":
            facts = await self._vault.choose_session()
        else:
            facts = await self._vault.choose_keyring()
            if before.state != "keyring":
                await self._hand_found(frozenset(facts.moved))
        self._shared = self._vault.versions(SHARED)
        if before.problem:
            self._start_broken()
        return facts

    async def tend(self) -> None:
        """Look after earlier values, and after what other engines change, until cancelled."""
        await self._vault.known()
        self._shared = self._vault.versions(SHARED)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._vault.tend())
            while True:
                await asyncio.sleep(SHARED_EVERY_S)
                with suppress(ConsoleError):  # the list cannot be read, which who asks is told
                    await self.take_shared()

    async def take_shared(self) -> None:
        """Hand out what another engine has changed of what all projects share."""
        asked = self._asked()
        for name in dict(self._shared.items() ^ self._vault.versions(SHARED).items()):
            try:
                if name in asked:
                    await self._handed(name, SHARED, ROTATION_WAIT_S)
                else:
                    self._took_shared(name)
            except ConsoleError:
                self._shared[name] = _NOT_TAKEN

    def _took_shared(self, name: str) -> None:
        self._shared[name] = self._vault.entry(name, SHARED).version
        if not self._shared[name]:
            del self._shared[name]

    def _start_broken(self) -> None:
        """Start anew what does not start: it may be for want of a keyring that answers."""
        for worker in self._workers():
            if worker.state is WorkerState.BROKEN:
                self._restart(worker.name)

    async def _hand_found(self, known: frozenset[str]) -> None:
        """Hand out what the keyring has and what runs has asked for in vain, or has another of."""
        asked, uses, kept = self._asked(), self._uses(), self._vault.version
        found = [name for name in asked if await self._vault.get(name) is not None]
        found += [
            name
            for name in uses
            if name not in asked and any(each.version != kept(name) for each in uses[name])
        ]
        found = [name for name in found if name not in known]
        async with asyncio.TaskGroup() as tasks:
            for name in found:
                tasks.create_task(self._hand_out(name, ROTATION_WAIT_S))

    async def _kept(
        self,
        name: str,
        value: str,
        scope: str,
        version: int | None,
        timeout_s: float = ROTATION_WAIT_S,
    ) -> Rotation:
        await self._find_home()
        entry = await self._vault.set(name, value, scope, version)
        rotation = await self._handed(name, scope, timeout_s)
        warning = ""
        if entry.short:
            warning = (
                f"{name} has fewer than {SHORT_CHARACTERS} characters,"
                " which cannot be cut out of every text: it may be seen in logs and bodies."
            )
        return replace(rotation, version=entry.version, warning=warning)

    async def _find_home(self) -> None:
        """Look for a keyring once more where none was found: it may be unlocked by now."""
        await self._vault.known()
        if self._vault.facts.state == "none":
            await self.vault("keyring")

    async def _handed(self, name: str, scope: str, timeout_s: float) -> Rotation:
        """Hand out what this project sees of a name, unless the change is hidden from it."""
        if scope == SHARED:
            self._took_shared(name)
        seen = await self._vault.get(name)
        if scope == SHARED and await self._vault.get(name, PROJECT) is not None:
            rotation = Rotation(name, "", ())
        else:
            rotation = await self._hand_out(name, timeout_s, is_kept=seen is not None)
        return replace(rotation, version=self._vault.entry(name, scope).version)

    async def _scope(self, name: str) -> str:
        """Return the scope of the value that this project sees; its own where there is none."""
        for scope in SCOPES:
            if await self._vault.get(name, scope) is not None:
                return scope
        return PROJECT

    def _restorable(self, name: str) -> str:
        """Return the scope that was changed last of those where a value can be brought back."""
        entries = [self._vault.entry(name, scope) for scope in SCOPES]
        found = [each for each in entries if each.previous_until_us]
        return max(found, key=lambda each: each.updated_us).scope if found else PROJECT

    def _asked(self) -> dict[str, tuple[str, ...]]:
        """Return the names that workers declare, or have asked for, and which do."""
        asked: dict[str, list[str]] = {}
        for worker in self._workers():
            names = dict(worker.secrets)
            if worker.module is not None:
                names |= dict(worker.module.asked)
            for name in names:
                asked.setdefault(name, []).append(worker.name)
        return {name: tuple(whose) for name, whose in asked.items()}

    def _variables(self) -> frozenset[str]:
        try:
            found = env_file.read(self._env_file)
        except ConsoleError:  # who starts a worker is told
            return frozenset()
        return frozenset(found.variables if found else ())


def _known(scope: str) -> str:
    """Return a scope of a query; raises `ConsoleError` for what is none."""
    if scope and scope not in SCOPES:
        raise ConsoleError(
            f'There is no scope "{scope[:40]}".',
            hint=f"Use {' or '.join(SCOPES)}.",
            exit_code=ExitCode.USAGE,
        )
    return scope
