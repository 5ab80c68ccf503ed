"""Build modules for the Wattson orchestrator: handshake, secrets, routes, messages.

Names load on first use, so that importing one corner does not pay for the whole.
"""

from __future__ import annotations

from typing import Any

__version__ = "0.1.0"

_HOMES: dict[str, str] = {
    # the module itself: how it is made, started and ended
    "AnnouncedEndpoint": "pywatt_sdk.module",
    "AppConfig": "pywatt_sdk.core.config",
    "AppState": "pywatt_sdk.core.state",
    "AnnouncementError": "pywatt_sdk.core.error",
    "AppStateExt": "pywatt_sdk.core.bootstrap",
    "BootstrapError": "pywatt_sdk.core.error",
    "BootstrapResult": "pywatt_sdk.core.bootstrap",
    "Config": "pywatt_sdk.core.config",
    "ConfigError": "pywatt_sdk.core.error",
    "HandshakeError": "pywatt_sdk.core.error",
    "NetworkError": "pywatt_sdk.core.error",
    "ModuleApp": "pywatt_sdk.module",
    "PyWattSDKError": "pywatt_sdk.core.error",
    "Result": "pywatt_sdk.core.error",
    "SecretError": "pywatt_sdk.core.error",
    "UnavailableError": "pywatt_sdk.core.error",
    "bootstrap_module": "pywatt_sdk.core.bootstrap",
    "bootstrap_module_legacy": "pywatt_sdk.core.bootstrap",
    "info": "pywatt_sdk.core.logging",
    "process_ipc_messages": "pywatt_sdk.communication.ipc",
    "read_init": "pywatt_sdk.communication.ipc",
    "send_announce": "pywatt_sdk.communication.ipc",
    "init_module": "pywatt_sdk.core.logging",
    "pywatt_module": "pywatt_sdk.module",
    "run_module": "pywatt_sdk.module",
    "safe_log": "pywatt_sdk.core.logging",
    "serve_module_full": "pywatt_sdk.core.bootstrap",
    "serve_module_with_lifecycle": "pywatt_sdk.core.bootstrap",
    # secrets
    "RequestMode": "pywatt_sdk.security.secret_client",
    "Secret": "pywatt_sdk.security.typed_secret",
    "SecretClient": "pywatt_sdk.security.secret_client",
    "SecretConfig": "pywatt_sdk.security.secrets",
    "SecretManager": "pywatt_sdk.security.secrets",
    "SecretString": "pywatt_sdk.security.typed_secret",
    "create_secret_manager": "pywatt_sdk.security.secrets",
    "get_bool_secret": "pywatt_sdk.security.typed_secret",
    "get_float_secret": "pywatt_sdk.security.typed_secret",
    "get_int_secret": "pywatt_sdk.security.typed_secret",
    "get_module_secret_client": "pywatt_sdk.security.secret_client",
    "get_secret": "pywatt_sdk.security.secret_client",
    "get_secrets": "pywatt_sdk.security.secret_client",
    "get_string_secret": "pywatt_sdk.security.typed_secret",
    "get_typed_secret": "pywatt_sdk.security.typed_secret",
    "subscribe_secret_rotations": "pywatt_sdk.security.secret_client",
    # messages, and what they hold
    "AnnounceBlob": "pywatt_sdk.communication.ipc_types",
    "EncodedMessage": "pywatt_sdk.communication.message",
    "EncodingFormat": "pywatt_sdk._protocol",
    "EndpointAnnounce": "pywatt_sdk.communication.ipc_types",
    "InitBlob": "pywatt_sdk.communication.ipc_types",
    "IpcChannelConfig": "pywatt_sdk.communication.ipc_types",
    "ListenAddress": "pywatt_sdk.communication.ipc_types",
    "Message": "pywatt_sdk.communication.message",
    "MessageError": "pywatt_sdk.communication.message",
    "MessageMetadata": "pywatt_sdk.communication.message",
    "ModuleToOrchestrator": "pywatt_sdk.communication.ipc_types",
    "OrchestratorToModule": "pywatt_sdk.communication.ipc_types",
    "ProtocolError": "pywatt_sdk._protocol",
    "SecurityLevel": "pywatt_sdk._protocol",
    "ServiceType": "pywatt_sdk._protocol",
    "TcpChannelConfig": "pywatt_sdk.communication.ipc_types",
    # channels and connections of one's own
    "Capabilities": "pywatt_sdk.services.registration",
    "ChannelCapabilities": "pywatt_sdk.communication.channel_types",
    "ChannelPreferences": "pywatt_sdk.communication.channel_types",
    "ChannelType": "pywatt_sdk.communication.channel_types",
    "ConnectionConfig": "pywatt_sdk.communication.connection_config",
    "Endpoint": "pywatt_sdk.services.registration",
    "HealthStatus": "pywatt_sdk.services.registration",
    "HttpTcpClient": "pywatt_sdk.communication.http_tcp",
    "HttpTcpError": "pywatt_sdk.communication.http_tcp",
    "HttpTcpRequest": "pywatt_sdk.communication.http_tcp",
    "HttpTcpResponse": "pywatt_sdk.communication.http_tcp",
    "HttpTcpRouter": "pywatt_sdk.communication.http_tcp",
    "HttpTcpServer": "pywatt_sdk.communication.http_tcp",
    "IpcChannel": "pywatt_sdk.communication.ipc_channel",
    "IpcConnectionConfig": "pywatt_sdk.communication.connection_config",
    "MessageChannel": "pywatt_sdk.communication.message_channel",
    "ModuleInfo": "pywatt_sdk.services.registration",
    "PortNegotiationManager": "pywatt_sdk.communication.port_negotiation",
    "ReconnectPolicy": "pywatt_sdk.communication.connection_config",
    "RegisteredModule": "pywatt_sdk.services.registration",
    "RegistrationClient": "pywatt_sdk.services.registration",
    "RegistrationError": "pywatt_sdk.services.registration",
    "TcpChannel": "pywatt_sdk.communication.tcp_channel",
    "TlsConfig": "pywatt_sdk.communication.connection_config",
    "negotiate_port": "pywatt_sdk.communication.port_negotiation",
    "start_http_server": "pywatt_sdk.communication.http_tcp",
    # other modules
    "InternalMessagingClient": "pywatt_sdk.internal.messaging",
    "InternalMessagingError": "pywatt_sdk.internal.messaging",
    "ServiceDiscoveryClient": "pywatt_sdk.services.service_discovery",
    "ServiceProviderInfo": "pywatt_sdk.services.service_discovery",
    "create_messaging_client": "pywatt_sdk.internal.messaging",
    # serving
    "BUILD_TIME_UTC": "pywatt_sdk.build",
    "BuildInfo": "pywatt_sdk.build",
    "DiscoveredEndpoint": "pywatt_sdk.services.router_discovery",
    "FastAPIServerManager": "pywatt_sdk.services.server",
    "FlaskJwtManager": "pywatt_sdk.security.jwt_auth",
    "FlaskServerManager": "pywatt_sdk.services.server",
    "GIT_HASH": "pywatt_sdk.build",
    "HttpIpcRouter": "pywatt_sdk.communication.http_ipc",
    "JwtAuthMiddleware": "pywatt_sdk.security.jwt_auth",
    "JwtClaims": "pywatt_sdk.security.jwt_auth",
    "JwtConfig": "pywatt_sdk.security.jwt_auth",
    "JwtError": "pywatt_sdk.security.jwt_auth",
    "JwtProxy": "pywatt_sdk.security.jwt_proxy",
    "JwtValidator": "pywatt_sdk.security.jwt_auth",
    "PYTHON_VERSION": "pywatt_sdk.build",
    "ServeOptions": "pywatt_sdk.services.server",
    "ServerManager": "pywatt_sdk.services.server",
    "announce_from_router": "pywatt_sdk.services.router_discovery",
    "create_jwt_middleware": "pywatt_sdk.security.jwt_auth",
    "create_jwt_token": "pywatt_sdk.security.jwt_auth",
    "discover_endpoints": "pywatt_sdk.services.router_discovery",
    "discover_endpoints_advanced": "pywatt_sdk.services.router_discovery",
    "extract_jwt_claims": "pywatt_sdk.security.jwt_auth",
    "get_build_info": "pywatt_sdk.build",
    "get_build_info_dict": "pywatt_sdk.build",
    "get_jwt_claims": "pywatt_sdk.security.jwt_auth",
    "get_pre_allocated_port": "pywatt_sdk.services.server",
    "get_server_manager": "pywatt_sdk.services.server",
    "get_version_info": "pywatt_sdk.build",
    "require_jwt_claims": "pywatt_sdk.security.jwt_auth",
    "serve_module": "pywatt_sdk.services.server",
    "serve_with_options": "pywatt_sdk.services.server",
    "set_pre_allocated_port": "pywatt_sdk.services.server",
    "validate_jwt_token": "pywatt_sdk.security.jwt_auth",
}
"""Each public name, and the module that it lives in."""

__all__ = [*_HOMES, "__version__"]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'pywatt_sdk' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
