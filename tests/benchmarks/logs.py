"""A worker that writes 100,000 lines a second, and a console that looks at them.

A real engine runs two commands: one floods its standard output at a steady rate, the other writes
20 lines a second. A console of 120 by 36 follows the Logs meanwhile; then it pages through them,
from the oldest on, while the flood goes on, and when it is over.

taken_in    what is stored or counted as dropped, of what was written
stored      what is stored of it, and of the flood's first second, and how many a second
calm        what is stored of the other worker's lines: it loses none
blocked     the longest that a write of the worker which floods has waited (ms)
engine      its processor time for a second and for 1,000 lines; the most memory it held (MiB)
console     its processor time for a second while it follows
key         from a key to the page that it turns to, while lines come and without (ms)
"""

from __future__ import annotations

import json
import re
import sqlite3
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.benchmarks._engine import Engine, engine, until
from tests.benchmarks._load import cpu_s
from tests.benchmarks._terminal import Terminal, spread

PER_S, SECONDS = 100_000, 6.0
CALM_PER_S = 20
WORKERS = ("flood", "calm")
PAGE, OLDEST, LOGS = b"\x06", b"g", b"3"
SEEN = re.compile(rb"flood (\d{9})")
KEPT = {"retention_days": "0", "retention_mb": "0"}
GOALS = {
    "taken_in": ">= 1",
    "calm": ">= 1",
    "stored.first_second": ">= 0.9",
    "blocked_ms": "<= 100",
    "key_ms.flood.p95": "<= 50",
    "engine.memory_mib": "<= 150",
}
PROGRAM = """
import http.server, json, os, pathlib, sys, threading, time

def write(per_s, seconds, words):
    written, longest, began = 0, 0.0, time.perf_counter()
    while written < per_s * seconds:
        due = min((time.perf_counter() - began) * per_s, per_s * seconds)
        while written < due:
            count = min(100, int(due) + 1 - written)
            lines = "".join("%s %09d of what one worker has to say\\n" % (words, n)
                            for n in range(written, written + count)).encode()
            before = time.perf_counter()
            while lines:
                lines = lines[os.write(1, lines):]
            longest = max(longest, time.perf_counter() - before)
            written += count
        time.sleep(0.002)
    return [written, longest * 1000, time.perf_counter() - began]

def wait():
    asked = pathlib.Path(sys.argv[1] + ".asked")
    while True:
        if asked.exists():
            told = write(*json.loads(asked.read_text()), os.path.basename(sys.argv[1]))
            asked.unlink()
            pathlib.Path(sys.argv[1] + ".new").write_text(json.dumps(told))
            os.rename(sys.argv[1] + ".new", sys.argv[1] + ".told")
        time.sleep(0.01)

threading.Thread(target=wait, daemon=True).start()
http.server.HTTPServer(
    ("127.0.0.1", int(os.environ["PORT"])), http.server.BaseHTTPRequestHandler
).serve_forever()
"""


def measure(quick: bool) -> dict[str, Any]:
    """Flood, look on, and return what was seen."""
    seconds = 4.0 if quick else SECONDS
    with tempfile.TemporaryDirectory(prefix="kc") as place:
        folder, talk = Path(place, "project"), Path(place, "talk")
        folder.mkdir()
        talk.mkdir()
        (folder / "program.py").write_text(PROGRAM)
        (folder / "kiket.toml").write_text("".join(_extension(name, talk) for name in WORKERS))
        with engine(folder, KEPT) as running, _attached(running) as screen:
            _until_serving(running)
            screen.press(LOGS)
            screen.settle(1.0)
            before = cpu_s([running.pid]), cpu_s([screen.pid])
            _ask(talk, "calm", CALM_PER_S, seconds)
            _ask(talk, "flood", PER_S, seconds)
            written, blocked_ms, took_s = _told(talk, "flood", screen)
            _told(talk, "calm", screen)
            stored = _stored_at_last(running, screen)
            after = cpu_s([running.pid]), cpu_s([screen.pid])
            _ask(talk, "flood", PER_S, seconds)
            keys = {"flood": _pages(screen, seconds - 1)}
            _told(talk, "flood", screen)
            _stored_at_last(running, screen)
            keys["still"] = _pages(screen, seconds - 1)
            memory_mib = _most_memory_mib(running.pid)
    engine_s = after[0] - before[0]
    return {
        "benchmark": "a worker that floods the log",
        "lines_per_s": round(written / took_s),
        "seconds": round(took_s, 2),
        "taken_in": (stored["flood"] + stored["dropped"]) / written,
        "stored": {
            "share": round(stored["flood"] / written, 3),
            "per_s": round(stored["flood"] / took_s),
            "first_second": round(stored["first"] / PER_S, 3),
        },
        "calm": stored["calm"] / (CALM_PER_S * seconds),
        "blocked_ms": round(blocked_ms, 1),
        "engine": {
            "cpu_percent": round(engine_s / took_s * 100, 1),
            "cpu_ms_per_1000_lines": round(engine_s * 1e6 / written, 2),
            "memory_mib": memory_mib,
        },
        "console_cpu_percent": round((after[1] - before[1]) / took_s * 100, 1),
        "key_ms": keys,
        "goals": GOALS,
    }


def _extension(name: str, talk: Path) -> str:
    command = json.dumps([sys.executable, "-S", "program.py", str(talk / name)])
    return f'[[extension]]\nname = "{name}"\ncommand = {command}\n'


def _attached(running: Engine) -> Terminal:
    command = [sys.executable, "-m", "kiket_console", "-C", str(running.folder), "attach"]
    environment = {**running.environment, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
    return Terminal(command, environment)


def _until_serving(running: Engine) -> None:
    until(
        lambda: (
            len({each["name"] for each in running.workers() if each["state"] == "serving"}) == 2
        ),
        "Both workers serve",
    )


def _ask(talk: Path, name: str, per_s: int, seconds: float) -> None:
    new = talk / f"{name}.new"
    new.write_text(json.dumps([per_s, seconds]))
    new.rename(talk / f"{name}.asked")


def _told(talk: Path, name: str, screen: Terminal) -> tuple[int, float, float]:
    """Wait until what was asked for is written; return how much, the longest wait, and the time."""
    told = talk / f"{name}.told"
    while not told.exists():
        screen.read(0.05, needed=False)
    found = json.loads(told.read_text())
    told.unlink()
    return found[0], found[1], found[2]


def _stored_at_last(running: Engine, screen: Terminal) -> dict[str, int]:
    """Return what is stored once nothing waits any more."""
    stored: dict[str, int] = {}
    while (found := _stored(running)) != stored:
        stored = found
        screen.settle(1.5)
    return stored


def _stored(running: Engine) -> dict[str, int]:
    """Count what is stored of each worker, of the flood's first second, and what was dropped."""
    count = "SELECT count(*) FROM log WHERE worker = ? AND stream = 'stdout'"
    with sqlite3.connect(f"file:{running.store()}?mode=ro", uri=True) as connection:
        found = {
            name: connection.execute(count, (name,)).fetchone()[0] for name in ("flood", "calm")
        }
        first = f"flood {PER_S:09}"
        [[found["first"]]] = connection.execute(f"{count} AND text < ?", ("flood", first))
        told = connection.execute("SELECT text FROM log WHERE text LIKE '%dropped: more came%'")
        found["dropped"] = sum(int(text.split()[0].replace(",", "")) for (text,) in told)
    return found


def _pages(screen: Terminal, seconds: float) -> dict[str, float]:
    """Page through the Logs from the oldest line on for a while; return how soon each was drawn."""
    screen.press(OLDEST)
    screen.settle(0.5)
    seen: set[bytes] = set()
    taken_ms: list[float] = []
    end_s = time.perf_counter() + seconds
    while time.perf_counter() < end_s:
        began_s = screen.press(PAGE)
        drawn = b""
        while not (new := set(SEEN.findall(drawn)) - seen):
            drawn += screen.read(10.0)
        taken_ms.append((time.perf_counter() - began_s) * 1000)
        seen |= new
        screen.settle(0.1)
    ordered = sorted(taken_ms)
    return {**spread(taken_ms), "p95": round(ordered[len(ordered) * 95 // 100], 2)}


def _most_memory_mib(pid: int) -> float:
    """Return the most that a process has held at any time."""
    told = Path("/proc", str(pid), "status").read_text()
    [most] = re.findall(r"VmHWM:\s+(\d+) kB", told)
    return round(int(most) / 1024, 1)
