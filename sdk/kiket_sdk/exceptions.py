"""Everything the SDK raises.

KiketSDKError
├── ArgumentError            a call was given what it cannot work with (also a ValueError)
├── AuditVerificationError   an anchor or a proof could not be read or checked
├── AuthenticationError      a webhook's signature or runtime token was refused
├── ConfigurationError       the SDK was set up in a way that cannot work (also a ValueError)
├── HandlerNotFoundError     no handler for an event and version
├── HandlerTimeoutError      a handler took longer than it may (also a TimeoutError)
├── OutboundRequestError     the platform answered with an error, or not at all
├── ScopeError               a webhook's sender did not grant what its handler needs
├── SecretStoreError         a secret could not be listed, read, written or deleted
├── replay_stores.ReplayStoreError  a store of webhooks is full, broken or out of reach
└── manifest.ManifestError   a manifest that cannot be read (also a ValueError)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kiket_sdk._scopes import missing

if TYPE_CHECKING:
    from collections.abc import Iterable


class KiketSDKError(Exception):
    """Any failure of the SDK."""


class ArgumentError(KiketSDKError, ValueError):
    """A call was given what it cannot work with; nothing was sent."""


class AuditVerificationError(KiketSDKError):
    """An anchor or a proof could not be read or checked."""


class AuthenticationError(KiketSDKError):
    """A webhook's signature or runtime token was refused; the text is what its sender is told.

    `reason` is a word for why, such as `mismatch`, `stale` or `expired`; None where nobody knows.
    """

    reason: str | None

    def __init__(self, message: str = "", reason: str | None = None) -> None:
        super().__init__(message)
        self.reason = reason


class ConfigurationError(KiketSDKError, ValueError):
    """The SDK was set up in a way that cannot work."""


class HandlerNotFoundError(KiketSDKError):
    """No handler is registered for an event and version."""


class HandlerTimeoutError(KiketSDKError, TimeoutError):
    """A handler took longer than `limit_s` seconds, its `handler_timeout`: the answer is 504."""

    def __init__(self, limit_s: float) -> None:
        super().__init__(f"The handler took longer than {limit_s:g} s")
        self.limit_s = limit_s


class ScopeError(KiketSDKError):
    """A webhook's sender did not grant what its handler needs: the answer is 403."""

    def __init__(self, required_scopes: Iterable[str], available_scopes: Iterable[str]) -> None:
        self.required_scopes = list(required_scopes)
        self.available_scopes = list(available_scopes)
        self.missing_scopes = missing(self.required_scopes, self.available_scopes)
        super().__init__(f"Insufficient scopes: missing {', '.join(self.missing_scopes)}")


class SecretStoreError(KiketSDKError):
    """A secret could not be listed, read, written or deleted."""


class OutboundRequestError(KiketSDKError):
    """The platform answered with an error, or could not be reached.

    `status_code` is the answer's status, None when there was no answer; `retry_after_s` is how
    many seconds the platform asks to wait, None when it does not say.
    """

    def __init__(
        self,
        message: str,
        status_code: int | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status_code = status_code
        self.retry_after_s = retry_after_s
