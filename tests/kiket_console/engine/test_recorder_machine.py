"""Recorder, writer and reader against a model of what they promise, in any order of events.

What was promised (`durable` has returned) is there after a crash exactly as it was, and what was
not is not there at all: the model decides when commits go through, so that it knows. A crash is
what `kill -9` leaves: the files as they are, perhaps within a transaction, and nothing of the
process.

`RECORDER_EXAMPLES=2000` looks for longer, and at random.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import sqlite3
import tempfile
import threading
import time
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar
from unittest import mock

import pytest
import uvloop
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from kiket_console.engine import outbox
from kiket_console.engine.recorder import Arrival, Ending, Recorded, Recorder
from kiket_console.model import Source, State
from kiket_console.store import writer as writing
from kiket_console.store.reader import Reader
from kiket_console.store.records import Remove, Restore, Row, SetPinned
from kiket_console.store.writer import StoreFailedError, Writer
from kiket_core.secret import Redactor

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

    from kiket_console.model import Detail

MORE = os.environ.get("RECORDER_EXAMPLES")
SETTINGS = settings(
    max_examples=int(MORE or 15),
    stateful_step_count=30,
    deadline=None,
    derandomize=MORE is None,
    database=None,
)
PATIENCE_S = 120
SECRET = "a secret that is in some of the bodies"
UNDER_WAY = frozenset({State.RECEIVED, State.HELD})
ENDS = (State.FORWARDED, State.FAILED, State.REJECTED, State.INTERRUPTED)
PIECES = {
    "secret": SECRET.encode(),
    "odd": b"\x00\xff[secret:",
    "json": b'{"a": 1}',
    "large": b"x" * 70_000,
}
BODIES = st.lists(st.sampled_from(sorted(PIECES)), max_size=4).map(
    lambda names: b"-".join(PIECES[name] for name in names)
)


class Gated(sqlite3.Connection):
    """Commits when it is let, and fails to when it is told to."""

    is_open: ClassVar[threading.Event]
    failing: ClassVar[threading.Event]

    def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
        """Run a statement."""
        if sql != "COMMIT":
            return super().execute(sql, *values)
        assert self.is_open.wait(PATIENCE_S)
        if self.failing.is_set():
            self.failing.clear()
            full = sqlite3.OperationalError("database or disk is full")
            full.sqlite_errorcode = sqlite3.SQLITE_FULL
            raise full
        return super().execute(sql)


@dataclass(frozen=True)
class Fact:
    """What there is to know of an exchange."""

    state: State
    status: int | None = None
    attempts: int = 0
    answer: bytes | None = None
    pinned: bool = False
    removed: bool = False

    @property
    def after_its_engine(self) -> Fact:
        """Return it as the next engine finds it."""
        return replace(self, state=State.INTERRUPTED) if self.state in UNDER_WAY else self


@dataclass
class Model:
    """One exchange: what it was, one fact after the other, and which of them is in the store."""

    raw: bytes
    facts: list[Fact]
    stored: int = -1
    recorded: Recorded | None = None
    """While its engine lives and can say how it ends."""

    @property
    def now(self) -> Fact:
        """Return the newest fact."""
        return self.facts[-1]

    def becomes(self, **changes: Any) -> None:
        """Add a fact."""
        self.facts.append(replace(self.now, **changes))


class RecorderMachine(RuleBasedStateMachine):
    """Deliveries come, are tried and answered; commits fail; the engine dies and comes back."""

    def __init__(self) -> None:
        super().__init__()
        self.place = Path(tempfile.mkdtemp(prefix="kcm", dir="/tmp"))
        self.lives = 0
        self.known: dict[int, Model] = {}
        self.runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
        self.redactor = Redactor()
        self.redactor.add("TEST", SECRET)
        self.sent_id = 0
        """All that is known of exchanges up to this one has been handed to the writer."""
        self.patches = (
            mock.patch.object(writing, "RETRY_S", 0.01),
            mock.patch.object(outbox, "HOLD_BACK_S", 3600.0),
        )
        for patch in self.patches:
            patch.start()

    @initialize()
    def begin(self) -> None:
        """Open a store that was not there."""
        self.path = self._next_place() / "store.sqlite3"
        self._open()
        assert self.writer.interrupted == 0

    def teardown(self) -> None:
        """Give everything back."""
        if self.lives:
            self.gated.is_open.set()
            self.writer.close()
            self.reader.close()
        self.runner.close()
        for patch in self.patches:
            patch.stop()
        shutil.rmtree(self.place)

    # What happens to exchanges

    @rule(raw=BODIES, is_held=st.booleans())
    def receive(self, raw: bytes, is_held: bool) -> None:
        """Take a delivery, to a worker or to wait for one."""
        recorded = self._receive(raw, is_held=is_held)
        state = State.HELD if is_held else State.RECEIVED
        assert recorded.id not in self.known
        assert recorded.id > max(self.known, default=0)
        first = Fact(state, attempts=0 if is_held else 1)
        self.known[recorded.id] = Model(raw, [first], recorded=recorded)

    @precondition(lambda self: self._having(State.HELD))
    @rule(data=st.data())
    def attempt(self, data: st.DataObject) -> None:
        """Let one that was held go to its worker."""
        model = self._draw(data, State.HELD)
        self._run(_called(self.recorder.attempt, model.recorded, "sample#1"))
        self._sends(model, state=State.RECEIVED, attempts=1)

    @precondition(lambda self: self._having(State.RECEIVED))
    @rule(data=st.data())
    def try_again(self, data: st.DataObject) -> None:
        """Let one that no worker took go to the next."""
        model = self._draw(data, State.RECEIVED)
        in_vain = Ending(State.FAILED, None, 7, "It was gone.")
        self._run(_called(self.recorder.again, model.recorded, in_vain, "sample#2"))
        self._sends(model, state=State.RECEIVED, attempts=model.now.attempts + 1)

    @precondition(lambda self: self._having(State.RECEIVED))
    @rule(data=st.data(), state=st.sampled_from(ENDS), raw_answer=BODIES)
    def answer(self, data: st.DataObject, state: State, raw_answer: bytes) -> None:
        """End one, one way or another."""
        model = self._draw(data, State.RECEIVED)
        status = 200 if state is State.FORWARDED else None
        has_answer = state is State.FORWARDED
        ending = Ending(state, status, 7, "", ((), raw_answer) if has_answer else None)
        assert model.recorded is not None
        self._run(self.recorder.answered(model.recorded, ending))
        self._sends(model, state=state, status=status, answer=raw_answer if has_answer else None)

    @precondition(lambda self: self._alive())
    @rule(data=st.data())
    def promise(self, data: st.DataObject) -> None:
        """Wait until one is durable, as a sender does."""
        self._promise(data.draw(st.sampled_from(self._alive())))

    @rule()
    def commit(self) -> None:
        """Let the writer go on for a while, and nobody ask."""
        with self._writing():
            pass

    # What people do to them

    @precondition(lambda self: self.known)
    @rule(data=st.data(), pinned=st.booleans())
    def pin(self, data: st.DataObject, pinned: bool) -> None:
        """Pin one, or no longer."""
        exchange_id = data.draw(st.sampled_from(sorted(self.known)))
        self._ask(SetPinned(exchange_id, pinned), [exchange_id], pinned=pinned)

    @precondition(lambda self: self.known)
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        """Take some out of sight."""
        ids = self._some(data)
        self._ask(Remove(tuple(ids), time.time_ns() // 1000), ids, removed=True)

    @precondition(lambda self: self.known)
    @rule(data=st.data())
    def restore(self, data: st.DataObject) -> None:
        """Bring some back."""
        ids = self._some(data)
        self._ask(Restore(tuple(ids)), ids, removed=False)

    # What befalls the engine

    @rule(raw=BODIES)
    def fail_to_take(self, raw: bytes) -> None:
        """Let the disk be full as a delivery comes: it is refused, and nothing of it is left."""
        self._settle()
        recorded = self._receive(raw, is_held=False)
        with self._failing(), pytest.raises(StoreFailedError) as refused:
            self._run(self.recorder.durable(recorded))
        assert refused.value.status == 507

    @precondition(lambda self: self._having(State.RECEIVED))
    @rule(data=st.data())
    def fail_to_end(self, data: st.DataObject) -> None:
        """Let the disk be full as an answer comes: its sender hears of it."""
        self._settle()
        model = self._draw(data, State.RECEIVED)
        recorded, model.recorded = model.recorded, None
        assert recorded is not None
        with self._failing(), pytest.raises(StoreFailedError):
            self._run(self._end_durably(recorded))

    @rule()
    def crash(self) -> None:
        """Kill the engine between two commits, and start the next one on what is left."""
        old_writer, old_gated, old_path = self.writer, self.gated, self.path
        self.reader.close()
        self.path = self._next_place() / "store.sqlite3"
        for file in old_path.parent.iterdir():
            if not file.name.endswith("-shm"):
                shutil.copyfile(file, self.path.parent / file.name)
        old_gated.is_open.set()
        old_writer.close()
        self._open()
        self.known = {
            exchange_id: Model(model.raw, [model.facts[model.stored].after_its_engine], 0)
            for exchange_id, model in self.known.items()
            if model.stored >= 0
        }
        self.sent_id = max(self.known, default=0)
        self.look()

    @rule()
    def restart(self) -> None:
        """Stop the engine in order: all that was sent is there, and what was removed is gone."""
        self._run(_called(self.recorder.flush))
        self.gated.is_open.set()
        self.writer.close()
        self.reader.close()
        under_way = [model for model in self.known.values() if model.now.state in UNDER_WAY]
        removed = [model for model in under_way if model.now.removed]
        self.known = {
            exchange_id: Model(model.raw, [model.now.after_its_engine], 0)
            for exchange_id, model in self.known.items()
            if not model.now.removed
        }
        self.sent_id = max(self.known, default=0)
        self._open()
        assert self.writer.interrupted == len(under_way) - len(removed)
        self.look()

    @rule()
    def look(self) -> None:
        """Wait for everything, and find it exactly as it should be."""
        self._settle()
        live = [each for each in sorted(self.known) if not self.known[each].now.removed]
        assert list(self.reader.ids()) == live
        assert [row.id for row in self.reader.page(live)] == live
        newest = self.writer.newest
        assert all(row.change <= newest.newest_change for row in self.reader.page(live))
        assert newest.exchanges == len(self.known)
        for exchange_id, model in self.known.items():
            assert self._detail(exchange_id) == model.now, exchange_id
            if not model.now.removed:
                self._compare_bodies(exchange_id, model)

    # Means

    def _open(self) -> None:
        self.gated: type[Gated] = type("Gated", (Gated,), {})
        self.gated.is_open, self.gated.failing = threading.Event(), threading.Event()
        self.gated.is_open.set()
        self.writer = Writer(self.path, connect=partial(sqlite3.connect, factory=self.gated))
        self.gated.is_open.clear()
        self.reader = Reader(self.path)
        self.recorder: Recorder = self._run(
            _called(Recorder, self.writer, self.redactor, lambda _: None, _value_of)
        )
        self.lives += 1
        assert not self.writer.notes

    def _run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(coroutine)

    def _next_place(self) -> Path:
        place = self.place / str(self.lives)
        place.mkdir()
        return place

    def _receive(self, raw: bytes, *, is_held: bool) -> Recorded:
        arrival = Arrival(
            *(Source.WEBHOOK, "sample", "issue.created", "v1", "POST", "/", (), raw),
            state=State.HELD if is_held else State.RECEIVED,
        )
        target = None if is_held else "sample#1"
        recorded: Recorded = self._run(self.recorder.receive(arrival, target=target))
        return recorded

    async def _end_durably(self, recorded: Recorded) -> None:
        await self.recorder.answered(recorded, Ending(State.FAILED, None, 7, "No."))
        await self.recorder.durable(recorded)

    def _alive(self) -> list[int]:
        return [each for each in sorted(self.known) if self.known[each].recorded is not None]

    def _having(self, state: State) -> list[int]:
        return [each for each in self._alive() if self.known[each].now.state is state]

    def _draw(self, data: st.DataObject, state: State) -> Model:
        return self.known[data.draw(st.sampled_from(self._having(state)))]

    def _some(self, data: st.DataObject) -> list[int]:
        ids = st.lists(st.sampled_from(sorted(self.known)), min_size=1, max_size=3, unique=True)
        return data.draw(ids)

    def _ask(self, row: Row, ids: list[int], **changes: Any) -> None:
        """Submit what a person asks of exchanges that are there for them to see."""
        for exchange_id in ids:
            self._promise(exchange_id)
        self.writer.submit([row])
        for exchange_id in ids:
            self._sends(self.known[exchange_id], **changes)

    def _sends(self, model: Model, **changes: Any) -> None:
        """Add a fact that goes to the writer, and all that is older with it."""
        model.becomes(**changes)
        if model.recorded is not None:
            self.sent_id = max(self.sent_id, model.recorded.id)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        """Let the writer commit, all that it has and all that it is given meanwhile."""
        self.gated.is_open.set()
        yield
        self.writer.submit([]).result(PATIENCE_S)
        self.gated.is_open.clear()
        for exchange_id, model in self.known.items():
            if exchange_id <= self.sent_id:
                model.stored = len(model.facts) - 1

    @contextlib.contextmanager
    def _failing(self) -> Iterator[None]:
        """Let one commit fail, and wait until the store is in use again."""
        self.gated.failing.set()
        self.gated.is_open.set()
        yield
        deadline = time.monotonic() + PATIENCE_S
        while self.writer.trouble:
            assert time.monotonic() < deadline, self.writer.trouble
            time.sleep(0.002)
        self.gated.is_open.clear()

    def _promise(self, exchange_id: int) -> None:
        recorded = self.known[exchange_id].recorded
        with self._writing():
            if recorded is not None:
                self._run(self.recorder.durable(recorded))
                self.sent_id = max(self.sent_id, exchange_id)

    def _settle(self) -> None:
        for exchange_id in self.known:
            self._promise(exchange_id)

    def _detail(self, exchange_id: int) -> Fact | None:
        """Return what the store says, of removed ones too."""
        removed = exchange_id in self.reader.removed([exchange_id])
        if removed:
            return self._row(exchange_id)
        detail = self.reader.detail(exchange_id)
        return None if detail is None else _fact(detail)

    def _row(self, exchange_id: int) -> Fact:
        """Read a removed exchange past the reader, which does not show it."""
        with sqlite3.connect(f"{self.path.as_uri()}?mode=ro", uri=True) as database:
            [row] = database.execute(
                "SELECT state, status, attempts, pinned FROM exchange WHERE id = ?", (exchange_id,)
            )
            body = database.execute(
                "SELECT body FROM attempt WHERE id = ? AND body IS NOT NULL",
                (exchange_id * 4096 + row[2],),
            ).fetchone()
        database.close()
        known = self.known[exchange_id].now.answer
        answer = known if row[2] and body is not None else None
        return Fact(State(row[0]), row[1], row[2], answer, bool(row[3]), removed=True)

    def _compare_bodies(self, exchange_id: int, model: Model) -> None:
        detail = self.reader.detail(exchange_id)
        assert detail is not None
        assert SECRET.encode() not in detail.request.body.raw
        assert self._run(self.recorder.original_body(detail)) == model.raw


def _fact(detail: Detail) -> Fact:
    row = detail.exchange
    answer = detail.attempts[-1].answer if detail.attempts else None
    assert [attempt.number for attempt in detail.attempts] == list(range(1, row.attempts + 1))
    raw = None if answer is None else answer.body.raw.replace(b"[secret:TEST]", SECRET.encode())
    return Fact(row.state, row.status, row.attempts, raw, row.pinned)


async def _called(function: Callable[..., Any], *arguments: Any) -> Any:
    return function(*arguments)


async def _value_of(name: str) -> str | None:
    return {"TEST": SECRET}.get(name)


def test_what_was_promised_outlives_any_order_of_events() -> None:
    run_state_machine_as_test(RecorderMachine, settings=SETTINGS)
