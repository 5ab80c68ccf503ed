"""Run a handler: on the event loop or in a thread, for as long as it may take."""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING, Any

import anyio.to_thread

from kiket_sdk.exceptions import HandlerTimeoutError

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from kiket_sdk._context import HandlerContext
    from kiket_sdk.routing import Handler


async def in_thread(
    handler: Handler, payload: Any, context: HandlerContext, *, is_limited: bool
) -> Any:
    """Return what a synchronous handler returns, or what comes of it when that is awaitable.

    A thread cannot be stopped: one that is over its limit goes on by itself, and is not heard.
    """
    result = await anyio.to_thread.run_sync(handler, payload, context, abandon_on_cancel=is_limited)
    return await result if inspect.isawaitable(result) else result


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
