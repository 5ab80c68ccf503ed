"""All messages between a module and its orchestrator, in both directions."""

from __future__ import annotations

from typing import TypeAlias

from pywatt_sdk._wire_to_module import (
    Challenge as Challenge,
)
from pywatt_sdk._wire_to_module import (
    DiscoverServiceProvidersResponse as DiscoverServiceProvidersResponse,
)
from pywatt_sdk._wire_to_module import (
    Heartbeat as Heartbeat,
)
from pywatt_sdk._wire_to_module import (
    HttpRequest as HttpRequest,
)
from pywatt_sdk._wire_to_module import (
    Init as Init,
)
from pywatt_sdk._wire_to_module import (
    OperationEcho as OperationEcho,
)
from pywatt_sdk._wire_to_module import (
    PortResponse as PortResponse,
)
from pywatt_sdk._wire_to_module import (
    RegisterServiceProviderResponse as RegisterServiceProviderResponse,
)
from pywatt_sdk._wire_to_module import (
    Rotated as Rotated,
)
from pywatt_sdk._wire_to_module import (
    RoutedModuleMessage as RoutedModuleMessage,
)
from pywatt_sdk._wire_to_module import (
    RoutedModuleResponse as RoutedModuleResponse,
)
from pywatt_sdk._wire_to_module import (
    Secret as Secret,
)
from pywatt_sdk._wire_to_module import (
    ServiceOperationResult as ServiceOperationResult,
)
from pywatt_sdk._wire_to_module import (
    ServiceProvider as ServiceProvider,
)
from pywatt_sdk._wire_to_module import (
    ServiceResponse as ServiceResponse,
)
from pywatt_sdk._wire_to_module import (
    Shutdown as Shutdown,
)
from pywatt_sdk._wire_to_module import (
    TcpOffer as TcpOffer,
)
from pywatt_sdk._wire_to_module import (
    UdsOffer as UdsOffer,
)
from pywatt_sdk._wire_to_orchestrator import (
    Announce as Announce,
)
from pywatt_sdk._wire_to_orchestrator import (
    DiscoverServiceProviders as DiscoverServiceProviders,
)
from pywatt_sdk._wire_to_orchestrator import (
    Endpoint as Endpoint,
)
from pywatt_sdk._wire_to_orchestrator import (
    GetSecret as GetSecret,
)
from pywatt_sdk._wire_to_orchestrator import (
    HeartbeatAck as HeartbeatAck,
)
from pywatt_sdk._wire_to_orchestrator import (
    Hello as Hello,
)
from pywatt_sdk._wire_to_orchestrator import (
    HttpResponse as HttpResponse,
)
from pywatt_sdk._wire_to_orchestrator import (
    Identify as Identify,
)
from pywatt_sdk._wire_to_orchestrator import (
    PortRequest as PortRequest,
)
from pywatt_sdk._wire_to_orchestrator import (
    RegisterServiceProvider as RegisterServiceProvider,
)
from pywatt_sdk._wire_to_orchestrator import (
    RotationAck as RotationAck,
)
from pywatt_sdk._wire_to_orchestrator import (
    RouteToModule as RouteToModule,
)
from pywatt_sdk._wire_to_orchestrator import (
    ServiceOperation as ServiceOperation,
)
from pywatt_sdk._wire_to_orchestrator import (
    ServiceRequest as ServiceRequest,
)
from pywatt_sdk._wire_values import U16 as U16
from pywatt_sdk._wire_values import EncodingFormat as EncodingFormat
from pywatt_sdk._wire_values import Payload as Payload

ToOrchestrator: TypeAlias = (
    Announce
    | GetSecret
    | RotationAck
    | RegisterServiceProvider
    | DiscoverServiceProviders
    | ServiceRequest
    | ServiceOperation
    | HttpResponse
    | PortRequest
    | RouteToModule
    | HeartbeatAck
    | Hello
    | Identify
)
ToModule: TypeAlias = (
    Init
    | Secret
    | Rotated
    | Shutdown
    | Heartbeat
    | RegisterServiceProviderResponse
    | DiscoverServiceProvidersResponse
    | ServiceResponse
    | ServiceOperationResult
    | HttpRequest
    | PortResponse
    | RoutedModuleMessage
    | RoutedModuleResponse
    | Challenge
)


def op_of(message: ToModule | ToOrchestrator) -> str:
    """Give the word that names a message on the wire: `"get_secret"`."""
    if isinstance(message, Init):
        return "init"
    return str(type(message).__struct_config__.tag)
