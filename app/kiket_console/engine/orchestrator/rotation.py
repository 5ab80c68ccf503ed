"""How a module is told that secrets have new values (pywatt wire specification §6.1).

`rotated`, its acknowledgement, one heartbeat for the reader of the Rust SDK that waits for one more
line, then the values.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

from kiket_console.engine.orchestrator.notebook import NOTHING
from kiket_console.engine.orchestrator.ports import Errand
from kiket_console.model import State
from pywatt_sdk import _protocol as p

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kiket_console.engine.orchestrator.ports import Frame, Tape
    from kiket_console.engine.orchestrator.secrets import Desk

AGAIN_S: Final = 2.0
"""After how long a module of another SDK is told again: one of its readers may lose the line."""
LIMIT_S: Final = 30.0
"""How long the answer to a rotation that was sent by hand is waited for."""
ASKING_S: Final = 0.15
"""How long such a module may ask for the new values itself; a value that comes while it waits for
another kills its question."""


class Rotations:
    """The rotations of one module.

    *send* sends a message and takes it down; *again* sends it once more, and does not.
    """

    def __init__(
        self,
        tape: Tape,
        desk: Desk,
        *,
        send: Callable[[p.ToModule, Errand], None],
        again: Callable[[p.ToModule], object],
        is_ours: Callable[[], bool],
    ) -> None:
        self._tape = tape
        self._desk = desk
        self._send = send
        self._again = again
        self._is_ours = is_ours
        self._pending: dict[str, tuple[asyncio.Future[p.RotationAck], int | None]] = {}
        self._newest = ""

    async def rotate(
        self, keys: Sequence[str], rotation_id: str, timeout_s: float
    ) -> p.RotationAck | None:
        """Tell the module; return what it says, or None when it says nothing in time.

        It is told of those alone that it declares; of none, it counts as told. Raises
        ConnectionError when it ends before.
        """
        known = self._desk.rotated(keys)
        if not known:
            return p.RotationAck(rotation_id, "success", "It declares none of these secrets.")
        message = p.Rotated(known, rotation_id)
        errand = Errand()
        ack: asyncio.Future[p.RotationAck] = asyncio.get_running_loop().create_future()
        self._send(message, errand)
        self._pending[rotation_id] = ack, errand.exchange_id
        self._newest = rotation_id
        try:
            said = await self._heard(ack, message, timeout_s)
        finally:
            self._pending.pop(rotation_id, None)
        if said is None:
            self._silent(errand.exchange_id, timeout_s)
        if not self._is_ours():
            self._send(p.Heartbeat(), Errand())
            await asyncio.sleep(ASKING_S)
        for name in filter(self._desk.is_stale, known):
            found = await self._desk.find(name)
            if not found.error:
                self._send(p.Secret(name, found.value, rotation_id), Errand())
        return said

    def expect(self, rotation_id: str, exchange_id: int | None) -> None:
        """Take the answer to a rotation down that somebody sent by hand; nobody waits for it."""
        if rotation_id in self._pending:
            return
        loop = asyncio.get_running_loop()
        self._pending[rotation_id] = loop.create_future(), exchange_id
        loop.call_later(LIMIT_S, self._give_up, rotation_id, exchange_id)

    def acknowledged(self, ack: p.RotationAck, frame: Frame) -> str:
        """Give an acknowledgement to who waits; return what is wrong with it, empty for nothing.

        A second one, where a module was told twice, is right.
        """
        pending = self._pending.pop(ack.rotation_id, None)
        if pending is None:
            return "" if ack.rotation_id == self._newest else NOTHING
        state = State.FORWARDED if ack.status == "success" else State.FAILED
        error = "" if ack.status == "success" else (ack.message or "The module refused it.")
        self._tape.reply(pending[1], frame, state=state, error=error)
        if not pending[0].done():
            pending[0].set_result(ack)
        return ""

    def fail(self, why: str) -> None:
        """Give up every rotation: the module has ended."""
        pending, self._pending = self._pending, {}
        for ack, exchange_id in pending.values():
            self._tape.reply(exchange_id, None, state=State.FAILED, error=why)
            if not ack.done():
                ack.set_exception(ConnectionError(why))
                ack.exception()  # whoever asked may have gone

    def _give_up(self, rotation_id: str, exchange_id: int | None) -> None:
        pending = self._pending.get(rotation_id)
        if pending is not None and pending[1] == exchange_id:
            del self._pending[rotation_id]
            self._silent(exchange_id, LIMIT_S)

    def _silent(self, exchange_id: int | None, limit_s: float) -> None:
        why = f"The module did not acknowledge the rotation within {limit_s:.3g} s."
        self._tape.reply(exchange_id, None, state=State.FAILED, error=why)

    async def _heard(
        self, ack: asyncio.Future[p.RotationAck], message: p.Rotated, timeout_s: float
    ) -> p.RotationAck | None:
        """Wait for the acknowledgement, telling a module of another SDK again meanwhile."""
        loop = asyncio.get_running_loop()
        until_s = loop.time() + timeout_s
        while (left_s := until_s - loop.time()) > 0:
            wait_s = left_s if self._is_ours() else min(AGAIN_S, left_s)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    return await asyncio.shield(ack)
            if loop.time() < until_s:
                self._again(message)
        return None
