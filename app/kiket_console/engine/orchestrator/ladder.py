"""How a module is ended: told to shut down, then left without input, then by signals.

    shutdown ─2 s─► end of input ─3 s─► TERM ─3 s─► KILL        announced
    shutdown ─½ s─► end of input ─½ s─► TERM ─3 s─► KILL        and on no channel but stdin, stdout
                    end of input ─½ s─► TERM ─3 s─► KILL        not yet announced

The signals are the life-line's. A module of the Rust SDK stays after `shutdown` until its input
ends; one of its macro opens no channel and knows neither (pywatt wire specification §1.6, §13).
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from kiket_console.engine.orchestrator.ports import Session

LOOP_LIMIT_S = 2.0
"""From `shutdown` to the end of what serves."""
INPUT_LIMIT_S = 3.0
"""From the end of its input to its own."""
QUICK_LIMIT_S = 0.5
"""Either, of a module that may know neither."""
LOOK_EVERY_S = 0.05
CONNECT_LIMIT_S = 1.0


async def step_down(
    session: Session,
    address: tuple[str, int] | None,
    ends_within: Callable[[float], Awaitable[bool]],
) -> None:
    """Ask a module to end in every way short of a signal; returns early once it has.

    *address* is where it serves, None where it does not; *ends_within* waits for its end.
    """
    announced = session.announced
    if not announced.done() or announced.cancelled() or announced.exception() is not None:
        session.close_stdin()
        await ends_within(QUICK_LIMIT_S)
        return
    knows = any(
        each.name != "stdio" and each.state == "connected" for each in session.facts.channels
    )
    session.shut_down()
    until_s = time.monotonic() + (LOOP_LIMIT_S if knows else QUICK_LIMIT_S)
    while time.monotonic() < until_s:
        if await ends_within(LOOK_EVERY_S):
            return
        if address is not None and not await accepts(address):
            break  # it serves no more, and may be waiting for the end of its input
    session.close_stdin()
    await ends_within(INPUT_LIMIT_S if knows else QUICK_LIMIT_S)


async def accepts(address: tuple[str, int]) -> bool:
    """Tell whether somebody takes connections at *address*, a host and a port."""
    try:
        async with asyncio.timeout(CONNECT_LIMIT_S):
            _, writer = await asyncio.open_connection(*address)
    except (TimeoutError, OSError):
        return False
    writer.close()
    return True
