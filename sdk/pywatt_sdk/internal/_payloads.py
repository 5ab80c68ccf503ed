"""What one module sends another: JSON in an `EncodedMessage` (pywatt wire specification §8.2).

A request travels in a `Message` wrapper, a reply bare; so do Rust modules. A reply that is
`{"error": sentence, "code": word}` and nothing else says why there is none.
"""

from __future__ import annotations

import binascii
from typing import Any, Final, TypeVar

import msgspec

from pywatt_sdk._protocol import EncodingFormat, Payload, is_uuid, new_uuid
from pywatt_sdk.internal._failures import Failure, InternalMessagingError

T = TypeVar("T")

_WRAPPER: Final = ({"id", "content", "metadata"}, {"id", "content"})
_REFUSAL: Final = ({"error", "code"}, {"error"})


def request(value: object, encoding: EncodingFormat = EncodingFormat.JSON) -> Payload:
    """Wrap and encode what is sent to another module; a payload stays as it is.

    Raises:
        InternalMessagingError: if the value has no JSON form, or the encoding none on the wire.
    """
    if isinstance(value, Payload):
        return value
    return _encoded({"id": new_uuid(), "content": value, "metadata": {}}, encoding)


def reply(value: object, encoding: EncodingFormat = EncodingFormat.JSON) -> Payload:
    """Encode what a handler returned; raises as `request` does."""
    return value if isinstance(value, Payload) else _encoded(value, encoding)


def refusal(sentence: str, failure: Failure) -> Payload:
    """Encode why there is no reply."""
    return _encoded({"error": sentence, "code": failure.value}, EncodingFormat.JSON)


def content(payload: Payload) -> Any:
    """Decode what another module sent, out of its wrapper; bytes that are no JSON stay bytes.

    Raises:
        InternalMessagingError: if it says that it is JSON and is not.
    """
    value = _decoded(payload)
    if isinstance(value, dict) and value.keys() in _WRAPPER:
        id_, metadata = value["id"], value.get("metadata", {})
        if isinstance(id_, str) and is_uuid(id_) and isinstance(metadata, dict):
            return value["content"]
    return value


def answer(payload: Payload, kind: type[T]) -> T:
    """Decode a reply as a *kind*: builtins, dataclasses, msgspec structs and pydantic models.

    Raises:
        InternalMessagingError: if the reply says why there is none, or is no such thing.
    """
    value = _decoded(payload)
    if isinstance(value, dict) and value.keys() in _REFUSAL and isinstance(value["error"], str):
        raise InternalMessagingError(value["error"], failure=Failure.of(value.get("code")))
    try:
        if (validate := getattr(kind, "model_validate", None)) is not None:
            return validate(value)  # type: ignore[no-any-return]  # a pydantic model
        return msgspec.convert(value, kind)
    except (ValueError, msgspec.ValidationError) as error:
        raise InternalMessagingError(
            f"the reply is no {getattr(kind, '__name__', kind)}",
            error,
            failure=Failure.DESERIALIZATION,
        ) from error


def _encoded(value: object, encoding: EncodingFormat) -> Payload:
    try:
        data = msgspec.json.encode(value, enc_hook=_plain)
    except (TypeError, ValueError, RecursionError) as error:
        raise InternalMessagingError(
            "the message has no JSON form", error, failure=Failure.SERIALIZATION
        ) from error
    match encoding:
        case EncodingFormat.JSON | EncodingFormat.AUTO:
            return Payload(data, EncodingFormat.JSON)
        case EncodingFormat.BINARY:
            return Payload(data, EncodingFormat.BINARY)
        case EncodingFormat.BASE64:
            return Payload(binascii.b2a_base64(data, newline=False), EncodingFormat.BASE64)
    raise InternalMessagingError(
        f"{encoding.name} is not spoken on the wire; use JSON", failure=Failure.SERIALIZATION
    )


def _decoded(payload: Payload) -> Any:
    data = payload.data
    try:
        if payload.format is EncodingFormat.BASE64:
            data = binascii.a2b_base64(data, strict_mode=True)
        return msgspec.json.decode(data)
    except (ValueError, RecursionError) as error:
        if payload.format is EncodingFormat.BINARY:
            return data
        raise InternalMessagingError(
            f"the payload is no {payload.format.value}", error, failure=Failure.DESERIALIZATION
        ) from error


def _plain(value: object) -> Any:
    dump = getattr(value, "model_dump", None)
    if dump is None:
        raise TypeError(f"{type(value).__name__} has none")
    return dump(mode="json")
