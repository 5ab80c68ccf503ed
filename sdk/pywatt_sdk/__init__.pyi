# Written by `make reference` from `_HOMES` of __init__.py; do not edit.

from pywatt_sdk._protocol import EncodingFormat as EncodingFormat
from pywatt_sdk._protocol import ProtocolError as ProtocolError
from pywatt_sdk._protocol import SecurityLevel as SecurityLevel
from pywatt_sdk._protocol import ServiceType as ServiceType
from pywatt_sdk.build import BUILD_TIME_UTC as BUILD_TIME_UTC
from pywatt_sdk.build import GIT_HASH as GIT_HASH
from pywatt_sdk.build import PYTHON_VERSION as PYTHON_VERSION
from pywatt_sdk.build import BuildInfo as BuildInfo
from pywatt_sdk.build import get_build_info as get_build_info
from pywatt_sdk.build import get_build_info_dict as get_build_info_dict
from pywatt_sdk.build import get_version_info as get_version_info
from pywatt_sdk.communication.channel_types import ChannelCapabilities as ChannelCapabilities
from pywatt_sdk.communication.channel_types import ChannelPreferences as ChannelPreferences
from pywatt_sdk.communication.channel_types import ChannelType as ChannelType
from pywatt_sdk.communication.connection_config import ConnectionConfig as ConnectionConfig
from pywatt_sdk.communication.connection_config import IpcConnectionConfig as IpcConnectionConfig
from pywatt_sdk.communication.connection_config import ReconnectPolicy as ReconnectPolicy
from pywatt_sdk.communication.connection_config import TlsConfig as TlsConfig
from pywatt_sdk.communication.http_ipc import HttpIpcRouter as HttpIpcRouter
from pywatt_sdk.communication.http_tcp import HttpTcpClient as HttpTcpClient
from pywatt_sdk.communication.http_tcp import HttpTcpError as HttpTcpError
from pywatt_sdk.communication.http_tcp import HttpTcpRequest as HttpTcpRequest
from pywatt_sdk.communication.http_tcp import HttpTcpResponse as HttpTcpResponse
from pywatt_sdk.communication.http_tcp import HttpTcpRouter as HttpTcpRouter
from pywatt_sdk.communication.http_tcp import HttpTcpServer as HttpTcpServer
from pywatt_sdk.communication.http_tcp import start_http_server as start_http_server
from pywatt_sdk.communication.ipc import process_ipc_messages as process_ipc_messages
from pywatt_sdk.communication.ipc import read_init as read_init
from pywatt_sdk.communication.ipc import send_announce as send_announce
from pywatt_sdk.communication.ipc_channel import IpcChannel as IpcChannel
from pywatt_sdk.communication.ipc_types import AnnounceBlob as AnnounceBlob
from pywatt_sdk.communication.ipc_types import EndpointAnnounce as EndpointAnnounce
from pywatt_sdk.communication.ipc_types import InitBlob as InitBlob
from pywatt_sdk.communication.ipc_types import IpcChannelConfig as IpcChannelConfig
from pywatt_sdk.communication.ipc_types import ListenAddress as ListenAddress
from pywatt_sdk.communication.ipc_types import ModuleToOrchestrator as ModuleToOrchestrator
from pywatt_sdk.communication.ipc_types import OrchestratorToModule as OrchestratorToModule
from pywatt_sdk.communication.ipc_types import TcpChannelConfig as TcpChannelConfig
from pywatt_sdk.communication.message import EncodedMessage as EncodedMessage
from pywatt_sdk.communication.message import Message as Message
from pywatt_sdk.communication.message import MessageError as MessageError
from pywatt_sdk.communication.message import MessageMetadata as MessageMetadata
from pywatt_sdk.communication.message_channel import MessageChannel as MessageChannel
from pywatt_sdk.communication.port_negotiation import (
    PortNegotiationManager as PortNegotiationManager,
)
from pywatt_sdk.communication.port_negotiation import negotiate_port as negotiate_port
from pywatt_sdk.communication.tcp_channel import TcpChannel as TcpChannel
from pywatt_sdk.core.bootstrap import AppStateExt as AppStateExt
from pywatt_sdk.core.bootstrap import BootstrapResult as BootstrapResult
from pywatt_sdk.core.bootstrap import bootstrap_module as bootstrap_module
from pywatt_sdk.core.bootstrap import bootstrap_module_legacy as bootstrap_module_legacy
from pywatt_sdk.core.bootstrap import serve_module_full as serve_module_full
from pywatt_sdk.core.bootstrap import serve_module_with_lifecycle as serve_module_with_lifecycle
from pywatt_sdk.core.config import AppConfig as AppConfig
from pywatt_sdk.core.config import Config as Config
from pywatt_sdk.core.error import AnnouncementError as AnnouncementError
from pywatt_sdk.core.error import BootstrapError as BootstrapError
from pywatt_sdk.core.error import ConfigError as ConfigError
from pywatt_sdk.core.error import HandshakeError as HandshakeError
from pywatt_sdk.core.error import NetworkError as NetworkError
from pywatt_sdk.core.error import PyWattSDKError as PyWattSDKError
from pywatt_sdk.core.error import Result as Result
from pywatt_sdk.core.error import SecretError as SecretError
from pywatt_sdk.core.error import UnavailableError as UnavailableError
from pywatt_sdk.core.logging import info as info
from pywatt_sdk.core.logging import init_module as init_module
from pywatt_sdk.core.logging import safe_log as safe_log
from pywatt_sdk.core.state import AppState as AppState
from pywatt_sdk.internal.messaging import InternalMessagingClient as InternalMessagingClient
from pywatt_sdk.internal.messaging import InternalMessagingError as InternalMessagingError
from pywatt_sdk.internal.messaging import create_messaging_client as create_messaging_client
from pywatt_sdk.module import AnnouncedEndpoint as AnnouncedEndpoint
from pywatt_sdk.module import ModuleApp as ModuleApp
from pywatt_sdk.module import pywatt_module as pywatt_module
from pywatt_sdk.module import run_module as run_module
from pywatt_sdk.security.jwt_auth import FlaskJwtManager as FlaskJwtManager
from pywatt_sdk.security.jwt_auth import JwtAuthMiddleware as JwtAuthMiddleware
from pywatt_sdk.security.jwt_auth import JwtClaims as JwtClaims
from pywatt_sdk.security.jwt_auth import JwtConfig as JwtConfig
from pywatt_sdk.security.jwt_auth import JwtError as JwtError
from pywatt_sdk.security.jwt_auth import JwtValidator as JwtValidator
from pywatt_sdk.security.jwt_auth import create_jwt_middleware as create_jwt_middleware
from pywatt_sdk.security.jwt_auth import create_jwt_token as create_jwt_token
from pywatt_sdk.security.jwt_auth import extract_jwt_claims as extract_jwt_claims
from pywatt_sdk.security.jwt_auth import get_jwt_claims as get_jwt_claims
from pywatt_sdk.security.jwt_auth import require_jwt_claims as require_jwt_claims
from pywatt_sdk.security.jwt_auth import validate_jwt_token as validate_jwt_token
from pywatt_sdk.security.jwt_proxy import JwtProxy as JwtProxy
from pywatt_sdk.security.secret_client import RequestMode as RequestMode
from pywatt_sdk.security.secret_client import SecretClient as SecretClient
from pywatt_sdk.security.secret_client import get_module_secret_client as get_module_secret_client
from pywatt_sdk.security.secret_client import get_secret as get_secret
from pywatt_sdk.security.secret_client import get_secrets as get_secrets
from pywatt_sdk.security.secret_client import (
    subscribe_secret_rotations as subscribe_secret_rotations,
)
from pywatt_sdk.security.secrets import SecretConfig as SecretConfig
from pywatt_sdk.security.secrets import SecretManager as SecretManager
from pywatt_sdk.security.secrets import create_secret_manager as create_secret_manager
from pywatt_sdk.security.typed_secret import Secret as Secret
from pywatt_sdk.security.typed_secret import SecretString as SecretString
from pywatt_sdk.security.typed_secret import get_bool_secret as get_bool_secret
from pywatt_sdk.security.typed_secret import get_float_secret as get_float_secret
from pywatt_sdk.security.typed_secret import get_int_secret as get_int_secret
from pywatt_sdk.security.typed_secret import get_string_secret as get_string_secret
from pywatt_sdk.security.typed_secret import get_typed_secret as get_typed_secret
from pywatt_sdk.services.registration import Capabilities as Capabilities
from pywatt_sdk.services.registration import Endpoint as Endpoint
from pywatt_sdk.services.registration import HealthStatus as HealthStatus
from pywatt_sdk.services.registration import ModuleInfo as ModuleInfo
from pywatt_sdk.services.registration import RegisteredModule as RegisteredModule
from pywatt_sdk.services.registration import RegistrationClient as RegistrationClient
from pywatt_sdk.services.registration import RegistrationError as RegistrationError
from pywatt_sdk.services.router_discovery import DiscoveredEndpoint as DiscoveredEndpoint
from pywatt_sdk.services.router_discovery import announce_from_router as announce_from_router
from pywatt_sdk.services.router_discovery import discover_endpoints as discover_endpoints
from pywatt_sdk.services.router_discovery import (
    discover_endpoints_advanced as discover_endpoints_advanced,
)
from pywatt_sdk.services.server import FastAPIServerManager as FastAPIServerManager
from pywatt_sdk.services.server import FlaskServerManager as FlaskServerManager
from pywatt_sdk.services.server import ServeOptions as ServeOptions
from pywatt_sdk.services.server import ServerManager as ServerManager
from pywatt_sdk.services.server import get_pre_allocated_port as get_pre_allocated_port
from pywatt_sdk.services.server import get_server_manager as get_server_manager
from pywatt_sdk.services.server import serve_module as serve_module
from pywatt_sdk.services.server import serve_with_options as serve_with_options
from pywatt_sdk.services.server import set_pre_allocated_port as set_pre_allocated_port
from pywatt_sdk.services.service_discovery import ServiceDiscoveryClient as ServiceDiscoveryClient
from pywatt_sdk.services.service_discovery import ServiceProviderInfo as ServiceProviderInfo

__version__: str
