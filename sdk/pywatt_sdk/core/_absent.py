"""Names that `AppState` does not have, and what to do instead."""

from __future__ import annotations

from typing import Final

from pywatt_sdk.core.error import UnavailableError

_LATER: Final = {
    "cache": "The cache",
    "cache_get": "The cache",
    "cache_set": "The cache",
    "channel_router": "The channel router",
    "database": "The database",
    "db": "The database",
    "execute_query": "The database",
    "failover_manager": "Failover",
    "performance_monitoring": "Performance monitoring",
    "priority_queue": "The priority queue",
    "request_multiplexer": "The request multiplexer",
}
"""Parts that have their name there and come with a later release."""

_INSTEAD: Final = {
    "ipc_channel": "has_channel(ChannelType.IPC) tells whether it is open, AppState.link uses it",
    "module_message_handlers": "on_message and register_module_message_handler add to them",
    "registration_client": "make a pywatt_sdk.RegistrationClient where one is needed",
    "secret_manager": "get_secret asks the orchestrator, and pywatt_sdk.SecretManager other places",
    "tcp_channel": "has_channel(ChannelType.TCP) tells whether it is open, AppState.link uses it",
}
"""Parts that older releases kept there."""


def absence(name: str) -> AttributeError:
    """Return the error for a name that `AppState` does not have."""
    if name in _LATER:
        return UnavailableError(
            f"{_LATER[name]} (AppState.{name}) comes with a later release; "
            "until then set it yourself, or reach it with a library of your own"
        )
    if name in _INSTEAD:
        return UnavailableError(f"AppState.{name} is not kept there: {_INSTEAD[name]}")
    return AttributeError(f"AppState has no attribute {name!r}")
