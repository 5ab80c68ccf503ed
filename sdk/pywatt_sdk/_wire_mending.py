"""Mending messages that do not fit: the spellings of other implementations, understood.

Each works on plain Python values and ends in the same types as a message that fitted at once, so
what is still wrong is refused with the same words. `None` for a key counts as its absence.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from pywatt_sdk import _wire_messages as m
from pywatt_sdk._wire_values import Address, EncodingFormat, SecurityLevel, ServiceType, read_custom

_FORMATS: Final = {each.value.lower(): each.value for each in EncodingFormat}
_LEVELS: Final = {each.value.lower(): each.value for each in SecurityLevel}
_OPS: Final = frozenset(
    str(kind.__struct_config__.tag)
    for union in (m.ToModule, m.ToOrchestrator)
    for kind in union.__args__
    if kind is not m.Init
)


def mended_init(value: object) -> m.Init:
    """Read an init line that lacks what Rust demands.

    Raises:
        msgspec.ValidationError: if it is none all the same.
    """
    init = _object(value)
    if isinstance(init.get("init"), dict):
        init = _object(init["init"])
    init.setdefault("env", {})
    listen = init.get("listen")
    if isinstance(listen, dict) and len(listen) == 1:
        init["listen"] = next(iter(listen.values()))
    level = init.get("security_level")
    if level is None:
        init.pop("security_level", None)
    elif isinstance(level, str):
        init["security_level"] = _LEVELS.get(level.lower(), level)
    if init.get("debug_mode") is None:
        init.pop("debug_mode", None)
    tcp = init.get("tcp_channel")
    if isinstance(tcp, dict):
        if isinstance(tcp.get("host"), str) and isinstance(tcp.get("port"), int):
            tcp = {"address": str(Address(tcp["host"], tcp["port"]))} | tcp
        init["tcp_channel"] = {"tls_enabled": False, "required": False} | tcp
    ipc = init.get("ipc_channel")
    if isinstance(ipc, dict):
        init["ipc_channel"] = {"required": False} | ipc
    return msgspec.convert(init, m.Init)


def mended_message(value: object, kinds: Any) -> Any:
    """Read a message, one of `kinds`, that is not as Rust writes it.

    Raises:
        msgspec.ValidationError: if it is none of them all the same.
    """
    message = _unwrapped(_object(value))
    op = message.get("op")
    if op == "init":
        return mended_init(message)
    if isinstance(op, str) and op not in _OPS:
        raise msgspec.ValidationError(f"There is no message `{op[:64]}`")
    if isinstance(message.get("service_type"), str):
        message["service_type"] = _service_type(message["service_type"])
    if isinstance(message.get("params"), dict) and op == "service_operation_result":
        message["params"] = _mended_echo(message["params"])
    if isinstance(message.get("providers"), list):
        message["providers"] = [_mended_provider(each) for each in message["providers"]]
    if isinstance(message.get("payload"), dict):
        message["payload"] = _mended_payload(message["payload"])
    if op in ("http_request", "http_response"):
        message["body"] = _bytes(message.get("body"))
    return msgspec.convert(
        message, _without_init(kinds), dec_hook=read_custom, builtin_types=(bytes,)
    )


def _unwrapped(message: dict[str, Any]) -> dict[str, Any]:
    if "op" not in message and isinstance(message.get("content"), dict):
        message = message["content"]
    if "op" not in message and "status_code" in message:
        return {**message, "op": "http_response"}
    if "op" not in message and "listen" in message and "endpoints" in message:
        return {**message, "op": "announce"}
    nested = message.get(message["op"]) if isinstance(message.get("op"), str) else None
    if not isinstance(nested, dict):
        return dict(message)
    body = nested.get("body")  # in this form it is the text itself
    return {**nested, "body": body.encode() if isinstance(body, str) else body, "op": message["op"]}


def _mended_echo(echo: dict[str, Any]) -> dict[str, Any] | None:
    if isinstance(echo.get("service_type"), str):
        echo = {**echo, "service_type": _service_type(echo["service_type"])}
    return echo if "connection_id" in echo else None


def _mended_provider(provider: object) -> object:
    if not isinstance(provider, dict):
        return provider
    mended = {"is_healthy": True, "module_id": "", **provider}
    mended["metadata"] = mended.get("metadata") or {}
    if isinstance(mended.get("service_type"), str):
        mended["service_type"] = _service_type(mended["service_type"])
    return mended


def _mended_payload(payload: dict[str, Any]) -> dict[str, Any]:
    word = payload.get("format", "Json")
    return {
        "data": _bytes(payload.get("data")),
        "format": _FORMATS.get(word.lower(), word) if isinstance(word, str) else word,
    }


def _service_type(text: str) -> str | dict[str, str]:
    return ServiceType.parse(text).wire


def _bytes(value: object) -> object:
    """Turn an array of numbers into bytes; base64 text is msgspec's own form of them."""
    if isinstance(value, list) and all(type(each) is int for each in value):
        return bytes(value)
    return value


def _without_init(kinds: Any) -> Any:
    """Leave `Init` out of a union: it has no `op`."""
    import operator
    from functools import reduce

    return reduce(operator.or_, (kind for kind in kinds.__args__ if kind is not m.Init))


def _object(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise msgspec.ValidationError("A message is a JSON object")
    return value
