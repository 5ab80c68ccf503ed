"""The fence: what the package exports, and that its names load on first use."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest
from tests.rows import Rows

import pywatt_sdk

DOCUMENTED = {
    "AnnounceBlob",
    "AnnouncedEndpoint",
    "AnnouncementError",
    "AppConfig",
    "AppState",
    "AppStateExt",
    "BUILD_TIME_UTC",
    "BootstrapError",
    "BootstrapResult",
    "BuildInfo",
    "Capabilities",
    "ChannelCapabilities",
    "ChannelPreferences",
    "ChannelType",
    "Config",
    "ConfigError",
    "ConnectionConfig",
    "DiscoveredEndpoint",
    "EncodedMessage",
    "EncodingFormat",
    "Endpoint",
    "EndpointAnnounce",
    "FastAPIServerManager",
    "FlaskServerManager",
    "GIT_HASH",
    "HandshakeError",
    "HealthStatus",
    "InitBlob",
    "InternalMessagingClient",
    "InternalMessagingError",
    "IpcChannel",
    "IpcConnectionConfig",
    "JwtAuthMiddleware",
    "JwtClaims",
    "JwtConfig",
    "JwtError",
    "Message",
    "MessageChannel",
    "ModuleApp",
    "ModuleInfo",
    "NetworkError",
    "PYTHON_VERSION",
    "PyWattSDKError",
    "RequestMode",
    "Result",
    "Secret",
    "SecretClient",
    "SecretConfig",
    "SecretError",
    "SecretManager",
    "SecretString",
    "ServeOptions",
    "ServerManager",
    "ServiceDiscoveryClient",
    "ServiceProviderInfo",
    "ServiceType",
    "TcpChannel",
    "announce_from_router",
    "bootstrap_module",
    "bootstrap_module_legacy",
    "create_jwt_middleware",
    "create_messaging_client",
    "create_secret_manager",
    "discover_endpoints",
    "discover_endpoints_advanced",
    "extract_jwt_claims",
    "get_bool_secret",
    "get_build_info",
    "get_build_info_dict",
    "get_float_secret",
    "get_int_secret",
    "get_module_secret_client",
    "get_pre_allocated_port",
    "get_secret",
    "get_secrets",
    "get_server_manager",
    "get_string_secret",
    "get_typed_secret",
    "get_version_info",
    "info",
    "init_module",
    "negotiate_port",
    "process_ipc_messages",
    "pywatt_module",
    "read_init",
    "run_module",
    "safe_log",
    "send_announce",
    "serve_module",
    "serve_module_full",
    "serve_module_with_lifecycle",
    "serve_with_options",
    "set_pre_allocated_port",
    "subscribe_secret_rotations",
    "validate_jwt_token",
}
"""Names that modules import (pywatt wire specification §11.2), but for those of a later release."""


def test_a_name_is_exported_from_its_home() -> None:
    with Rows() as checked:
        for name in sorted({*DOCUMENTED, *dir(pywatt_sdk)}):
            with checked.row(name):
                value = getattr(pywatt_sdk, name)

                assert name in dir(pywatt_sdk)
                assert value.__doc__


def test_a_name_that_there_is_not_is_told() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = pywatt_sdk.nothing  # type: ignore[attr-defined]


def test_a_module_is_defined_without_loading_what_it_may_not_need() -> None:
    code = (
        "import sys, pywatt_sdk.module, pywatt_sdk._lifecycle, pywatt_sdk.security.secret_client\n"
        "import pywatt_sdk.internal.messaging, pywatt_sdk.services.service_discovery\n"
        "print(*sys.modules)"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    heavy = {"fastapi", "flask", "httpx", "jwt", "prometheus_client", "pydantic", "uvicorn", "yaml"}
    assert heavy & set(loaded.stdout.split()) == set()


MODULES = (
    *(f"core.{each}" for each in ("error", "logging", "state", "config", "module")),
    *("core.connection", "core.bootstrap", "module", "build", "internal.messaging"),
    *(f"communication.{each}" for each in ("ipc", "ipc_stdio", "ipc_types", "message")),
    *(f"communication.{each}" for each in ("message_channel", "tcp_channel", "ipc_channel")),
    *(f"communication.{each}" for each in ("http_ipc", "http_tcp", "port_negotiation")),
    *(f"security.{each}" for each in ("secret_client", "secrets", "typed_secret", "jwt_auth")),
    *(f"services.{each}" for each in ("registration", "service_discovery", "server")),
    "services.router_discovery",
)


def test_modules_are_where_other_releases_have_them() -> None:
    """Pywatt wire specification §11.2, the submodules that are imported by name."""
    with Rows() as checked:
        for name in MODULES:
            with checked.row(name):
                assert importlib.import_module(f"pywatt_sdk.{name}").__doc__
