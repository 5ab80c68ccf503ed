"""Run a handler: on the event loop or in a thread, for as long as it may take."""

from __future__ import annotations

import asyncio
import inspect
import logging
from typing import TYPE_CHECKING, Any

import anyio.to_thread

from kiket_sdk.exceptions import ConfigurationError, HandlerTimeoutError

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from kiket_sdk._context import HandlerContext
    from kiket_sdk.manifest import ExtensionManifest
    from kiket_sdk.routing import Handler

PLATFORM_PATIENCE_S = 10
"""How long the platform waits for an answer unless the manifest says otherwise (spec §1.10)."""

_logger = logging.getLogger("kiket_sdk")


def checked_limit_s(given_s: float | None, manifest: ExtensionManifest | None) -> float | None:
    """Return `handler_timeout` after a look at it; warn when the platform has given up by then.

    Raises ConfigurationError when it leaves handlers no time.
    """
    if given_s is None:
        return None
    if not given_s > 0:
        raise ConfigurationError(
            f"handler_timeout={given_s:g} leaves handlers no time; give seconds, "
            "or None for no limit."
        )
    declared_ms = manifest.callback.timeout_ms if manifest else None
    patience_s = PLATFORM_PATIENCE_S if declared_ms is None else declared_ms / 1000
    if given_s >= patience_s:
        _logger.warning(
            "The platform waits %g s for an answer%s, so handler_timeout=%g never counts; "
            "give less, or let callback.timeout in the manifest say more.",
            patience_s,
            f" ({manifest.path})" if manifest and declared_ms is not None else "",
            given_s,
        )
    return given_s


async def in_thread(
    handler: Handler, payload: Any, context: HandlerContext, *, is_limited: bool
) -> Any:
    """Return what a synchronous handler returns, or what comes of it when that is awaitable.

    A thread cannot be stopped: one that is over its limit goes on by itself, and is not heard.
    """
    result = await anyio.to_thread.run_sync(handler, payload, context, abandon_on_cancel=is_limited)
    return await result if inspect.isawaitable(result) else result


def is_stopping() -> bool:
    """Tell whether it is the webhook that is cancelled, and not work that its handler began."""
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0


async def within(limit_s: float, running: Awaitable[Any]) -> Any:
    """Return what a handler returns within so many seconds.

    Raises HandlerTimeoutError after that; an asynchronous handler is then cancelled.
    """
    try:
        async with asyncio.timeout(limit_s) as limit:
            return await running
    except TimeoutError as exc:
        if not limit.expired():
            raise  # the handler's own
        raise HandlerTimeoutError(limit_s) from exc
