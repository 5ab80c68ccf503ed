"""Read and write the secrets that the platform keeps for an extension."""

from __future__ import annotations

import asyncio
import builtins
import logging
import secrets as tokens
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from kiket_core.secret import redactor
from kiket_sdk.client import KiketClient, secret_path
from kiket_sdk.exceptions import OutboundRequestError, SecretStoreError
from kiket_sdk.secret_providers import DEFAULT_PROVIDERS, EnvironmentSecrets

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from kiket_sdk.secret_providers import SecretProvider

_GENERATED_BYTES = 32
_NOT_FOUND = 404

_logger = logging.getLogger(__name__)


@dataclass(slots=True)
class SecretMetadata:
    """A secret's name and dates."""

    key: str
    created_at: datetime | None
    updated_at: datetime | None


@dataclass(slots=True)
class SecretValue(SecretMetadata):
    """A secret with its value, which its repr does not show."""

    value: str = field(repr=False)


@dataclass(slots=True)
class Rotation:
    """A secret that is being replaced: `value` will be stored, `previous` is what it was.

    `previous` is None when there was none. Assign `value` where somebody else makes the new one.
    """

    key: str
    value: str = field(repr=False)
    previous: str | None = field(repr=False)


class ExtensionSecretManager:
    """List, read, write, rotate and delete the secrets of one extension.

    Every method raises SecretStoreError when the platform refuses, cannot be reached or answers
    in an unexpected form, and when no extension id is known. `providers` are asked before the
    platform when a secret is read; without any that is the environment.
    """

    __slots__ = ("_client", "_extension_id", "_providers")

    def __init__(
        self,
        client: KiketClient,
        extension_id: str | None = None,
        *,
        providers: Sequence[SecretProvider] | None = None,
    ) -> None:
        self._client = client
        self._extension_id = extension_id
        self._providers = DEFAULT_PROVIDERS if providers is None else providers

    def with_extension(self, extension_id: str) -> ExtensionSecretManager:
        """Return a manager of another extension's secrets."""
        return ExtensionSecretManager(self._client, extension_id, providers=self._providers)

    async def list(self, *, extension_id: str | None = None) -> list[SecretMetadata]:
        """Return names and dates of all secrets."""
        owner = self._owner(extension_id)
        try:
            response = await self._client.get(secret_path(owner))
        except OutboundRequestError as exc:
            raise SecretStoreError(f"Failed to list secrets for extension '{owner}'") from exc
        entries = _decoded(response)
        if not isinstance(entries, builtins.list) or not all(
            isinstance(entry, dict) and "key" in entry for entry in entries
        ):
            raise SecretStoreError("Unexpected response format from secret listing")
        return [
            SecretMetadata(
                str(entry["key"]),
                _moment(entry.get("created_at")),
                _moment(entry.get("updated_at")),
            )
            for entry in entries
        ]

    async def get(self, key: str, *, extension_id: str | None = None) -> SecretValue:
        """Return a secret: a provider's, such as KIKET_SECRET_<KEY>, else the platform's."""
        provided = await self._provided(key)
        if provided is not None:
            redactor.add(key, provided[1])
            return SecretValue(key, None, None, provided[1])
        owner = self._owner(extension_id)
        try:
            response = await self._client.get(secret_path(owner, key))
        except OutboundRequestError as exc:
            raise SecretStoreError(
                f"Failed to load secret '{key}' for extension '{owner}'"
            ) from exc
        entry = _decoded(response)
        if not isinstance(entry, dict) or entry.get("value") is None:
            raise SecretStoreError("Unexpected response format from secret detail")
        value = str(entry["value"])
        redactor.add(key, value)
        return SecretValue(
            str(entry.get("key") or key),
            _moment(entry.get("created_at")),
            _moment(entry.get("updated_at")),
            value,
        )

    async def set(self, key: str, value: str, *, extension_id: str | None = None) -> None:
        """Create a secret, or update it when it exists."""
        if not value:
            raise SecretStoreError("Secret value cannot be blank")
        owner = self._owner(extension_id)
        redactor.add(key, value)
        try:
            await self._client.store_secret(owner, key, value)
        except SecretStoreError as exc:
            raise SecretStoreError(
                f"Failed to persist secret '{key}' for extension '{owner}'"
            ) from exc

    async def rotate(
        self, key: str, value: str | None = None, *, extension_id: str | None = None
    ) -> SecretValue:
        """Replace a secret's value, by a random one when none is given, and return the new one."""
        fresh = tokens.token_urlsafe(_GENERATED_BYTES) if value is None else value
        await self.set(key, fresh, extension_id=extension_id)
        await self._warn_of_old(key, fresh)
        return SecretValue(key, None, None, fresh)

    @asynccontextmanager
    async def rotating(
        self, key: str, value: str | None = None, *, extension_id: str | None = None
    ) -> AsyncIterator[Rotation]:
        """Replace a secret when the block has succeeded, and leave it alone when it has not.

        In the block make the new value known to whoever will check it, or assign the value that
        somebody else has made to the rotation's `value`.
        """
        try:
            previous = (await self.get(key, extension_id=extension_id)).value
        except SecretStoreError as exc:
            cause = exc.__cause__
            if not isinstance(cause, OutboundRequestError) or cause.status_code != _NOT_FOUND:
                raise
            previous = None
        fresh = tokens.token_urlsafe(_GENERATED_BYTES) if value is None else value
        redactor.add(key, fresh)
        rotation = Rotation(key, fresh, previous)
        yield rotation
        await self.rotate(key, rotation.value, extension_id=extension_id)

    async def delete(self, key: str, *, extension_id: str | None = None) -> None:
        """Delete a secret."""
        owner = self._owner(extension_id)
        try:
            await self._client.delete_secret(owner, key)
        except SecretStoreError as exc:
            raise SecretStoreError(
                f"Failed to delete secret '{key}' for extension '{owner}'"
            ) from exc

    async def _provided(self, key: str) -> tuple[SecretProvider, str] | None:
        """Ask the providers in order; only the environment's answer is not waited for."""
        for provider in self._providers:
            if isinstance(provider, EnvironmentSecrets):
                value = provider.get(key)
            else:
                value = await asyncio.to_thread(provider.get, key)
            if value:
                return provider, value
        return None

    async def _warn_of_old(self, key: str, fresh: str) -> None:
        provided = await self._provided(key)
        if provided is not None and provided[1] != fresh:
            _logger.warning(
                "The secret %r was replaced at the platform, but %s still gives the old value and "
                "comes first.",
                key,
                type(provided[0]).__name__,
            )

    def _owner(self, extension_id: str | None) -> str:
        owner = extension_id or self._extension_id
        if not owner:
            raise SecretStoreError("Extension ID is required when managing secrets")
        return owner


def _decoded(response: Any) -> Any:
    try:
        return response.json()
    except ValueError:
        return None


def _moment(value: Any) -> datetime | None:
    """Return an ISO-8601 date, None for anything else."""
    if not isinstance(value, str):
        return None
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        return None
