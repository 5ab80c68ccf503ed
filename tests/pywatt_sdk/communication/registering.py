"""An orchestrator's registration port, as simple as it can be (wire specification §4)."""

from __future__ import annotations

import asyncio

from pywatt_sdk._wire_registration import (
    Advertise,
    AdvertiseReply,
    Beat,
    BeatReply,
    Capabilities,
    HealthStatus,
    Register,
    RegisteredModule,
    RegisterReply,
    RegistrationReply,
    RegistrationRequest,
    Unregister,
    UnregisterReply,
    decode_request,
    encode_reply,
)
from pywatt_sdk.communication.message import EncodedMessage

ID = "11111111-2222-4333-8444-555555555555"
TOKEN = "test-token"


class Registry:
    """Remembers what it is told; refuses modules called `taken`."""

    def __init__(self) -> None:
        self.modules: dict[str, RegisteredModule] = {}
        self.capabilities: dict[str, Capabilities] = {}
        self.statuses: dict[str, HealthStatus] = {}
        self.beats = 0
        self.beats_refused = 0
        self.beaten = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one client, in turns."""
        port = writer.get_extra_info("sockname")[1]
        try:
            while True:
                message = await EncodedMessage.read_from_async(reader)
                writer.write(encode_reply(self._answer(decode_request(message.data), port)))
                await writer.drain()
        except (EOFError, ConnectionError):
            writer.close()

    def _answer(self, request: RegistrationRequest, port: int) -> RegistrationReply:
        match request:
            case Register(info):
                if info.name == "taken":
                    return RegisterReply(success=False, error="Module name taken")
                module = RegisteredModule(info, ID, TOKEN, "127.0.0.1", port)
                self.modules[ID] = module
                return RegisterReply(success=True, module=module)
            case Beat(module_id, token, status):
                if token != TOKEN or module_id not in self.modules:
                    self.beats_refused += 1
                    return BeatReply(False, HealthStatus.UNHEALTHY, "Unknown module")
                self.statuses[module_id] = status
                self.beats += 1
                self.beaten.set()
                return BeatReply(success=True, status=HealthStatus.HEALTHY)
            case Advertise(module_id, _, capabilities):
                self.capabilities[module_id] = capabilities
                return AdvertiseReply(success=True)
            case Unregister(module_id):
                del self.modules[module_id]
                return UnregisterReply(success=True)
