"""Where values are: the OS keyring, or memory. Keyrings that keep no secret are refused by name."""

from __future__ import annotations

import sys
import time
from contextlib import closing, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol, TypeVar

from kiket_console.engine.secrets import chunks
from kiket_console.errors import ConsoleError, ExitCode
from kiket_core.secret import redactor

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

    from kiket_console.engine.secrets.calls import Calls

T = TypeVar("T")

SERVICE: Final = "kiket-console"
WAYS_OUT: Final = (
    "Unlock it and try again, or keep secrets until the engine ends:"
    " `kiket-console secrets vault --session`, or start with --session-secrets."
)
_BUS_LIMIT_S: Final = 60.0
"""How long D-Bus may take to let us in; who asks waits no longer than a call may take."""
_REFUSED_MODULES = ("keyring.backends.fail", "keyring.backends.null", "keyrings.")
"""No keyring at all, one that forgets, and those that write files of their own."""
_CHAINER = "keyring.backends.chainer"
_WORDS = {
    "SecretService": "Secret Service",
    "libsecret": "Secret Service",
    "kwallet": "KWallet",
    "macOS": "macOS Keychain",
    "Windows": "Windows Credential Manager",
}
"""What people call the backends, by the names of keyring's modules."""


class Place(Protocol):
    """Values by their places, `<project's key or "shared">/<name>`."""

    async def get(self, place: str) -> str | None:
        """Return a value; None when there is none, or it is not whole."""
        ...

    async def set(self, place: str, value: str) -> None:
        """Keep a value; the one before stays until it is whole."""
        ...

    async def forget(self, place: str) -> None:
        """Take a value away, if there is one."""
        ...


class Memory:
    """Values until the engine ends."""

    def __init__(self) -> None:
        self._values: dict[str, str] = {}

    async def get(self, place: str) -> str | None:
        """Return a value."""
        return self._values.get(place)

    async def set(self, place: str, value: str) -> None:
        """Keep a value."""
        self._values[place] = value

    async def forget(self, place: str) -> None:
        """Take a value away."""
        self._values.pop(place, None)

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(tuple(self._values.items()))


class Found(NamedTuple):
    """What a look for a keyring has found."""

    name: str
    """In words; empty: none."""
    problem: str = ""
    """Why it cannot be used, as a part of a sentence; empty when it can."""
    is_locked: bool = False
    units: int | None = None
    """UTF-16 code units that one value may have."""


class Keyring:
    """Values in the OS keyring. Each method raises `ConsoleError` when it does not do as asked."""

    def __init__(self, found: Found, calls: Calls) -> None:
        self.name = found.name
        self.problem = ""
        """What the last call has met with, as a part of a sentence."""
        self.is_locked = False
        self.answered_us = time.time_ns() // 1000
        """When it last did as asked: it was just found."""
        self._units = found.units
        self._calls = calls

    async def get(self, place: str) -> str | None:
        """Return a value; None when there is none, or it is not whole."""
        import keyring

        async def read(place: str) -> str | None:
            return await self._told(self._calls(keyring.get_password, SERVICE, place))

        kept = await read(place)
        head = chunks.head_of(kept)
        if head is None:
            return kept
        return chunks.joined(head, [await read(each) for each in head.places(place)])

    async def set(self, place: str, value: str) -> None:
        """Keep a value, in parts where the keyring takes no more at once."""
        before = await self._raw(place)
        parted = chunks.split(value, self._units)
        if parted is None:
            await self._put(place, value, before)
        else:
            head, parts = parted
            for part_place, part in zip(head.places(place), parts, strict=True):
                await self._put(part_place, part, None)
            await self._put(place, str(head), before)
        old = chunks.head_of(before)
        if old is not None and (parted is None or parted[0] != old):
            await self._drop(old.places(place))

    async def forget(self, place: str) -> None:
        """Take a value away, if there is one."""
        before = await self._raw(place)
        if before is None:
            return
        await self._told(
            self._calls.change(partial(_delete, place), partial(_put_back, place, before))
        )
        old = chunks.head_of(before)
        if old is not None:
            await self._drop(old.places(place))

    async def _raw(self, place: str) -> str | None:
        import keyring

        return await self._told(self._calls(keyring.get_password, SERVICE, place))

    async def _put(self, place: str, raw: str, before: str | None) -> None:
        import keyring

        await self._told(
            self._calls.change(
                partial(keyring.set_password, SERVICE, place, raw),
                partial(_put_back, place, before),
            )
        )

    async def _drop(self, places: tuple[str, ...]) -> None:
        for place in places:
            if await self._raw(place) is not None:
                await self._told(self._calls.change(partial(_delete, place), _leave))

    async def _told(self, asking: Coroutine[Any, Any, T]) -> T:
        """Wait for a call, and say in our words what went wrong with it."""
        try:
            answer = await asking
        except TimeoutError:
            self.problem = f"did not answer within {self._calls.limit_s:g} s"
            raise self._failed() from None
        except Exception as error:  # backends raise what they like
            self.is_locked = is_locked(error)
            self.problem = "is locked" if self.is_locked else f"refused: {first_line(error)}"
            raise self._failed() from error
        self.problem, self.is_locked = "", False
        self.answered_us = time.time_ns() // 1000
        return answer

    def _failed(self) -> ConsoleError:
        return ConsoleError(
            f"The keyring {self.name} {self.problem}.", hint=WAYS_OUT, exit_code=ExitCode.AUTH
        )


async def look(calls: Calls) -> Found:
    """Look for a keyring that keeps secrets; `Found.problem` says why there is none."""
    told = [Found("")]  # by the thread, which may not come back
    try:
        return await calls(_look, told.append)
    except TimeoutError:
        found = told[-1]
        with suppress(TimeoutError):
            is_waiting: bool = await calls(_waits_for_unlocking)
            if found.name and is_waiting:
                problem = f"the keyring {found.name} is locked, and nobody unlocked it meanwhile"
                return found._replace(problem=problem, is_locked=True)
        return found._replace(problem=f"the keyring did not answer within {calls.limit_s:g} s")
    except Exception as error:  # backends raise what they like
        found = told[-1]
        if is_locked(error):
            return found._replace(problem=f"the keyring {found.name} is locked", is_locked=True)
        return found._replace(problem=f"the keyring cannot be used ({first_line(error)})")


def _look(tell: Callable[[Found], None]) -> Found:
    if sys.platform != "darwin":  # else keyring looks for Apple's libraries, by running a compiler
        sys.modules["keyring.backends.macOS.api"] = None  # type: ignore[assignment]  # "not there"
    _wait_for_bus()
    import keyring

    backend = keyring.get_keyring()
    refusal = refused(backend)
    if refusal:
        return Found("", refusal)
    found = Found(words(backend), units=_units_of(backend))
    tell(found)
    keyring.get_password(SERVICE, "probe")
    return found


def _wait_for_bus() -> None:
    """Wait for a busy D-Bus: after one second keyring would take it for none, now and later."""
    with suppress(ImportError, KeyError):  # where there is no D-Bus
        import secretstorage

        names = vars(secretstorage)
        connect = names["open_dbus_connection"]
        names["open_dbus_connection"] = partial(connect, auth_timeout=_BUS_LIMIT_S)


def words(backend: Any) -> str:
    """Return what people call a backend."""
    module = type(backend).__module__
    if module == _CHAINER and backend.backends:
        return words(backend.backends[0])
    return _WORDS.get(module.removeprefix("keyring.backends."), str(backend.name))


def refused(backend: Any) -> str:
    """Say why secrets are not given to *backend*; empty when they are.

    A chainer may hand a secret to any of its parts, so all of them have to do.
    """
    module = type(backend).__module__
    if module == _CHAINER:
        parts = list(backend.backends)
        reasons = [reason for part in parts if (reason := refused(part))]
        return reasons[0] if reasons else ("" if parts else "there is no keyring here")
    if module == "keyring.backends.fail":
        return "there is no keyring here"
    if module.startswith(_REFUSED_MODULES):
        return f"the keyring {module}.{type(backend).__name__} does not keep secrets safe"
    return ""


def is_locked(error: Exception) -> bool:
    """Tell whether a keyring said that it is locked: nobody unlocked it when it asked."""
    from keyring.errors import InitError, KeyringLocked

    said = str(error).lower()
    dismissed = isinstance(error, InitError) and ("dismissed" in said or "unlock" in said)
    return isinstance(error, KeyringLocked) or dismissed


def first_line(error: Exception) -> str:
    """Return an error in one line, without a value that it may quote."""
    text = redactor.redact(str(error)).partition("\n")[0].rstrip(".!")
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _units_of(backend: Any) -> int | None:
    parts = backend.backends if type(backend).__module__ == _CHAINER else (backend,)
    is_windows = any(type(part).__module__ == "keyring.backends.Windows" for part in parts)
    return chunks.WINDOWS_UNITS if is_windows else None


def _waits_for_unlocking() -> bool:
    """Ask a Secret Service whether its collection is locked, which unlocks and prompts nothing."""
    try:
        import secretstorage

        with closing(secretstorage.dbus_init()) as connection:
            return bool(secretstorage.collection.Collection(connection).is_locked())
    except Exception:  # there is none here, or whatever the bus says
        return False


def _put_back(place: str, before: str | None) -> None:
    import keyring

    if before is None:
        _delete(place)
    else:
        keyring.set_password(SERVICE, place, before)


def _delete(place: str) -> None:
    import keyring

    keyring.delete_password(SERVICE, place)


def _leave() -> None:
    """Undo nothing: what was taken away belongs to no value."""
