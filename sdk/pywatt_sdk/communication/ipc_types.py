"""The types of the stdio protocol as models, for programs that build or read messages themselves.

They validate, and take every spelling in use (pywatt wire specification §2, §12); what they write
to the wire is what Rust writes. A module made with `pywatt_module` needs none of them.

>>> ModuleToOrchestrator.model_validate_json('{"op":"get_secret","name":"K"}').get_secret.name
'K'
"""

from __future__ import annotations

from typing import Any, ClassVar, Self

import msgspec
from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import core_schema

from pywatt_sdk import _protocol as p
from pywatt_sdk._protocol import EncodingFormat, SecurityLevel, ServiceType
from pywatt_sdk._wire_values import write_custom

__all__ = [
    "AnnounceBlob",
    "EncodingFormat",
    "EndpointAnnounce",
    "InitBlob",
    "IpcChannelConfig",
    "ListenAddress",
    "ModuleToOrchestrator",
    "OrchestratorToModule",
    "SecurityLevel",
    "ServiceType",
    "TcpChannelConfig",
]


class ListenAddress(str):
    """Where a module listens: `127.0.0.1:8080`, `[::1]:8080`, or the path of a Unix socket."""

    __slots__ = ()

    @classmethod
    def tcp(cls, address: str) -> ListenAddress:
        """Name an IP address and a port.

        Raises:
            ValueError: if it is something else.
        """
        if p.read_address(address) is None:
            raise ValueError(f"{address!r} is no address with a port, such as 127.0.0.1:8080.")
        return cls(address)

    @classmethod
    def unix(cls, path: str) -> ListenAddress:
        """Name the path of a Unix socket."""
        return cls(path)

    @property
    def is_unix(self) -> bool:
        """Say whether this is a path."""
        return p.read_address(self) is None

    @property
    def host(self) -> str:
        """Give the host; "" for a path."""
        address = p.read_address(self)
        return address.host if address else ""

    @property
    def port(self) -> int:
        """Give the port; 0 for a path."""
        address = p.read_address(self)
        return address.port if address else 0

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> core_schema.CoreSchema:
        """Let pydantic read it from text, `{"Tcp": …}` or `{"Unix": …}`."""
        return core_schema.no_info_before_validator_function(
            _listen_text, core_schema.no_info_after_validator_function(cls, handler(str))
        )


def _listen_text(value: Any) -> Any:
    if isinstance(value, dict) and len(value) == 1:
        return next(iter(value.values()))
    return value


class _Model(BaseModel):
    model_config = ConfigDict(extra="ignore")


class TcpChannelConfig(_Model):
    """The TCP channel that an orchestrator offers, as `address` or as `host` and `port`."""

    address: str
    tls_enabled: bool = False
    required: bool = False

    @model_validator(mode="before")
    @classmethod
    def _from_host_and_port(cls, value: Any) -> Any:
        if isinstance(value, dict) and "address" not in value and "host" in value:
            return {**value, "address": str(p.Address(value["host"], int(value.get("port", 0))))}
        return value

    @property
    def host(self) -> str:
        """Give the address without its port."""
        address = p.read_address(self.address)
        return address.host if address else self.address

    @property
    def port(self) -> int:
        """Give the address's port."""
        address = p.read_address(self.address)
        return address.port if address else 0


class IpcChannelConfig(_Model):
    """The Unix socket that an orchestrator offers."""

    socket_path: str
    required: bool = False


class InitBlob(_Model):
    """What a module is told first: who it is, where to listen, which channels there are.

    `debug_mode` and `log_level` belong to older orchestrators; they are read, and not written
    where they are as usual.
    """

    orchestrator_api: str
    module_id: str
    env: dict[str, str] = Field(default_factory=dict)
    listen: ListenAddress
    tcp_channel: TcpChannelConfig | None = None
    ipc_channel: IpcChannelConfig | None = None
    auth_token: str | None = Field(default=None, repr=False)
    security_level: SecurityLevel = SecurityLevel.NONE
    debug_mode: bool = False
    log_level: str = "info"

    @classmethod
    def from_line(cls, line: bytes | str) -> InitBlob:
        """Read the first line of a module's stdin.

        Raises:
            ProtocolError: if it is no init line.
        """
        return cls.of(p.decode_init(line.encode() if isinstance(line, str) else line))

    @classmethod
    def of(cls, init: p.Init) -> InitBlob:
        """Take over what the protocol read."""
        fields = {
            key: value for key, value in msgspec.to_builtins(init).items() if value is not None
        }
        return cls.model_validate(fields)

    def to_line(self) -> bytes:
        """Write the line as Rust does, its line feed included."""
        fields = self.model_dump(mode="json", exclude_none=True)
        if self.log_level == "info":
            fields.pop("log_level")
        return p.encode_line(msgspec.convert(fields, p.Init))


class EndpointAnnounce(_Model):
    """One route of an announcement; `auth` is `"jwt"` where a token is asked for."""

    path: str
    methods: list[str]
    auth: str | None = None


class AnnounceBlob(_Model):
    """What a module announces: its address and its routes."""

    listen: str
    endpoints: list[EndpointAnnounce] = Field(default_factory=list)

    def to_line(self) -> bytes:
        """Write the line as Rust does, its line feed included."""
        endpoints = tuple(
            p.Endpoint(each.path, tuple(each.methods), each.auth) for each in self.endpoints
        )
        return p.encode_line(p.Announce(self.listen, endpoints))


class _Tagged:
    """A message in either direction: `op`, and its fields under the name of the op.

    `message.get_secret` is the body of a `get_secret` and None for any other message.
    """

    _ops: ClassVar[dict[str, type]]
    __slots__ = ("message", "op")

    def __init__(self, op: str, **fields: Any) -> None:
        nested = fields.pop(op, None)
        if nested is not None:
            fields = nested if isinstance(nested, dict) else _plain(nested)
        fields = {key: value for key, value in fields.items() if key not in self._ops}
        self.message = self._decoded(msgspec.json.encode({**fields, "op": op}))
        self.op = op

    @classmethod
    def _decoded(cls, raw: bytes) -> Any:
        raise NotImplementedError

    @classmethod
    def of(cls, message: Any) -> Self:
        """Take over what the protocol read."""
        tagged = cls.__new__(cls)
        tagged.message, tagged.op = message, p.op_of(message)
        return tagged

    @classmethod
    def model_validate(cls, fields: dict[str, Any]) -> Self:
        """Read a message from its fields, flat or nested under its op's name.

        Raises:
            ProtocolError: if it is none.
        """
        return cls.of(cls._decoded(msgspec.json.encode(fields, enc_hook=write_custom)))

    @classmethod
    def model_validate_json(cls, raw: bytes | str) -> Self:
        """Read a message from its JSON text.

        Raises:
            ProtocolError: if it is none.
        """
        return cls.of(cls._decoded(raw.encode() if isinstance(raw, str) else raw))

    def model_dump(self) -> dict[str, Any]:
        """Give the fields as they are written, `op` among them."""
        fields: dict[str, Any] = msgspec.json.decode(p.encode_json(self.message))
        return fields

    def model_dump_json(self) -> str:
        """Write the message as Rust does."""
        return p.encode_json(self.message).decode()

    def __getattr__(self, name: str) -> Any:
        if name == self.op:
            return self.message
        if name in self._ops:
            return None
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Tagged) and self.message == other.message

    def __hash__(self) -> int:
        return hash((self.op, repr(self.message)))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.message!r})"


def _plain(body: Any) -> dict[str, Any]:
    if isinstance(body, BaseModel):
        return body.model_dump(mode="json")
    fields: dict[str, Any] = msgspec.to_builtins(body, enc_hook=write_custom)
    return fields


class ModuleToOrchestrator(_Tagged):
    """A message of a module."""

    _ops: ClassVar[dict[str, type]] = {
        str(kind.__struct_config__.tag): kind for kind in p.ToOrchestrator.__args__
    }
    __slots__ = ()

    @classmethod
    def _decoded(cls, raw: bytes) -> Any:
        return p.decode_to_orchestrator(raw)


class OrchestratorToModule(_Tagged):
    """A message to a module."""

    _ops: ClassVar[dict[str, type]] = {
        str(kind.__struct_config__.tag or "init"): kind for kind in p.ToModule.__args__
    }
    __slots__ = ()

    @classmethod
    def _decoded(cls, raw: bytes) -> Any:
        return p.decode_to_module(raw)
