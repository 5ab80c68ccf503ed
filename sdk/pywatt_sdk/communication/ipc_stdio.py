"""The stdio protocol by hand, under the name that other releases have for it; see `ipc`."""

from pywatt_sdk.communication.ipc import (
    process_ipc_messages,
    read_init,
    send_announce,
    send_message,
)

__all__ = ["process_ipc_messages", "read_init", "send_announce", "send_message"]
