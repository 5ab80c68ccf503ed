"""What one extension runs with: credentials, identity and settings."""

from __future__ import annotations

import logging
import os
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from kiket_sdk._keys import counts, previous_of
from kiket_sdk.exceptions import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kiket_sdk.manifest import ExtensionManifest
    from kiket_sdk.secret_providers import SecretProvider

_logger = logging.getLogger("kiket_sdk")

DEFAULT_BASE_URL = "https://kiket.dev"


@dataclass(slots=True)
class ExtensionSettings:
    """The extension's own settings, by key."""

    raw: dict[str, Any] = field(default_factory=dict, repr=False)

    def get(self, key: str, default: Any = None) -> Any:
        """Return a setting, or `default`."""
        return self.raw.get(key, default)

    def require(self, key: str) -> Any:
        """Return a setting; raises KeyError when it is missing."""
        if key not in self.raw:
            raise KeyError(f"Missing required extension setting '{key}'")
        return self.raw[key]


@dataclass(slots=True)
class ExtensionConfig:
    """Credentials, identity and settings of one extension; its repr shows no secret.

    `previous_webhook_secrets` still verify while senders move to `webhook_secret`. `jwks_url` is
    where the platform's public keys are, `{base_url}/.well-known/jwks.json` when None.
    `allowed_api_origins` are other platforms that deliveries may come from and be answered to.
    `secret_providers` are asked for secrets before the platform. `retries` is how often a call to
    the platform that can be repeated is made again.
    """

    webhook_secret: str | None = field(default=None, repr=False)
    workspace_token: str | None = field(default=None, repr=False)
    base_url: str = DEFAULT_BASE_URL
    settings: ExtensionSettings = field(default_factory=ExtensionSettings)
    extension_id: str | None = None
    extension_version: str | None = None
    previous_webhook_secrets: tuple[str, ...] = field(default=(), repr=False)
    jwks_url: str | None = None
    allowed_api_origins: tuple[str, ...] = ()
    extension_api_key: str | None = field(default=None, repr=False)
    secret_providers: tuple[SecretProvider, ...] | None = None
    retries: int = 0

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> Self:
        """Build a configuration from plain data; its `settings` is a plain mapping."""
        known = {name: mapping[name] for name in cls.__slots__ if mapping.get(name) is not None}
        if "settings" in known:
            known["settings"] = ExtensionSettings(dict(known["settings"]))
        return cls(**known)


def webhook_secrets(
    given: str | Sequence[str] | None, manifest: ExtensionManifest | None
) -> tuple[str, ...]:
    """Return the secrets that verify webhooks, current one first: the first that counts now.

    The argument wins over the manifest, the manifest over KIKET_WEBHOOK_SECRET. Behind them comes
    what the environment says the current one took the place of: beside the variable NAME that
    holds it, NAME_PREVIOUS, which counts until NAME_PREVIOUS_UNTIL. Raises ConfigurationError for
    a secret of blanks, which would verify next to nothing, and for a time that is none.
    """
    arguments: tuple[Any, ...] = (given,) if isinstance(given, str) else tuple(given or ())
    if not all(isinstance(secret, str | None) for secret in arguments):
        raise ConfigurationError(
            "webhook_secret is a text or a sequence of texts; turn bytes into one with decode()."
        )
    declared = manifest.delivery_secret if manifest else None
    reference = manifest.delivery_secret_reference if manifest else None
    if manifest and reference is not None and declared is None:
        _logger.warning(
            "The webhook secret in %s refers to the environment variable %r, which is not set.",
            manifest.path,
            reference,
        )
    for source, candidates in (
        ("The argument webhook_secret", arguments),
        (f"The webhook secret in {manifest.path if manifest else ''}", (declared,)),
        ("KIKET_WEBHOOK_SECRET", (os.environ.get("KIKET_WEBHOOK_SECRET"),)),
    ):
        secrets = tuple(secret for secret in candidates if secret)
        if any(secret.isspace() for secret in secrets):
            raise ConfigurationError(
                f"{source} is blank; give the secret that signs the webhooks, or leave it out."
            )
        if secrets:
            now = time.time()
            in_order = sorted(secrets, key=lambda secret: not counts(secret, now))
            return (*in_order, *_replaced(in_order))
    return ()


def _replaced(secrets: Sequence[str]) -> tuple[str, ...]:
    """Return what the environment says the first of *secrets* took the place of."""
    try:
        previous = previous_of(secrets[0], os.environ)
    except ValueError as exc:
        raise ConfigurationError(str(exc)) from exc
    return tuple(each for each in previous if each not in secrets)
