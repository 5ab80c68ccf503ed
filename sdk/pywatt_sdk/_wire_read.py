"""Reading messages: what Rust writes at full speed, every other spelling in use with a little care.

A message is first read as Rust writes it. Only what does not fit is taken apart and mended: wrapped
where it should be bare, the nested form of the older Python SDK, announcements and HTTP responses
without `op`, bodies as base64 text, words in the wrong case. `strict` leaves the mending out.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar, cast

import msgspec
from msgspec import Raw, Struct
from msgspec.structs import replace
from pybase64 import b64decode

from pywatt_sdk import _wire_messages as m
from pywatt_sdk._wire_mending import mended_init, mended_message
from pywatt_sdk._wire_values import is_ip_address, read_bytes, read_custom, read_uuid

if TYPE_CHECKING:
    from collections.abc import Callable

_MENDED_BYTES: Final = 4 * 1024 * 1024
"""Longer messages are not taken apart: as Python values they would need many times their size."""

Fault = (msgspec.MsgspecError, RecursionError, ValueError)


class ProtocolError(ValueError):
    """A message that cannot be read: the text says why, in one sentence; `op` is its name if known.

    The text never quotes values, which may be secret.
    """

    def __init__(self, message: str, op: str = "") -> None:
        super().__init__(message)
        self.op = op


class Envelope(Struct, frozen=True):
    """What a message is about without reading it: its op ("" if it has none) and correlation id."""

    op: str
    id: str


# --- bodies: base64 text, as programs of ours write them, or any JSON, as others do ---

_Body = TypeVar("_Body", str | None, Raw)
_ABSENT: Final[Any] = Raw(b"null")


class _Payload(Struct, Generic[_Body], frozen=True):
    data: _Body
    format: m.EncodingFormat

    def whole(self, *, strict: bool) -> m.Payload:
        data = read_bytes(self.data, strict=strict)
        if data is None:
            raise ValueError("A payload's data is an array of numbers from 0 to 255")
        return m.Payload(data, self.format)


class _HttpResponse(Struct, Generic[_Body], frozen=True, tag_field="op", tag="http_response"):
    request_id: str
    status_code: m.U16
    headers: dict[str, str]
    body: _Body = _ABSENT

    def whole(self, *, strict: bool) -> m.HttpResponse:
        body = read_bytes(self.body, strict=strict)
        return m.HttpResponse(self.request_id, self.status_code, self.headers, body)


class _RouteToModule(Struct, Generic[_Body], frozen=True, tag_field="op", tag="route_to_module"):
    target_module_id: str
    target_endpoint: str
    request_id: str
    payload: _Payload[_Body]
    expects_reply: bool | None = None

    def whole(self, *, strict: bool) -> m.RouteToModule:
        return m.RouteToModule(
            self.target_module_id,
            self.target_endpoint,
            read_uuid(self.request_id, strict=strict),
            self.payload.whole(strict=strict),
            self.expects_reply,
        )


class _HttpRequest(Struct, Generic[_Body], frozen=True, tag_field="op", tag="http_request"):
    request_id: str
    method: str
    uri: str
    headers: dict[str, str]
    body: _Body = _ABSENT

    def whole(self, *, strict: bool) -> m.HttpRequest:
        body = read_bytes(self.body, strict=strict)
        return m.HttpRequest(self.request_id, self.method, self.uri, self.headers, body)


class _RoutedModuleMessage(
    Struct, Generic[_Body], frozen=True, tag_field="op", tag="routed_module_message"
):
    source_module_id: str
    original_request_id: str
    payload: _Payload[_Body]
    target_endpoint: str | None = None
    expects_reply: bool | None = None
    traceparent: str | None = None

    def whole(self, *, strict: bool) -> m.RoutedModuleMessage:
        return m.RoutedModuleMessage(
            self.source_module_id,
            read_uuid(self.original_request_id, strict=strict),
            self.payload.whole(strict=strict),
            self.target_endpoint,
            self.expects_reply,
            self.traceparent,
        )


class _RoutedModuleResponse(
    Struct, Generic[_Body], frozen=True, tag_field="op", tag="routed_module_response"
):
    source_module_id: str
    request_id: str
    payload: _Payload[_Body]

    def whole(self, *, strict: bool) -> m.RoutedModuleResponse:
        request_id = read_uuid(self.request_id, strict=strict)
        payload = self.payload.whole(strict=strict)
        return m.RoutedModuleResponse(self.source_module_id, request_id, payload)


_WITH_BODY: Final = frozenset(
    {_HttpResponse, _RouteToModule, _HttpRequest, _RoutedModuleMessage, _RoutedModuleResponse}
)

# --- decoders ---

_T = TypeVar("_T")


class _Decoder(Generic[_T]):
    """A decoder, made when it is used first: a module starts sooner, and few need them all."""

    def __init__(self, kind: Any) -> None:
        self._kind = kind

    @cached_property
    def decode(self) -> Callable[[bytes | Raw], _T]:
        """Read JSON text; raises what `Fault` names."""
        return msgspec.json.Decoder(self._kind, dec_hook=read_custom).decode


_NOTHING: Final = Raw(b"")


class _Probe(Struct, frozen=True):
    """Just enough of a message to tell what it is."""

    op: str = ""
    id: str = ""
    request_id: str = ""
    original_request_id: str = ""
    rotation_id: str = ""
    connection_id: str = ""
    content: Raw = _NOTHING


class _Wrapper(Struct, frozen=True):
    """A framed message of a module as Rust writes it: the id is mandatory (§3.3)."""

    id: str
    content: Raw


_probe: Final[_Decoder[_Probe]] = _Decoder(_Probe)
_wrapper: Final[_Decoder[_Wrapper]] = _Decoder(_Wrapper)
_http_response: Final[_Decoder[_HttpResponse[Raw]]] = _Decoder(_HttpResponse[Raw])
_any: Final[_Decoder[Any]] = _Decoder(Any)
_init: Final[_Decoder[m.Init]] = _Decoder(m.Init)
_ToModule = (
    m.Secret
    | m.Rotated
    | m.Shutdown
    | m.Heartbeat
    | m.RegisterServiceProviderResponse
    | m.DiscoverServiceProvidersResponse
    | m.ServiceResponse
    | m.ServiceOperationResult
    | m.PortResponse
    | m.Challenge
)
_ToOrchestrator = (
    m.Announce
    | m.GetSecret
    | m.RotationAck
    | m.RegisterServiceProvider
    | m.DiscoverServiceProviders
    | m.ServiceRequest
    | m.ServiceOperation
    | m.PortRequest
    | m.HeartbeatAck
    | m.Hello
    | m.Identify
)


# Bodies as base64 text.
_FromOurs = _ToOrchestrator | _HttpResponse[str | None] | _RouteToModule[str | None]


class _WrapperOfOurs(Struct, frozen=True):
    content: _FromOurs


_ours_to_module: Final[_Decoder[Any]] = _Decoder(
    _ToModule
    | _HttpRequest[str | None]
    | _RoutedModuleMessage[str | None]
    | _RoutedModuleResponse[str | None]
)
_ours_to_orchestrator: Final[_Decoder[Any]] = _Decoder(_FromOurs)
_wrapper_of_ours: Final[_Decoder[_WrapperOfOurs]] = _Decoder(_WrapperOfOurs)

# A request as ours write it, and what is cut off of it (see `_request_of_ours`).
_REQUEST: Final = b'{"op":"http_request",'
_BODY: Final = b',"body":"'
_AFTER_BODY: Final = (b"}\n", b"}")
_bodiless: Final[_Decoder[m.HttpRequest]] = _Decoder(m.HttpRequest)

# Bodies as Rust writes them.
_to_module: Final[_Decoder[Any]] = _Decoder(
    _ToModule | _HttpRequest[Raw] | _RoutedModuleMessage[Raw] | _RoutedModuleResponse[Raw]
)
_to_orchestrator: Final[_Decoder[Any]] = _Decoder(
    _ToOrchestrator | _HttpResponse[Raw] | _RouteToModule[Raw]
)


def envelope(raw: bytes) -> Envelope:
    """Tell a message's op and correlation id, wrapped or bare, without reading the rest.

    Raises:
        ProtocolError: if it is not a JSON object.
    """
    try:
        probe = _probe.decode(raw)
        if not probe.op and probe.content is not _NOTHING:
            probe = _probe.decode(probe.content)
            if not probe.op and probe.request_id:
                return Envelope("http_response", probe.request_id)
    except Fault as fault:
        raise _refusal(raw, fault) from None
    found = (
        probe.request_id
        or probe.original_request_id
        or probe.id
        or probe.rotation_id
        or probe.connection_id
    )
    return Envelope(probe.op, found)


def decode_init(raw: bytes, *, strict: bool = False) -> m.Init:
    """Read the first line of a module's stdin (§2.2).

    Not strict, it may lack `env`, name its TCP channel by `host` and `port`, and its listen address
    may be `{"Tcp": …}` or `{"Unix": …}`.

    Raises:
        ProtocolError: if it is no init line.
    """
    try:
        try:
            init = _init.decode(raw)
        except msgspec.ValidationError:
            if strict:
                raise
            init = mended_init(_any.decode(raw))
        if strict and init.tcp_channel and not is_ip_address(init.tcp_channel.address):
            raise ValueError("The address of tcp_channel is an IP address and a port")
    except Fault as fault:
        raise ProtocolError(explained("The init line", fault), "init") from None
    return init


def decode_to_module(raw: bytes, *, strict: bool = False) -> m.ToModule:
    """Read a message to a module; not strict, in any spelling in use.

    Raises:
        ProtocolError: if it is none.
    """
    if not strict:
        try:
            if raw.startswith(_REQUEST) and (request := _request_of_ours(raw)) is not None:
                return request
            found = _ours_to_module.decode(raw)
            message: m.ToModule = found.whole(strict=False) if type(found) in _WITH_BODY else found
            return message
        except Fault:
            pass  # not that, then; below is said what is wrong
    return cast("m.ToModule", _decode(raw, _to_module, m.ToModule, strict=strict))


def _request_of_ours(raw: bytes) -> m.HttpRequest | None:
    """Read a request that ends in its body in base64, as ours do; None for any other.

    The body is cut off first, which is quicker than to let msgspec look for its end. What goes
    before it is an object with one brace more, so the body is a member of that object and the last;
    base64 has no quotation mark. Raises what `Fault` names.
    """
    head, _, rest = raw.partition(_BODY)
    text, _, rest = rest.partition(b'"')
    if rest not in _AFTER_BODY:
        return None
    return replace(_bodiless.decode(head + b"}"), body=b64decode(text, None, True))


def decode_to_orchestrator(raw: bytes, *, strict: bool = False) -> m.ToOrchestrator:
    """Read a message of a module, bare or wrapped; not strict, in any spelling in use.

    Raises:
        ProtocolError: if it is none.
    """
    if not strict:
        try:
            if raw.startswith(b'{"id":'):
                message = _wrapper_of_ours.decode(raw).content
            else:
                message = _ours_to_orchestrator.decode(raw)
            return cast("m.ToOrchestrator", _whole(message, strict=False))
        except Fault:
            pass  # not that, then; below is said what is wrong
    if not raw.startswith(b'{"op":'):
        try:
            if strict or raw.startswith((b'{"id":', b'{"content":')):
                return _unwrapped(raw, strict=strict)
        except Fault as fault:
            if strict:
                raise _refusal(raw, fault) from None
    return cast("m.ToOrchestrator", _decode(raw, _to_orchestrator, m.ToOrchestrator, strict=strict))


def _unwrapped(raw: bytes, *, strict: bool) -> m.ToOrchestrator:
    """Read a wrapped message, an HTTP response of stdout, or (strict) a bare message."""
    probe = _probe.decode(raw)
    if probe.content is _NOTHING:
        return cast("m.ToOrchestrator", _whole(_to_orchestrator.decode(raw), strict=strict))
    if _probe.decode(probe.content).op:
        content = _wrapper.decode(raw).content if strict else probe.content
        return cast("m.ToOrchestrator", _whole(_to_orchestrator.decode(content), strict=strict))
    # An HTTP response is the one message that has no `op`.
    return _http_response.decode(probe.content).whole(strict=strict)


def _decode(raw: bytes, decoder: _Decoder[Any], kinds: Any, *, strict: bool) -> Any:
    try:
        try:
            return _whole(decoder.decode(raw), strict=strict)
        except (msgspec.ValidationError, ValueError):
            if strict or len(raw) > _MENDED_BYTES:
                raise
            return mended_message(_any.decode(raw), kinds)
    except Fault as fault:
        raise _refusal(raw, fault) from None


def _whole(message: Any, *, strict: bool) -> Any:
    return message.whole(strict=strict) if type(message) in _WITH_BODY else message


def _refusal(raw: bytes, fault: BaseException) -> ProtocolError:
    op = ""
    if isinstance(fault, msgspec.ValidationError) or not isinstance(fault, msgspec.MsgspecError):
        try:
            op = _probe.decode(raw).op[:64]
        except Fault:
            op = ""
    return ProtocolError(explained(f"The message {op}".rstrip(), fault), op)


def explained(what: str, fault: BaseException) -> str:
    """Say in a sentence why something cannot be read."""
    if isinstance(fault, RecursionError):
        return f"{what} is nested too deeply to be read."
    reason = (str(fault) or type(fault).__name__).rstrip(".") + "."
    if not reason.startswith("JSON"):
        reason = reason[:1].lower() + reason[1:]
    if isinstance(fault, msgspec.DecodeError) and not isinstance(fault, msgspec.ValidationError):
        return f"{what} is not JSON: {reason}"
    return f"{what} cannot be read: {reason}"
