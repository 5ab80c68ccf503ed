"""Modules of the scene: what is known of one, and what can be sent to them."""

from __future__ import annotations

from kiket_console.errors import ConsoleError
from kiket_console.module_facts import (
    ModuleChannel,
    ModuleEndpoint,
    ModuleFacts,
    ModuleService,
)
from kiket_console.wire import IpcField, IpcMessage, IpcOp, IpcResult


def facts(now_us: int, **changes: object) -> ModuleFacts:
    """Return what is known of a module that serves, with *changes*."""
    known: dict[str, object] = {
        "handshake": "ready",
        "sdk": "pywatt_sdk 0.1.0",
        "listen": "127.0.0.1:41237",
        "channels": (
            ModuleChannel("stdio", "connected", now_us - 240_000_000),
            ModuleChannel("tcp", "connected", now_us - 239_000_000),
            ModuleChannel("uds", "listening", now_us - 240_000_000),
        ),
        "endpoints": (
            ModuleEndpoint("/invoices", ("GET", "POST")),
            ModuleEndpoint("/invoices/:id", ("GET",), "jwt"),
            ModuleEndpoint("/health", ("GET",)),
        ),
        "services": (ModuleService("invoices", "custom:ledger", "127.0.0.1:41237"),),
        "asked": (("DATABASE_URL", True), ("MAIL_KEY", False)),
        "heartbeat_us": now_us - 600_000,
        "heartbeats": 239,
        "frames_in": 1_204,
        "frames_out": 988,
    }
    return ModuleFacts(**(known | changes))  # type: ignore[arg-type]  # one dict for all kinds


OPS = (
    IpcOp(
        "http_request",
        "An HTTP request for the module's app.",
        (
            IpcField("request_id", "text", False, "made when it is left out"),
            IpcField("method", "text", True, "GET, POST, …"),
            IpcField("uri", "text", True, "path and query: /hello?name=Ada"),
            IpcField("headers", "object", False, "names and values, both texts"),
            IpcField("body", "bytes", False, 'an array of numbers, {"text": …} or {"json": …}'),
        ),
        {"op": "http_request", "method": "GET", "uri": "/", "headers": {}, "body": None},
        "http_response",
    ),
    IpcOp("heartbeat", "Whether the module is alive.", (), {"op": "heartbeat"}),
)


class ToldModules:
    """Modules that take any message."""

    def __init__(self, asked: list[tuple[str, ...]]) -> None:
        self.asked = asked
        self.sent: list[IpcMessage] = []
        self.refuses = ""
        self.result = IpcResult(
            1204, "forwarded", 201, 4_100, "", "http_request", "tcp", {"op": "http_response"}
        )

    async def ops(self) -> tuple[IpcOp, ...]:
        """Return a few messages."""
        return OPS

    async def send(self, message: IpcMessage) -> IpcResult:
        """Note what was sent."""
        if self.refuses:
            raise ConsoleError(self.refuses)
        self.sent.append(message)
        return self.result

    async def replay(self, exchange_id: int) -> IpcResult:
        """Note what was sent again."""
        if self.refuses:
            raise ConsoleError(self.refuses)
        self.asked.append(("replay message", str(exchange_id)))
        return self.result
