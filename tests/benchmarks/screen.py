"""How long the console takes to its first frame, and from key to paint, with a million exchanges.

Each contender is a fresh process on a pseudo-terminal of 120 by 36, and they take turns. The clock
runs from the start of the process to the byte that completes what a person waits for:

console     what `attach` shows, on a store of 1,000,000 exchanges (1/20 of that with --quick):
            until its frame is drawn, and until a row is; no engine runs
textual     a program of one label, until the label is drawn (the least that Textual takes)
python      `python -c pass`, to its end (the limit)

Keys are pressed into the console that is on screen, at the newest exchange and at the oldest: from
the write of the key to the first byte that comes back, for a step of the cursor and for a page. The
peer is a `DataTable` of Textual with the same columns, and as many rows as it takes within 10
seconds, 100,000 at most: it holds them all. Memory is what the process holds (resident) after that.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.benchmarks._million import ROWS, made
from tests.benchmarks._terminal import Terminal, places, project

if TYPE_CHECKING:
    from collections.abc import Mapping

CONSOLE = """
import sys
from pathlib import Path
sys.modules["httpx._main"] = None  # as the program does
from kiket_console.commands.console import show
from kiket_console.paths import ProjectPaths
show(ProjectPaths(Path(sys.argv[1])), None)
"""
TEXTUAL = """
from textual.app import App
from textual.widgets import Label
class Minimal(App):
    def compose(self):
        yield Label("shown at last")
Minimal().run()
"""
TABLE = """
import sys, time
from textual.app import App
from textual.widgets import DataTable, Label
class Peer(App):
    def compose(self):
        yield Label("", id="told")
        yield DataTable(cursor_type="row")
    def on_mount(self):
        table = self.query_one(DataTable)
        table.add_columns("#", "time", "source", "event", "v", "status", "dur", "size", "signature")
        end, most, count = time.monotonic() + float(sys.argv[1]), int(sys.argv[2]), 0
        while count < most and time.monotonic() < end:
            table.add_rows(
                (str(n), "12:00:00.000", "webhook", "issue.created", "v1", "200", "2.0 ms", "1.0 k",
                 "ok k0") for n in range(count, count + 1000)
            )
            count += 1000
        table.focus()
        self.query_one("#told", Label).update(f"holds {count} rows")
Peer().run()
"""
FRAME = b"Traffic"
ROW = b"ok k0"
PLACES = {
    "newest": (b"G", {"step": b"k", "page": b"\x02"}),
    "oldest": (b"g", {"step": b"j", "page": b"\x06"}),
}
"""The key that leads there, and those that lead away from the end."""
TABLE_S, TABLE_ROWS = 10.0, 100_000
TABLE_PATIENCE_S = 180.0
SETTLE_S = 1.5
GOALS = {
    "first_frame_ms.console": "<= 250",
    "first_row_ms.console": "<= 350",
    "first_frame_of_textual": "<= 1.67",
    "first_row_of_textual": "<= 2.33",
    "key_to_paint_ms.newest.page.median": "<= 16",
    "key_to_paint_ms.newest.page.p99": "<= 30",
    "key_to_paint_ms.oldest.page.median": "<= 16",
    "key_to_paint_ms.oldest.page.p99": "<= 30",
    "key_to_paint_ms.newest.step.median": "<= 5",
    "memory_mib.console": "<= 70",
}
"""As ratios: 250 and 350 ms, on a machine where the minimal program takes 150."""


def measure(quick: bool) -> dict[str, Any]:
    """Start all contenders in turn and press keys; return medians (ms), ratios and goals."""
    rounds, presses = (5, 25) if quick else (15, 200)
    rows = ROWS // 20 if quick else ROWS
    store = made(rows)
    with tempfile.TemporaryDirectory(prefix="kc") as place:
        environment = places(Path(place))
        folder = project(Path(place), environment, store)
        console = [sys.executable, "-c", CONSOLE, str(folder)]
        frames, first_rows, cpu = _starts(console, environment, rounds)
        keys, memory = _console_keys(console, environment, presses)
        table = _table(environment, presses // 5, rows)
    return {
        "benchmark": "the console's first frame, from key to paint, and its memory",
        "rounds": rounds,
        "rows": rows,
        "first_frame_ms": frames,
        "first_row_ms": first_rows,
        "first_row_cpu_ms": cpu,
        "key_to_paint_ms": keys,
        "memory_mib": {"console": memory},
        "data_table": table,
        "ratios": {
            "first_frame_of_textual": round(frames["console"] / frames["textual"], 2),
            "cpu_of_textual": round(cpu["console"] / cpu["textual"], 2),
            "first_row_of_textual": round(first_rows["console"] / frames["textual"], 2),
            "first_frame_of_python": round(frames["console"] / frames["python"], 2),
            "page_of_data_table": round(
                keys["newest"]["page"]["median"] / table["page_ms"]["median"], 3
            ),
        },
        "goals": GOALS,
    }


def _starts(
    console: list[str], environment: Mapping[str, str], rounds: int
) -> tuple[dict[str, float], dict[str, float], dict[str, float]]:
    """Return the medians to the first frame, to a row, and of the processor time until then."""
    frames: dict[str, list[float]] = {"console": [], "textual": [], "python": []}
    cpu: dict[str, list[float]] = {"console": [], "textual": []}
    first_rows: list[float] = []
    for turn in range(rounds + 1):
        with Terminal(console, environment) as screen:
            frame_ms, row_ms = screen.wait_for_each(FRAME, ROW)
            cpu["console"].append(screen.cpu_ms())
        with Terminal([sys.executable, "-c", TEXTUAL], environment) as screen:
            textual_ms = screen.wait_for(b"shown at last")
            cpu["textual"].append(screen.cpu_ms())
        with Terminal([sys.executable, "-c", "pass"], environment) as screen:
            python_ms = screen.wait_for_end()
        if turn:  # the first fills the page cache and writes bytecode
            frames["console"].append(frame_ms)
            frames["textual"].append(textual_ms)
            frames["python"].append(python_ms)
            first_rows.append(row_ms)
    return (
        _medians(frames),
        _medians({"console": first_rows}),
        _medians({name: taken[1:] for name, taken in cpu.items()}),
    )


def _medians(taken: Mapping[str, list[float]]) -> dict[str, float]:
    return {name: round(statistics.median(each), 1) for name, each in taken.items()}


def _console_keys(
    console: list[str], environment: Mapping[str, str], presses: int
) -> tuple[dict[str, dict[str, dict[str, float]]], float]:
    """Return the times from key to paint by place and key, and the memory after all of them."""
    found: dict[str, dict[str, dict[str, float]]] = {}
    with Terminal(console, environment) as screen:
        screen.wait_for(ROW)
        screen.settle(SETTLE_S)
        for place, (there, keys) in PLACES.items():
            screen.press(there)
            screen.settle(SETTLE_S)
            found[place] = {name: screen.keys_ms(key, presses) for name, key in keys.items()}
        return found, screen.memory_mib()


def _table(environment: Mapping[str, str], presses: int, rows: int) -> dict[str, Any]:
    """Return how a `DataTable` does: its rows, how long they took, keys and memory."""
    command = [sys.executable, "-c", TABLE, str(TABLE_S), str(min(rows, TABLE_ROWS))]
    with Terminal(command, environment) as screen:
        said = screen.read_until(b" rows", TABLE_PATIENCE_S)
        filled_ms = (time.perf_counter() - screen.began_s) * 1000
        screen.settle(SETTLE_S)
        return {
            "rows": int(said.partition(b"holds ")[2].split()[0]),
            "ready_ms": round(filled_ms),
            "page_ms": screen.keys_ms(b"\x1b[6~", presses),
            "step_ms": screen.keys_ms(b"\x1b[B", presses),
            "memory_mib": screen.memory_mib(),
        }
