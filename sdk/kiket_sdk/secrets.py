"""Read and write the secrets that the platform keeps for an extension."""

from __future__ import annotations

import builtins
import os
import secrets as tokens
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from kiket_core.secret import redactor
from kiket_sdk.client import KiketClient, secret_path
from kiket_sdk.exceptions import OutboundRequestError, SecretStoreError
from kiket_sdk.utils import environment_secret_name

_GENERATED_BYTES = 32


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


class ExtensionSecretManager:
    """List, read, write, rotate and delete the secrets of one extension.

    Every method raises SecretStoreError when the platform refuses, cannot be reached or answers
    in an unexpected form, and when no extension id is known.
    """

    def __init__(self, client: KiketClient, extension_id: str | None = None) -> None:
        self._client = client
        self._extension_id = extension_id

    def with_extension(self, extension_id: str) -> ExtensionSecretManager:
        """Return a manager of another extension's secrets."""
        return ExtensionSecretManager(self._client, extension_id)

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
        """Return a secret; KIKET_SECRET_<KEY>, when set and not empty, is used instead."""
        from_environment = os.environ.get(environment_secret_name(key))
        if from_environment:
            redactor.add(key, from_environment)
            return SecretValue(key, None, None, from_environment)
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
        return SecretValue(key, None, None, fresh)

    async def delete(self, key: str, *, extension_id: str | None = None) -> None:
        """Delete a secret."""
        owner = self._owner(extension_id)
        try:
            await self._client.delete_secret(owner, key)
        except SecretStoreError as exc:
            raise SecretStoreError(
                f"Failed to delete secret '{key}' for extension '{owner}'"
            ) from exc

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
