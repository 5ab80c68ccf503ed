"""The messages of the registration protocol (pywatt wire specification §4).

A program outside the orchestrator's care connects to a port, registers, says how it fares and what
it offers. Requests are wrapped frames, replies bare ones, strictly in turns. Written as Rust writes
them; read in Rust's spelling and in that of older Python modules (`registration`, `healthy`).
"""

from __future__ import annotations

import enum
from typing import Annotated, Any, Final, TypeAlias, cast

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import replace

from kiket_core.frames import encode_length
from pywatt_sdk._wire_read import ProtocolError, explained
from pywatt_sdk._wire_write import new_uuid


class HealthStatus(enum.Enum):
    """How a registered module fares."""

    HEALTHY = "Healthy"
    DEGRADED = "Degraded"
    UNHEALTHY = "Unhealthy"


class ModuleInfo(Struct, frozen=True, omit_defaults=True):
    """Who registers."""

    name: str
    version: str
    description: str
    id: str | None = None
    metadata: dict[str, str] | None = None

    @classmethod
    def new(cls, name: str, version: str, description: str) -> ModuleInfo:
        """Describe a module."""
        return cls(name, version, description)

    def with_id(self, id: str) -> ModuleInfo:  # noqa: A002  # the wire's word
        """Give the same with an id of your own, a UUID."""
        return replace(self, id=id)

    def with_metadata(self, key: str, value: str) -> ModuleInfo:
        """Give the same with one more note."""
        return replace(self, metadata={**(self.metadata or {}), key: value})


class Endpoint(Struct, frozen=True, omit_defaults=True):
    """A route that a registered module offers."""

    path: str
    methods: tuple[str, ...]
    auth: str | None = None
    metadata: dict[str, str] | None = None

    @classmethod
    def new(cls, path: str, methods: list[str] | tuple[str, ...]) -> Endpoint:
        """Describe a route."""
        return cls(path, tuple(methods))

    def with_auth(self, auth: str) -> Endpoint:
        """Give the same with the kind of token that it asks for, such as `"jwt"`."""
        return replace(self, auth=auth)

    def with_metadata(self, key: str, value: str) -> Endpoint:
        """Give the same with one more note."""
        return replace(self, metadata={**(self.metadata or {}), key: value})


class Capabilities(Struct, frozen=True, omit_defaults=True):
    """What a registered module offers."""

    endpoints: tuple[Endpoint, ...] = msgspec.field(default_factory=lambda: ())
    message_types: tuple[str, ...] | None = None
    additional_capabilities: dict[str, Any] | None = None

    @classmethod
    def new(cls) -> Capabilities:
        """Begin with nothing."""
        return cls()

    def with_endpoint(self, endpoint: Endpoint) -> Capabilities:
        """Give the same with one more route."""
        return replace(self, endpoints=(*self.endpoints, endpoint))

    def with_message_type(self, name: str) -> Capabilities:
        """Give the same with one more kind of message that is understood."""
        return replace(self, message_types=(*(self.message_types or ()), name))

    def with_additional(self, key: str, value: Any) -> Capabilities:
        """Give the same with one more capability in your own words."""
        others = {**(self.additional_capabilities or {}), key: value}
        return replace(self, additional_capabilities=others)


class RegisteredModule(Struct, frozen=True, omit_defaults=True):
    """What a module is told when it was registered; `token` goes into each later request."""

    info: ModuleInfo
    id: str
    token: str
    orchestrator_host: str
    orchestrator_port: Annotated[int, Meta(ge=0, le=0xFFFF)]
    env: dict[str, str] | None = None
    additional_data: dict[str, Any] | None = None

    def __repr__(self) -> str:
        return f"RegisteredModule(id={self.id!r}, name={self.info.name!r})"  # the token is secret


# --- requests ---


class _Request(Struct, frozen=True, tag_field="request_type"):
    pass


class Register(_Request, frozen=True, tag="register"):
    """Take me up."""

    module_info: ModuleInfo


class Beat(_Request, frozen=True, tag="heartbeat", omit_defaults=True):
    """How I fare."""

    module_id: str
    token: str
    status: HealthStatus
    details: dict[str, str] | None = None


class Advertise(_Request, frozen=True, tag="capabilities"):
    """What I offer."""

    module_id: str
    token: str
    capabilities: Capabilities


class Unregister(_Request, frozen=True, tag="unregister"):
    """Forget me."""

    module_id: str
    token: str


RegistrationRequest: TypeAlias = Register | Beat | Advertise | Unregister

# --- replies ---


class _Reply(Struct, frozen=True, tag_field="response_type", omit_defaults=True):
    pass


class RegisterReply(_Reply, frozen=True, tag="register"):
    """Whether the module was taken up, and as what."""

    success: bool
    error: str | None = None
    module: RegisteredModule | None = None


class BeatReply(_Reply, frozen=True, tag="heartbeat"):
    """What the orchestrator makes of it; `status` is there even where `success` is false."""

    success: bool
    status: HealthStatus
    error: str | None = None
    context: dict[str, str] | None = None


class AdvertiseReply(_Reply, frozen=True, tag="capabilities"):
    """Whether the capabilities were noted."""

    success: bool
    error: str | None = None


class UnregisterReply(_Reply, frozen=True, tag="unregister"):
    """Whether the module was forgotten."""

    success: bool
    error: str | None = None


class UnknownReply(_Reply, frozen=True, tag="unknown"):
    """Answers a request that there is none of."""

    success: bool = msgspec.field(default_factory=lambda: False)
    error: str | None = msgspec.field(default_factory=lambda: "Unknown request type")


RegistrationReply: TypeAlias = (
    RegisterReply | BeatReply | AdvertiseReply | UnregisterReply | UnknownReply
)

_OLDER: Final = {"registration": "register", "unregistration": "unregister"}
_STATUSES: Final = {each.value.lower(): each.value for each in HealthStatus}
_encoder: Final = msgspec.json.Encoder()
_any: Final = msgspec.json.Decoder()
_fault = (msgspec.MsgspecError, RecursionError, ValueError)


def decode_request(raw: bytes) -> RegistrationRequest:
    """Read a request, wrapped or bare, in either spelling.

    Raises:
        ProtocolError: if it is none; its `op` is the request type, where there is one.
    """
    kind = ""
    try:
        request = _mended(_any.decode(raw), "request_type")
        kind = str(request.get("request_type", ""))[:64]
        return cast("RegistrationRequest", msgspec.convert(request, RegistrationRequest))
    except _fault as fault:
        raise ProtocolError(explained("The registration request", fault), kind) from None


def decode_reply(raw: bytes) -> RegistrationReply:
    """Read a reply, bare or wrapped, in either spelling.

    Raises:
        ProtocolError: if it is none.
    """
    try:
        reply = _mended(_any.decode(raw), "response_type")
        return cast("RegistrationReply", msgspec.convert(reply, RegistrationReply))
    except _fault as fault:
        raise ProtocolError(explained("The registration reply", fault)) from None


def encode_request(request: RegistrationRequest) -> bytes:
    """Write a request as a frame: wrapped, with two new ids."""
    wrapped = {"id": new_uuid(), "content": request, "metadata": {"id": new_uuid()}}
    return encode_length(_encoder.encode(wrapped))


def encode_reply(reply: RegistrationReply) -> bytes:
    """Write a reply as a frame: bare."""
    return encode_length(_encoder.encode(reply))


def _mended(value: object, tag: str) -> dict[str, Any]:
    if isinstance(value, dict) and tag not in value and isinstance(value.get("content"), dict):
        value = value["content"]
    if not isinstance(value, dict):
        raise msgspec.ValidationError("It is no JSON object")
    mended = {key: each for key, each in value.items() if each is not None}
    if isinstance(mended.get(tag), str):
        mended[tag] = _OLDER.get(mended[tag], mended[tag])
    if isinstance(mended.get("status"), str):
        mended["status"] = _STATUSES.get(mended["status"].lower(), mended["status"])
    return mended
