"""How fast messages pass between a module and who started it, beside limits and other techniques.

One run starts each far end (see `_ipc_ends`) as a process of its own and speaks to it in messages
of about 1.7 KB: a request at a time (round trip), 64 requests in flight (echo), and routed messages
that are not answered (one way). Over pipes:

ours        the SDK's channels, link and protocol on uvloop
original    the technique of the first Python SDK: a line, `json.loads`, pydantic models
streams     asyncio's streams with the same JSON library
blocking    `os.readv` and `os.write` with the same JSON library, and no event loop (the limit)

and all but the original over a Unix socket and TCP. A far end has one core and who speaks the
other, which is kept busy at the lowest priority (see `_load.Neighbour`). Then how long a module
takes from its start to its announcement, beside what the interpreter and the frameworks alone take,
and how much memory the orchestrator needs for 1,000 modules.

In a round all contenders are sent as many messages, one after the other, in a slice of some tens of
milliseconds each: what else the machine does changes more slowly than that. Messages per processor
second of the far end (capacity) move least with other load; the ratios are medians of the rounds'
ratios, and `quartiles` says how far those are apart.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import tracemalloc
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

from tests.benchmarks import _ipc_speaking as speaking
from tests.benchmarks._ipc_speaking import FarEnd
from tests.benchmarks._load import Neighbour, cores, cpu_s

STDIO = ("ours", "original", "blocking", "streams")
SOCKETS = ("ours", "blocking", "streams")
TRIPS, ECHOES, ONE_WAY = 200, 2_048, 4_096
"""How many messages of each kind a slice has."""
STARTS = 10
MODULES = 1_000
GOALS = {
    "echo_of_original": ">= 4.0",
    "one_way_of_original": ">= 2.5",
    "round_trip_of_blocking": "<= 1.15",
    "announced_ms": "<= 150",
    "announced_of_framework": "<= 1.06",
    "registry_mib": "<= 20",
}
"""As a ratio: announced after 150 ms, on a machine where the frameworks take 142 (processor time,
which differs from the clock's only where others have the processor)."""


class Round(NamedTuple):
    """One far end's slices of one round."""

    round_trip_us: float
    echo_per_s: float
    echo_per_cpu_s: float
    one_way_per_s: float
    one_way_per_cpu_s: float


Taken = dict[tuple[str, str], list[Round]]


def measure(quick: bool) -> dict[str, Any]:
    """Speak to all far ends in interleaved slices and return figures, ratios and goals."""
    rounds = 10 if quick else 50
    ours, theirs = cores()
    if ours is not None:
        os.sched_setaffinity(0, {theirs or 0})
    try:
        with Neighbour(theirs):
            taken = _taken(rounds, ours)
    finally:
        if ours is not None:
            os.sched_setaffinity(0, {ours, theirs or 0})
    starts = [(_announced(), _framework()) for _ in range(STARTS + 1)][1:]
    ratios = _ratios(taken)
    ratios["announced_of_framework"] = [ours.cpu_ms / bare.cpu_ms for ours, bare in starts]
    return {
        "benchmark": "messages between a module and its orchestrator",
        "message_bytes": len(speaking.request("ours")),
        "rounds": rounds,
        "contenders": {
            f"{transport}_{name}": {
                field: round(statistics.median(getattr(each, field) for each in results), 1)
                for field in Round._fields
            }
            for (transport, name), results in taken.items()
        },
        "announced_ms": round(statistics.median(ours.ms for ours, _ in starts), 1),
        "framework_ms": round(statistics.median(bare.ms for _, bare in starts), 1),
        "registry_mib": _registry_mib(),
        "ratios": {name: round(statistics.median(each), 3) for name, each in ratios.items()},
        "quartiles": {name: _quartiles(each) for name, each in ratios.items()},
        "goals": GOALS,
    }


def _taken(rounds: int, core: int | None) -> Taken:
    contenders = [("stdio", name) for name in STDIO]
    contenders += [(transport, name) for transport in ("uds", "tcp") for name in SOCKETS]
    taken: Taken = {each: [] for each in contenders}
    with ExitStack() as stack:
        far = {each: stack.enter_context(FarEnd(*each, core)) for each in contenders}
        for index in range(rounds + 1):
            turn = index % len(contenders)
            order = contenders[turn:] + contenders[:turn]
            trips_us = {each: far[each].round_trip_us(TRIPS) for each in order}
            echoes = {each: far[each].echo(ECHOES) for each in order}
            one_way = {each: far[each].one_way(ONE_WAY) for each in order}
            if index:  # the first round warms all
                for each in order:
                    taken[each].append(Round(trips_us[each], *echoes[each], *one_way[each]))
    return taken


def _ratios(taken: Taken) -> dict[str, list[float]]:
    """Return each ratio of ours to a peer, round by round."""

    def of(transport: str, peer: str, field: str) -> list[float]:
        pairs = zip(taken[(transport, "ours")], taken[(transport, peer)], strict=True)
        return [getattr(ours, field) / getattr(theirs, field) for ours, theirs in pairs]

    ratios = {
        "echo_of_original": of("stdio", "original", "echo_per_cpu_s"),
        "one_way_of_original": of("stdio", "original", "one_way_per_cpu_s"),
        "round_trip_of_blocking": of("stdio", "blocking", "round_trip_us"),
    }
    for transport in ("stdio", "uds", "tcp"):
        for peer in ("streams", "blocking"):
            ratios[f"{transport}_echo_of_{peer}"] = of(transport, peer, "echo_per_cpu_s")
            ratios[f"{transport}_one_way_of_{peer}"] = of(transport, peer, "one_way_per_cpu_s")
    return ratios


def _quartiles(found: list[float]) -> list[float]:
    first, _, third = statistics.quantiles(found, n=4)
    return [round(first, 3), round(third, 3)]


# --- a module's start ---

MODULE = """
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route
from pywatt_sdk import AnnouncedEndpoint, pywatt_module

async def hello(request):
    return JSONResponse({"hello": "world"})

@pywatt_module(endpoints=[AnnouncedEndpoint(path="/hello", methods=["GET"])])
async def create_app(app_state):
    return Starlette(routes=[Route("/hello", hello)])
"""
FRAMEWORK = """
import starlette.applications, starlette.responses, uvicorn, uvloop, httptools
print("there", flush=True)
"""
INIT = {
    "orchestrator_api": "http://127.0.0.1:9900",
    "module_id": "bench",
    "env": {},
    "listen": "127.0.0.1:0",
    "security_level": "None",
    "orchestrator": "kiket-console/bench",
}


class Start(NamedTuple):
    """How long a program took to what was wanted of it, by the clock and on the processor."""

    ms: float
    cpu_ms: float


def _announced() -> Start:
    """Start a module in a new process, until its announcement."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "main.py").write_text(MODULE)
        raw_init = json.dumps(INIT).encode() + b"\n"
        return _started([str(Path(folder, "main.py"))], raw_init, b'"op":"announce"')


def _framework() -> Start:
    """Start the interpreter and the frameworks alone, which nobody can avoid."""
    return _started(["-c", FRAMEWORK], b"", b"there")


def _started(arguments: list[str], raw_input: bytes, wanted: bytes) -> Start:
    """Start Python, until a line with what is wanted."""
    begun_s = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(raw_input)
        process.stdin.flush()
        while wanted not in (line := process.stdout.readline()):
            if not line:
                raise RuntimeError("The program ended without what was wanted of it.")
        start = Start((time.perf_counter() - begun_s) * 1000, cpu_s([process.pid]) * 1000)
        process.stdin.close()
        process.stdout.close()
    return start


# --- what the orchestrator remembers ---


def _registry_mib() -> float:
    """Return the memory of what is known of 1,000 modules: 10 routes and a service each."""
    from kiket_console.engine.orchestrator.registry import Registry
    from kiket_console.module_facts import ModuleEndpoint, ModuleFacts
    from pywatt_sdk._protocol import RegisterServiceProvider, ServiceType

    tracemalloc.start()
    registry = Registry()
    facts = []
    for number in range(MODULES):
        asked = RegisterServiceProvider(
            service_type=ServiceType.custom(f"service-{number % 50}"),
            name=f"service of {number}",
            address=f"127.0.0.1:{number}",
            metadata={"region": "eu", "number": str(number)},
        )
        registry.register(f"module-{number}", f"module-{number}#1", asked)
        endpoints = tuple(
            ModuleEndpoint(f"/v1/module-{number}/things-{route}/:id", ("GET", "POST"), "jwt")
            for route in range(10)
        )
        facts.append(ModuleFacts("ready", "pywatt_sdk 0.1.0", "127.0.0.1:1", endpoints=endpoints))
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return round(held / 2**20, 2)
