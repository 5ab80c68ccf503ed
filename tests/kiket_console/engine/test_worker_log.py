"""What workers write is kept within bounds: however long, however fast, whatever bytes."""

from __future__ import annotations

import asyncio
import re
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from kiket_console.engine.output import LINE_LIMIT_BYTES, LINES_PER_S
from kiket_console.engine.worker_log import HELD_LINES, LAST_LINES, WorkerLog
from kiket_console.engine.worker_messages import Line
from kiket_core.secret import redactor

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from kiket_console.store.records import NewLog

Supervise = Any

MIB = 1024 * 1024


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
    told = [re.fullmatch(r"([\d,]+) lines were dropped: .*", line.text) for line in lines]
    return sum(int(each[1].replace(",", "")) for each in told if each)


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
    count = 200_000
    longest_s, over = 0.0, asyncio.Event()

    async def watch_loop() -> None:
        nonlocal longest_s
        while not over.is_set():
            before_s = time.perf_counter()
            await asyncio.sleep(0)
            longest_s = max(longest_s, time.perf_counter() - before_s)

    began_s = time.monotonic()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(watch_loop())
        await read_all(f"for n in range({count}): print('line', n)", started(lines))
        over.set()
    took_s = time.monotonic() - began_s
    kept = [line.text for line in lines if line.text.startswith("line ")]
    assert len(kept) + dropped(lines) == count
    assert len(kept) <= LINES_PER_S * (int(took_s) + 2)
    print(f"{count / took_s:,.0f} lines/s, longest turn of the loop {longest_s * 1000:.1f} ms")


FLOOD = """
import threading
def flood():
    for number in range(100_000):
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
        await running.until(lambda: "over" in running.texts("stderr") or dropped(running.logs))
    kept = [text for text in running.texts("stdout") if text.startswith("flood ")]
    assert 0 < len(kept) <= 100_000


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
