"""The part of the control API's client that sends messages to a producer.

    async with Client(paths) as client:
        message = ProducerMessage('{"event_type": "user.created", …}')
        result = await client.producer.send(message)

Every call raises what `Client`'s calls raise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import asdict

from kiket_console.wire_producer import (
    ProducerMessage,
    ProducerPreview,
    ProducerResult,
    ProducerState,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kiket_console.client_asking import Ask
    from kiket_console.wire_producer import SinkFault

SEND_S = 120.0
"""A credential process, signing in, connecting, the sink's slowest answer, and recording."""


class ProducerCalls:
    """Preview and send messages, and see what there is to send them with."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    async def state(self) -> ProducerState:
        """Return the sink, the profiles, the regions, and what was chosen by default."""
        return await self._ask("GET", "/producer", ProducerState)

    async def preview(self, message: ProducerMessage) -> ProducerPreview:
        """Return what `send` would send: URL, headers, body and what is signed."""
        document = asdict(message)
        return await self._ask("POST", "/producer/preview", ProducerPreview, document, SEND_S)

    async def send(self, message: ProducerMessage) -> ProducerResult:
        """Sign and send a message; return what became of it.

        Refused are only a message that does not fit the schema, and a URL that none may go to.
        """
        document = asdict(message)
        return await self._ask("POST", "/producer/send", ProducerResult, document, SEND_S)

    async def resend(self, exchange_id: int) -> ProducerResult:
        """Send a recorded message again, to where it went, with the profile that signed it."""
        document = {"id": exchange_id}
        return await self._ask("POST", "/producer/resend", ProducerResult, document, SEND_S)

    async def message(self, exchange_id: int) -> ProducerMessage:
        """Return a recorded message, to edit and send it; sensitive values are masked.

        They stand again when it is sent with `like` left as it is, for as long as the engine that
        sent it runs.
        """
        return await self._ask("GET", f"/producer/message/{exchange_id}", ProducerMessage)

    async def set_faults(self, faults: Sequence[SinkFault]) -> ProducerState:
        """Tell the sink all that it is to fail with; without any, it works."""
        document = {"faults": [asdict(each) for each in faults]}
        return await self._ask("PUT", "/producer/sink", ProducerState, document)
