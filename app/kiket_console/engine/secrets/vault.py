"""Keep secrets in the OS keyring, or for this session only; never in a plain file.

A keyring cannot list what it holds, so names, never values, are in indexes of ours, one for each
scope.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from kiket_console.engine.secrets.calls import CALL_LIMIT_S, Calls
from kiket_console.engine.secrets.index import Index
from kiket_console.engine.secrets.places import WAYS_OUT, Found, Keyring, Memory, look
from kiket_console.engine.secrets.scope import Previous, Scope
from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.wire_secrets import PROJECT, SCOPES, SECRET_NAME, SHARED, SecretEntry, VaultFacts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kiket_console.engine.secrets.places import Place
    from kiket_console.engine.secrets.scope import Previous
    from kiket_console.paths import ProjectPaths

VALUE_LIMIT: Final = 64 * 1024
_LOOK_FOR_S: Final = 1.0
"""A list waits so long, at most, for whether its values are there, and for one call more."""
_LOOKING: Final = Found("", "the keyring has not answered yet")
_TEND_EVERY_S: Final = 3600.0
_name_fits = re.compile(SECRET_NAME).fullmatch


class Vault:
    """The secrets that one project sees: its own, and those shared by all.

    They are kept in the keyring that `look` finds, or with *session* in memory alone. Until then
    names are listed, and what needs a value waits, `call_limit_s` twice at most.

    A project's value hides a shared one of the same name. Each method raises `ConsoleError` when
    the keyring does not do as asked; so does making one, when the lists of names cannot be read.
    """

    def __init__(
        self, paths: ProjectPaths, *, session: bool = False, call_limit_s: float = CALL_LIMIT_S
    ) -> None:
        self._paths = paths
        self._calls = Calls(call_limit_s)
        self._found = Found("") if session else _LOOKING
        self._is_chosen = session
        self._memory = Memory()
        self._keyring: Keyring | None = None
        self._known = asyncio.Event()
        self._generating = asyncio.Lock()
        self._choosing = asyncio.Lock()
        if session:
            self._scopes = self._in_memory()
            self._known.set()
        else:
            self._scopes = self._in_keyring(self._memory)
            for scope in self._scopes.values():
                _ = scope.rows  # a list that cannot be read is told at once

    async def look(self) -> None:
        """Look for a keyring, if that has not been done, and keep secrets there if one is found."""
        async with self._choosing:
            if self._known.is_set():
                return
            try:
                self._found = await look(self._calls)
            finally:  # nobody waits for a look that was given up
                if self._found.problem:
                    self._scopes = self._in_memory()
                else:
                    self._keyring = Keyring(self._found, self._calls)
                    self._scopes = self._in_keyring(self._keyring)
                self._known.set()

    async def known(self) -> None:
        """Wait until it is known where secrets are kept."""
        await self._known.wait()

    @property
    def facts(self) -> VaultFacts:
        """Say where secrets are kept, and why not in a keyring."""
        if self._keyring is not None:
            trouble = self._keyring.problem
            said = f"The keyring {self._keyring.name} {trouble}." if trouble else ""
            return VaultFacts(self._keyring.name, "keyring", said, self._keyring.is_locked)
        if self._is_chosen:
            return VaultFacts(self._found.name, "session")
        if not self._known.is_set():
            return VaultFacts("", "looking")
        said = f"Secrets cannot be kept: {self._found.problem}."
        return VaultFacts(self._found.name, "none", said, self._found.is_locked)

    @property
    def is_session_only(self) -> bool:
        """Whether values are forgotten when the engine ends."""
        return self._keyring is None

    @property
    def description(self) -> str:
        """Say where secrets are kept; what is wrong with that, or why it is not in a keyring."""
        if self._keyring is not None:
            trouble = self._keyring.problem
            return self._keyring.name + (f", which {trouble}" if trouble else "")
        if not self._known.is_set():
            return "not known yet: the keyring is being looked for"
        return "this session only" + ("" if self._is_chosen else f": {self._found.problem}")

    @property
    def answered_us(self) -> int:
        """When the keyring last did as asked (Unix µs); 0 where there is none."""
        return self._keyring.answered_us if self._keyring is not None else 0

    def check(self) -> None:
        """Raise `ConsoleError` where there is no keyring, and nobody chose to do without."""
        if self._is_lost:
            raise no_keyring(self._found)

    async def get(self, name: str, scope: str = "", *, anew: bool = False) -> str | None:
        """Return the value of *name* in a scope, empty: that which the project sees; or None.

        *anew*: ask the keyring for it, though it passed a moment ago.
        """
        _check_name(name)
        await self.known()
        if scope:
            return await self._scopes[scope].get(name, anew=anew)
        value = await self._scopes[PROJECT].get(name, anew=anew)
        if value is None and name in self._scopes[SHARED].rows:
            value = await self._scopes[SHARED].get(name, anew=anew)
        return value

    async def set(
        self, name: str, value: str, scope: str = PROJECT, version: int | None = None
    ) -> SecretEntry:
        """Keep *value*, in place of an older one, which can be brought back for `PREVIOUS_S`.

        With *version*, only if that is the present one's (0: there is none), else raises
        `ConsoleError` with `ExitCode.VERIFICATION`. Raises it, too, where it would be forgotten
        and nobody has chosen that.
        """
        _check_name(name)
        _check_value(name, value)
        await self.known()
        self.check()
        await self._scopes[scope].set(name, value, version)
        return self.entry(name, scope)

    async def delete(self, name: str, scope: str = PROJECT) -> bool:
        """Forget *name*, which can be brought back for `PREVIOUS_S`; False when it had no value."""
        _check_name(name)
        await self.known()
        self.check()
        return await self._scopes[scope].delete(name)

    async def restore(self, name: str, scope: str = PROJECT) -> SecretEntry:
        """Bring back the value before the last change; the present one takes its place.

        Raises `ConsoleError` when there is none, or its time is over.
        """
        _check_name(name)
        await self.known()
        await self._scopes[scope].restore(name)
        return self.entry(name, scope)

    def entry(self, name: str, scope: str) -> SecretEntry:
        """Return what is known of a secret, the keyring unasked."""
        return _entry(self._scopes, name, scope)

    async def previous(self, name: str) -> Previous | None:
        """Return the value before the last change of what the project sees, if it is still kept."""
        await self.known()
        own, shared = (self._scopes[scope] for scope in SCOPES)
        return await (own if name in own.rows else shared).before(name)

    def version(self, name: str) -> int:
        """Return the version of the value that the project sees, 0 where none is listed."""
        return self._visible(name).version

    def versions(self, scope: str) -> dict[str, int]:
        """Return the versions of what has a value in a scope, by name."""
        entries = (self.entry(name, scope) for name in self._scopes[scope].rows)
        return {each.name: each.version for each in entries if each.version}

    def first_set_us(self, name: str) -> int:
        """Return when the value that the project sees had its first version; 0: never."""
        return self._visible(name).created_us

    async def names(self) -> Sequence[SecretEntry]:
        """List what has a value that the project sees, by name."""
        await self.known()
        seen: dict[str, SecretEntry] = {}
        for each in _listed(self._scopes):
            if each.present:
                seen.setdefault(each.name, each)
        return list(seen.values())

    async def entries(self) -> Sequence[SecretEntry]:
        """List the secrets of both scopes, by name, having looked whether their values are there.

        Where the keyring does not answer, what the indexes say is listed.
        """
        until_s = time.monotonic() + _LOOK_FOR_S
        with suppress(ConsoleError, TimeoutError):
            async with asyncio.timeout(_LOOK_FOR_S):
                await self.known()
            for scope in self._scopes.values():
                await scope.look(until_s)
        if self._is_lost:  # names are known all the same, and are not said to have no value
            return _listed(self._in_keyring(self._memory))
        return _listed(self._scopes)

    async def generated(self, name: str, prefix: str) -> str:
        """Return a secret of our own making, made when it is first asked for; it is in no list."""
        await self.known()
        async with self._generating:
            own = self._scopes[PROJECT]
            value = await own.get(name) or await own.get(name, anew=True)
            if value is None:
                value = prefix + secrets.token_hex(24)
                await own.keep(name, value)
        return value

    async def choose_session(self) -> VaultFacts:
        """Keep secrets until the engine ends, and look into no keyring."""
        await self.known()
        async with self._choosing:
            if self._keyring is not None:
                self._keyring = None
                self._scopes = self._in_memory()
            self._is_chosen = True
        return self.facts

    async def choose_keyring(self) -> VaultFacts:
        """Look for a keyring again, and keep secrets there; those of the session go along.

        Raises `ConsoleError` when none can be used; then all is as it was.
        """
        await self.known()
        async with self._choosing:
            if self._keyring is not None:
                await self._keyring.get("probe")
                return self.facts
            found = await look(self._calls)
            if found.problem:
                found = found._replace(name=found.name or self._found.name)
                if not self._is_chosen:
                    self._found = found
                raise no_keyring(found)
            keyring = Keyring(found, self._calls)
            scopes = self._in_keyring(keyring)
            moved = [
                name for each in SCOPES for name in await scopes[each].take(self._scopes[each])
            ]
            listed = {at for each in self._scopes.values() for at in each.places}
            for place, value in self._memory:
                if place not in listed:  # made by us: what runs has been given it
                    name = place.removeprefix(f"{self._paths.key}/")
                    await scopes[PROJECT].keep_behind(name, value)
            self._found, self._is_chosen = found, False
            self._keyring, self._scopes, self._memory = keyring, scopes, Memory()
            await self.remember_old()
            return replace(self.facts, moved=tuple(sorted(set(moved))))

    async def tend(self) -> None:
        """Keep the redactor knowing the values before the last changes, and forget them in time."""
        await self.known()
        await self.remember_old()
        while True:
            pause_s = await self.forget_old()
            await asyncio.sleep(pause_s)

    async def remember_old(self) -> None:
        """Let the redactor know the values that can be brought back, as far as the keyring does."""
        with suppress(ConsoleError):
            for scope in self._scopes.values():
                await scope.remember_old()

    async def forget_old(self) -> float:
        """Forget what can be brought back no longer; return after how many seconds to do so again.

        Where the keyring does not answer it is tried again later.
        """
        moments_us = [0]
        with suppress(ConsoleError):
            moments_us += [await scope.forget_old() for scope in self._scopes.values()]
        due_us = min(filter(None, moments_us), default=0)
        left_s = due_us / 1_000_000 - time.time() if due_us else _TEND_EVERY_S
        return min(max(left_s, 1.0), _TEND_EVERY_S)

    def _in_memory(self) -> Mapping[str, Scope]:
        self._memory = Memory()
        return self._both(self._memory, Index(None), Index(None))

    def _in_keyring(self, keyring: Place) -> Mapping[str, Scope]:
        paths = self._paths
        return self._both(keyring, Index(paths.vault_index), Index(paths.shared_vault_index))

    def _both(self, values: Place, own: Index, shared: Index) -> Mapping[str, Scope]:
        return {
            PROJECT: Scope(PROJECT, self._paths.key, own, values),
            SHARED: Scope(SHARED, SHARED, shared, values),
        }

    def _visible(self, name: str) -> SecretEntry:
        own, shared = (self.entry(name, scope) for scope in SCOPES)
        return own if own.version else shared

    @property
    def _is_lost(self) -> bool:
        return self._known.is_set() and self._keyring is None and not self._is_chosen


async def open_vault(
    paths: ProjectPaths, mode: str = "auto", *, call_limit_s: float = CALL_LIMIT_S
) -> Vault:
    """Return the project's vault once it is known where it keeps secrets.

    *mode*: `auto`, or `session`, which looks for no keyring.
    """
    vault = Vault(paths, session=mode == "session", call_limit_s=call_limit_s)
    await vault.look()
    return vault


def _entry(scopes: Mapping[str, Scope], name: str, scope: str) -> SecretEntry:
    entry = scopes[scope].entry(name)
    if scope == SHARED or not entry.present:
        return entry
    return replace(entry, hides_shared=scopes[SHARED].entry(name).present)


def _listed(scopes: Mapping[str, Scope]) -> list[SecretEntry]:
    names = [
        (name, scope)
        for scope in SCOPES
        for name, row in scopes[scope].rows.items()
        if not row.is_ours
    ]
    return [_entry(scopes, name, scope) for name, scope in sorted(names)]


def no_keyring(found: Found) -> ConsoleError:
    """Return the refusal of what needs a keyring."""
    hint = WAYS_OUT if found.name else WAYS_OUT.replace("Unlock it", "Install or unlock one", 1)
    return ConsoleError(
        f"Secrets cannot be kept: {found.problem}.", hint=hint, exit_code=ExitCode.AUTH
    )


def _check_name(name: str) -> None:
    if not _name_fits(name):
        raise ConsoleError(
            f"A secret cannot be called {name[:80]!r}.",
            hint="Use letters, digits, '_', '.' and '-', at most 128.",
            exit_code=ExitCode.USAGE,
        )


def _check_value(name: str, value: str) -> None:
    problem = ""
    if not value or len(value) > VALUE_LIMIT:
        problem = f"has {len(value)} characters"
    else:
        try:
            value.encode()
        except UnicodeEncodeError:
            problem = "is not Unicode text: it has half of a surrogate pair"
    if problem:
        raise ConsoleError(
            f"The value of the secret {name!r} {problem}.",
            hint=f"Give one of 1 to {VALUE_LIMIT} characters; binary values as base64.",
            exit_code=ExitCode.USAGE,
        )
