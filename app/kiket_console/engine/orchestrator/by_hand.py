"""What a person sends to modules: any message, one that was recorded, a secret's new value.

a person ──► op, checked ──► the module's session, or its HTTP address ──► what it answers
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from kiket_console.carried import without_credentials
from kiket_console.engine import bodies
from kiket_console.engine.orchestrator import ops
from kiket_console.engine.orchestrator.gateway import Visit
from kiket_console.engine.orchestrator.http_over_ipc import fault
from kiket_console.engine.orchestrator.ports import Errand
from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.ipc import Channel, Direction
from kiket_console.model import Source, State
from kiket_console.wire import CHANNELS, IpcResult
from kiket_console.wire_secrets import SECRET_NAME
from kiket_core.secret import is_credential, redactor
from pywatt_sdk import _protocol as p

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from kiket_console.engine.orchestrator.gateway import ModuleGateway
    from kiket_console.engine.orchestrator.ports import Peer
    from kiket_console.engine.orchestrator.router import Router
    from kiket_console.engine.orchestrator.watched_tape import WatchedTape
    from kiket_console.model import Detail
    from kiket_console.wire import IpcMessage, IpcOp

LONGEST_S: Final = 600.0
"""How long an answer may be waited for."""
_AT_START: Final = frozenset({"init", "challenge"})
_MARKER = re.compile(rb"\[secret:(" + SECRET_NAME.encode() + rb")\]")
_Module = p.ToModule


class ByHand:
    """Send for a person.

    *module* returns the newest start of a module by its name; *recorded* an exchange by its id;
    *value_of* the value of a secret.
    """

    def __init__(
        self,
        module: Callable[[str], Peer | None],
        router: Router,
        tape: WatchedTape,
        gateway: ModuleGateway,
        *,
        recorded: Callable[[int], Detail | None],
        value_of: Callable[[str], Awaitable[str | None]],
    ) -> None:
        self._module = module
        self._router = router
        self._tape = tape
        self._gateway = gateway
        self._recorded = recorded
        self._value_of = value_of

    def ops(self) -> tuple[IpcOp, ...]:
        """Return the messages that can be sent."""
        return ops.OPS

    async def send(self, asked: IpcMessage) -> IpcResult:
        """Send a message that a person wrote, and return what it is answered.

        Raises `ConsoleError` for a module that does not run, a message that cannot be sent, and a
        channel that the module does not have.
        """
        if asked.channel not in CHANNELS:
            names = ", ".join(CHANNELS[1:])
            raise _wrong(f'There is no channel "{asked.channel[:20]}".', f"Use one of {names}.")
        errand = Errand(channel=asked.channel)
        raw = asked.raw_message
        if asked.like:
            detail = await self._detail(asked.like)
            errand.replay_of = asked.like
            errand.edited = not _is_same(raw, detail)
            raw = await bodies.edited(detail.request.body, raw, self._value_of)
        try:
            if not asked.like:
                ops.read(raw, asked.op)  # before it has values, which errors might show
                raw = await self._with_secrets(raw)
            message = ops.read(raw, asked.op, as_recorded=bool(asked.like))
        except ops.MessageError as error:
            said = redactor.redact(str(error))
            raise _wrong(said, "`kiket-console ipc ops` says what each takes.") from error
        if isinstance(message, p.HttpRequest) and (wrong := fault(message)):
            raise _wrong(redactor.redact(wrong))
        return await self._sent(asked.module, message, errand, min(asked.timeout_s, LONGEST_S))

    async def replay(self, exchange_id: int, timeout_s: float = 30.0) -> IpcResult:
        """Send a message that was recorded to its module once more, under an id of its own."""
        detail = await self._detail(exchange_id)
        raw = await self._original(detail)
        errand = Errand(replay_of=exchange_id, channel=detail.exchange.channel)
        if errand.channel == Channel.HTTP:
            return await self._visit(_visit(detail, raw), errand)
        if detail.exchange.name in _AT_START:
            raise _wrong(f"The message {detail.exchange.name} is sent at a module's start alone.")
        try:
            message = p.decode_to_module(raw)
        except p.ProtocolError as error:
            raise _wrong(f"Exchange {exchange_id} cannot be sent again: {error}") from error
        peer = self._module(detail.exchange.worker)
        if peer is not None and not _has(peer, errand.channel):
            errand.channel = ""
        return await self._sent(detail.exchange.worker, _renewed(message), errand, timeout_s)

    async def _original(self, detail: Detail) -> bytes:
        """Return a message as it went, with secrets as they are now.

        Credentials in its headers are left out, as nobody kept them.
        """
        body = detail.request.body
        kept = without_credentials(body.raw)
        if kept == body.raw:
            return await bodies.present(body, self._value_of)
        return await bodies.edited(body, kept, self._value_of)

    async def _detail(self, exchange_id: int) -> Detail:
        """Return a message to a module; raises `ConsoleError` for anything else."""
        detail = await asyncio.to_thread(self._recorded, exchange_id)
        if detail is None:
            raise _wrong(f"There is no exchange {exchange_id}.")
        exchange = detail.exchange
        if exchange.source is not Source.IPC:
            raise _wrong(f"Exchange {exchange_id} is no message of a module's.")
        if exchange.direction != Direction.IN:
            raise _wrong(
                f"Exchange {exchange_id} came from {exchange.worker}; only what went to a module "
                "can be sent again."
            )
        return detail

    async def _sent(
        self, name: str, message: _Module, errand: Errand, timeout_s: float
    ) -> IpcResult:
        if errand.channel == Channel.HTTP:
            if not isinstance(message, p.HttpRequest):
                raise _wrong("Only http_request can go by HTTP.")
            return await self._visit(_as_visit(name, message), errand)
        peer = self._module(name)
        if peer is None:
            raise ConsoleError(
                f"No module {name!r} runs.",
                hint="`kiket-console workers` says what runs, and why something does not.",
                exit_code=ExitCode.NETWORK,
            )
        began_ns = time.perf_counter_ns()
        try:
            if isinstance(message, p.HttpRequest):
                return await self._asked(peer, message, errand, timeout_s, began_ns)
            if isinstance(message, p.RoutedModuleMessage):
                self._router.send_by_hand(peer, message, errand)
            else:
                peer.send(message, errand)
        except ConnectionError as error:
            raise ConsoleError(
                str(error) or f"{peer.label} takes nothing any more.", exit_code=ExitCode.NETWORK
            ) from error
        return await self._told(message, errand, timeout_s, began_ns)

    async def _told(
        self, message: _Module, errand: Errand, timeout_s: float, began_ns: int
    ) -> IpcResult:
        """Wait for the reply to a message, where one is to come."""
        op, exchange_id = p.op_of(message), errand.exchange_id
        expects = next((each.answer for each in ops.OPS if each.op == op), "")
        if isinstance(message, p.RoutedModuleMessage) and message.expects_reply is False:
            expects = ""
        if not expects or exchange_id is None:
            state = State.FORWARDED if not expects else State.RECEIVED
            return IpcResult(exchange_id or 0, state, None, None, "", op, errand.channel)
        ended = self._tape.watch(exchange_id)
        try:
            async with asyncio.timeout(timeout_s):
                told = await ended
        except TimeoutError:
            said = f"No answer came within {timeout_s:g} s."
            self._tape.reply(exchange_id, None, state=State.FAILED, error=said)
            return IpcResult(
                exchange_id, State.FAILED, None, _since_us(began_ns), said, op, errand.channel
            )
        reply = None if told.frame is None else _cleared(_shown(told.frame.raw))
        return IpcResult(
            exchange_id,
            told.state,
            told.status,
            _since_us(began_ns),
            redactor.redact(told.error),
            op,
            errand.channel,
            reply,
        )

    async def _asked(
        self, peer: Peer, request: p.HttpRequest, errand: Errand, timeout_s: float, began_ns: int
    ) -> IpcResult:
        """Send an HTTP request over a channel, as often as its SDK needs."""
        status, reply, state, said = None, None, State.FORWARDED, ""
        try:
            response = await peer.http(request, timeout_s, errand)
        except TimeoutError:
            state, said = State.FAILED, f"{peer.label} did not answer within {timeout_s:g} s."
        except ConnectionError as error:
            state, said = State.FAILED, str(error) or f"{peer.label} ended before it answered."
        else:
            status, reply = response.status_code, _cleared(ops.shown(response))
        return IpcResult(
            errand.exchange_id or 0,
            state,
            status,
            _since_us(began_ns),
            said,
            "http_request",
            errand.channel,
            reply,
        )

    async def _visit(self, visit: Visit, errand: Errand) -> IpcResult:
        """Send an HTTP request to the module's own address."""
        visit.replay_of, visit.edited = errand.replay_of, errand.edited
        began_ns = time.perf_counter_ns()
        answer = await self._gateway.take(visit)
        try:
            reply = {
                "op": "http_response",
                "status_code": answer.status,
                "headers": dict(answer.headers),
                "body": ops.shown_bytes(answer.raw_body),
            }
        finally:
            if answer.room is not None:
                answer.room.give_back()
        state = State.REJECTED if visit.error else State.FORWARDED
        return IpcResult(
            visit.exchange_id or 0,
            state,
            answer.status,
            _since_us(began_ns),
            visit.error,
            "http_request",
            visit.channel,
            None if visit.error else _cleared(reply),
        )

    async def _with_secrets(self, raw: bytes) -> bytes:
        """Return a message with the values of the secrets that its markers name."""
        values: dict[bytes, bytes] = {}
        for name in {match[1] for match in _MARKER.finditer(raw)}:
            value = await self._value_of(name.decode())
            if value is None:
                raise _wrong(f"The secret {name.decode()} has no value.")
            values[name] = json.dumps(value)[1:-1].encode()
        return _MARKER.sub(lambda match: values[match[1]], raw)


def _is_same(raw: bytes, detail: Detail) -> bool:
    """Tell whether what a person sends is what was recorded, however it is laid out."""
    try:
        return bool(json.loads(raw) == json.loads(detail.request.body.raw))
    except (ValueError, RecursionError):
        return raw == detail.request.body.raw


def _renewed(message: _Module) -> _Module:
    """Return a message under a new id: its module may keep those that it has answered."""
    match message:
        case p.HttpRequest():
            return replace(message, request_id=p.new_uuid())
        case p.RoutedModuleMessage():
            return replace(message, original_request_id=p.new_uuid(), traceparent=None)
        case p.Rotated():
            return replace(message, rotation_id=p.new_uuid())
        case _:
            return message


def _visit(detail: Detail, raw_body: bytes) -> Visit:
    """Return a request that was recorded, under a trace and an id of its own."""
    exchange = detail.exchange
    headers = tuple(
        pair
        for pair in detail.request.headers
        if pair[0].lower() not in {"traceparent", "x-request-id", "content-length"}
        and not is_credential(pair[0])
    )
    return Visit(exchange.worker, exchange.method, exchange.path, headers, raw_body)


def _as_visit(name: str, request: p.HttpRequest) -> Visit:
    return Visit(
        name, request.method, request.uri, tuple(request.headers.items()), request.body or b""
    )


def _has(peer: Peer, channel: str) -> bool:
    return any(each.name == channel and each.state == "connected" for each in peer.facts.channels)


def _shown(raw: bytes) -> object:
    try:
        return ops.shown(p.decode_to_orchestrator(raw))
    except p.ProtocolError:
        return ops.shown_bytes(raw)


def _cleared(reply: object) -> object:
    """Return an answer without the secrets in it: a number, or a list of bytes, may be one, too."""
    text = json.dumps(reply)
    redacted = redactor.redact(text)
    if redacted == text:
        return reply
    if isinstance(reply, dict):
        return {redactor.redact(name): _cleared(value) for name, value in reply.items()}
    if isinstance(reply, str):
        return redactor.redact(reply)
    if isinstance(reply, list):
        members = [_cleared(each) for each in reply]
        if members != reply:
            return members
    return redacted


def _since_us(began_ns: int) -> int:
    return (time.perf_counter_ns() - began_ns) // 1000


def _wrong(sentence: str, hint: str = "") -> ConsoleError:
    return ConsoleError(sentence, hint=hint, exit_code=ExitCode.USAGE)
