"""Measure and print one JSON document: `python -m tests.benchmarks [--quick] [--only NAME]`.

With `--peers` the programs that we are measured beside are installed first, into `.venv-peers`
from a pinned list; without it those that are there already are used.

Every other module of this folder with a `measure(quick)` is a benchmark. Each measures us beside
peers and limits in one run, so that the ratios hold on any machine; a peer that is not installed
is reported as not measured. A benchmark that fails is reported, too, and makes the exit status 1.

A benchmark returns `ratios` by name and `goals` as `{"of_limit": ">= 0.9"}`, where the name is a
ratio's or a path into what it returns; whether each goal was met is worked out here.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import subprocess
import sys
import time
import traceback
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[1]
FORMAT = "kiket-console-benchmarks/1"
VERSIONS_OF = ("click", "fastapi", "httptools", "starlette", "textual", "uvicorn", "uvloop")


def main() -> int:
    """Run the benchmarks asked for, tell the goals on stderr, print the document on stdout."""
    names = sorted(path.stem for path in FOLDER.glob("*.py") if not path.stem.startswith("_"))
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds")
    parser.add_argument("--only", action="append", choices=names, help="this one; may be repeated")
    parser.add_argument("--peers", action="store_true", help="install peers into .venv-peers")
    asked = parser.parse_args()
    if asked.peers:
        set_up_peers()

    measured: dict[str, Any] = {}
    for name in asked.only or names:
        print(f"measuring {name} …", file=sys.stderr, flush=True)
        measured[name] = measure(name, quick=asked.quick)
        for goal, judgement in measured[name].get("goals", {}).items():
            print(f"  {goal}: {told(judgement)}", file=sys.stderr, flush=True)
    print(json.dumps(document(measured, quick=asked.quick), indent=2))
    return 1 if any("failed" in result for result in measured.values()) else 0


def set_up_peers() -> None:
    """Install the peers, with the newest Python that there is; say so when that fails."""
    listed = subprocess.run(
        [ROOT / "packaging" / "pythons.sh"], stdout=subprocess.PIPE, text=True, check=False
    )
    newest = (listed.stdout.split() or [sys.executable])[-1]
    environment = ROOT / "packaging" / "environment.py"
    done = subprocess.run(
        [newest, environment, "--venv", ".venv-peers", "--set", "peers"], check=False
    )
    if done.returncode:
        print("The peers were not installed, so they are not measured.", file=sys.stderr)


def measure(name: str, *, quick: bool) -> dict[str, Any]:
    """Return what benchmark *name* found, or why it could not be measured."""
    started_s = time.perf_counter()
    try:
        benchmark = importlib.import_module(f"tests.benchmarks.{name}")
        found: dict[str, Any] = benchmark.measure(quick)
    except Exception as error:  # one that fails must not take the others' figures along
        traceback.print_exc()
        found = {"failed": f"{type(error).__name__}: {error}"}
    if "goals" in found:
        found["goals"] = {name: judged(found, name, goal) for name, goal in found["goals"].items()}
    return found | {"took_s": round(time.perf_counter() - started_s, 1)}


def judged(found: dict[str, Any], name: str, goal: str) -> dict[str, Any]:
    """Return *goal* with the value that *name* names in *found*, and whether it was met."""
    value: Any = found.get("ratios", {}).get(name)
    if value is None:
        value = found
        for part in name.split("."):
            value = value.get(part) if isinstance(value, dict) else None
    if not isinstance(value, int | float):
        return {"goal": goal, "measured": None, "met": None}
    sign, _, bound = goal.partition(" ")
    met = value >= float(bound) if sign == ">=" else value <= float(bound)
    return {"goal": goal, "measured": value, "met": met}


def told(judgement: dict[str, Any]) -> str:
    """Return a goal's judgement in a line for people."""
    words = {True: "met", False: "NOT met", None: "not measured"}
    return f"{judgement['measured']} ({judgement['goal']}), {words[judgement['met']]}"


def document(measured: dict[str, Any], *, quick: bool) -> dict[str, Any]:
    """Return the whole report: on what, with what, and what was found."""
    return {
        "format": FORMAT,
        "measured_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "quick": quick,
        "machine": machine(),
        "versions": versions(),
        "benchmarks": measured,
    }


def machine() -> dict[str, Any]:
    """Return what the figures depend on."""
    return {
        "system": platform.system(),
        "release": platform.release(),
        "architecture": platform.machine(),
        "processor": processor(),
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "load_1min": round(os.getloadavg()[0], 2),
    }


def processor() -> str:
    """Return the processor's name, as far as the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next(
        (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), ""
    )


def versions() -> dict[str, str]:
    """Return the versions of Python, of us, and of what carries the load."""
    found = {"python": platform.python_version()}
    for name in ("kiket-console", *VERSIONS_OF):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


if __name__ == "__main__":
    sys.exit(main())
