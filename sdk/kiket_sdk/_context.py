"""What a handler is given beside the payload."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from kiket_sdk._claims import AuthContext
from kiket_sdk._scopes import missing
from kiket_sdk.exceptions import ScopeError
from kiket_sdk.secret_providers import secret_reader

if TYPE_CHECKING:
    from kiket_sdk.client import KiketClient
    from kiket_sdk.endpoints import ExtensionEndpoints
    from kiket_sdk.secrets import ExtensionSecretManager

SecretReader = Callable[[str], str | None]
"""Take a key; return the secret's value, or None."""

RequireScopes = Callable[..., None]
"""Take the names of scopes; raise ScopeError, which answers 403, unless all were granted."""

NO_SECRETS: Final[Mapping[str, Any]] = MappingProxyType({})


def scope_checker(available: Iterable[str]) -> RequireScopes:
    """Return a function that raises ScopeError unless each scope it is given was granted."""
    granted = tuple(available)

    def require_scopes(*scopes: str) -> None:
        if missing(scopes, granted):
            raise ScopeError(scopes, granted)

    return require_scopes


require_none_granted: Final = scope_checker(())
"""`context.require_scopes` where a webhook's sender granted nothing."""


def nobody() -> AuthContext:
    """Return whom a webhook without any authentication in its payload speaks for."""
    return AuthContext(None, None, None, [])


def secrets_in(payload: Any) -> Mapping[str, Any]:
    """Return the secrets that the platform bundled with a payload (spec §1.9)."""
    found = payload.get("secrets") if isinstance(payload, dict) else None
    return found if isinstance(found, dict) else NO_SECRETS


@dataclass(slots=True)
class HandlerContext:
    """One webhook's surroundings: where it came from and what it may use.

    `headers` have lower-case names; `settings` is a plain mapping; `secrets` is
    `endpoints.secrets`, which asks the platform. `secret(key)` returns a secret that is here:
    of the payload (`payload_secrets`), else of the secret providers, else of the environment.
    `auth` tells whom the webhook speaks for; `require_scopes("issues.write")` raises ScopeError,
    which answers 403, unless its sender granted that.
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
    secret: SecretReader = field(default_factory=lambda: secret_reader(None), repr=False)
    payload_secrets: Mapping[str, Any] = field(default_factory=dict, repr=False)
    auth: AuthContext = field(default_factory=nobody)
    require_scopes: RequireScopes = field(default=require_none_granted, repr=False)
