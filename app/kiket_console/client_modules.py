"""The part of the control API's client that speaks with modules.

    async with Client(paths) as client:
        message = b'{"method": "GET", "uri": "/hello", "headers": {}}'
        result = await client.modules.send(IpcMessage("search", message, "http_request"))

Every call raises what `Client`'s calls raise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kiket_console.module_facts import Registrations
from kiket_console.wire import IpcMessage, IpcOp, IpcResult, Service

if TYPE_CHECKING:
    from kiket_console.client_asking import Ask

_MORE_S = 15.0
"""What the engine takes besides what is waited for."""


class ModuleCalls:
    """Send to modules, and ask what they offer."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    async def ops(self) -> tuple[IpcOp, ...]:
        """Return the messages that can be sent by hand, with their fields and a sample."""
        return await self._ask("GET", "/ipc/ops", tuple[IpcOp, ...])

    async def services(self) -> tuple[Service, ...]:
        """Return what modules offer each other."""
        return await self._ask("GET", "/services", tuple[Service, ...])

    async def registrations(self) -> Registrations:
        """Return the programs that registered themselves, and where they do."""
        return await self._ask("GET", "/registrations", Registrations)

    async def send(self, message: IpcMessage) -> IpcResult:
        """Send a message to a module; return what it is answered, where it is."""
        document = {
            "module": message.module,
            "message": _raw(message.raw_message),
            "op": message.op,
            "channel": message.channel,
            "like": message.like,
            "timeout_s": message.timeout_s,
        }
        limit_s = message.timeout_s + _MORE_S
        return await self._ask("POST", "/ipc/send", IpcResult, document, limit_s)

    async def replay(self, exchange_id: int, timeout_s: float = 30.0) -> IpcResult:
        """Send a recorded message to its module again; return what it is answered."""
        document = {"id": exchange_id, "timeout_s": timeout_s}
        return await self._ask("POST", "/ipc/replay", IpcResult, document, timeout_s + _MORE_S)


def _raw(raw: bytes) -> Any:
    """Return JSON as it is said; raises `ConsoleError` for what is none."""
    import msgspec

    from kiket_console.errors import ConsoleError, ExitCode

    try:
        msgspec.json.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ConsoleError(f"The message is no JSON: {error}.", exit_code=ExitCode.USAGE) from error
    return msgspec.Raw(raw)
