"""Ask the orchestrator for secrets, remember them for a while, and follow their rotation.

What is on the wire is told in the pywatt wire specification §6. Values are known to the redactor
of the process before anybody else sees them.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
import inspect
import logging
import time
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar
from weakref import WeakValueDictionary

from kiket_core.secret import RedactorFullError, redactor
from pywatt_sdk import _protocol
from pywatt_sdk.core.error import NetworkError, SecretError
from pywatt_sdk.security.typed_secret import Secret, typed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from pywatt_sdk._link import Link
    from pywatt_sdk.security.secret_providers import SecretProvider

    RotationCallback = Callable[[list[str]], object]
    SecretCallback = Callable[[str, Secret[str]], object]

__all__ = [
    "RequestMode",
    "SecretClient",
    "SecretNotFoundError",
    "get_module_secret_client",
    "get_secret",
    "get_secrets",
    "subscribe_secret_rotations",
]

T = TypeVar("T")

DEFAULT_TIMEOUT_S: Final = 5.0
"""How long an orchestrator may take to answer (pywatt wire specification §1.6)."""

_ACK_WITHIN_S: Final = 1.0
_CACHED: Final = 1_000
_CACHED_FOR_S: Final = 900.0

_logger = logging.getLogger("pywatt_sdk.secrets")


class SecretNotFoundError(SecretError):
    """There is no secret of that name."""


class RequestMode(enum.Enum):
    """Where a secret may come from."""

    CACHE_THEN_REMOTE = "cache_then_remote"
    """From memory, and if it is not there from the orchestrator."""
    FORCE_REMOTE = "force_remote"
    """From the orchestrator, whatever is remembered."""
    CACHE_ONLY = "cache_only"
    """From memory, or not at all."""


class _Remembered(NamedTuple):
    secret: Secret[str]
    until_s: float
    rotation_id: str | None


class SecretClient:
    """The secrets of one module.

    They come over *link*; without one, as in a test, from *provider*, which is by default what
    `SECRET_PROVIDER_CHAIN` names (environment variables when it names none). At most
    *max_cached* are remembered, each for *cached_for_s* seconds.
    """

    def __init__(
        self,
        orchestrator_api: str,
        module_id: str,
        *,
        link: Link | None = None,
        provider: SecretProvider | None = None,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        cached_for_s: float = _CACHED_FOR_S,
        max_cached: int = _CACHED,
    ) -> None:
        self.orchestrator_api = orchestrator_api
        self.module_id = module_id
        self._link = link
        self._provider = provider
        self._timeout_s = timeout_s
        self._cached_for_s = cached_for_s
        self._max_cached = max_cached
        self._cache: dict[str, _Remembered] = {}
        self._asking: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._subscribers: list[RotationCallback] = []
        if link is not None:
            link.on(_protocol.Secret, self.process_secret_message)
            link.on(_protocol.Rotated, self.process_rotation_message)
            _clients[module_id] = self
            _current.set(self)

    async def get_secret(
        self, key: str, mode: RequestMode = RequestMode.CACHE_THEN_REMOTE
    ) -> Secret[str]:
        """Return the secret *key*.

        Raises:
            SecretNotFoundError: if there is none, or with CACHE_ONLY none in memory.
            SecretError: if the orchestrator does not answer, or not with this secret.
        """
        if mode is not RequestMode.FORCE_REMOTE and (known := self._known(key)) is not None:
            return known.secret
        if mode is RequestMode.CACHE_ONLY:
            raise SecretNotFoundError(
                f"The secret {key!r} is not in memory; ask for it without CACHE_ONLY."
            )
        before = self._cache.get(key)
        lock = self._asking.setdefault(key, asyncio.Lock())
        async with lock:  # who waited here takes what the one before was given
            known = self._known(key)
            if known is not None and known is not before:
                return known.secret
            return await self._fetch(key)

    async def get_secrets(
        self, keys: Iterable[str], mode: RequestMode = RequestMode.CACHE_THEN_REMOTE
    ) -> dict[str, Secret[str]]:
        """Return the secrets *keys* by name, asked for together; raises as `get_secret` does."""
        names = list(dict.fromkeys(keys))
        found = await asyncio.gather(
            *(self.get_secret(name, mode) for name in names), return_exceptions=True
        )
        failures = [result for result in found if isinstance(result, BaseException)]
        missing = [
            name
            for name, result in zip(names, found, strict=True)
            if isinstance(result, SecretNotFoundError)
        ]
        if len(missing) > 1:
            raise SecretNotFoundError(
                f"There are no secrets {', '.join(map(repr, missing))}; set them where the "
                "orchestrator takes its secrets from."
            )
        if failures:
            raise failures[0]
        return {
            name: result
            for name, result in zip(names, found, strict=True)
            if isinstance(result, Secret)
        }

    def known(self, key: str) -> Secret[str]:
        """Return the secret *key* from memory, however old: for code that cannot await.

        Those that the module names in `secrets=[…]` are there; after a rotation again as soon as
        they are fetched, which `rotate=True` does.

        Raises:
            SecretNotFoundError: if it is not in memory.
        """
        known = self._cache.get(key)
        if known is None:
            raise SecretNotFoundError(
                f"The secret {key!r} is not in memory; name it in the module's secrets=[…], or "
                "await get_secret first."
            )
        return known.secret

    async def get_typed(self, key: str, kind: type[T]) -> Secret[T]:
        """Return the secret *key* as a *kind*; raises as `get_secret` and `typed` do."""
        return typed(await self.get_secret(key), kind)

    async def get_string(self, key: str) -> Secret[str]:
        """Return the secret *key*."""
        return await self.get_secret(key)

    async def get_bool(self, key: str) -> Secret[bool]:
        """Return the secret *key* as a boolean."""
        return await self.get_typed(key, bool)

    async def get_int(self, key: str) -> Secret[int]:
        """Return the secret *key* as a whole number."""
        return await self.get_typed(key, int)

    async def get_float(self, key: str) -> Secret[float]:
        """Return the secret *key* as a number."""
        return await self.get_typed(key, float)

    def remember(self, key: str, value: str, rotation_id: str | None = None) -> Secret[str]:
        """Keep *value* as the secret *key* in memory, known to the redactor; return it.

        Raises:
            SecretError: if the redactor has no room, so that the value must not be used.
        """
        try:
            redactor.add(key, value)
        except RedactorFullError as full:
            raise SecretError(str(full)) from None
        secret = Secret(value, key)
        self._cache.pop(key, None)
        while len(self._cache) >= self._max_cached:
            del self._cache[next(iter(self._cache))]
        self._cache[key] = _Remembered(secret, time.monotonic() + self._cached_for_s, rotation_id)
        return secret

    def rotation_id(self, key: str) -> str | None:
        """Return the rotation that the remembered value of *key* came with, None if with none."""
        known = self._known(key)
        return None if known is None else known.rotation_id

    def subscribe_to_rotations(self, callback: RotationCallback) -> Callable[[], None]:
        """Call *callback* with the names of secrets that have new values; return how to stop it."""
        self._subscribers.append(callback)

        def unsubscribe() -> None:
            if callback in self._subscribers:
                self._subscribers.remove(callback)

        return unsubscribe

    def process_secret_message(self, message: _protocol.Secret) -> None:
        """Remember a secret that came, asked for or not; raises SecretError as `remember` does."""
        if not message.error:
            self.remember(message.name, message.value, message.rotation_id)

    async def process_rotation_message(self, message: _protocol.Rotated) -> None:
        """Forget the secrets that were rotated, tell subscribers, and acknowledge it.

        It is acknowledged once all subscribers are through, with `error` if one has raised; after
        a second in any case, for a subscriber may have much to do. To an orchestrator of Rust
        modules it is at once, as these do it: that gives the new values afterwards (specification
        §6.1).
        """
        for key in message.keys:
            known = self._cache.get(key)
            if known is not None and known.rotation_id != message.rotation_id:
                del self._cache[key]  # one of this rotation is the new value: it came first
        keys = list(message.keys)
        is_acknowledged = self._link is not None and not self._link.is_ours
        if is_acknowledged:
            with contextlib.suppress(NetworkError):  # nobody is left to tell
                await self.acknowledge_rotation(message.rotation_id)
        async with asyncio.TaskGroup() as telling:
            told = [telling.create_task(_tell(callback, keys)) for callback in self._subscribers]
            if told:
                await asyncio.wait(told, timeout=_ACK_WITHIN_S)
            outcomes = [task.result() for task in told if task.done()]
            remarks = [reason for reason in outcomes if reason]
            status = "error" if remarks else "success"
            if late := len(told) - len(outcomes):
                remarks.append(f"{late} of {len(told)} subscribers are not through yet.")
            if is_acknowledged:
                return
            with contextlib.suppress(NetworkError):  # nobody is left to tell
                await self.acknowledge_rotation(
                    message.rotation_id, status, " ".join(remarks) or None
                )

    async def acknowledge_rotation(
        self, rotation_id: str, status: str = "success", message: str | None = None
    ) -> None:
        """Tell the orchestrator how the rotation went: `success` or `error`, and why."""
        if self._link is not None:
            self._link.tell(_protocol.RotationAck(rotation_id, status, message))

    def _known(self, key: str) -> _Remembered | None:
        known = self._cache.get(key)
        return known if known is not None and time.monotonic() < known.until_s else None

    async def _fetch(self, key: str) -> Secret[str]:
        if self._link is None:
            return await self._provided(key)
        request = _protocol.GetSecret(key)
        try:
            reply = await self._link.ask(request, timeout_s=self._timeout_s)
        except NetworkError as error:
            raise SecretError(
                f"The orchestrator did not answer when asked for the secret {key!r}", error
            ) from error
        if not isinstance(reply, _protocol.Secret) or reply.name != key:
            raise SecretError(
                f"The secret {key!r} was asked for, but the orchestrator answered with another."
            )
        if reply.error:
            raise SecretNotFoundError(
                f"The orchestrator did not give the secret {key!r}: {reply.error}"
            )
        return self.remember(key, reply.value, reply.rotation_id)

    async def _provided(self, key: str) -> Secret[str]:
        if self._provider is None:
            from pywatt_sdk.security.secret_providers import provider_from_environment

            self._provider = provider_from_environment()
        value = await self._provider.get(key)
        if value is None:
            raise SecretNotFoundError(
                f"There is no orchestrator to ask for the secret {key!r}, and {self._provider!r} "
                "has none of that name; set the environment variable, or give it to the test."
            )
        return self.remember(key, value.expose_secret())


_clients: WeakValueDictionary[str, SecretClient] = WeakValueDictionary()
_current: ContextVar[SecretClient | None] = ContextVar("pywatt_sdk_secret_client", default=None)


async def get_module_secret_client(orchestrator_api: str, module_id: str) -> SecretClient:
    """Return the client of the module in this process; one that asks nobody if it is not here."""
    return _clients.setdefault(module_id, SecretClient(orchestrator_api, module_id))


async def get_secret(key: str, mode: RequestMode = RequestMode.CACHE_THEN_REMOTE) -> Secret[str]:
    """Return the running module's secret *key*; raises as `SecretClient.get_secret` does."""
    return await _running().get_secret(key, mode)


async def get_secrets(keys: Sequence[str]) -> dict[str, Secret[str]]:
    """Return the running module's secrets *keys* by name; raises as `get_secret` does."""
    return await _running().get_secrets(keys)


async def subscribe_secret_rotations(
    client: SecretClient, keys: Iterable[str], callback: SecretCallback
) -> Callable[[], None]:
    """Call *callback* with each of *keys* and its new value when it is rotated.

    Returns a function that ends it. A value that cannot be fetched, and what the callback raises,
    is logged and told to the orchestrator, which shows it beside the rotation.
    """
    wanted = frozenset(keys)

    async def renew(rotated: list[str]) -> None:
        for key in rotated:
            if key not in wanted:
                continue
            called = callback(key, await client.get_secret(key))  # the old value is forgotten
            if inspect.isawaitable(called):
                await called

    return client.subscribe_to_rotations(renew)


async def _tell(subscriber: RotationCallback, keys: list[str]) -> str:
    """Call a subscriber; return a sentence if it failed, else an empty text."""
    try:
        called = subscriber(keys)
        if inspect.isawaitable(called):
            await called
    except Exception as error:
        _logger.exception("A subscriber to rotations of %s failed.", ", ".join(keys))
        return redactor.redact(f"A subscriber raised {type(error).__name__}: {error}")
    return ""


def _running() -> SecretClient:
    client = _current.get()
    if client is None and len(_clients) == 1:
        client = next(iter(_clients.values()), None)
    if client is None:
        raise SecretError(
            "No module is running here, so nobody can be asked for secrets; call this from the "
            "module's app, or use app_state.get_secret."
        )
    return client
