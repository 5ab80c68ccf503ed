"""Secrets of a program that looks after them itself: providers, a cache, and rotation noticed.

A module that an orchestrator runs needs none of this: `app_state.get_secret` asks it.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from kiket_core import env
from pywatt_sdk._protocol import Rotated
from pywatt_sdk.core.error import ConfigError
from pywatt_sdk.security.secret_client import RequestMode, SecretClient, SecretNotFoundError
from pywatt_sdk.security.secret_providers import (
    ChainedProvider,
    EnvProvider,
    FileProvider,
    MemoryProvider,
    ReadOnly,
    SecretChange,
    SecretEvent,
    SecretProvider,
    provider_from_environment,
    redact_line,
)
from pywatt_sdk.security.typed_secret import Secret, SecretString

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import TracebackType

    from pywatt_sdk.security.secret_client import RotationCallback
    from pywatt_sdk.security.secret_providers import Notice

__all__ = [
    "ChainedProvider",
    "EnvProvider",
    "FileProvider",
    "MemoryProvider",
    "OrchestratorProvider",
    "Secret",
    "SecretChange",
    "SecretConfig",
    "SecretEvent",
    "SecretManager",
    "SecretProvider",
    "SecretString",
    "create_secret_manager",
    "provider_from_environment",
    "redact_line",
]

_MOST: Final = 100_000
_BEHIND: Final = 1_000

_logger = logging.getLogger("pywatt_sdk.secrets")


@dataclass(frozen=True, slots=True)
class SecretConfig:
    """How long secrets are remembered, and how new values are noticed.

    With `enable_rotation` a manager watches its providers, and compares what it remembers with
    what they have every `rotation_interval_seconds`.
    """

    cache_ttl_seconds: float = 900.0
    rotation_interval_seconds: float = 300.0
    max_cache_size: int = 1_000
    enable_rotation: bool = False
    orchestrator_endpoint: str | None = None

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Self:
        """Read the `PYWATT_SECRET_…` variables; raises ConfigError for one that cannot be read."""
        prefix = "PYWATT_SECRET_"
        try:
            return cls(
                env.seconds(f"{prefix}CACHE_TTL", 900.0, environ=environ),
                env.seconds(f"{prefix}ROTATION_INTERVAL", 300.0, 0.1, environ=environ),
                env.integer(f"{prefix}MAX_CACHE_SIZE", 1_000, 1, _MOST, environ=environ),
                env.flag(f"{prefix}ENABLE_ROTATION", environ=environ),
                env.text("PYWATT_ORCHESTRATOR_ENDPOINT", environ=environ),
            )
        except env.EnvironmentValueError as error:
            raise ConfigError(str(error)) from None


class OrchestratorProvider(ReadOnly):
    """The secrets that a module's orchestrator has, as one provider among others."""

    def __init__(self, client: SecretClient) -> None:
        self._client = client

    def __repr__(self) -> str:
        return "OrchestratorProvider()"

    async def get(self, key: str) -> Secret[str] | None:
        """Return a secret; raises SecretError if the orchestrator does not answer."""
        try:
            return await self._client.get_secret(key)
        except SecretNotFoundError:
            return None

    async def keys(self) -> tuple[str, ...]:
        """Return no names: an orchestrator does not tell them."""
        return ()

    async def watch(self, notice: Notice) -> None:
        """Call *notice* for what the orchestrator rotates, until cancelled."""
        stop = self._client.subscribe_to_rotations(
            lambda keys: notice(SecretEvent(SecretChange.ROTATED, tuple(keys)))
        )
        try:
            await asyncio.Event().wait()
        finally:
            stop()


class SecretManager:
    """Secrets of some providers, by default those of `provider_from_environment`.

    They are remembered as *config* says. New values are noticed inside `async with manager`.
    """

    def __init__(
        self,
        config: SecretConfig | None = None,
        providers: Sequence[SecretProvider] | None = None,
    ) -> None:
        self.config = config or SecretConfig()
        self._provider = provider_from_environment() if providers is None else _one_of(providers)
        self._client = SecretClient(
            self.config.orchestrator_endpoint or "",
            "",
            provider=self._provider,
            cached_for_s=self.config.cache_ttl_seconds,
            max_cached=self.config.max_cache_size,
        )
        self._given: dict[str, Secret[str]] = {}
        self._rotated: asyncio.Queue[tuple[str, ...]] = asyncio.Queue(_BEHIND)
        self._watching = asyncio.TaskGroup()
        self._tasks: list[asyncio.Task[None]] = []

    async def get_secret(
        self, key: str, mode: RequestMode = RequestMode.CACHE_THEN_REMOTE
    ) -> Secret[str]:
        """Return a secret; raises SecretNotFoundError, and SecretError as providers do."""
        secret = await self._client.get_secret(key, mode)
        self._given.pop(key, None)
        while len(self._given) >= self.config.max_cache_size:
            del self._given[next(iter(self._given))]
        self._given[key] = secret
        return secret

    async def set_secret(self, key: str, value: str) -> None:
        """Keep a secret; raises SecretError if no provider can."""
        await self._provider.set(key, value)
        self._given.pop(key, None)
        self._client.remember(key, value)

    async def list_secrets(self) -> tuple[str, ...]:
        """Return the names that the providers tell."""
        return await self._provider.keys()

    def subscribe_to_rotations(self, callback: RotationCallback) -> Callable[[], None]:
        """Call *callback* with the names of secrets that have new values; return how to stop it."""
        return self._client.subscribe_to_rotations(callback)

    async def __aenter__(self) -> Self:
        await self._watching.__aenter__()
        if self.config.enable_rotation:
            for work in (self._watch(), self._compare(), self._renew()):
                self._tasks.append(self._watching.create_task(work))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await self._watching.__aexit__(kind, error, trace)

    async def _watch(self) -> None:
        try:
            await self._provider.watch(self._notice)
        except Exception:  # a provider may be anybody's
            _logger.exception(
                "%r tells of changes no longer; values are compared every %g s.",
                self._provider,
                self.config.rotation_interval_seconds,
            )

    def _notice(self, event: SecretEvent) -> None:
        if not self._rotated.full():  # who is that far behind compares in a while
            self._rotated.put_nowait(event.keys)

    async def _renew(self) -> None:
        while True:
            keys = await self._rotated.get()
            for key in keys:
                self._given.pop(key, None)
            await self._client.process_rotation_message(Rotated(keys, uuid.uuid4().hex))

    async def _compare(self) -> None:
        while True:
            await asyncio.sleep(self.config.rotation_interval_seconds)
            for key, old in tuple(self._given.items()):
                try:
                    new = await self._provider.get(key)
                except Exception:  # a provider may be anybody's
                    _logger.warning("%r did not say what %s is now.", self._provider, key)
                    continue
                if new is not None and new != old and self._given.get(key) is old:
                    del self._given[key]
                    await self._rotated.put((key,))


async def create_secret_manager(
    config: SecretConfig | None = None, providers: Sequence[SecretProvider] | None = None
) -> SecretManager:
    """Return a manager, with the settings of the environment unless *config* is given."""
    return SecretManager(config or SecretConfig.from_env(), providers)


def _one_of(providers: Sequence[SecretProvider]) -> SecretProvider:
    return providers[0] if len(providers) == 1 else ChainedProvider(providers)
