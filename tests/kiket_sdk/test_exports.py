"""The fence: what the package exports, and what importing its corners costs."""

from __future__ import annotations

import importlib
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import kiket_sdk

DOCUMENTED = {
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
    "allow",
    "create_app",
    "deny",
    "pending",
    "webhook",
}
MODULES = (
    *("auth", "client", "config", "endpoints", "exceptions", "manifest", "routing", "sdk"),
    "responses",
    *(
        "audit",
        "custom_data",
        "intake_forms",
        "notifications",
        "sla",
        "secret_providers",
        "secrets",
        "telemetry",
        "utils",
        "testing",
        "testing.fixtures",
        "testing.replay",
        "testing.platform",
    ),
)


def test_the_fence_is_sorted_and_complete() -> None:
    assert kiket_sdk.__all__ == sorted(kiket_sdk.__all__)
    assert set(kiket_sdk.__all__) == DOCUMENTED | {"__version__"}
    assert {name: getattr(kiket_sdk, name) for name in kiket_sdk.__all__}.keys() <= set(
        dir(kiket_sdk)
    )
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = kiket_sdk.nothing


@pytest.mark.parametrize("name", MODULES)
def test_the_documented_modules_import(name: str) -> None:
    module = importlib.import_module(f"kiket_sdk.{name}")
    assert all(hasattr(module, exported) for exported in getattr(module, "__all__", ()))


def test_the_version_is_the_distributions() -> None:
    project = Path(__file__).parents[2] / "pyproject.toml"
    assert tomllib.loads(project.read_text("utf-8"))["project"]["version"] == kiket_sdk.__version__


KEPT_OUT = {
    "kiket_sdk": "kiket_sdk.sdk fastapi starlette httpx yaml msgspec asyncio",
    "kiket_sdk._signing": "fastapi starlette httpx yaml asyncio pydantic",
    "kiket_core.trace": "fastapi starlette httpx yaml asyncio",
    "kiket_sdk.routing": "fastapi starlette httpx yaml",
    "kiket_sdk.testing.plugin": "kiket_sdk.sdk fastapi starlette httpx yaml",
    "kiket_sdk.client": "fastapi starlette yaml",
    "kiket_sdk.sdk": "fastapi pydantic uvicorn pytest textual kiket_console jwt cryptography",
}
EACH_BY_ITSELF = f"""
import os, sys
for module, kept_out in {KEPT_OUT}.items():
    if os.fork() == 0:
        try:
            __import__(module)
            print(module, *set(kept_out.split()) & set(sys.modules), flush=True)
        finally:
            os._exit(0)
    os.wait()
"""


def test_importing_a_corner_leaves_the_rest_alone() -> None:
    found = subprocess.run(
        [sys.executable, "-c", EACH_BY_ITSELF], capture_output=True, text=True, check=True
    )
    assert found.stdout.splitlines() == list(KEPT_OUT)
