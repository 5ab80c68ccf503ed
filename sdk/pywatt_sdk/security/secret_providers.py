"""Where secrets come from: environment variables, a file, memory, or several of them in order.

A provider is anything with the four methods of `SecretProvider`. Which are used is chosen by
`SECRET_PROVIDER_CHAIN` and its companions (pywatt wire specification §6.5).
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from kiket_core.secret import redactor
from pywatt_sdk.core.error import ConfigError, SecretError
from pywatt_sdk.security.typed_secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Notice = Callable[["SecretEvent"], object]

__all__ = [
    "ChainedProvider",
    "EnvProvider",
    "FileProvider",
    "MemoryProvider",
    "SecretChange",
    "SecretEvent",
    "SecretProvider",
    "provider_from_environment",
    "redact_line",
]

FILE_LIMIT_BYTES: Final = 1024 * 1024
"""How long a file of secrets may be."""

_FORMATS: Final = {
    ".toml": "toml", ".json": "json", ".yaml": "yaml", ".yml": "yaml", ".env": "dotenv",
}  # fmt: skip

_logger = logging.getLogger("pywatt_sdk.secrets")


class SecretChange(enum.Enum):
    """What became of secrets."""

    ADDED = "added"
    ROTATED = "rotated"
    REMOVED = "removed"


class SecretEvent(NamedTuple):
    """Secrets of which one thing became."""

    change: SecretChange
    keys: tuple[str, ...]


class SecretProvider(Protocol):
    """Something that knows secrets."""

    async def get(self, key: str) -> Secret[str] | None:
        """Return a secret, None when there is none; raises SecretError if it cannot be told."""
        ...

    async def set(self, key: str, value: str) -> None:
        """Keep a secret; raises SecretError where it cannot be kept."""
        ...

    async def keys(self) -> tuple[str, ...]:
        """Return the names of the secrets, as far as they are known."""
        ...

    async def watch(self, notice: Notice) -> None:
        """Call *notice* with what becomes of secrets, until cancelled.

        It returns at once where nothing can be noticed.
        """
        ...


class ReadOnly:
    """What providers share whose secrets somebody else keeps."""

    async def set(self, key: str, value: str) -> None:  # noqa: ARG002  # the protocol's form
        """Refuse; raises SecretError."""
        raise SecretError(f"The secret {key!r} cannot be kept: {self!r} can only be read.")


class EnvProvider(ReadOnly):
    """Secrets in environment variables, of exactly their name or `PYWATT_SECRET_` and it.

    An empty variable is none. `environ` stands in for `os.environ`.
    """

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        self._environ = os.environ if environ is None else environ

    def __repr__(self) -> str:
        return "EnvProvider()"

    async def get(self, key: str) -> Secret[str] | None:
        """Return the value of a key's variable."""
        if not key or "=" in key or "\0" in key:
            return None
        value = self._environ.get(key) or self._environ.get(f"PYWATT_SECRET_{key.upper()}")
        return Secret(value, key) if value else None

    async def keys(self) -> tuple[str, ...]:
        """Return no names: which variables are secrets is not known."""
        return ()

    async def watch(self, notice: Notice) -> None:
        """Return: the environment does not change."""


class MemoryProvider:
    """Secrets in memory."""

    def __init__(self, secrets: Mapping[str, str] | None = None) -> None:
        self._secrets = {key: Secret(value, key) for key, value in (secrets or {}).items()}
        self._watching: list[Notice] = []

    def __repr__(self) -> str:
        return "MemoryProvider()"

    async def get(self, key: str) -> Secret[str] | None:
        """Return a secret."""
        return self._secrets.get(key)

    async def set(self, key: str, value: str) -> None:
        """Keep a secret, in the place of an older one of the name."""
        change = SecretChange.ROTATED if key in self._secrets else SecretChange.ADDED
        self._secrets[key] = Secret(value, key)
        for notice in tuple(self._watching):
            notice(SecretEvent(change, (key,)))

    async def keys(self) -> tuple[str, ...]:
        """Return the names of the secrets."""
        return tuple(self._secrets)

    async def watch(self, notice: Notice) -> None:
        """Call *notice* with each change, until cancelled."""
        self._watching.append(notice)
        try:
            await asyncio.Event().wait()
        finally:
            self._watching.remove(notice)


class FileProvider(ReadOnly):
    """Secrets in one file: a flat table in TOML, JSON or YAML, or lines of `KEY=value`.

    *form* is `toml`, `json`, `yaml` or `dotenv`; without it the name tells. The file is read here;
    a watcher reads it again when it changes, and every *look_every_s* seconds.

    Raises:
        SecretError: if the file cannot be read, or is no flat table.
        ConfigError: if its form is not known.
    """

    def __init__(
        self, path: str | os.PathLike[str], form: str | None = None, *, look_every_s: float = 1.0
    ) -> None:
        self._path = Path(path)
        self._look_every_s = look_every_s
        ending = self._path.suffix or self._path.name  # `.env` is all name
        self._form = form or _FORMATS.get(ending.lower(), "")
        if self._form not in _FORMATS.values():
            raise ConfigError(
                f"the form of {self._path} is not known; name one of toml, json, yaml and dotenv"
            )
        self._secrets = self._read()
        if self._path.stat().st_mode & 0o004:
            _logger.warning(
                "%s holds secrets and anybody on this machine can read it; chmod 600 it.",
                self._path,
            )

    def __repr__(self) -> str:
        return f"FileProvider({str(self._path)!r})"

    async def get(self, key: str) -> Secret[str] | None:
        """Return a secret."""
        value = self._secrets.get(key)
        return None if value is None else Secret(value, key)

    async def keys(self) -> tuple[str, ...]:
        """Return the names of the secrets."""
        return tuple(self._secrets)

    async def watch(self, notice: Notice) -> None:
        """Call *notice* with what changes in the file, until cancelled.

        While it cannot be read the old secrets stay.
        """
        from watchfiles import awatch

        folder = self._path.parent.resolve()  # an editor puts a new file in the place of the old
        looks = awatch(
            folder,
            recursive=False,
            debounce=50,
            step=10,
            rust_timeout=round(self._look_every_s * 1_000),
            yield_on_timeout=True,  # not every file system tells what changes
        )
        async for _ in looks:
            with contextlib.suppress(SecretError):  # half written
                new = await asyncio.to_thread(self._read)
                old, self._secrets = self._secrets, new
                for event in _changes(old, new):
                    notice(event)

    def _read(self) -> dict[str, str]:
        try:
            with self._path.open("rb") as file:
                raw = file.read(FILE_LIMIT_BYTES + 1)
        except OSError as error:
            raise SecretError(f"{self._path} cannot be read: {error.strerror}") from None
        if len(raw) > FILE_LIMIT_BYTES:
            raise SecretError(
                f"{self._path} has more than {FILE_LIMIT_BYTES} bytes, too many for secrets"
            )
        try:
            table = _parsed(raw.decode(), self._form)
        except Exception:  # a parser's: its message quotes the file, which is secret
            raise SecretError(f"{self._path} is not readable as {self._form}") from None
        if not isinstance(table, dict) or any(
            isinstance(value, dict | list) for value in table.values()
        ):
            raise SecretError(f"{self._path} must be a flat table of names and texts")
        return {str(key): _text(value) for key, value in table.items() if value is not None}


class ChainedProvider:
    """Several providers; the first that has a secret gives it, an error of one stops the search."""

    def __init__(self, providers: Sequence[SecretProvider]) -> None:
        self._providers = tuple(providers)

    def __repr__(self) -> str:
        return " then ".join(map(repr, self._providers)) or "ChainedProvider([])"

    async def get(self, key: str) -> Secret[str] | None:
        """Return a secret of the first provider that has it; raises SecretError as they do."""
        for provider in self._providers:
            secret = await provider.get(key)
            if secret is not None:
                return secret
        return None

    async def set(self, key: str, value: str) -> None:
        """Keep a secret in the first provider that can; raises SecretError if none can."""
        for provider in self._providers:
            try:
                return await provider.set(key, value)
            except SecretError:
                continue
        raise SecretError(f"The secret {key!r} cannot be kept: {self!r} can only be read.")

    async def keys(self) -> tuple[str, ...]:
        """Return the names that any provider knows, in order, each once."""
        return tuple(
            dict.fromkeys([key for provider in self._providers for key in await provider.keys()])
        )

    async def watch(self, notice: Notice) -> None:
        """Call *notice* with what any provider notices, until cancelled."""
        async with asyncio.TaskGroup() as watching:
            for provider in self._providers:
                watching.create_task(provider.watch(notice))


def provider_from_environment(environ: Mapping[str, str] | None = None) -> SecretProvider:
    """Return the provider that `SECRET_PROVIDER_CHAIN` names: a list of `env` and `file`.

    Without it, `env`. The file is `SECRET_FILE_PATH`, its form `SECRET_FILE_FORMAT` if the name
    does not tell it.

    Raises:
        ConfigError: if the list has another word, or the file is not named.
        SecretError: if the file cannot be read.
    """
    settings = os.environ if environ is None else environ
    chain = settings.get("SECRET_PROVIDER_CHAIN", "").strip() or "env"
    providers: list[SecretProvider] = []
    for word in chain.split(","):
        match word.strip().lower():
            case "env":
                providers.append(EnvProvider(environ))
            case "file":
                path = settings.get("SECRET_FILE_PATH", "").strip()
                if not path:
                    raise ConfigError.missing_env_var("SECRET_FILE_PATH")
                form = settings.get("SECRET_FILE_FORMAT", "").strip().lower()
                providers.append(FileProvider(path, form or None))
            case other:
                raise ConfigError(
                    f"SECRET_PROVIDER_CHAIN names {other[:40]!a}; it may list env and file"
                )
    return providers[0] if len(providers) == 1 else ChainedProvider(providers)


async def redact_line(line: str, provider: SecretProvider) -> str:
    """Return *line* with every secret that *provider* can name replaced by its marker."""
    for key in await provider.keys():
        secret = await provider.get(key)
        if secret is not None:
            redactor.add(key, secret.expose_secret())
    return redactor.redact(line)


def _parsed(text: str, form: str) -> Any:
    if form == "toml":
        import tomllib

        return tomllib.loads(text)
    if form == "json":
        import json

        return json.loads(text)
    if form == "yaml":
        import yaml

        return yaml.safe_load(text) or {}
    from io import StringIO

    from dotenv import dotenv_values

    return dotenv_values(stream=StringIO(text), interpolate=False)


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _changes(old: Mapping[str, str], new: Mapping[str, str]) -> list[SecretEvent]:
    kept = old.keys() & new.keys()
    changed = {
        SecretChange.ADDED: new.keys() - old.keys(),
        SecretChange.ROTATED: {key for key in kept if old[key] != new[key]},
        SecretChange.REMOVED: old.keys() - new.keys(),
    }
    return [SecretEvent(change, tuple(sorted(keys))) for change, keys in changed.items() if keys]
