"""Keep secrets in the OS keyring, or for this session only; never in a plain file.

A keyring cannot list what it holds, so names, never values, are in an index of ours. Every value
that passes is registered with the redactor first.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import secrets
import threading
import time
from typing import TYPE_CHECKING, Any, Final, TypeVar

from kiket_console.engine.ports import SECRET_NAME, SecretName
from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.private_file import write_private
from kiket_core.secret import redactor

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

T = TypeVar("T")

SERVICE: Final = "kiket-console"
CALL_LIMIT_S = 3.0
VALUE_LIMIT = 64 * 1024
MODES = ("auto", "keyring", "session")
_REFUSED_MODULES = ("keyring.backends.fail", "keyring.backends.null", "keyrings.")
"""No keyring at all, one that forgets, and those that write files of their own."""
_CHAINER = "keyring.backends.chainer"
_name_fits = re.compile(SECRET_NAME).fullmatch


class Vault:
    """The secrets of one project; `open_vault` makes one."""

    def __init__(
        self,
        project_key: str,
        index_file: Path,
        *,
        backend_name: str,
        call_limit_s: float = CALL_LIMIT_S,
        reason: str = "",
    ) -> None:
        self._key = project_key
        self._index_file = index_file
        self._backend_name = backend_name
        self._limit_s = call_limit_s
        self._reason = reason
        self._session: dict[str, str] = {}
        self._waiting = threading.Semaphore(4)
        self._index = self._read_index() if backend_name else {}
        self._generating = asyncio.Lock()

    @property
    def is_session_only(self) -> bool:
        """Whether values are forgotten when the engine ends."""
        return not self._backend_name

    @property
    def description(self) -> str:
        """Say where secrets are kept, and why not in a keyring when that is not by choice."""
        if self._backend_name:
            return self._backend_name
        return f"this session only: {self._reason}" if self._reason else "this session only"

    async def get(self, name: str) -> str | None:
        """Return the value of *name*, or None when it has none.

        Raises `ConsoleError` when the keyring does not answer.
        """
        value = await self._load(_checked(name))
        if value is not None:
            redactor.add(name, value)
        return value

    async def set(self, name: str, value: str) -> None:
        """Keep *value* under *name*, in place of an older one.

        Raises `ConsoleError` when the keyring does not take it.
        """
        _check_value(_checked(name), value)
        redactor.add(name, value)
        await self._store(name, value)
        now_us = time.time_ns() // 1000
        earlier = self._index.get(name)
        self._index[name] = SecretName(name, earlier.created_us if earlier else now_us, now_us)
        self._write_index()

    async def delete(self, name: str) -> bool:
        """Forget *name*; False when it had no value. Raises `ConsoleError` as `get` does."""
        had_value = await self._load(_checked(name)) is not None
        if had_value:
            await self._forget(name)
        redactor.discard(name)
        if self._index.pop(name, None) is not None:
            self._write_index()
        return had_value

    async def names(self) -> Sequence[SecretName]:
        """List what has a value, by name."""
        return sorted(self._index.values(), key=lambda known: known.name)

    async def generated(self, name: str, prefix: str) -> str:
        """Return a secret of our own making, made when it is first asked for; it is in no list."""
        async with self._generating:
            value = await self._load(name)
            if value is None:
                value = prefix + secrets.token_hex(24)
                redactor.add(name, value)
                await self._store(name, value)
        redactor.add(name, value)
        return value

    async def _load(self, name: str) -> str | None:
        if self.is_session_only:
            return self._session.get(name)
        import keyring

        return await self._call(keyring.get_password, SERVICE, self._place(name))

    async def _store(self, name: str, value: str) -> None:
        if self.is_session_only:
            self._session[name] = value
            return
        import keyring

        await self._call(keyring.set_password, SERVICE, self._place(name), value)

    async def _forget(self, name: str) -> None:
        if self.is_session_only:
            del self._session[name]
            return
        import keyring

        await self._call(keyring.delete_password, SERVICE, self._place(name))

    def _place(self, name: str) -> str:
        return f"{self._key}/{name}"

    async def _call(self, function: Callable[..., T], *arguments: Any) -> T:
        """Call the keyring in a thread that can be left behind."""
        if not self._waiting.acquire(blocking=False):
            raise self._silent()
        try:
            return await call_apart(
                function, *arguments, limit_s=self._limit_s, after=self._waiting
            )
        except TimeoutError:
            raise self._silent() from None
        except Exception as error:
            raise ConsoleError(
                f"The keyring {self._backend_name} refused: {_first_line(error)}.",
                hint="Unlock it, or start with --session-secrets.",
                exit_code=ExitCode.AUTH,
            ) from error

    def _silent(self) -> ConsoleError:
        return ConsoleError(
            f"The keyring {self._backend_name} did not answer within {self._limit_s:g} s.",
            hint="Unlock it, or start with --session-secrets.",
            exit_code=ExitCode.AUTH,
        )

    def _read_index(self) -> dict[str, SecretName]:
        try:
            rows = json.loads(self._index_file.read_bytes())
            return {name: SecretName(name, *map(int, moments)) for name, moments in rows.items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise ConsoleError(
                f"The list of secrets {self._index_file} cannot be read: {_first_line(error)}.",
                hint="Remove it; the values stay in the keyring, and setting one lists it again.",
                exit_code=ExitCode.AUTH,
            ) from error

    def _write_index(self) -> None:
        if self.is_session_only:
            return
        rows = {name: [known.created_us, known.updated_us] for name, known in self._index.items()}
        write_private(self._index_file, json.dumps(rows, indent=1, sort_keys=True).encode())


async def open_vault(
    project_key: str, index_file: Path, mode: str = "auto", *, call_limit_s: float = CALL_LIMIT_S
) -> Vault:
    """Open the project's vault: in the keyring where one can be used, else for this session.

    *mode* is one of `MODES`: `keyring` raises `ConsoleError` where none can be used, `session`
    does not look for one.
    """
    backend_name, reason = "", ""
    if mode != "session":
        try:
            backend_name, reason = await call_apart(_usable_keyring, limit_s=call_limit_s)
        except TimeoutError:
            reason = f"the keyring did not answer within {call_limit_s:g} s"
        except Exception as error:  # backends raise what they like
            reason = f"the keyring cannot be used ({_first_line(error)})"
    if mode == "keyring" and not backend_name:
        raise ConsoleError(
            f"Secrets cannot be kept: {reason}.",
            hint="Install or unlock a keyring, or start with --session-secrets.",
            exit_code=ExitCode.AUTH,
        )
    return Vault(
        project_key,
        index_file,
        backend_name=backend_name,
        call_limit_s=call_limit_s,
        reason=reason,
    )


def _usable_keyring() -> tuple[str, str]:
    """Return (the keyring's name, ""), or ("", why none can be used), having tried a read."""
    import keyring

    backend = keyring.get_keyring()
    refusal = refused(backend)
    if refusal:
        return "", refusal
    keyring.get_password(SERVICE, "probe")
    return str(backend.name), ""


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


async def call_apart(
    function: Callable[..., T],
    *arguments: Any,
    limit_s: float,
    after: threading.Semaphore | None = None,
) -> T:
    """Call *function* in a thread of its own, waiting no longer than *limit_s*.

    Raises TimeoutError; the thread is then left to itself. `after` is released when it ends.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: BaseException | None) -> None:
        if answer.done():
            return
        if error is not None:
            answer.set_exception(error)
        else:
            answer.set_result(result)  # type: ignore[arg-type]  # the function's own result

    def call() -> None:
        result: T | None = None
        failed: BaseException | None = None
        try:
            result = function(*arguments)
        except Exception as error:  # handed on to who asked
            failed = error
        finally:
            if after is not None:
                after.release()
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(settle, result, failed)

    threading.Thread(target=call, name="kiket-keyring", daemon=True).start()
    async with asyncio.timeout(limit_s):
        return await answer


def _checked(name: str) -> str:
    if not _name_fits(name):
        raise ConsoleError(
            f"A secret cannot be called {name[:80]!r}.",
            hint="Use letters, digits, '_', '.' and '-', at most 128.",
            exit_code=ExitCode.USAGE,
        )
    return name


def _check_value(name: str, value: str) -> None:
    if not value or len(value) > VALUE_LIMIT:
        raise ConsoleError(
            f"The value of the secret {name!r} has {len(value)} characters.",
            hint=f"Give one of 1 to {VALUE_LIMIT}.",
            exit_code=ExitCode.USAGE,
        )


def _first_line(error: Exception) -> str:
    """Return an error in one line, without a value that it may quote."""
    text = redactor.redact(str(error)).partition("\n")[0].rstrip(".")
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
