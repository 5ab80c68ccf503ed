"""Build and run Kiket extensions: signed webhooks in, platform calls out.

Names load on first use, so that importing one corner does not pay for the whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kiket_sdk.client import KiketClient
    from kiket_sdk.config import ExtensionConfig
    from kiket_sdk.endpoints import ExtensionEndpoints
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
    from kiket_sdk.secrets import ExtensionSecretManager, SecretMetadata, SecretValue
    from kiket_sdk.telemetry import TelemetryRecord

__version__ = "0.1.0"

__all__ = [
    "AllowResponse",
    "DenyResponse",
    "ExtensionConfig",
    "ExtensionEndpoints",
    "ExtensionSecretManager",
    "HandlerContext",
    "KiketClient",
    "KiketSDK",
    "PendingResponse",
    "Response",
    "SecretMetadata",
    "SecretValue",
    "TelemetryRecord",
    "__version__",
    "allow",
    "create_app",
    "deny",
    "pending",
    "webhook",
]

_HOMES = {
    "AllowResponse": "responses",
    "DenyResponse": "responses",
    "ExtensionConfig": "config",
    "ExtensionEndpoints": "endpoints",
    "ExtensionSecretManager": "secrets",
    "HandlerContext": "sdk",
    "KiketClient": "client",
    "KiketSDK": "sdk",
    "PendingResponse": "responses",
    "Response": "responses",
    "SecretMetadata": "secrets",
    "SecretValue": "secrets",
    "TelemetryRecord": "telemetry",
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
