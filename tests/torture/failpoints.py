"""Points at which an engine can be made to die, each between two steps of a delivery's way.

    received ─► RECORDED ─► forwarded ─► HANDLED ─► ANSWERED ─► outcome written ─► COMMITTED
    ─► the sender is answered                  and with a transaction open: BEFORE_COMMIT_OF_…

Installed by `launcher` into the running program. Dying is `kill -9` by its own hand: nothing is
flushed, nobody is told.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import threading
import time
from typing import TYPE_CHECKING, Any

from tests.torture.sample import ID_HEADER

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable
    from pathlib import Path

STALL_S = 0.15
"""How long a COMMIT takes that ends in death: long enough to see who does not wait for it."""
MUTANT_STALL_S = 20.0
"""The same for a mutant's arrivals, should nobody be seen not to wait for them."""
ENOUGH = 40
"""So many answers cannot all have been on their way when the COMMIT began."""


class Fuse:
    """Ends this process at the given pass of its point, leaving a note of the delivery."""

    def __init__(self, note: Path, count: int, *, of_mutant: bool = False) -> None:
        self.note = note
        self.of_mutant = of_mutant
        self._left = count
        self._lock = threading.Lock()

    def passes(self) -> bool:
        """Count a pass; whether it is the one."""
        with self._lock:
            self._left -= 1
            return self._left == 0

    def strike(self, delivery_id: str) -> None:
        """Die."""
        self.note.write_text(f"{delivery_id}\n")
        os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(60)  # until the kernel has come round to it


def id_of(headers: Iterable[tuple[str, str]]) -> str:
    """Return the sender's id of a delivery."""
    return next((value for name, value in headers if name.lower() == ID_HEADER), "")


def recorded(fuse: Fuse) -> None:
    """Die when a delivery is stored, and nothing of it has been sent to the worker."""
    from kiket_console.engine.forward import Forwarder

    forward, stored = Forwarder.forward, _when_stored()

    async def forwarded(
        self: Any, target: Any, method: str, path: str, headers: Any, *rest: Any, **options: Any
    ) -> Any:
        if fuse.passes():
            await stored(id_of(headers))
            fuse.strike(id_of(headers))
        return await forward(self, target, method, path, headers, *rest, **options)

    Forwarder.forward = forwarded  # type: ignore[method-assign]


def handled(fuse: Fuse) -> None:
    """Die while the handler has a stored delivery, and its answer has not been seen."""
    from kiket_console.engine.forward import Forwarder

    forward, stored = Forwarder.forward, _when_stored()
    ledger = fuse.note.with_name("handled")

    async def forwarded(
        self: Any, target: Any, method: str, path: str, headers: Any, *rest: Any, **options: Any
    ) -> Any:
        going = asyncio.ensure_future(
            forward(self, target, method, path, headers, *rest, **options)
        )
        if fuse.passes():
            await stored(id_of(headers))
            mine = f"d {id_of(headers)} ".encode()
            while mine not in await asyncio.to_thread(ledger.read_bytes):  # noqa: ASYNC110 - of another process
                await asyncio.sleep(0)
            fuse.strike(id_of(headers))
        return await going

    Forwarder.forward = forwarded  # type: ignore[method-assign]


def answered(fuse: Fuse) -> None:
    """Die when the worker has answered a stored delivery, and nothing of that is written."""
    from kiket_console.engine.forward import Forwarder

    forward, stored = Forwarder.forward, _when_stored()

    async def forwarded(
        self: Any, target: Any, method: str, path: str, headers: Any, *rest: Any, **options: Any
    ) -> Any:
        answer = await forward(self, target, method, path, headers, *rest, **options)
        if fuse.passes():
            await stored(id_of(headers))
            fuse.strike(id_of(headers))
        return answer

    Forwarder.forward = forwarded  # type: ignore[method-assign]


def _when_stored() -> Callable[[str], Awaitable[None]]:
    """Return what waits until a delivery, by its sender's id, is in the store.

    The gateway does not wait for that before it forwards: at a kill, a delivery that a worker has
    can be one that nothing is known of. Its sender has heard nothing either.
    """
    from kiket_console.engine.recorder import Recorder

    begin = Recorder.begin
    by_id: dict[str, tuple[Any, Any]] = {}

    def begun(self: Any, arrival: Any, *rest: Any, **options: Any) -> Any:
        found = begin(self, arrival, *rest, **options)
        by_id[id_of(arrival.headers)] = self, found
        return found

    async def stored(delivery_id: str) -> None:
        recorder, found = by_id[delivery_id]
        await recorder.durable(found)

    Recorder.begin = begun  # type: ignore[method-assign]
    return stored


def committed(fuse: Fuse) -> None:
    """Die when request and outcome are durable, and the sender has not been answered."""
    from kiket_console.engine.gateway import Gateway

    carry_out = Gateway.carry_out

    async def carried_out(self: Any, delivery: Any, *rest: Any, **options: Any) -> Any:
        outcome = await carry_out(self, delivery, *rest, **options)
        if fuse.passes():
            fuse.strike(id_of(delivery.headers))
        return outcome

    Gateway.carry_out = carried_out  # type: ignore[method-assign]


def before_commit_of_arrival(fuse: Fuse) -> None:
    """Die with a transaction open that holds a new delivery, a moment after its writing."""
    stall = _until_heard if fuse.of_mutant else _a_moment
    _die_in_transaction(fuse, "insert into exchange", stall)


def before_commit_of_outcome(fuse: Fuse) -> None:
    """Die with a transaction open that holds how a delivery ended, a moment after its writing."""
    _die_in_transaction(fuse, "insert into attempt", _a_moment)


def _die_in_transaction(fuse: Fuse, statement: str, stall: Callable[[Fuse], None]) -> None:
    """Strike at a COMMIT after *statement*; until then whoever need not wait for it goes on."""
    seen = threading.local()

    def traced(sql: str) -> None:
        word = sql.lstrip().lower()
        if word.startswith("begin"):
            seen.it = False
        elif word.startswith(statement):
            seen.it = True
        elif word.startswith("commit") and getattr(seen, "it", False) and fuse.passes():
            stall(fuse)
            fuse.strike("")

    trace_connections(traced)


def _a_moment(_: Fuse) -> None:
    """Let whoever does not wait for the COMMIT go on."""
    time.sleep(STALL_S)


def _until_heard(fuse: Fuse) -> None:
    """Let whoever does not wait for the COMMIT go on, until the senders have heard of it."""
    ledger, deadline = fuse.note.with_name("ledger"), time.monotonic() + MUTANT_STALL_S
    before = ledger.read_bytes().count(b"\na ")
    while ledger.read_bytes().count(b"\na ") < before + ENOUGH and time.monotonic() < deadline:
        time.sleep(0.01)


def trace_connections(traced: Callable[[str], None]) -> None:
    """Have *traced* called with each statement of each SQLite connection, before it runs."""
    connect: Callable[..., sqlite3.Connection] = sqlite3.connect

    def connected(*arguments: Any, **options: Any) -> sqlite3.Connection:
        connection = connect(*arguments, **options)
        connection.set_trace_callback(traced)
        return connection

    sqlite3.connect = connected  # type: ignore[assignment]  # one signature for all its overloads


POINTS: dict[str, Callable[[Fuse], None]] = {
    point.__name__: point
    for point in (
        recorded,
        handled,
        answered,
        committed,
        before_commit_of_arrival,
        before_commit_of_outcome,
    )
}
