"""What measuring costs each exchange: one engine with telemetry, one without, round by round.

A signed POST of 1 KB goes to each in turn over 16 keep-alive connections, as in `gateway`, each
durable before its answer. Compared is the engine's own processor time for each delivery, of all its
threads: what counts, what writes measures each second, and what samples workers. Beside it stands
what the meter alone takes for one exchange, by the clock of this process.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
from tests.benchmarks._engine import engine
from tests.benchmarks._load import Burst, Generator, cores, cpu_s, pin
from tests.benchmarks._request import PATH, issue_body, signed_post
from tests.benchmarks.gateway import ASGI, PYTHON

from kiket_console.engine.telemetry.meter import Meter
from kiket_console.model import State
from kiket_console.store.reader import Reader
from kiket_console.store.writer import Writer

if TYPE_CHECKING:
    from tests.benchmarks._engine import Engine

SETTINGS = {"on": "true", "off": "false"}
WARM_UP = 2_000
GOALS = {"capacity_on_of_off": ">= 0.95", "meter_us": "<= 2", "failed": "<= 0"}


def measure(quick: bool) -> dict[str, Any]:
    """Load both in interleaved rounds and return figures, ratios and goals."""
    rounds, seconds = (5, 0.5) if quick else (15, 0.8)
    ours, theirs = cores()
    taken_us: dict[str, list[float]] = {name: [] for name in SETTINGS}
    failed = 0
    with ExitStack() as stack:
        load = stack.enter_context(Generator(theirs))
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kcbench")))
        engines: dict[str, tuple[Engine, bytes]] = {}
        for name, setting in SETTINGS.items():
            folder = place / name
            folder.mkdir()
            (folder / "kiket.toml").write_text(PYTHON)
            (folder / "main.py").write_text(ASGI)
            running = stack.enter_context(engine(folder, {"telemetry": setting}))
            pin([each.id for each in psutil.Process(running.pid).threads()], ours)
            pin(running.worker_pids(), theirs)
            request = signed_post(PATH, issue_body(), (folder / "secret").read_text())
            engines[name] = running, request
            load.run(Burst(running.port, request, 16, 3.0, at_most=WARM_UP))
        for index in range(rounds):
            for name in sorted(SETTINGS, reverse=index % 2 == 0):
                running, request = engines[name]
                before_s = cpu_s([running.pid])
                answers = load.run(Burst(running.port, request, 16, seconds))
                taken_us[name].append((cpu_s([running.pid]) - before_s) / answers.good * 1e6)
                failed += answers.failed
        counted = {name: _counted(running) for name, (running, _) in engines.items()}
    if not counted["on"] or counted["off"]:
        raise RuntimeError(f"What was counted is not as it was set: {counted}.")
    pairs = list(zip(taken_us["on"], taken_us["off"], strict=True))
    return {
        "benchmark": "the processor time of a recorded delivery, with telemetry and without",
        "rounds": rounds,
        "pinned": ours is not None,
        "cpu_us": {name: round(statistics.median(each), 1) for name, each in taken_us.items()},
        "added_us": round(statistics.median(on - off for on, off in pairs), 2),
        "counted": counted["on"],
        "failed": failed,
        "ratios": {
            "capacity_on_of_off": round(statistics.median(off / on for on, off in pairs), 3),
            "meter_us": round(_meter_us(20_000 if quick else 100_000), 3),
        },
        "goals": GOALS,
    }


def _counted(running: Engine) -> int:
    """Return how many deliveries are counted in a store."""
    with Reader(running.store()) as reader:
        return sum(each.durations.count for each in reader.measures(900, 0, 2**40))


def _meter_us(count: int) -> float:
    """Return what counting one exchange takes (µs), the least of three runs."""
    with tempfile.TemporaryDirectory(prefix="kcbench") as place:
        writer = Writer(Path(place, "store.sqlite3"))
        meter = Meter(writer)
        words = "webhook", "bench", "issue.created", "v1", State.FORWARDED, 200
        times_s = []
        for _ in range(3):
            began_s = time.process_time()
            for number in range(count):
                meter.ended(*words, 500 + number % 5000, "bench#1")
            times_s.append(time.process_time() - began_s)
            meter.flush()
        writer.close()
    return min(times_s) / count * 1e6
