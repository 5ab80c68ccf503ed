"""What a handler is given beside the payload."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kiket_sdk.client import KiketClient
    from kiket_sdk.endpoints import ExtensionEndpoints
    from kiket_sdk.secrets import ExtensionSecretManager


@dataclass(slots=True)
class HandlerContext:
    """One webhook's surroundings: where it came from and what it may use.

    `headers` have lower-case names; `settings` is a plain mapping; `secrets` is
    `endpoints.secrets`.
    """

    event: str
    event_version: str
    headers: Mapping[str, str] = field(repr=False)
    client: KiketClient
    endpoints: ExtensionEndpoints
    settings: Mapping[str, Any] = field(repr=False)
    extension_id: str | None
    extension_version: str | None
    secrets: ExtensionSecretManager
