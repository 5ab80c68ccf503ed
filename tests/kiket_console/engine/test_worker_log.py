"""What workers write is kept within bounds: however long, however fast, whatever bytes."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from unittest.mock import AsyncMock

import psutil
import pytest

from kiket_console.engine import worker_log as module
from kiket_console.engine import worker_tree
from kiket_console.engine.output import LINE_LIMIT_BYTES, Allowance
from kiket_console.engine.worker_log import HELD_LINES, LAST_LINES, WorkerLog
from kiket_console.engine.worker_messages import Line
from kiket_console.engine.worker_tree import WorkerTree
from kiket_core.secret import redactor

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from kiket_console.store.records import NewLog

Supervise = Any

MIB = 1024 * 1024
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.fixture
def most_memory() -> Iterator[list[int]]:
    """Return a list whose only number is the most memory (bytes) that this process has held."""
    me, most, over = psutil.Process(), [0], threading.Event()

    def watch() -> None:
        while not over.wait(0.005):
            most[0] = max(most[0], me.memory_info().rss)

    thread = threading.Thread(target=watch)
    thread.start()
    yield most
    over.set()
    thread.join()


async def read_all(code: str, log: WorkerLog) -> None:
    """Run Python code, and read what it writes to its end."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-S", "-c", code),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(log.read("stdout", process.stdout))
        tasks.create_task(log.read("stderr", process.stderr))
    await process.wait()
    log.close()


def started(lines: list[NewLog]) -> WorkerLog:
    log = WorkerLog("shop", lines.append)
    log.release()
    return log


def dropped(lines: list[NewLog]) -> int:
    """Return how many lines are said to have been dropped."""
    return sum(line.dropped for line in lines)


async def test_a_line_of_200_mb_costs_8_mib_at_most_and_the_next_is_read(
    most_memory: list[int],
) -> None:
    """One row says how much of it is missing."""
    lines: list[NewLog] = []
    await read_all("import os\nos.write(1, b'warm up\\n')", started(lines))
    size = 200 * MIB
    before_bytes = most_memory[0] = psutil.Process().memory_info().rss
    began_s = time.monotonic()
    await read_all(
        f"import os\nchunk = b'x' * {MIB}\n"
        f"for _ in range({size // MIB}):\n"
        "    left = memoryview(chunk)\n"
        "    while left:\n"
        "        left = left[os.write(1, left):]\n"
        "os.write(1, b'\\nnext\\n')",
        started(lines),
    )
    took_s = time.monotonic() - began_s
    grown_bytes = most_memory[0] - before_bytes
    _, long, following = [line.text for line in lines]
    assert long.endswith(f" … ({size - LINE_LIMIT_BYTES:,} more not kept)")
    assert len(long) < LINE_LIMIT_BYTES + 100
    assert following == "next"
    assert grown_bytes < 8 * MIB, f"{grown_bytes / MIB:.1f} MiB"
    print(f"{took_s:.2f} s, {grown_bytes / MIB:.1f} MiB more")


async def test_a_flood_is_cut_to_what_is_allowed_and_every_line_is_counted() -> None:
    lines: list[NewLog] = []
    count, lines_per_s = 50_000, 5_000
    began_s = time.monotonic()
    log = started(lines)
    log._allowance = Allowance(lines_per_s, burst=lines_per_s)
    await read_all(f"for n in range({count}): print('line', n)", log)
    took_s = time.monotonic() - began_s
    kept = [line.text for line in lines if line.text.startswith("line ")]
    assert len(kept) + dropped(lines) == count
    assert len(kept) <= lines_per_s * (int(took_s) + 2)


FLOOD = """
import threading
def flood():
    for number in range(10_000):
        print("flood", number)
    print("over", file=sys.stderr)

def answer(path):
    if path == "/flood":
        threading.Thread(target=flood).start()
    return "one"
"""


async def test_a_worker_that_floods_answers_all_the_same(
    supervise: Supervise, project_folder: Path
) -> None:
    main = project_folder / "main.py"
    main.write_text(main.read_text() + FLOOD)
    async with supervise() as running:
        await running.ask("/flood")
        for _ in range(10):
            assert await running.ask() == "one"
        await running.until(lambda: "over" in running.texts("stderr"))
        await running.until(lambda: floods(running) + dropped(running.logs) == 10_000)


def floods(running: Any) -> int:
    """Return how many lines of the flood were kept."""
    return sum(line.text.startswith("flood ") for line in running.logs)


async def test_closed_streams_are_no_reason_to_stop(
    supervise: Supervise, project_folder: Path
) -> None:
    """Nor that it never reads what it could."""
    main = project_folder / "main.py"
    app = main.read_text()
    main.write_text(f"{app}\nfor number in (0, 1, 2):\n    os.close(number)\n")
    async with supervise() as running:
        assert await running.ask() == "one"
        running.save(app)
        await running.until(lambda: running.worker.reloads == 1)
        assert await running.ask() == "one"


async def test_whatever_bytes_are_written_each_line_arrives(
    supervise: Supervise, project_folder: Path
) -> None:
    main = project_folder / "main.py"
    raw = b"caf\xe9\n\0nul\r\n\xef\xbb\xbfbom\n\x1b[2Jcleared\n10 %\r20 %\n"
    raw += b"\xff\xfeh\0i\0\nhalf \xe2\x82"
    main.write_text(f"{main.read_text()}\nos.write(1, {raw!r})\nos.write(1, b'\\xac\\nend\\n')\n")
    async with supervise() as running:
        await running.serving()
        await running.until(lambda: "end" in running.texts("stdout"))
        assert running.texts("stdout") == [
            *("caf\\xe9", "\0nul", "\ufeffbom", "\x1b[2Jcleared", "10 %\r20 %"),
            *("\\xff\\xfeh\0i\0", "half €", "end"),
        ]


async def test_the_last_lines_of_standard_error_explain_a_crash_without_secrets() -> None:
    redactor.add("worker-log-test", "canary-of-the-log")
    lines: list[NewLog] = []
    log = started(lines)
    await read_all(
        "import sys\nfor n in range(60): print('canary-of-the-log', n, file=sys.stderr)", log
    )
    assert len(log.last_stderr) == LAST_LINES
    assert log.last_stderr[-1] == "[secret:worker-log-test] 59"


async def test_lines_are_read_and_their_text_stays_as_it_came() -> None:
    """Whatever their stream; what a record says of itself counts more."""
    lines: list[NewLog] = []
    log = started(lines)
    log.take(Line(1, "stdout", "2026-11-22 10:00:00,123 - shop.orders - WARNING - slow"))
    log.take(Line(2, "stderr", f'{{"level":50,"msg":"no","name":"shop","trace_id":"{TRACE}"}}'))
    log.take(Line(3, "log", "ERROR: only a quotation", level="INFO", logger="app"))
    log.take(Line(4, "stdout", f"INFO taken trace_id={TRACE}", trace_id="b" * 32))
    log.take(Line(5, "stdout", "plain"))
    said = [(line.stream, line.level, line.logger, line.trace_id) for line in lines]
    assert said == [
        ("stdout", "WARNING", "shop.orders", ""),
        ("stderr", "ERROR", "shop", TRACE),
        ("log", "INFO", "app", ""),
        ("stdout", "INFO", "", "b" * 32),
        ("stdout", "", "", ""),
    ]
    assert lines[0].text == "2026-11-22 10:00:00,123 - shop.orders - WARNING - slow"
    assert log.last_stderr == (lines[1].text,)


async def test_a_flood_leaves_room_for_what_is_wrong_and_for_why_it_ended() -> None:
    lines: list[NewLog] = []
    log = started(lines)
    log._allowance = Allowance(20, burst=20, reserved=10)
    for number in range(100):
        log.take(Line(1, "stdout", str(number)))
    log.take(Line(1, "log", "no answer", level="ERROR"))
    for number in range(100):
        log.take(Line(1, "stderr", f"why {number}"))
    log.close()
    assert "no answer" in [line.text for line in lines]
    assert log.last_stderr == tuple(f"why {number}" for number in range(50, 100))
    assert len(lines) - 1 + dropped(lines) == 201


async def test_what_is_passed_over_of_standard_error_explains_a_crash_all_the_same() -> None:
    lines: list[NewLog] = []
    log = started(lines)
    log._allowance = Allowance(0, burst=0)
    await read_all("import sys\nfor n in range(9000): print('why', n, file=sys.stderr)", log)
    assert log.last_stderr == tuple(f"why {number}" for number in range(8950, 9000))
    assert dropped(lines) == 9000


async def test_what_was_dropped_is_said_although_nothing_follows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_TOLD_AFTER_S", 0.01)
    lines: list[NewLog] = []
    told = asyncio.Event()

    def take(line: NewLog) -> None:
        lines.append(line)
        told.set()

    log = WorkerLog("shop", take)
    log.release()
    log.drop(3)
    async with asyncio.timeout(120):
        await told.wait()
    assert dropped(lines) == 3


async def test_what_was_written_before_the_end_is_read_though_this_process_pauses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its time is over then, but not its turns."""
    monkeypatch.setattr(worker_tree, "REST_LIMIT_S", 0.0)
    lines: list[NewLog] = []
    tree = WorkerTree(started(lines))
    pipe = asyncio.StreamReader()
    tree._shim = SimpleNamespace(stdout=pipe, stderr=None, wait=AsyncMock(return_value=0))  # type: ignore[assignment]  # it has ended

    async def come_late() -> None:
        for _ in range(4):
            await asyncio.sleep(0)
        pipe.feed_data(b"the last words\n")
        pipe.feed_eof()

    await tree._follow_tree("", come_late())
    assert [line.text for line in lines] == ["the last words"]


async def test_what_waits_for_its_start_is_held_within_bounds() -> None:
    lines: list[NewLog] = []
    log = WorkerLog("shop", lines.append)
    for number in range(HELD_LINES + 7):
        log.take(Line(0, "stdout", str(number)))
    assert lines == []
    log.release()
    log.close()
    held = [line.text for line in lines if line.stream == "stdout"]
    assert held == [str(number) for number in range(HELD_LINES)]
    assert dropped(lines) == 7
