"""The console while webhooks come: from a socket to a painted row, and what drawing costs.

A real engine records into a store that has 1,000,000 exchanges already (1/20 of that with --quick),
and a console of 120 by 36 is attached to it. A sender posts unsigned webhooks of 1 KB whose event
names carry the moment at which they were sent, so that a row on the terminal tells how old it is.
Events of the same tick share a frame, and those that have scrolled away before the next one are
never drawn, as on any screen.

painted     from the write of a request to the byte that completes its row, at 1,000 a second
cost        the console's processor time at 500 a second, as a share of one core, and without any
engine      the same of the engine's, for comparison
answered    how many the engine answered, and how soon: when it cannot keep up, no row can be young
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.benchmarks._engine import Engine, engine
from tests.benchmarks._load import cpu_s
from tests.benchmarks._million import ROWS, made
from tests.benchmarks._terminal import Terminal, spread
from tests.benchmarks.gateway import ASGI, PYTHON

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

PAINTED_PER_S, COST_PER_S = 1_000, 500
STEP_S = 0.01
"""How often the sender sends what is due."""
KEPT = {"retention_days": "0", "retention_mb": "0"}
"""What was recorded before stays."""
SENT = re.compile(rb"at\.(\d{9,13})")
GOALS = {
    "painted_ms.median": "<= 60",
    "painted_ms.p95": "<= 150",
    "console_cpu_percent": "<= 20",
}
SENDER = """
import collections, json, socket, statistics, sys, time
port, rate = map(int, sys.argv[1:3])
seconds, step = map(float, sys.argv[3:])
body = json.dumps({"event": "at", "issue": {"text": "x" * 960}}).encode()
peers = [socket.create_connection(("127.0.0.1", port)) for _ in range(16)]
sent_at = {peer: collections.deque() for peer in peers}
for each in peers:
    each.setblocking(False)
began = time.perf_counter()
sent, answered = 0, []
def hear():
    for peer, waiting in sent_at.items():
        try:
            for _ in range(peer.recv(1 << 16).count(b"HTTP/1.1 ")):
                answered.append(time.perf_counter() - waiting.popleft())
        except BlockingIOError:
            pass
while (now := time.perf_counter()) < began + seconds:
    due = int((now - began) * rate)
    while sent < due:
        peer = peers[sent % len(peers)]
        event = b"at.%d" % (time.perf_counter_ns() // 1000)
        try:
            peer.send(b"POST /v/v1/webhooks/%s HTTP/1.1\\r\\nHost: 127.0.0.1\\r\\n"
                      b"Content-Type: application/json\\r\\nContent-Length: %d\\r\\n\\r\\n%s"
                      % (event, len(body), body))
        except BlockingIOError:
            sys.exit("The engine does not keep up.")
        sent_at[peer].append(time.perf_counter())
        sent += 1
    hear()
    time.sleep(step)
time.sleep(0.2)
hear()
print(json.dumps([sent, len(answered), statistics.median(answered or [0]) * 1000]))
"""


def measure(quick: bool) -> dict[str, Any]:
    """Send, watch the terminal, and return what was seen."""
    rows, seconds = (ROWS // 20, 5.0) if quick else (ROWS, 15.0)
    with tempfile.TemporaryDirectory(prefix="kc") as place:
        folder = Path(place, "project")
        folder.mkdir()
        (folder / "kiket.toml").write_text(PYTHON)
        (folder / "main.py").write_text(ASGI)
        with engine(folder, KEPT, made(rows)) as running, _attached(running) as screen:
            screen.read_until(b"ok k0")
            _send(screen, running, PAINTED_PER_S, 1.0)  # what is made once is made
            ages_ms, _, answered = _send(screen, running, PAINTED_PER_S, seconds)
            idle = _cost(screen, running, 0, seconds)
            busy = _cost(screen, running, COST_PER_S, seconds)
            memory_mib = screen.memory_mib()
    ordered = sorted(ages_ms)
    return {
        "benchmark": "the console while webhooks come",
        "rows": rows,
        "seconds": seconds,
        "painted_ms": {
            **spread(ordered),
            "p95": round(ordered[len(ordered) * 95 // 100], 2),
            "rows_drawn": len(ordered),
        },
        "answered": dict(zip(("sent", "answered", "median_ms"), answered, strict=True)),
        "console_cpu_percent": busy["console"],
        "idle_cpu_percent": idle["console"],
        "engine_cpu_percent": busy["engine"],
        "memory_mib": memory_mib,
        "goals": GOALS,
    }


def _attached(running: Engine) -> AbstractContextManager[Terminal]:
    command = [sys.executable, "-m", "kiket_console", "-C", str(running.folder), "attach"]
    environment = {**running.environment, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
    return Terminal(command, environment)


def _send(
    screen: Terminal, running: Engine, per_s: int, seconds: float
) -> tuple[list[float], float, list[float]]:
    """Send for so long; return how old each new row was when it was drawn, and for how long.

    Last comes what the sender says: how many it sent, how many were answered, and how soon (ms).
    """
    told = [str(running.port), str(per_s), str(seconds), str(STEP_S)]
    began_s = time.perf_counter()
    sender = subprocess.Popen([sys.executable, "-c", SENDER, *told], stdout=subprocess.PIPE)
    assert sender.stdout is not None
    ages_ms: list[float] = []
    seen: set[bytes] = set()
    tail = b""
    while sender.poll() is None:
        drawn = screen.read(0.05, needed=False)
        now_us = time.perf_counter_ns() // 1000
        tail += drawn
        for moment in _whole(tail):
            if moment not in seen:
                seen.add(moment)
                ages_ms.append((now_us - int(moment)) / 1000)
        tail = tail[-24:]
    if sender.returncode:
        raise RuntimeError("The sender could not send.")
    took_s = time.perf_counter() - began_s
    screen.settle(0.5)
    with sender.stdout as said:
        return ages_ms, took_s, json.loads(said.read())


def _whole(drawn: bytes) -> Iterator[bytes]:
    """Return the moments in what was drawn, without one that may go on."""
    for found in SENT.finditer(drawn):
        if found.end() < len(drawn):
            yield found[1]


def _cost(screen: Terminal, running: Engine, per_s: int, seconds: float) -> dict[str, float]:
    """Return which share of a core console and engine take meanwhile, in percent."""
    pids = {"console": screen.pid, "engine": running.pid}
    before = {name: cpu_s([pid]) for name, pid in pids.items()}
    if per_s:
        _, took_s, _ = _send(screen, running, per_s, seconds)
    else:
        screen.settle(seconds)
        took_s = seconds
    return {
        name: round((cpu_s([pid]) - before[name]) / took_s * 100, 1) for name, pid in pids.items()
    }
