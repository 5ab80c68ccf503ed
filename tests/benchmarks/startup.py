"""How long `kiket-console --version` takes, from nothing to its end, beside the least it can take.

Each contender is a fresh process; they take turns, round by round:

version     `python -m kiket_console --version`, as the installed command does it
python      `python -c pass`: the interpreter alone (the limit)
click       `python -c "import click"`: the interpreter and the library that reads the arguments

Figures are medians of wall time and of processor time (ms); the ratio is of processor time, which
other load on the machine moves least.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import time
from typing import Any, NamedTuple

CONTENDERS = {
    "version": ["-m", "kiket_console", "--version"],
    "python": ["-c", "pass"],
    "click": ["-c", "import click"],
}
GOAL_WALL_MS = 100


class Taken(NamedTuple):
    """What one process took."""

    wall_ms: float
    cpu_ms: float


def measure(quick: bool) -> dict[str, Any]:
    """Start all contenders in turn and return medians, ratios and goals."""
    rounds = 7 if quick else 31
    taken: dict[str, list[Taken]] = {name: [] for name in CONTENDERS}
    for _ in range(rounds + 1):
        for name, arguments in CONTENDERS.items():
            taken[name].append(_start(arguments))
    for results in taken.values():
        del results[0]  # fills the page cache and writes bytecode
    contenders = {
        name: {
            field: round(statistics.median(getattr(each, field) for each in results), 1)
            for field in Taken._fields
        }
        for name, results in taken.items()
    }
    return {
        "benchmark": "kiket-console --version, whole process",
        "rounds": rounds,
        "contenders": contenders,
        "ratios": {
            f"of_{peer}": round(contenders["version"]["cpu_ms"] / contenders[peer]["cpu_ms"], 2)
            for peer in ("python", "click")
        },
        "goals": {"contenders.version.wall_ms": f"<= {GOAL_WALL_MS}"},
    }


def _start(arguments: list[str]) -> Taken:
    """Run Python with *arguments* to its end."""
    cpu_s, started_s = _children_cpu_s(), time.perf_counter()
    subprocess.run([sys.executable, *arguments], stdout=subprocess.DEVNULL, check=True)
    wall_s = time.perf_counter() - started_s
    return Taken(wall_s * 1000, (_children_cpu_s() - cpu_s) * 1000)


def _children_cpu_s() -> float:
    """Return the processor time that ended children have taken."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
