"""What a module says to its orchestrator (pywatt wire specification §2.3).

Field names are those of the wire. A field that may be None is read from null or from nothing;
where the wire demands the key it is written as null, elsewhere it is left out. Bodies are bytes,
whatever form they travel in.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from pywatt_sdk._wire_values import U16, Payload, ServiceType  # noqa: TC001 (read by msgspec)


class Endpoint(Struct, frozen=True, omit_defaults=True):
    """One route of a module; `auth` is `"jwt"` where a token is asked for."""

    path: str
    methods: tuple[str, ...]
    auth: str | None = None


class _ToOrchestrator(Struct, frozen=True, tag_field="op"):
    pass


class Announce(_ToOrchestrator, frozen=True, tag="announce"):
    """The module listens here and serves these routes."""

    listen: str
    endpoints: tuple[Endpoint, ...]


class GetSecret(_ToOrchestrator, frozen=True, tag="get_secret"):
    """The module asks for a secret; answered by `Secret` with the same name."""

    name: str


class RotationAck(_ToOrchestrator, frozen=True, tag="rotation_ack", omit_defaults=True):
    """The module took (`success`) or could not take (`error`) the rotated secrets."""

    rotation_id: str
    status: str
    message: str | None = None


class RegisterServiceProvider(
    _ToOrchestrator, frozen=True, tag="register_service_provider", kw_only=True
):
    """The module offers a service to others."""

    service_type: ServiceType
    name: str
    version: str | None = None
    address: str
    metadata: dict[str, str] | None = None


class DiscoverServiceProviders(_ToOrchestrator, frozen=True, tag="discover_service_providers"):
    """The module looks for providers: all, or the first healthy one."""

    service_type: ServiceType
    all_providers: bool | None = None


class ServiceRequest(_ToOrchestrator, frozen=True, tag="service_request"):
    """The module wants a connection to a service of the orchestrator's; matched by `id`."""

    id: str
    service_type: ServiceType
    config: Any = None


class ServiceOperation(_ToOrchestrator, frozen=True, tag="service_operation", omit_defaults=True):
    """One operation on such a connection.

    `operation_id` is ours: a module that was told by `Init.orchestrator` that it is understood adds
    it, so that several operations on one connection may be under way.
    """

    connection_id: str
    service_type: ServiceType
    operation: str
    params: Any
    operation_id: str | None = None


class HttpResponse(_ToOrchestrator, frozen=True, tag="http_response"):
    """What a module answers to an `HttpRequest` with the same `request_id`."""

    request_id: str
    status_code: U16
    headers: dict[str, str]
    body: bytes | None = None


class PortRequest(_ToOrchestrator, frozen=True, tag="port_request"):
    """The module asks for a port, perhaps a certain one."""

    request_id: str
    specific_port: U16 | None = None


class RouteToModule(_ToOrchestrator, frozen=True, tag="route_to_module", omit_defaults=True):
    """A message for another module, or the reply to one with this id; `expects_reply` is ours."""

    target_module_id: str
    target_endpoint: str
    request_id: str
    payload: Payload
    expects_reply: bool | None = None


class HeartbeatAck(_ToOrchestrator, frozen=True, tag="heartbeat_ack"):
    """The module is alive."""


class Hello(_ToOrchestrator, frozen=True, tag="hello"):
    """The first line of a module of ours, where `Init.orchestrator` says that it is understood."""

    sdk: str
    version: str
    accepts: tuple[str, ...] = ()


class Identify(_ToOrchestrator, frozen=True, tag="identify"):
    """The answer to `Challenge`: hex HMAC-SHA256(auth_token, nonce + ":" + module_id)."""

    module_id: str
    proof: str = ""
