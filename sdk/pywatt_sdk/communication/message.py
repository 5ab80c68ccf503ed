"""Messages and the forms they travel in (pywatt wire specification §3.3, §3.4).

A `Message` is content with an id and notes about it; an `EncodedMessage` is the bytes of one, and
how they are encoded; a frame is those with 5 bytes of header in front.

>>> encoded = Message({"ping": 1}).encode()
>>> Message.decode(encoded).content
{'ping': 1}
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

import msgspec
from msgspec import Struct, field
from msgspec.structs import replace

from kiket_core.frames import Format, FrameError, LengthFrame, encode_length
from pywatt_sdk._protocol import EncodingFormat, Payload, new_uuid
from pywatt_sdk._wire_values import bytes_as_numbers, read_bytes
from pywatt_sdk.communication import _bincode
from pywatt_sdk.core.error import PyWattSDKError

if TYPE_CHECKING:
    import asyncio

__all__ = ["EncodedMessage", "EncodingFormat", "Message", "MessageError", "MessageMetadata"]

T = TypeVar("T")
_FRAME_FORMATS = {
    EncodingFormat.JSON: Format.JSON,
    EncodingFormat.BINARY: Format.BINARY,
    EncodingFormat.BASE64: Format.BASE64,
}
_FORMATS = {code: name for name, code in _FRAME_FORMATS.items()}
_fault = (msgspec.MsgspecError, RecursionError, ValueError, TypeError)


class MessageError(PyWattSDKError):
    """A message cannot be encoded or decoded."""


class MessageMetadata(Struct, frozen=True, omit_defaults=True):
    """Notes about a message; each is left out of the wire form where it is None.

    Attributes:
        id: a name of your own for it.
        timestamp: when it was made, in seconds since 1970.
        source: the module that it comes from.
        destination: the module that it is for.
        properties: anything else.
    """

    id: str | None = None
    timestamp: int | None = None
    source: str | None = None
    destination: str | None = None
    properties: dict[str, Any] | None = None

    def with_property(self, key: str, value: Any) -> MessageMetadata:
        """Give the same with one more property."""
        return replace(self, properties={**(self.properties or {}), key: value})


class EncodedMessage(Payload, frozen=True):
    """The bytes of a message, and how they are encoded.

    Its JSON form is `{"data": [numbers], "format": "Json"}`, both mandatory.
    """

    @classmethod
    def from_value(cls, value: Any) -> EncodedMessage:
        """Encode any value as JSON, without a message around it."""
        try:
            return cls(msgspec.json.encode(value))
        except _fault as fault:
            raise MessageError("the value cannot be written as JSON", fault) from None

    @classmethod
    def from_json(cls, raw: bytes | str) -> EncodedMessage:
        """Read the JSON form.

        Raises:
            MessageError: if it is something else.
        """
        try:
            form = msgspec.json.decode(raw, type=_JsonForm)
            data = read_bytes(form.data, strict=False)
        except _fault as fault:
            raise MessageError("an encoded message cannot be read", fault) from None
        if data is None:
            raise MessageError("an encoded message without data cannot be read")
        return cls(data, form.format)

    def to_json(self) -> bytes:
        """Write the JSON form."""
        return msgspec.json.encode(_JsonForm(bytes_as_numbers(self.data), self.format))

    def value(self, type: Any = Any) -> Any:  # noqa: A002  # msgspec's word
        """Decode the data as the JSON of a bare value.

        Raises:
            MessageError: if it is not JSON, or not of that type.
        """
        try:
            return msgspec.json.decode(self.to_format(EncodingFormat.JSON).data, type=type)
        except _fault as fault:
            raise MessageError("the message's data cannot be read as JSON", fault) from None

    def to_format(self, format: EncodingFormat) -> EncodedMessage:  # noqa: A002  # its name
        """Give the same bytes under another format.

        JSON and binary only change the name, so the bytes must be JSON; base64 is put around
        the bytes or taken off them.

        Raises:
            MessageError: if that cannot be, as with `AUTO`.
        """
        if format is self.format:
            return self
        for each in (format, self.format):
            if each not in _FRAME_FORMATS:
                raise MessageError(f"unsupported encoding format: {each.name.lower()}")
        data = self.data
        if self.format is EncodingFormat.BASE64:
            try:
                data = binascii.a2b_base64(data, strict_mode=True)
            except binascii.Error as fault:
                raise MessageError("the message's data is not base64", fault) from None
        if format is EncodingFormat.BASE64:
            return EncodedMessage(base64.b64encode(data), format)
        try:
            msgspec.json.decode(data, type=msgspec.Raw)
        except _fault as fault:
            raise MessageError("the message's data is not JSON", fault) from None
        return EncodedMessage(data, format)

    # --- frames ---

    def to_frame(self) -> bytes:
        """Write a frame: 4 bytes of length, 1 of format, the data (§3.1).

        Raises:
            MessageError: if the format has no code on the wire, or the data is too long.
        """
        code = _FRAME_FORMATS.get(self.format)
        if code is None:
            raise MessageError(f"unsupported encoding format: {self.format.name.lower()}")
        try:
            return encode_length(self.data, code)
        except FrameError as fault:
            raise MessageError(str(fault)) from None

    @classmethod
    def from_frame(cls, frame: LengthFrame) -> EncodedMessage:
        """Take a frame's payload and format."""
        return cls(frame.raw, _FORMATS[frame.format])

    async def write_to_async(self, writer: asyncio.StreamWriter) -> None:
        """Write a frame to a stream, and wait until the stream takes more."""
        writer.write(self.to_frame())
        await writer.drain()

    @classmethod
    async def read_from_async(
        cls, reader: asyncio.StreamReader, *, limit_bytes: int = 64 * 1024 * 1024
    ) -> EncodedMessage:
        """Read one frame from a stream.

        Raises:
            MessageError: if the header is none, or announces more than `limit_bytes`; the
                payload is not read then.
            EOFError: if the stream ends before the frame does.
        """
        header = await reader.readexactly(5)
        length, code = int.from_bytes(header[:4], "big"), header[4]
        if code not in _FORMATS.keys():  # noqa: SIM118  # codes are ints
            raise MessageError(f"invalid message format: Invalid format code {code}")
        if length > limit_bytes:
            raise MessageError(f"a frame of {length} bytes is over the limit of {limit_bytes}")
        return cls(await reader.readexactly(length), _FORMATS[Format(code)])


class Message(Struct, Generic[T]):
    """Content with an id and notes about it.

    Attributes:
        content: anything that JSON holds; text or bytes where the binary form is used.
        id: a UUID; a new one if none is given.
        metadata: notes.
    """

    content: T
    id: str = field(default_factory=new_uuid)
    metadata: MessageMetadata = field(default_factory=MessageMetadata)

    @classmethod
    def new(cls, content: T) -> Self:
        """Make a message with a new id."""
        return cls(content)

    def with_metadata(self, metadata: MessageMetadata) -> Message[T]:
        """Give the same with other notes."""
        return Message(self.content, self.id, metadata)

    def encode(self, format: EncodingFormat = EncodingFormat.JSON) -> EncodedMessage:  # noqa: A002
        """Encode content, id and notes; the binary and base64 forms leave the id out.

        Raises:
            MessageError: if the content cannot be encoded so.
        """
        try:
            return EncodedMessage(self._encoded(format), format)
        except _fault as fault:
            raise MessageError("the message cannot be encoded", fault) from None

    def _encoded(self, format: EncodingFormat) -> bytes:  # noqa: A002  # its name
        match format:
            case EncodingFormat.JSON:
                form = {"id": self.id, "content": self.content, "metadata": self.metadata}
                return msgspec.json.encode(form)
            case EncodingFormat.BINARY:
                return self._binary()
            case EncodingFormat.BASE64:
                return base64.b64encode(self._binary())
            case EncodingFormat.MSGPACK:
                form = {"id": self.id, "content": self.content, "metadata": self.metadata}
                return msgspec.msgpack.encode(form)
            case EncodingFormat.AUTO:
                raise MessageError("unsupported encoding format: auto")

    def _binary(self) -> bytes:
        content: Any = self.content
        if not isinstance(content, str | bytes):
            raise MessageError(
                "the binary form carries text or bytes, for it does not describe itself; "
                "encode the content first, or use JSON"
            )
        notes, properties = self.metadata, self.metadata.properties
        time = notes.timestamp
        return b"".join(
            (
                _bincode.write_bytes(content.encode() if isinstance(content, str) else content),
                _bincode.write_option(_text(notes.id)),
                _bincode.write_option(
                    None if time is None else _bincode.write_uint(_bincode.zigzag(time))
                ),
                _bincode.write_option(_text(notes.source)),
                _bincode.write_option(_text(notes.destination)),
                _bincode.write_bytes(
                    b"" if properties is None else msgspec.json.encode(properties)
                ),
            )
        )

    @classmethod
    def decode(cls, encoded: Payload, type: Any = Any) -> Message[Any]:  # noqa: A002  # msgspec's
        """Read a message in any form.

        Args:
            encoded: its bytes and format.
            type: what the content is to be; the binary form holds `str` (taken if none is named)
                or `bytes`.

        Raises:
            MessageError: if it cannot be read so.
        """
        try:
            match encoded.format:
                case EncodingFormat.JSON:
                    form = msgspec.json.decode(encoded.data, type=_Form)
                    content = msgspec.json.decode(form.content, type=type)
                case EncodingFormat.BINARY:
                    return _from_binary(encoded.data, type)
                case EncodingFormat.BASE64:
                    return _from_binary(binascii.a2b_base64(encoded.data, strict_mode=True), type)
                case EncodingFormat.MSGPACK:
                    form = msgspec.msgpack.decode(encoded.data, type=_Form)
                    content = msgspec.msgpack.decode(form.content, type=type)
                case EncodingFormat.AUTO:
                    raise MessageError("unsupported encoding format: auto")
        except _fault as fault:
            raise MessageError("the message cannot be decoded", fault) from None
        return Message(content, form.id, form.metadata)


class _Form(Struct):
    id: str
    content: msgspec.Raw
    metadata: MessageMetadata = field(default_factory=MessageMetadata)


class _JsonForm(Struct):
    data: msgspec.Raw
    format: EncodingFormat


def _text(value: str | None) -> bytes | None:
    return None if value is None else _bincode.write_bytes(value.encode())


def _from_binary(raw: bytes, type: Any) -> Message[Any]:  # noqa: A002  # msgspec's word
    reader = _bincode.Reader(raw)
    content: Any = reader.octets() if type is bytes else reader.text()
    if reader.is_at_end():  # only the content, as some write it
        return Message(content)
    name, time = reader.option(reader.text), reader.option(reader.signed)
    source, destination = reader.option(reader.text), reader.option(reader.text)
    properties = reader.octets()
    metadata = MessageMetadata(
        name, time, source, destination, msgspec.json.decode(properties) if properties else None
    )
    if not reader.is_at_end():
        raise ValueError("Something follows the message.")
    return Message(content, metadata=metadata)
