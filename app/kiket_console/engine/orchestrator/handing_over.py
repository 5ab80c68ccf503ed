"""A secret's new value, handed to those who have the old one: modules confirm it while they run."""

from __future__ import annotations

import asyncio
import time
import uuid
from typing import TYPE_CHECKING, Final

from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.wire import ROTATION_LIMIT_S, Rotation, RotationAck
from kiket_core.secret import redactor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from kiket_console.engine.orchestrator.ports import Peer
    from kiket_console.engine.ports import Secrets


SAID_LIMIT: Final = 1000
"""Characters of what a module says of a new value."""


class HandingOver:
    """Rotate secrets: keep a new value in *vault*, and hand it to the *modules* that run.

    *restart* starts the extensions anew that declare a secret, and returns their names: they take
    secrets at their start alone.
    """

    def __init__(
        self,
        vault: Secrets,
        modules: Callable[[], Iterable[Peer]],
        restart: Callable[[str], tuple[str, ...]],
    ) -> None:
        self._vault = vault
        self._modules = modules
        self._restart = restart

    async def rotate(self, name: str, value: str | None, timeout_s: float) -> Rotation:
        """Hand out a secret's new *value*, None: the one that the vault has; return who took it.

        Raises `ConsoleError` when there is no value, or the vault does not take it.
        """
        if value is not None:
            await self._vault.set(name, value)
        elif await self._vault.get(name) is None:
            raise ConsoleError(
                f"The secret {name} has no value that could be handed out.",
                hint="Say the new one.",
                exit_code=ExitCode.USAGE,
            )
        rotation_id = str(uuid.uuid4())
        holders = [peer for peer in self._modules() if _asked(peer, name)]
        limit_s = min(timeout_s, ROTATION_LIMIT_S)
        async with asyncio.TaskGroup() as tasks:
            asking = [
                tasks.create_task(_handed(peer, name, rotation_id, limit_s)) for peer in holders
            ]
        acks = tuple(sorted((task.result() for task in asking), key=lambda ack: ack.module))
        return Rotation(name, rotation_id, acks, self._restart(name))


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
