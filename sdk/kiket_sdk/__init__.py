"""Build and run Kiket extensions: signed webhooks in, platform calls out.

Names load on first use, so that importing one corner does not pay for the whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kiket_sdk._claims import AuthContext, AuthenticationContext
    from kiket_sdk.audit import AuditClient
    from kiket_sdk.auth import WebhookSecret
    from kiket_sdk.client import KiketClient
    from kiket_sdk.config import ExtensionConfig
    from kiket_sdk.custom_data import ExtensionCustomDataClient
    from kiket_sdk.endpoints import ExtensionEndpoints, RateLimitInfo
    from kiket_sdk.intake_forms import IntakeFormsClient
    from kiket_sdk.notifications import (
        ChannelValidationRequest,
        ChannelValidationResponse,
        NotificationRequest,
        NotificationResponse,
    )
    from kiket_sdk.responses import (
        AllowResponse,
        DenyResponse,
        PendingResponse,
        Response,
        allow,
        deny,
        pending,
    )
    from kiket_sdk.routing import webhook
    from kiket_sdk.sdk import HandlerContext, KiketSDK, create_app
    from kiket_sdk.secret_providers import (
        EnvironmentSecrets,
        FileSecrets,
        KeyringSecrets,
        SecretProvider,
    )
    from kiket_sdk.secrets import ExtensionSecretManager, SecretMetadata, SecretValue
    from kiket_sdk.sla import ExtensionSlaEventsClient
    from kiket_sdk.telemetry import TelemetryRecord

__version__ = "0.1.0"

__all__ = [
    "AllowResponse",
    "AuditClient",
    "AuthContext",
    "AuthenticationContext",
    "ChannelValidationRequest",
    "ChannelValidationResponse",
    "DenyResponse",
    "EnvironmentSecrets",
    "ExtensionConfig",
    "ExtensionCustomDataClient",
    "ExtensionEndpoints",
    "ExtensionSecretManager",
    "ExtensionSlaEventsClient",
    "FileSecrets",
    "HandlerContext",
    "IntakeFormsClient",
    "KeyringSecrets",
    "KiketClient",
    "KiketSDK",
    "NotificationRequest",
    "NotificationResponse",
    "PendingResponse",
    "RateLimitInfo",
    "Response",
    "SecretMetadata",
    "SecretProvider",
    "SecretValue",
    "TelemetryRecord",
    "WebhookSecret",
    "__version__",
    "allow",
    "create_app",
    "deny",
    "pending",
    "webhook",
]

_HOMES = {
    "AllowResponse": "responses",
    "AuditClient": "audit",
    "AuthContext": "auth",
    "AuthenticationContext": "sdk",
    "ChannelValidationRequest": "notifications",
    "ChannelValidationResponse": "notifications",
    "DenyResponse": "responses",
    "EnvironmentSecrets": "secret_providers",
    "ExtensionConfig": "config",
    "ExtensionCustomDataClient": "custom_data",
    "ExtensionEndpoints": "endpoints",
    "ExtensionSecretManager": "secrets",
    "ExtensionSlaEventsClient": "sla",
    "FileSecrets": "secret_providers",
    "HandlerContext": "sdk",
    "IntakeFormsClient": "intake_forms",
    "KeyringSecrets": "secret_providers",
    "KiketClient": "client",
    "KiketSDK": "sdk",
    "NotificationRequest": "notifications",
    "NotificationResponse": "notifications",
    "PendingResponse": "responses",
    "RateLimitInfo": "endpoints",
    "Response": "responses",
    "SecretMetadata": "secrets",
    "SecretProvider": "secret_providers",
    "SecretValue": "secrets",
    "TelemetryRecord": "telemetry",
    "WebhookSecret": "auth",
    "allow": "responses",
    "create_app": "sdk",
    "deny": "responses",
    "pending": "responses",
    "webhook": "routing",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
