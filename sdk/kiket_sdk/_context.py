"""What a handler is given beside the payload."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from threading import get_ident
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import msgspec

from kiket_sdk._claims import AuthContext, vouched_for
from kiket_sdk._origins import base_url_for
from kiket_sdk._scopes import missing
from kiket_sdk.exceptions import ScopeError
from kiket_sdk.secret_providers import secret_reader

if TYPE_CHECKING:
    from kiket_sdk._clients import PlatformClients
    from kiket_sdk.client import KiketClient
    from kiket_sdk.config import ExtensionConfig
    from kiket_sdk.endpoints import ExtensionEndpoints
    from kiket_sdk.routing import Kind
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


def decoded(raw_headers: Sequence[tuple[bytes, bytes]]) -> dict[str, str]:
    """Return headers as text; the first of repeated ones counts."""
    return {str(name, "latin-1"): str(value, "latin-1") for name, value in reversed(raw_headers)}


_LATER: Final = frozenset(
    {
        "headers",
        "client",
        "endpoints",
        "settings",
        "extension_id",
        "extension_version",
        "secrets",
        "secret",
        "payload_secrets",
        "auth",
        "require_scopes",
    }
)


class Brought(msgspec.Struct):
    """Who makes the rest of a context, and what of."""

    surroundings: Surroundings
    raw_headers: Sequence[tuple[bytes, bytes]]
    base_url: str | None
    """Which of several platforms it came from; None for the extension's own."""
    thread: int
    """Where the webhook came in; its handler may ask in another."""
    own_client: KiketClient | None = None
    """A client that was made for this webhook alone, to be closed behind its handler."""


class _Opening:
    """Makes what a context has when its handler asks for it: most ask for little."""

    __slots__ = ("_brought",)
    _brought: Brought

    if not TYPE_CHECKING:  # to a type checker an unknown name stays a mistake

        def __getattr__(self, name: str) -> Any:
            """Make what is not there yet; only a slot that was never filled leads here."""
            if name not in _LATER:
                raise AttributeError(f"{type(self).__name__!r} has no attribute {name!r}")
            made = self._brought.surroundings.made(self, name)
            setattr(self, name, made)
            return made


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


class Surroundings:
    """What the handlers of one extension are given; `granted` tells which scopes count."""

    def __init__(
        self,
        config: ExtensionConfig,
        clients: PlatformClients,
        read_secrets: Callable[[Mapping[str, Any]], SecretReader],
        granted: Callable[[AuthContext], list[str]],
    ) -> None:
        self._config = config
        self._clients = clients
        self._read_secrets = read_secrets
        self._granted = granted

    def context(
        self,
        kind: Kind,
        raw_headers: Sequence[tuple[bytes, bytes]],
        document: Any,
        auth: AuthContext | None,
    ) -> HandlerContext:
        """Return the context of one webhook.

        What the payload brings is taken at once, for it is the handler's to change; the rest is
        made later. `auth` is whom a verified token speaks for.
        """
        context = HandlerContext.__new__(HandlerContext)
        context.event, context.event_version = kind
        base_url, allowed = None, self._config.allowed_api_origins
        if allowed:
            base_url = base_url_for(document, self._config.base_url, allowed)
        brought = Brought(self, raw_headers, base_url, get_ident())
        context._brought = brought  # type: ignore[misc]  # mypy misses the slots of a base
        if type(document) is dict:
            if "secrets" in document:
                context.payload_secrets = secrets_in(document)
            if auth is None and "authentication" in document:
                auth = vouched_for(document)
        if auth is not None:
            context.auth = auth
        return context

    def made(self, context: HandlerContext, name: str) -> Any:
        """Return what a context has under a name, newly made."""
        match name:
            case "headers":
                return decoded(context._brought.raw_headers)
            case "client" | "secrets":
                return getattr(context.endpoints, name)
            case "endpoints":
                return self._endpoints(context)
            case "settings":
                return self._config.settings.raw
            case "secret":
                return self._read_secrets(context.payload_secrets)
            case "payload_secrets":
                return NO_SECRETS
            case "auth":
                return nobody()
            case "require_scopes":
                return scope_checker(self._granted(context.auth))
        return getattr(self._config, name)  # the extension's id and version

    def _endpoints(self, context: HandlerContext) -> ExtensionEndpoints:
        brought = context._brought
        shares = self._clients.is_sharing(brought.thread)
        token = context.auth.runtime_token
        base_url = brought.base_url or self._config.base_url
        made = self._clients.calls(context.event_version, base_url, token, share=shares)
        if not shares:
            brought.own_client = made.client
        return made
