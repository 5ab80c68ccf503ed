"""A secret's new value, handed to those who have the old one.

Modules confirm it while they run. Extensions are started anew, and what serves goes on until its
successor does; so that whoever rotates can tell a sender, it is waited for.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from typing import TYPE_CHECKING, Final, Protocol

from kiket_console.wire import ROTATION_LIMIT_S, Rotation, RotationAck
from kiket_core.secret import redactor

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from kiket_console.engine.orchestrator.ports import Peer


class Restart(Protocol):
    """Start the extensions anew that declare a secret; see `Supervisor.secret_changed`."""

    def __call__(self, secret: str, *, is_kept: bool = True) -> tuple[str, ...]:
        """Return who is started."""
        ...


SAID_LIMIT: Final = 1000
"""Characters of what a module says of a new value."""


class HandingOver:
    """Hand the values that are in the vault to the *modules* that run.

    *restart* starts the extensions anew that declare a secret, and returns their names: they take
    secrets at their start alone. *serve* waits for them, so many seconds at most, and returns those
    that do not serve with what they were given.
    """

    def __init__(
        self,
        modules: Callable[[], Iterable[Peer]],
        restart: Restart,
        serve: Callable[[tuple[str, ...], float], Awaitable[tuple[str, ...]]],
    ) -> None:
        self._modules = modules
        self._restart = restart
        self._serve = serve

    async def hand_out(self, name: str, timeout_s: float, *, is_kept: bool = True) -> Rotation:
        """Hand out the value that the vault has now; return who took it, after *timeout_s* at most.

        *is_kept*: there is one, it was not forgotten.
        """
        rotation_id = str(uuid.uuid4())
        restarted = self._restart(name, is_kept=is_kept)
        holders = [peer for peer in self._modules() if _asked(peer, name)]
        limit_s = min(timeout_s, ROTATION_LIMIT_S)
        async with asyncio.TaskGroup() as tasks:
            asking = [
                tasks.create_task(_handed(peer, name, rotation_id, limit_s)) for peer in holders
            ]
            failed = await self._serve(restarted, limit_s)
        acks = tuple(sorted((task.result() for task in asking), key=lambda ack: ack.module))
        return Rotation(name, rotation_id, acks, restarted, failed=failed)


def _asked(peer: Peer, name: str) -> bool:
    """Tell whether a module has asked for a secret, whatever it was answered."""
    return any(asked == name for asked, _ in peer.facts.asked)


async def _handed(peer: Peer, name: str, rotation_id: str, timeout_s: float) -> RotationAck:
    began_s = time.monotonic()
    try:
        ack = await peer.rotate([name], rotation_id, timeout_s)
    except ConnectionError as error:
        return RotationAck(peer.name, "no answer", str(error) or f"{peer.label} has ended.")
    took_us = int((time.monotonic() - began_s) * 1_000_000)
    if ack is None:
        said = f"{peer.label} did not confirm it within {timeout_s:g} s."
        return RotationAck(peer.name, "no answer", said, took_us)
    return RotationAck(peer.name, _said(ack.status), _said(ack.message or ""), took_us)


def _said(text: str) -> str:
    """Return what a module says of a secret as it may be shown."""
    return redactor.redact(text)[:SAID_LIMIT]
