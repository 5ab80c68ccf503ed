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


_OPENED: Final = frozenset({"client", "endpoints", "secrets"})


class _Opening:
    """Makes the platform's calls of a context when one of its three names for them is asked for."""

    __slots__ = ("_open",)
    _open: Callable[[], ExtensionEndpoints]

    if not TYPE_CHECKING:  # to a type checker an unknown name stays a mistake

        def __getattr__(self, name: str) -> Any:
            """Make what is not there yet; only a slot that was never filled leads here."""
            if name not in _OPENED:
                raise AttributeError(f"{type(self).__name__!r} has no attribute {name!r}")
            made = self._open()
            self._open = lambda: made  # the three belong together
            found = made if name == "endpoints" else getattr(made, name)
            setattr(self, name, found)
            return found


@dataclass(slots=True)
class HandlerContext(_Opening):
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


def opening(
    open_calls: Callable[[], ExtensionEndpoints],
    event: str,
    event_version: str,
    headers: Mapping[str, str],
    settings: Mapping[str, Any],
    extension_id: str | None,
    extension_version: str | None,
    secret: SecretReader,
    payload_secrets: Mapping[str, Any],
    auth: AuthContext,
    require_scopes: RequireScopes,
) -> HandlerContext:
    """Return a context whose `client`, `endpoints` and `secrets` are made on first use."""
    context = HandlerContext.__new__(HandlerContext)
    context._open = open_calls
    context.event = event
    context.event_version = event_version
    context.headers = headers
    context.settings = settings
    context.extension_id = extension_id
    context.extension_version = extension_version
    context.secret = secret
    context.payload_secrets = payload_secrets
    context.auth = auth
    context.require_scopes = require_scopes
    return context
