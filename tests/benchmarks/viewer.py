"""How long a large JSON body takes to open: from the key to its first lines on the terminal.

console     the cursor goes from a small delivery to one with a body of 1 MB, and from there to one
            of 20 MB; the body stands below the list
text_area   the text of 1 MB, indented, in a `TextArea` of Textual, from its start
rich_json   the same in a `Static` with Rich's `JSON`, from its start, where there is time for it

All on a pseudo-terminal of 120 by 36; the peers' figures include the start of a program, which
`screen` tells apart. Memory is what the console holds (resident) with the body open.
"""

from __future__ import annotations

import hashlib
import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.benchmarks._terminal import Terminal, places, project
from tests.benchmarks.screen import CONSOLE

from kiket_console.model import Body, Message, Source, State
from kiket_console.store.records import AttemptEnd, NewAttempt, NewExchange
from kiket_console.store.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Mapping

MB = 1_000_000
SIZES = {"1_mb": MB, "20_mb": 20 * MB}
FIRST = "first_of_{}"
"""The name of a body's first member, which nothing but the viewer draws."""
PEER = """
import json, sys
from textual.app import App
class Peer(App):
    def compose(self):
        text = json.dumps(json.load(open(sys.argv[2])), indent=2)
        if sys.argv[1] == "text_area":
            from textual.widgets import TextArea
            yield TextArea(text, read_only=True)
        else:
            from rich.json import JSON
            from textual.widgets import Static
            from textual.containers import VerticalScroll
            with VerticalScroll():
                yield Static(JSON(text))
Peer().run()
"""
PEER_PATIENCE_S = 90.0
SETTLE_S = 1.0
GOALS = {
    "console_ms.1_mb": "<= 150",
    "console_ms.20_mb": "<= 1000",
}


def measure(quick: bool) -> dict[str, Any]:
    """Open bodies; return medians (ms)."""
    rounds = 3 if quick else 7
    with tempfile.TemporaryDirectory(prefix="kc") as place:
        environment = places(Path(place))
        store = Path(place, "store.sqlite3")
        raws = {name: _raw(name, size) for name, size in SIZES.items()}
        _write(store, raws["20_mb"], raws["1_mb"], b"{}")
        folder = project(Path(place), environment, store)
        console = [sys.executable, "-c", CONSOLE, str(folder)]
        opened: dict[str, list[float]] = {name: [] for name in SIZES}
        cpu: dict[str, list[float]] = {name: [] for name in SIZES}
        for turn in range(rounds + 1):
            found, memory = _open(console, environment)
            for name, (took_ms, cpu_ms) in found.items():
                if turn:  # the first fills the page cache and writes bytecode
                    opened[name].append(took_ms)
                    cpu[name].append(cpu_ms)
        file = Path(place, "body.json")
        file.write_bytes(raws["1_mb"])
        peers = {
            name: _peer(name, file, environment)
            for name in ("text_area", *(() if quick else ("rich_json",)))
        }
    medians = _medians(opened)
    return {
        "benchmark": "from the key to the first lines of a large JSON body",
        "rounds": rounds,
        "console_ms": medians,
        "cpu_ms": _medians(cpu),
        "memory_mib": memory,
        "peers_1_mb_ms": peers,
        "ratios": {"1_mb_of_text_area": round(medians["1_mb"] / peers["text_area"], 3)},
        "goals": GOALS,
    }


def _raw(name: str, size: int) -> bytes:
    """Return a JSON document of about *size* bytes, in one line as it comes."""
    item = {"id": 12345, "name": "printer on fire", "tags": ["urgent", "office"], "open": True}
    each = len(json.dumps(item)) + 2
    items = [{**item, "id": number} for number in range(10_000, 10_000 + size // each)]
    return json.dumps({FIRST.format(name): "of a large body", "items": items}).encode()


def _write(store: Path, *raw_bodies: bytes) -> None:
    """Make a store with a delivery for each body, the last one the newest."""
    writer = Writer(store)
    try:
        for number, raw in enumerate(raw_bodies, start=1):
            headers = (("content-type", "application/json"), ("content-length", str(len(raw))))
            body = Body(raw, len(raw), hashlib.sha256(raw).digest())
            arrival = NewExchange(
                id=number,
                source=Source.WEBHOOK,
                worker="marketing",
                name="issue.created",
                version="v1",
                method="POST",
                path="/v/v1/webhooks/issue.created",
                started_us=1_795_000_000_000_000 + number,
                state=State.RECEIVED,
                request=Message(headers, body),
            )
            answer = Message(headers[:1], Body(b"{}", 2, hashlib.sha256(b"{}").digest()))
            attempt = NewAttempt(number, 1, "marketing#1", arrival.started_us)
            end = AttemptEnd(number, 1, State.FORWARDED, 200, 2_000, answer=answer)
            writer.submit([arrival, attempt, end]).result(60)
    finally:
        writer.close()


def _open(
    console: list[str], environment: Mapping[str, str]
) -> tuple[dict[str, tuple[float, float]], dict[str, float]]:
    """Go up from a small body to ever larger ones; return what that took, by name.

    That is the time and the processor time (ms), and the memory (MiB).
    """
    taken_ms: dict[str, tuple[float, float]] = {}
    memory_mib: dict[str, float] = {}
    with Terminal(console, environment) as screen:
        screen.read_until(b"issue.created")
        screen.settle(SETTLE_S)
        for name in SIZES:
            before_ms = screen.cpu_ms()
            took_ms = screen.wait_for(FIRST.format(name).encode(), screen.press(b"k"))
            taken_ms[name] = took_ms, screen.cpu_ms() - before_ms
            screen.settle(SETTLE_S)
            memory_mib[name] = screen.memory_mib()
    return taken_ms, memory_mib


def _medians(taken: Mapping[str, list[float]]) -> dict[str, float]:
    return {name: round(statistics.median(each), 1) for name, each in taken.items()}


def _peer(name: str, file: Path, environment: Mapping[str, str]) -> float:
    with Terminal([sys.executable, "-c", PEER, name, str(file)], environment) as screen:
        screen.read_until(FIRST.format("1_mb").encode(), PEER_PATIENCE_S)
        return round(screen.wait_for(b""), 1)
