"""What an orchestrator says to a module (pywatt wire specification §2.2, §2.4).

Fields are as in the other direction, `_wire_to_orchestrator`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct

from pywatt_sdk._wire_values import (
    U16,
    Address,
    Payload,
    SecurityLevel,
    ServiceType,
    read_address,
)

if TYPE_CHECKING:
    from pywatt_sdk._wire_to_orchestrator import ServiceOperation


class TcpOffer(Struct, frozen=True):
    """The TCP channel that the orchestrator offers a module."""

    address: str
    tls_enabled: bool
    required: bool

    @property
    def _parts(self) -> Address:
        return read_address(self.address) or Address(self.address, 0)

    @property
    def host(self) -> str:
        """Give the address without its port."""
        return self._parts.host

    @property
    def port(self) -> int:
        """Give the address's port."""
        return self._parts.port


class UdsOffer(Struct, frozen=True):
    """The Unix-domain socket that the orchestrator offers a module."""

    socket_path: str
    required: bool


class Init(Struct, frozen=True, kw_only=True):
    """The first line on a module's stdin.

    `orchestrator` is ours: `"kiket-console/VERSION"`. `debug_mode` and `log_level` are read where
    older Python orchestrators write them.
    """

    orchestrator_api: str
    module_id: str
    env: dict[str, str]
    listen: str
    tcp_channel: TcpOffer | None = None
    ipc_channel: UdsOffer | None = None
    auth_token: str | None = None
    security_level: SecurityLevel = SecurityLevel.NONE
    orchestrator: str | None = None
    debug_mode: bool = False
    log_level: str | None = None

    def __repr__(self) -> str:
        return f"Init(module_id={self.module_id!r}, listen={self.listen!r})"  # the token is secret


class _ToModule(Struct, frozen=True, tag_field="op"):
    pass


class Secret(_ToModule, frozen=True, tag="secret", omit_defaults=True):
    """A secret's value; `error` (ours) says why there is none, and then `value` is empty."""

    name: str
    value: str
    rotation_id: str | None = None
    error: str | None = None

    def __repr__(self) -> str:
        return f"Secret(name={self.name!r})"


class Rotated(_ToModule, frozen=True, tag="rotated"):
    """These secrets have new values; to be answered by `RotationAck`."""

    keys: tuple[str, ...]
    rotation_id: str


class Shutdown(_ToModule, frozen=True, tag="shutdown"):
    """The module is to end."""


class Heartbeat(_ToModule, frozen=True, tag="heartbeat"):
    """Is the module alive? Answered by `HeartbeatAck`."""


class RegisterServiceProviderResponse(
    _ToModule, frozen=True, tag="register_service_provider_response"
):
    """Whether a service was taken into the registry, and under which id."""

    success: bool
    provider_id: str | None = None
    error: str | None = None


class ServiceProvider(Struct, frozen=True, kw_only=True):
    """One entry of the registry of services."""

    provider_id: str
    module_id: str
    service_type: ServiceType
    name: str
    version: str | None = None
    address: str
    metadata: dict[str, str]
    is_healthy: bool


class DiscoverServiceProvidersResponse(
    _ToModule, frozen=True, tag="discover_service_providers_response"
):
    """The providers that were found; none is no error."""

    success: bool
    providers: tuple[ServiceProvider, ...]
    error: str | None = None


class ServiceResponse(_ToModule, frozen=True, tag="service_response"):
    """Whether a connection to a service was opened; matched by `id`."""

    id: str
    service_type: ServiceType
    success: bool
    error: str | None = None
    connection_id: str | None = None


class OperationEcho(Struct, frozen=True, omit_defaults=True):
    """The operation that a result answers: a Rust module finds its caller by it (§2.5)."""

    connection_id: str
    service_type: ServiceType
    operation: str
    params: Any
    operation_id: str | None = None


class ServiceOperationResult(_ToModule, frozen=True, tag="service_operation_result"):
    """What came of a `ServiceOperation`; `params` echoes it."""

    success: bool
    result: Any = None
    error: str | None = None
    params: OperationEcho | None = None

    @classmethod
    def to(
        cls, operation: ServiceOperation, *, result: Any = None, error: str | None = None
    ) -> ServiceOperationResult:
        """Answer an operation: with a result, or with the sentence that says why there is none."""
        echo = OperationEcho(
            operation.connection_id,
            operation.service_type,
            operation.operation,
            operation.params,
            operation.operation_id,
        )
        return cls(success=error is None, result=result, error=error, params=echo)


class HttpRequest(_ToModule, frozen=True, tag="http_request"):
    """An HTTP request for a module; `uri` is path and query."""

    request_id: str
    method: str
    uri: str
    headers: dict[str, str]
    body: bytes | None = None


class PortResponse(_ToModule, frozen=True, tag="port_response"):
    """The port that a module may use; 0 where `success` is false."""

    request_id: str
    success: bool
    port: U16
    error_message: str | None = None


class RoutedModuleMessage(_ToModule, frozen=True, tag="routed_module_message", omit_defaults=True):
    """A message from another module.

    `target_endpoint`, `expects_reply` and `traceparent` (W3C Trace Context: of what request it is a
    part) are ours; they are left out where they are None.
    """

    source_module_id: str
    original_request_id: str
    payload: Payload
    target_endpoint: str | None = None
    expects_reply: bool | None = None
    traceparent: str | None = None


class RoutedModuleResponse(_ToModule, frozen=True, tag="routed_module_response"):
    """Another module's reply; its payload is the bare JSON of the answer."""

    source_module_id: str
    request_id: str
    payload: Payload


class Challenge(_ToModule, frozen=True, tag="challenge"):
    """Who are you? Ours, on TCP and UDS: 64 hex digits, answered by `Identify`."""

    nonce: str
