"""Values inside messages, in the spelling of the wire (pywatt wire specification §2.1)."""

from __future__ import annotations

import enum
import re
from typing import Annotated, Any, Final, NamedTuple

import msgspec
from msgspec import Meta, Raw, Struct
from pybase64 import b64decode

U16 = Annotated[int, Meta(ge=0, le=0xFFFF)]

_SLICE_BYTES: Final = 256 * 1024
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(-?)(?:[0-9a-fA-F]{4}\1){3}[0-9a-fA-F]{12}\Z")
_numbers: Final = msgspec.json.Decoder(list[int])
_text: Final = msgspec.json.Decoder(str)


class SecurityLevel(enum.Enum):
    """What a module must show before its framed channels are trusted."""

    NONE = "None"
    TOKEN = "Token"  # noqa: S105  # a level's name
    MTLS = "Mtls"


class EncodingFormat(enum.Enum):
    """How the bytes of an `EncodedMessage` are encoded.

    `MSGPACK` is a name of older Python modules; it has no code on the wire.
    """

    JSON = "Json"
    BINARY = "Binary"
    BASE64 = "Base64"
    AUTO = "Auto"
    MSGPACK = "MessagePack"


class Payload(Struct, frozen=True):
    """Bytes that pass between two modules, and how they are encoded (`EncodedMessage`)."""

    data: bytes
    format: EncodingFormat = EncodingFormat.JSON


class ServiceType:
    """A kind of service: database, cache, jwt, or one of your own.

    Its text is `"database"`, `"cache"`, `"jwt"` or `"custom:NAME"`; on the wire it is `"Database"`,
    `"Cache"`, `"Jwt"` or `{"Custom": NAME}`.

    >>> str(ServiceType.custom("search"))
    'custom:search'
    """

    __slots__ = ("is_custom", "name")

    DATABASE: ServiceType
    CACHE: ServiceType
    JWT: ServiceType

    def __init__(self, name: str, *, is_custom: bool = False) -> None:
        self.name = name
        self.is_custom = is_custom

    @classmethod
    def custom(cls, name: str) -> ServiceType:
        """Name a kind of service of your own."""
        return cls(name, is_custom=True)

    @classmethod
    def parse(cls, text: str) -> ServiceType:
        """Read any spelling in use; a word that is no built-in kind names one of your own."""
        lower = text.lower()
        if lower in _BUILT_IN:
            return _BUILT_IN[lower]
        if lower.startswith("custom:"):
            return cls.custom(text[7:])
        if lower.startswith("custom(") and text.endswith(")"):
            return cls.custom(text[7:-1])
        return cls.custom(text)

    @classmethod
    def from_wire(cls, value: object) -> ServiceType:
        """Read what a peer wrote, by the letter.

        Raises:
            ValueError: if it is no service type.
        """
        if isinstance(value, dict) and len(value) == 1:
            ((kind, name),) = value.items()
            if kind == "Custom" and isinstance(name, str):
                return cls.custom(name)
            value = kind if name is None else None
        if isinstance(value, str) and value in _ON_WIRE:
            return _ON_WIRE[value]
        raise ValueError(
            'A service type is "Database", "Cache", "Jwt" or {"Custom": "a name"}, nothing else'
        )

    @property
    def wire(self) -> str | dict[str, str]:
        """Give the form that is written."""
        return {"Custom": self.name} if self.is_custom else self.name.capitalize()

    def __str__(self) -> str:
        return f"custom:{self.name}" if self.is_custom else self.name

    def __repr__(self) -> str:
        return f"ServiceType({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ServiceType):
            return NotImplemented
        return (self.name, self.is_custom) == (other.name, other.is_custom)

    def __hash__(self) -> int:
        return hash((self.name, self.is_custom))


_BUILT_IN: Final = {name: ServiceType(name) for name in ("database", "cache", "jwt")}
_ON_WIRE: Final = {name.capitalize(): kind for name, kind in _BUILT_IN.items()}
ServiceType.DATABASE = _BUILT_IN["database"]
ServiceType.CACHE = _BUILT_IN["cache"]
ServiceType.JWT = _BUILT_IN["jwt"]


def read_custom(kind: type, value: Any) -> Any:
    """Decode what msgspec does not know by itself (its `dec_hook`)."""
    if kind is ServiceType:
        return ServiceType.from_wire(value)
    raise NotImplementedError(kind)


def write_custom(value: Any) -> Any:
    """Encode what msgspec does not know by itself (its `enc_hook`)."""
    if isinstance(value, ServiceType):
        return value.wire
    raise NotImplementedError(type(value))


def is_uuid(text: str) -> bool:
    """Say whether a Rust peer reads this text as a UUID."""
    return _UUID.match(text) is not None


def read_uuid(text: str, *, strict: bool) -> str:
    """Return the id of a routed message; raises ValueError if it is strictly no UUID."""
    if strict and not is_uuid(text):
        raise ValueError("The id of a routed message is a UUID")
    return text


class Address(NamedTuple):
    """Where something listens: an IP literal or a host name, and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


_PORT_DIGITS = 5


def read_address(text: str) -> Address | None:
    """Read `host:port`, `1.2.3.4:80` or `[::1]:80`; None if it is something else (a path)."""
    host, colon, port = text.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or "/" in host:
        return None
    if len(port) > _PORT_DIGITS or int(port) > 0xFFFF:
        return None
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        return None
    return Address(host, int(port)) if host else None


def is_ip_address(text: str) -> bool:
    """Say whether a text is an IP literal with a port, as a Rust peer demands."""
    import ipaddress

    address = read_address(text)
    if address is None:
        return False
    try:
        version = ipaddress.ip_address(address.host).version
    except ValueError:
        return False
    return (version == 6) == text.startswith("[")


def bytes_as_numbers(data: bytes) -> Raw:
    """Write bytes as the wire demands them of us: `[104,105]`."""
    if len(data) <= _SLICE_BYTES:
        return Raw(msgspec.json.encode(list(data)))
    slices = (data[at : at + _SLICE_BYTES] for at in range(0, len(data), _SLICE_BYTES))
    inner = b",".join(msgspec.json.encode(list(part))[1:-1] for part in slices)
    return Raw(b"[" + inner + b"]")


def read_bytes(body: str | bytes | Raw | None, *, strict: bool) -> bytes | None:
    """Read bytes from base64 text, or from JSON: null, numbers, or (not strict) base64 text.

    A long array is read in slices, so that it never stands in memory as a list.

    Raises:
        ValueError: if it is neither.
        msgspec.DecodeError: the same, where the JSON reader noticed.
    """
    if isinstance(body, str):
        return b64decode(body, None, True)  # strictly; a keyword would cost half as much again
    if body is None:
        return None
    raw = bytes(body)
    if raw == b"null":
        return None
    if raw[:1] == b"[":
        return _read_numbers(raw, strict=strict)
    if raw[:1] == b'"' and not strict:
        return b64decode(_text.decode(raw), None, True)
    raise ValueError("Bytes are an array of numbers from 0 to 255 or null")


def _read_numbers(raw: bytes, *, strict: bool) -> bytes:
    if strict and (b"." in raw or b"e" in raw or b"E" in raw):
        raise ValueError("Bytes are whole numbers from 0 to 255")
    if len(raw) <= _SLICE_BYTES:
        return bytes(_numbers.decode(raw))
    data = bytearray()
    start, end = 1, len(raw) - 1
    while start < end:
        cut = raw.find(b",", start + _SLICE_BYTES, end)
        stop = end if cut < 0 else cut
        part = _numbers.decode(b"[" + raw[start:stop] + b"]")
        if not part:
            raise ValueError("An array of bytes has a comma too many")
        data += bytes(part)
        start = stop + 1
        if stop == end - 1:
            raise ValueError("An array of bytes has a comma too many")
    return bytes(data)
