"""The description of the control API's part that sends messages to a producer."""

from __future__ import annotations

from typing import Any

from kiket_console.engine.openapi_parts import asks, parameter, schema
from kiket_console.wire import API
from kiket_console.wire_producer import (
    FAULTS,
    ProducerMessage,
    ProducerPreview,
    ProducerResult,
    ProducerState,
    SinkFault,
)

PRODUCER_KINDS = (ProducerState, ProducerMessage, ProducerPreview, ProducerResult, SinkFault)
"""What is spoken of there."""
_RESEND = {
    "type": "object",
    "required": ["id"],
    "additionalProperties": False,
    "properties": {"id": {"type": "integer"}},
}
_SINK = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "faults": {
            "type": "array",
            "items": schema(SinkFault),
            "maxItems": len(FAULTS),
            "description": "All that it is to fail with; empty: nothing.",
        }
    },
}


def producer_paths() -> dict[str, Any]:
    """Return the paths below `/v1/producer`."""
    place, message = f"{API}/producer", schema(ProducerMessage)
    return {
        place: {"get": asks("What there is to send messages with.", ProducerState)},
        f"{place}/preview": {
            "post": asks("What would be sent and signed.", ProducerPreview, body=message)
        },
        f"{place}/send": {"post": asks("Sign and send a message.", ProducerResult, body=message)},
        f"{place}/resend": {
            "post": asks("Send a recorded message again.", ProducerResult, body=_RESEND)
        },
        f"{place}/message/{{id}}": {
            "parameters": [parameter("id", {"type": "integer"})],
            "get": asks("A recorded message, to edit it.", ProducerMessage),
        },
        f"{place}/sink": {
            "put": asks("Tell the sink what to fail with.", ProducerState, body=_SINK)
        },
    }
