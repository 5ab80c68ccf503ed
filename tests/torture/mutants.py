"""Builds of the program that are known to be bad: a judge that does not catch them judges nothing.

Each breaks one promise, at the seam where a mistake would break it.
"""

from __future__ import annotations

import asyncio
import itertools
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

EVERY = 10
"""One in so many deliveries, or commits, is mistreated."""
LATE_S = 1.0
"""Longer than any engine under load goes without an acknowledgement."""


def acknowledge_before_commit() -> None:
    """Answer when a delivery is on its way to the writer, as if it were on disk."""
    from kiket_console.engine.outbox import Outbox

    def when_durable(self: Any, ticket: Any, told: Any) -> None:
        self.send_until(ticket.exchange_id)
        told(None)

    Outbox.when_durable = when_durable  # type: ignore[method-assign]


def answer_before_outcome() -> None:
    """Answer when the request is on disk, and write its outcome a moment later."""
    from kiket_console.engine.recorder import Recorder

    conclude = Recorder.conclude

    def late(self: Any, *arguments: Any) -> None:
        asyncio.get_running_loop().call_later(LATE_S, conclude, self, *arguments)

    Recorder.conclude = late  # type: ignore[method-assign, assignment]


def rolled_back_as_committed() -> None:
    """Tell those who wait for a batch that it is stored when it was rolled back."""
    counter = itertools.count(1)

    class Forgetful(sqlite3.Connection):
        """Rolls back one in `EVERY` of its commits, without a word."""

        def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
            """Run a statement, or the opposite of it."""
            return super().execute(_forgotten(sql, counter), *values)

        def commit(self) -> None:
            """Commit, or not."""
            self.execute("COMMIT")

    _connect_as(Forgetful)


def _forgotten(sql: str, counter: itertools.count[int]) -> str:
    if sql.strip().upper() == "COMMIT" and next(counter) % EVERY == 0:
        return "ROLLBACK"
    return sql


def normal_instead_of_full() -> None:
    """Leave the flush of each commit out; no `kill -9` shows that, a power cut does."""

    class Lax(sqlite3.Connection):
        """Knows no `synchronous = FULL`."""

        def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
            """Run a statement."""
            if "synchronous" in sql.lower():
                sql = "PRAGMA synchronous = NORMAL"
            return super().execute(sql, *values)

    _connect_as(Lax)


def no_lifeline() -> None:
    """Start workers without the parent that would end their trees."""
    spawn = asyncio.create_subprocess_exec
    bare = str(Path(__file__).with_name("no_lifeline.py"))

    async def spawned(*command: Any, **options: Any) -> Any:
        return await spawn(
            *(bare if str(word).endswith("lifeline.py") else word for word in command), **options
        )

    asyncio.create_subprocess_exec = spawned


def references_dropped() -> None:
    """Store bodies without what is needed to put their secrets back."""
    import msgspec

    from kiket_console.engine import bodies

    stored = bodies.stored

    def forgetful(*arguments: Any, **options: Any) -> Any:
        return msgspec.structs.replace(stored(*arguments, **options), references=())

    bodies.stored = forgetful


def forward_twice() -> None:
    """Try one in `EVERY` deliveries a second time, though the first was answered."""
    from kiket_console.engine.link import WorkerLink

    send, counter = WorkerLink.send, itertools.count(1)

    def sent(self: Any, head: bytes, body: bytes, timeout_s: float, on_end: Any) -> None:
        def once_more(_: object) -> None:
            send(self, head, body, timeout_s, on_end)

        is_chosen = next(counter) % EVERY == 0
        send(self, head, body, timeout_s, once_more if is_chosen else on_end)

    WorkerLink.send = sent  # type: ignore[method-assign, assignment]


def recorded_twice() -> None:
    """Record one in `EVERY` deliveries twice."""
    from kiket_console.engine.recorder import Recorder

    begin, counter = Recorder.begin, itertools.count(1)

    def begun(self: Any, *arguments: Any, **options: Any) -> Any:
        if next(counter) % EVERY == 0:
            begin(self, *arguments, **options)
        return begin(self, *arguments, **options)

    Recorder.begin = begun  # type: ignore[method-assign]


def left_under_way() -> None:
    """Say of no delivery that it was interrupted, whatever became of its engine."""

    def silenced(sql: str, values: Any = ()) -> bool:
        return sql.lstrip().upper().startswith("UPDATE") and "interrupted" in f"{sql} {values}"

    class Silent(sqlite3.Connection):
        """Writes nothing that says `interrupted`."""

        def execute(self, sql: str, values: Any = ()) -> sqlite3.Cursor:
            """Run a statement, or none."""
            return (
                super().execute("SELECT 1")
                if silenced(sql, values)
                else super().execute(sql, values)
            )

        def executemany(self, sql: str, rows: Any) -> sqlite3.Cursor:
            """Run a statement for each row, or for none."""
            return super().executemany(sql, [row for row in rows if not silenced(sql, row)])

    _connect_as(Silent)


def _connect_as(kind: type[sqlite3.Connection]) -> None:
    """Let every SQLite connection be of *kind*."""
    connect: Callable[..., sqlite3.Connection] = sqlite3.connect

    def connected(*arguments: Any, **options: Any) -> sqlite3.Connection:
        return connect(*arguments, factory=kind, **options)

    sqlite3.connect = connected  # type: ignore[assignment]  # one signature for all its overloads


def answered_by_nobody() -> None:
    """Make up one in `EVERY` answers, and ask no worker."""
    from kiket_console.engine.link import Answer, WorkerLink

    send, counter = WorkerLink.send, itertools.count(1)

    def sent(self: Any, head: bytes, body: bytes, timeout_s: float, on_end: Any) -> None:
        if next(counter) % EVERY == 0:
            made_up = Answer(200, (("content-length", "2"),), b"{}")
            asyncio.get_running_loop().call_soon(on_end, made_up)
        else:
            send(self, head, body, timeout_s, on_end)

    WorkerLink.send = sent  # type: ignore[method-assign, assignment]


def writer_dies() -> None:
    """End the thread that writes the store after some commits: no mutant, but a fault."""
    from kiket_console.store.writer import Writer

    commit, counter = Writer._commit, itertools.count(1)

    def commits(self: Any, *arguments: Any, **options: Any) -> Any:
        if next(counter) > EVERY:
            raise SystemExit
        return commit(self, *arguments, **options)

    Writer._commit = commits  # type: ignore[method-assign]


def task_fails() -> None:
    """Let one of the engine's own tasks raise what nobody expects: no mutant, but a fault."""
    from kiket_console.engine.telemetry.sampling import Sampler

    async def measures(self: Any) -> None:
        await asyncio.sleep(1.0)
        raise RuntimeError("a mistake of ours")

    Sampler.run = measures  # type: ignore[method-assign]


MUTANTS: dict[str, Callable[[], None]] = {
    mutant.__name__: mutant
    for mutant in (
        acknowledge_before_commit,
        answer_before_outcome,
        rolled_back_as_committed,
        normal_instead_of_full,
        no_lifeline,
        references_dropped,
        forward_twice,
        recorded_twice,
        left_under_way,
        answered_by_nobody,
        writer_dies,
        task_fails,
    )
}
