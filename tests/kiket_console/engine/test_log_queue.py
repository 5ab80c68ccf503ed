"""Lines are stored in batches; whoever writes too many loses alone, and it is said where."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from kiket_console.engine import log_queue as module
from kiket_console.engine.commit_teller import CommitTeller
from kiket_console.engine.log_queue import LogQueue
from kiket_console.store.records import NewLog
from kiket_console.store.writer import StoreBusyError

if TYPE_CHECKING:
    from collections.abc import Callable

    from kiket_console.store.reader import Reader
    from kiket_console.store.writer import Writer
    from kiket_core.secret import Redactor

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.fixture
async def queue(writer: Writer, redactor: Redactor, commits: Any) -> LogQueue:
    """Return a queue into the store; a trace belongs to exchange 7."""
    writer.on_commit = CommitTeller(commits.take).committed
    return LogQueue(writer, redactor, lambda trace_id, _worker: 7 if trace_id == TRACE else None)


def line(text: str, worker: str = "shop", **fields: Any) -> NewLog:
    return NewLog(1, worker, "stdout", "", "", text, **fields)


@pytest.fixture
def stored(queue: LogQueue, reader: Reader, writer: Writer) -> Callable[[], list[Any]]:
    """Return what ends the writing, and returns all rows."""

    def end() -> list[Any]:
        queue.flush()
        writer.close()
        return reader.log_page(list(reader.log_ids()))

    return end


async def test_lines_are_written_soon_without_being_asked_to(
    queue: LogQueue, writer: Writer, reader: Reader, commits: Any
) -> None:
    """And all of them, in their order, in few commits."""
    before = writer.commits
    for number in range(3000):
        queue.take(line(str(number)))
    await commits.until(lambda newest: newest.newest_log == 3000)
    texts = [each.text for each in reader.log_page(list(reader.log_ids()))]
    assert texts == [str(number) for number in range(3000)]
    assert writer.commits - before <= 3000 // module.BATCH_LINES + 2
    assert queue.dropped == 0


async def test_a_flood_loses_its_own_lines_alone_and_it_is_said_where(
    queue: LogQueue, stored: Callable[[], list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that floods gets half of the room; what another says in the midst of it is kept."""
    size = module._size(line("flood 000"))
    monkeypatch.setattr(module, "WAITING_BYTES", 40 * size)
    for number in range(100):
        queue.take(replace(line(f"flood {number:03}"), at_us=number))
        if number % 10 == 0:
            queue.take(line(f"calm {number:03}", "billing"))
    rows = stored()
    calm = [each.text for each in rows if each.worker == "billing"]
    assert calm == [f"calm {number:03}" for number in range(0, 100, 10)]
    *kept, told = [each for each in rows if each.worker == "shop"]
    assert [each.text for each in kept] == [f"flood {number:03}" for number in range(len(kept))]
    assert 15 <= len(kept) <= 20
    assert told.text == f"{100 - len(kept)} lines were dropped: more came than is kept."
    assert (told.level, told.logger) == ("WARNING", "kiket_console")
    assert told.at_us == len(kept)
    assert queue.dropped == 100 - len(kept)


async def test_what_is_missing_is_said_before_what_is_kept_again(
    queue: LogQueue,
    stored: Callable[[], list[Any]],
    commits: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "WAITING_BYTES", 8 * module._size(line("x")))
    for _ in range(20):
        queue.take(line("x"))
    await commits.until(lambda newest: newest.newest_log == 5)
    queue.take(line("again"))
    assert [each.text for each in stored()] == [
        *("x", "x", "x", "x"),
        "16 lines were dropped: more came than is kept.",
        "again",
    ]


async def test_lines_that_were_lost_on_the_way_are_said_and_counted(
    queue: LogQueue, stored: Callable[[], list[Any]]
) -> None:
    queue.take(line("", dropped=1))
    queue.take(line("next"))
    assert [each.text for each in stored()] == [
        "1 line was dropped: more came than is kept.",
        "next",
    ]
    assert queue.dropped == 1


async def test_what_fails_to_be_written_is_counted(queue: LogQueue, writer: Writer) -> None:
    writer.close()
    queue.take(line("lost"))
    queue.flush()
    assert queue.dropped == 1


async def test_a_busy_store_is_waited_for(
    queue: LogQueue, stored: Callable[[], list[Any]], writer: Writer, monkeypatch: Any
) -> None:
    """Nothing is lost of what there is room for here."""
    refused, submit = asyncio.Event(), writer.submit

    def busy_once(rows: Any, **how: Any) -> Any:
        if refused.is_set():
            return submit(rows, **how)
        refused.set()
        raise StoreBusyError("The store cannot keep up.")

    monkeypatch.setattr(writer, "submit", busy_once)
    queue.take(line("first"))
    queue.take(line("second"))
    await refused.wait()
    assert [each.text for each in stored()] == ["first", "second"]
    assert queue.dropped == 0


async def test_secrets_are_taken_out_of_a_whole_batch(
    queue: LogQueue, redactor: Redactor, stored: Callable[[], list[Any]]
) -> None:
    """Also of a line that holds what stands between lines while that is done."""
    redactor.add("token", "canary-of-the-queue")
    texts = ["plain", "with canary-of-the-queue", "two\nlines of canary-of-the-queue", "plain"]
    for text in texts:
        queue.take(line(text))
    queue.take(NewLog(1, "shop", "log", "INFO", "canary-of-the-queue", "by its logger"))
    rows = stored()
    assert [each.text for each in rows] == [
        *("plain", "with [secret:token]", "two\nlines of [secret:token]", "plain"),
        "by its logger",
    ]
    assert rows[-1].logger == "[secret:token]"


async def test_lines_may_hold_anything(
    queue: LogQueue, redactor: Redactor, stored: Callable[[], list[Any]]
) -> None:
    """A worker's bytes that are no UTF-8 come as lone surrogates; a long line is cut."""
    redactor.add("token", "canary-of-the-queue")
    queue.take(line("a\udcffb\x00"))
    queue.take(line(f"mark {module._BETWEEN} canary-of-the-queue"))
    queue.take(line("x" * module.WAITING_BYTES))
    queue.take(line("x" * (module.LOG_TEXT - 4) + "canary-of-the-queue"))
    surrogate, mark, long, across = [each.text for each in stored()]
    assert surrogate == "a\\udcffb\x00"
    assert mark == f"mark {module._BETWEEN} [secret:token]"
    assert long == "x" * module.LOG_TEXT + "…"
    assert "canary" not in across


async def test_a_line_finds_its_exchange_by_its_trace(
    queue: LogQueue, stored: Callable[[], list[Any]]
) -> None:
    queue.take(line("with", trace_id=TRACE))
    queue.take(line("without"))
    queue.take(line("with another", trace_id="0" * 32))
    queue.take(line("as it is", trace_id=TRACE, exchange_id=3))
    assert [each.exchange_id for each in stored()] == [7, None, None, 3]
