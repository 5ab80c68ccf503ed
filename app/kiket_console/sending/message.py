"""A message to a module as text to edit, and the text as it is sent.

{"op":"http_request","body":[123,34,…]}  ──►  {"op": "http_request", "body": {"json": {…}}}

What a message carries is edited as JSON or as text, and written the way it came.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from kiket_console.carried import (
    as_base64,
    as_numbers,
    as_read,
    carried,
    replaced,
    without_credentials,
)
from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.ipc import Channel, Direction, Kind
from kiket_console.model import Source
from kiket_console.sending import payload
from kiket_console.text import visible
from kiket_console.wire import IpcMessage
from kiket_core.secret import is_credential

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kiket_console.carried import Carried
    from kiket_console.model import Detail
    from kiket_console.sending.payload import Layout
    from kiket_console.wire import IpcOp

_KEYS: Final = ("body", "data")
_STAND_IN: Final = "\x00carried:"
"""What no JSON text holds: a control character is written as its escape there."""


class _Form(Struct, frozen=True):
    """How something was written that a message carries."""

    layout: Layout | None = None
    is_base64: bool = False


class Written(Struct, frozen=True):
    """A message as text to edit, and what it was made from."""

    module: str
    text: str
    channel: str = ""
    """What it is to go over; empty: as the module expects it."""
    like: int = 0
    """The exchange that it repeats; 0: none."""
    forms: tuple[_Form, ...] = ()

    @property
    def op(self) -> str:
        """The op that it begins as; empty when it says none."""
        return op_of(self.text)

    def message(self, text: str) -> IpcMessage:
        """Return what is sent of *text*; raises `ConsoleError` when it is no message."""
        document = payload.read(text)
        if not isinstance(document, dict):
            raise ConsoleError(
                "A message is a JSON object: names and their values in { }.",
                exit_code=ExitCode.USAGE,
            )
        contents: list[bytes] = []
        forms = iter(self.forms)
        closed = _closed(document, contents, forms) if self.like else document
        raw = payload.write(closed).encode("utf-8", "surrogatepass")
        for number, content in enumerate(contents):
            raw = raw.replace(json.dumps(f"{_STAND_IN}{number}").encode(), content, 1)
        return IpcMessage(self.module, raw, channel=self.channel, like=self.like)


def op_of(text: str) -> str:
    """Return the op of a message's text; empty while it has none."""
    try:
        document = payload.parse(text)
    except (ValueError, RecursionError):
        return ""
    op = document.get("op") if isinstance(document, dict) else None
    return op if isinstance(op, str) else ""


def sample_of(op: IpcOp, module: str) -> Written:
    """Return a message of an op as it may be sent to *module*."""
    text = json.dumps(op.sample, ensure_ascii=False)
    return Written(module, payload.escaped(payload.spread(text)))


def message_of(detail: Detail, *, linked: bool = True) -> Written:
    """Return a recorded message to edit; *linked*: what is sent will name it.

    Raises `ConsoleError` when it cannot be sent to a module.
    """
    exchange = detail.exchange
    number = exchange.id
    if exchange.source is not Source.IPC or exchange.kind == Kind.INVALID:
        raise _unsendable(f"Exchange {number} is no message that could be sent.")
    if exchange.direction != Direction.IN:
        raise _unsendable(
            f"Exchange {number} came from {visible(exchange.worker)}; only what went to a module "
            "can be sent."
        )
    if detail.request.body.truncated:
        raise _unsendable(f"Only the beginning of exchange {number} was stored.")
    direct = exchange.channel == Channel.HTTP
    raw = _as_message(detail) if direct else without_credentials(detail.request.body.raw)
    found = carried(raw)
    text = replaced(raw, found, as_read).decode("utf-8", "replace")
    if (fault := payload.fault(text)) is not None:
        raise _unsendable(f"Exchange {number} is no JSON. {fault}")
    return Written(
        exchange.worker,
        payload.escaped(payload.spread(text)),
        exchange.channel,
        number if linked else 0,
        tuple(_form(each) for each in found),
    )


def _as_message(detail: Detail) -> bytes:
    """Return HTTP that went to a module directly as the message that says the same."""
    kept = {name: value for name, value in detail.request.headers if not is_credential(name)}
    body = detail.request.body.raw
    message = {
        "op": "http_request",
        "method": detail.exchange.method,
        "uri": detail.exchange.path,
        "headers": kept,
    }
    head = json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()
    return head[:-1] + b',"body":' + (as_numbers(body) if body else b"null") + b"}"


def _form(each: Carried) -> _Form:
    try:
        layout = payload.layout_of(each.raw.decode())
    except UnicodeDecodeError:
        layout = None
    return _Form(layout, each.is_base64)


def _closed(value: Any, contents: list[bytes], forms: Iterator[_Form], key: str = "") -> Any:
    """Return a document with stand-ins for what it carries, whose text goes to *contents*."""
    if key in _KEYS and isinstance(value, dict) and len(value) == 1:
        [(name, content)] = value.items()
        if name == "text" and isinstance(content, str):
            return _stand_in(
                content.encode("utf-8", "surrogatepass"), contents, next(forms, _Form())
            )
        if name == "json":
            form = next(forms, _Form())
            raw = payload.write(content, form.layout or payload.COMPACT).encode()
            return _stand_in(raw, contents, form)
    if key in _KEYS and _is_numbers(value):
        next(forms, None)
        return value
    if isinstance(value, dict):
        return {name: _closed(each, contents, forms, name) for name, each in value.items()}
    if isinstance(value, list):
        return [_closed(each, contents, forms) for each in value]
    return value


def _stand_in(raw: bytes, contents: list[bytes], form: _Form) -> str:
    contents.append(as_base64(raw) if form.is_base64 else as_numbers(raw))
    return f"{_STAND_IN}{len(contents) - 1}"


def _is_numbers(value: Sequence[Any] | Any) -> bool:
    return isinstance(value, list) and bool(value)


def _unsendable(sentence: str) -> ConsoleError:
    return ConsoleError(sentence, exit_code=ExitCode.USAGE)
