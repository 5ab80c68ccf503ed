"""The messages that a person can send to a module: what is in them, and what is wrong with one.

Field names, and whether they must be there, are those of the wire (pywatt wire specification
§2.3, §2.4); what is said of them is here. Pure.
"""

from __future__ import annotations

import base64
import json
from difflib import get_close_matches
from typing import Any, Final

from msgspec.structs import fields, replace

from kiket_console.wire import IpcField, IpcOp
from pywatt_sdk import _protocol as p

_TEXT, _INTEGER, _BOOLEAN, _BYTES = "text", "integer", "boolean", "bytes"
_LIST, _OBJECT, _KIND, _UUID, _ANY = "list", "object", "service type", "uuid", "any"
_WORDS: Final = {
    _TEXT: "a text",
    _INTEGER: "a whole number",
    _BOOLEAN: "true or false",
    _BYTES: 'an array of numbers from 0 to 255, {"text": "…"} or {"json": …}',
    _LIST: "a list",
    _OBJECT: "an object",
    _KIND: '"Database", "Cache", "Jwt" or {"Custom": "NAME"}',
    _UUID: "a UUID",
}
_MADE: Final = {
    "http_request": ("request_id", p.new_uuid),
    "routed_module_message": ("original_request_id", p.new_uuid),
    "rotated": ("rotation_id", p.new_uuid),
}
"""What is made when a person leaves it out."""

_Said = dict[str, tuple[str, str]]
_ID: Final = (_TEXT, "made when it is left out")
_PAYLOAD: Final = (_OBJECT, '{"data": bytes, "format": "Json"}; also {"text": "…"} or {"json": …}')
_KIND_SAID: Final = (_KIND, _WORDS[_KIND])
_OPS: Final[tuple[tuple[type[Any], str, _Said, dict[str, Any], str], ...]] = (
    (
        p.HttpRequest,
        "An HTTP request for the module's app.",
        {
            "request_id": _ID,
            "method": (_TEXT, "GET, POST, …"),
            "uri": (_TEXT, "path and query: /hello?name=Ada"),
            "headers": (_OBJECT, "names and values, both texts"),
            "body": (_BYTES, _WORDS[_BYTES]),
        },
        {"method": "GET", "uri": "/", "headers": {"accept": "application/json"}, "body": None},
        "http_response",
    ),
    (
        p.RoutedModuleMessage,
        "A message from another module.",
        {
            "source_module_id": (_TEXT, "who seems to send it; a reply comes back here"),
            "original_request_id": (_UUID, "made when it is left out"),
            "payload": _PAYLOAD,
            "target_endpoint": (_TEXT, "what it is for; modules of other SDKs do not see it"),
            "expects_reply": (_BOOLEAN, "false for a notification"),
            "traceparent": (_TEXT, "what it is a part of; made when it is left out"),
        },
        {
            "source_module_id": "console",
            "target_endpoint": "greet",
            "expects_reply": True,
            "payload": {"json": {"type": "greet", "data": {"name": "Ada"}}},
        },
        "routed_module_response",
    ),
    (p.Heartbeat, "Whether the module is alive.", {}, {}, ""),
    (
        p.Rotated,
        "These secrets have new values; `secrets rotate` also hands them over.",
        {"keys": (_LIST, "names of secrets"), "rotation_id": _ID},
        {"keys": ["API_KEY"]},
        "rotation_ack",
    ),
    (
        p.Secret,
        "A secret's value, asked for or not.",
        {
            "name": (_TEXT, "the secret"),
            "value": (_TEXT, "[secret:NAME] stands for the value of the vault's"),
            "rotation_id": (_TEXT, "of the rotation that it belongs to"),
            "error": (_TEXT, "why there is no value; modules of other SDKs do not see it"),
        },
        {"name": "API_KEY", "value": "[secret:API_KEY]"},
        "",
    ),
    (
        p.RoutedModuleResponse,
        "The reply of another module to a message of this one.",
        {
            "source_module_id": (_TEXT, "who replies"),
            "request_id": (_UUID, "of the message that it replies to"),
            "payload": _PAYLOAD,
        },
        {"source_module_id": "console", "request_id": "", "payload": {"json": {"ok": True}}},
        "",
    ),
    (
        p.ServiceResponse,
        "Whether a connection that the module asked for is open.",
        {
            "id": (_TEXT, "of the service_request"),
            "service_type": _KIND_SAID,
            "success": (_BOOLEAN, ""),
            "error": (_TEXT, "why there is none"),
            "connection_id": (_TEXT, ""),
        },
        {"id": "", "service_type": "Jwt", "success": False, "error": "It is closed."},
        "",
    ),
    (
        p.ServiceOperationResult,
        "What came of an operation of the module's.",
        {
            "success": (_BOOLEAN, ""),
            "result": (_ANY, "what the operation gives"),
            "error": (_TEXT, "why it gives nothing"),
            "params": (_OBJECT, "the whole operation, by which modules find who waits"),
        },
        {"success": False, "error": "It took too long.", "params": None},
        "",
    ),
    (
        p.PortResponse,
        "The port that the module asked for.",
        {
            "request_id": (_TEXT, "of the port_request"),
            "success": (_BOOLEAN, ""),
            "port": (_INTEGER, "0 where there is none"),
            "error_message": (_TEXT, "why there is none"),
        },
        {"request_id": "", "success": True, "port": 8123},
        "",
    ),
    (
        p.RegisterServiceProviderResponse,
        "Whether a service of the module's was registered.",
        {
            "success": (_BOOLEAN, ""),
            "provider_id": (_TEXT, ""),
            "error": (_TEXT, "why it was not"),
        },
        {"success": False, "error": "The registry is full."},
        "",
    ),
    (
        p.DiscoverServiceProvidersResponse,
        "The providers that the module looked for.",
        {
            "success": (_BOOLEAN, ""),
            "providers": (_LIST, "none is no error"),
            "error": (_TEXT, "why nothing was looked for"),
        },
        {"success": True, "providers": []},
        "",
    ),
    (p.Shutdown, "The module is to end.", {}, {}, ""),
)


class MessageError(ValueError):
    """A message that cannot be sent; the text names the field, in a sentence."""


def _op(kind: type[Any], meaning: str, said: _Said, sample: dict[str, Any], answer: str) -> IpcOp:
    op = str(kind.__struct_config__.tag)
    made = tuple(
        IpcField(
            each.name,
            said[each.name][0],
            each.required and each.name not in (_MADE.get(op, ("",))[0], "headers"),
            said[each.name][1],
        )
        for each in fields(kind)
    )
    return IpcOp(op, meaning, made, {"op": op, **sample}, answer)


OPS: Final = tuple(_op(*each) for each in _OPS)
"""What can be sent, the most useful first."""
_BY_NAME: Final = {each.op: each for each in OPS}


def read(raw: bytes, op: str = "", *, as_recorded: bool = False) -> p.ToModule:
    """Return the message that a person wrote; *op* names it where it does not itself.

    What a person need not know, such as ids, is made. Where it is *as_recorded*, text in the place
    of bytes is base64, as some modules take it. Raises `MessageError`.
    """
    message = _object(raw)
    said = message.setdefault("op", op)
    known = _BY_NAME.get(said) if isinstance(said, str) else None
    if known is None:
        near = get_close_matches(str(said), _BY_NAME, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"use one of {', '.join(_BY_NAME)}."
        raise MessageError(f"There is no op {_shown(said)} to send to a module; {hint}")
    _check(known, message, as_recorded=as_recorded)
    if known.op in _MADE:
        name, make = _MADE[known.op]
        message[name] = message.get(name) or make()
    if known.op == "http_request":
        message["headers"] = message.get("headers") or {}
    try:
        return p.decode_to_module(json.dumps(message).encode())
    except (p.ProtocolError, ValueError) as error:
        raise MessageError(str(error)) from error


def _object(raw: bytes) -> dict[str, Any]:
    try:
        message = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise MessageError(f"The message is no JSON: {error}.") from error
    if not isinstance(message, dict):
        raise MessageError("A message is a JSON object.")
    return message


def _check(op: IpcOp, message: dict[str, Any], *, as_recorded: bool) -> None:
    """Make bytes of what stands for them; raises `MessageError` with the name of a wrong field."""
    known = {each.name: each for each in op.fields}
    for name in message:
        if name not in known and name != "op":
            near = get_close_matches(name, known, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(known) or 'none'}."
            raise MessageError(f"{op.op} has no field {name!r}; {hint}")
    for each in op.fields:
        value = message.get(each.name)
        if value is None:
            if each.required:
                raise MessageError(f"{op.op} needs {each.name!r}, {_WORDS[each.kind]}.")
        elif each.kind == _BYTES:
            message[each.name] = _bytes(value, each.name, as_recorded=as_recorded)
        elif each.name == "payload":
            message[each.name] = _payload(value, as_recorded=as_recorded)
        elif not _fits(value, each.kind):
            raise MessageError(f"{each.name!r} of {op.op} takes {_WORDS[each.kind]}.")


def shown(message: p.ToModule | p.ToOrchestrator) -> dict[str, Any]:
    """Return a message for a person: bytes stand in it as `read` takes them."""
    instead: dict[str, Any] = {}
    if isinstance(message, p.HttpRequest | p.HttpResponse) and message.body is not None:
        instead["body"] = shown_bytes(message.body)
        message = replace(message, body=None)
    elif isinstance(message, p.RouteToModule | p.RoutedModuleMessage | p.RoutedModuleResponse):
        instead["payload"] = shown_bytes(message.payload.data)
        message = replace(message, payload=p.Payload(b""))
    said: dict[str, Any] = json.loads(p.encode_json(message))
    return said | instead


def shown_bytes(raw: bytes) -> Any:
    """Return bytes for a person: `{"json": …}`, `{"text": …}`, or an array of numbers."""
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return list(raw)
    try:
        return {"json": json.loads(text)}
    except (ValueError, RecursionError):
        return {"text": text}


def _fits(value: object, kind: str) -> bool:
    match kind:
        case "text":
            return isinstance(value, str)
        case "uuid":
            return isinstance(value, str) and (not value or p.is_uuid(value))
        case "integer":
            return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 0xFFFF
        case "boolean":
            return isinstance(value, bool)
        case "list":
            return isinstance(value, list)
        case "object":
            return isinstance(value, dict)
        case _:
            return True


def _payload(value: object, *, as_recorded: bool) -> dict[str, Any]:
    if isinstance(value, dict) and value.keys() == {"data", "format"}:
        data = _bytes(value["data"], "payload.data", as_recorded=as_recorded)
        return {"data": data, "format": value["format"]}
    return {"data": _bytes(value, "payload", as_recorded=False), "format": "Json"}


def _bytes(value: object, name: str, *, as_recorded: bool) -> list[int]:
    """Return bytes as the wire has them; raises `MessageError`."""
    if as_recorded and isinstance(value, str):
        try:
            return list(base64.b64decode(value, validate=True))
        except ValueError as error:
            raise MessageError(f"{name!r} is no base64, which it was.") from error
    if isinstance(value, dict) and value.keys() == {"text"} and isinstance(value["text"], str):
        return list(value["text"].encode("utf-8", "backslashreplace"))
    if isinstance(value, dict) and value.keys() == {"json"}:
        return list(json.dumps(value["json"], separators=(",", ":")).encode())
    if isinstance(value, list) and all(
        isinstance(each, int) and not isinstance(each, bool) and 0 <= each <= 255 for each in value
    ):
        return value
    raise MessageError(f"{name!r} takes {_WORDS[_BYTES]}.")


def _shown(said: object) -> str:
    return repr(said[:40]) if isinstance(said, str) else "like that"
