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
    from collections.abc import Awaitable, Callable, Coroutine, Iterable
    from pathlib import Path

    Go = Callable[[Callable[[object], None]], None]
    """Sends a delivery; takes who is told what came of it."""

STALL_S = 0.15
"""How long a COMMIT takes that ends in death: long enough to see who does not wait for it."""
MUTANT_STALL_S = 20.0
"""The same for a mutant's arrivals, should nobody be seen not to wait for them."""
ENOUGH = 40
"""So many answers cannot all have been on their way when the COMMIT began."""


_under_way: set[asyncio.Future[None]] = set()


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
    stored = _when_stored()

    def chosen(delivery_id: str, go: Go) -> None:
        _soon(_strike(fuse, delivery_id, stored(delivery_id)))

    _at_sending(fuse, chosen)


def handled(fuse: Fuse) -> None:
    """Die while the handler has a stored delivery, and its answer has not been seen."""
    stored = _when_stored()
    ledger = fuse.note.with_name("handled")

    async def known(delivery_id: str) -> None:
        await stored(delivery_id)
        mine = f"d {delivery_id} ".encode()
        while mine not in await asyncio.to_thread(ledger.read_bytes):  # noqa: ASYNC110 - of another process
            await asyncio.sleep(0)

    def chosen(delivery_id: str, go: Go) -> None:
        go(lambda _: None)
        _soon(_strike(fuse, delivery_id, known(delivery_id)))

    _at_sending(fuse, chosen)


def answered(fuse: Fuse) -> None:
    """Die when the worker has answered a stored delivery, and nothing of that is written."""
    stored = _when_stored()

    def chosen(delivery_id: str, go: Go) -> None:
        go(lambda _: _soon(_strike(fuse, delivery_id, stored(delivery_id))))

    _at_sending(fuse, chosen)


def _at_sending(fuse: Fuse, chosen: Callable[[str, Go], None]) -> None:
    """Have *chosen* called, when its turn is, in place of sending a delivery to its worker."""
    from kiket_console.engine.link import WorkerLink

    send: Any = WorkerLink.send

    def sent(self: Any, raw_head: bytes, *rest: Any) -> None:
        *how, on_end = rest
        lines = [line.partition(": ") for line in raw_head.decode("latin-1").split("\r\n")]
        delivery_id = id_of((name, value) for name, _, value in lines)
        if delivery_id and fuse.passes():
            chosen(delivery_id, lambda told: send(self, raw_head, *how, told))
        else:
            send(self, raw_head, *how, on_end)

    WorkerLink.send = sent  # type: ignore[method-assign, assignment]


async def _strike(fuse: Fuse, delivery_id: str, known: Awaitable[None]) -> None:
    await known
    fuse.strike(delivery_id)


def _soon(work: Coroutine[Any, Any, None]) -> None:
    _under_way.add(asyncio.ensure_future(work))


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
    from kiket_console.engine.recorder import Recorder

    begin, outcome = Recorder.begin, Gateway.outcome
    ids: dict[int, str] = {}

    def begun(self: Any, arrival: Any, *rest: Any, **options: Any) -> Any:
        found = begin(self, arrival, *rest, **options)
        ids[found.id] = id_of(arrival.headers)
        return found

    def concluded(self: Any, recorded: Any, *rest: Any) -> Any:
        if fuse.passes():
            fuse.strike(ids[recorded.id])
        return outcome(self, recorded, *rest)

    Recorder.begin = begun  # type: ignore[method-assign]
    Gateway.outcome = concluded  # type: ignore[method-assign, assignment]


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
