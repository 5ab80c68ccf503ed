"""How fast messages pass between a module and who started it, beside limits and other techniques.

One run starts each far end (see `_ipc_ends`) as a process of its own and speaks to it in turn,
round by round, in messages of about 1.7 KB: a request at a time (round trip), 64 requests in flight
(echo), and routed messages that are not answered (one way). Over pipes:

ours        the SDK's channels and protocol on uvloop
streams     asyncio's streams with the same JSON library
original    the technique of the first Python SDK: a line, `json.loads`, pydantic models
blocking    `os.read` and `os.write` with the same JSON library, and no event loop (the limit)

and all but the original over a Unix socket and TCP. A far end has one core and who speaks the
other. Then how long a module takes from its start to its announcement, beside what the interpreter
and the frameworks alone take, and how much memory the orchestrator needs for 1,000 modules.

Messages per processor second of the far end (capacity) move least with other load; the ratios are
medians of the rounds' ratios.
"""

from __future__ import annotations

import base64
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import tracemalloc
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from tests.benchmarks import _ipc_ends as ends
from tests.benchmarks._load import PATIENCE_S, cores, cpu_s, pin

if TYPE_CHECKING:
    from collections.abc import Iterator

STDIO = ("ours", "streams", "original", "blocking")
SOCKETS = ("ours", "streams", "blocking")
BODY = bytes(range(32, 127)) * 11
IN_FLIGHT = 64
MODULES = 1_000
GOAL_ECHO_OF_ORIGINAL = 4.0
GOAL_ONE_WAY_OF_ORIGINAL = 2.5
GOAL_ROUND_TRIP_OF_BLOCKING = 1.15
GOAL_ANNOUNCED_MS = 150.0
GOAL_REGISTRY_MIB = 20.0


class Round(NamedTuple):
    """One far end's load of one round."""

    round_trip_us: float
    echo_per_s: float
    echo_per_cpu_s: float
    one_way_per_s: float
    one_way_per_cpu_s: float


def measure(quick: bool) -> dict[str, Any]:
    """Speak to all far ends in interleaved rounds and return figures, ratios and goals."""
    rounds, seconds = (3, 0.25) if quick else (9, 0.8)
    ours, theirs = cores()
    if ours is not None:
        os.sched_setaffinity(0, {theirs or 0})
    try:
        taken = _taken(rounds, seconds, ours)
    finally:
        if ours is not None:
            os.sched_setaffinity(0, {ours, theirs or 0})
    starts = [(_announced_ms(), _framework_ms()) for _ in range(rounds + 1)][1:]
    announced_ms, framework_ms = (statistics.median(each) for each in zip(*starts, strict=True))
    return {
        "benchmark": "messages between a module and its orchestrator",
        "message_bytes": len(_request("ours")),
        "rounds": rounds,
        "contenders": {
            f"{transport}_{name}": {
                field: round(statistics.median(getattr(each, field) for each in results), 1)
                for field in Round._fields
            }
            for (transport, name), results in taken.items()
        },
        "announced_ms": round(announced_ms, 1),
        "framework_ms": round(framework_ms, 1),
        "registry_mib": _registry_mib(),
        "ratios": _ratios(taken),
        "goals": {
            "echo_of_original": f">= {GOAL_ECHO_OF_ORIGINAL}",
            "one_way_of_original": f">= {GOAL_ONE_WAY_OF_ORIGINAL}",
            "round_trip_of_blocking": f"<= {GOAL_ROUND_TRIP_OF_BLOCKING}",
            "announced_ms": f"<= {GOAL_ANNOUNCED_MS}",
            "registry_mib": f"<= {GOAL_REGISTRY_MIB}",
        },
    }


def _taken(rounds: int, seconds: float, core: int | None) -> dict[tuple[str, str], list[Round]]:
    contenders = [("stdio", name) for name in STDIO]
    contenders += [(transport, name) for transport in ("uds", "tcp") for name in SOCKETS]
    taken: dict[tuple[str, str], list[Round]] = {each: [] for each in contenders}
    with ExitStack() as stack:
        far = {each: stack.enter_context(FarEnd(*each, core)) for each in contenders}
        for end in far.values():
            end.load(0.1)
        for index in range(rounds):
            turn = index % len(contenders)
            for each in contenders[turn:] + contenders[:turn]:
                taken[each].append(far[each].load(seconds))
    return taken


def _ratios(taken: dict[tuple[str, str], list[Round]]) -> dict[str, float]:
    def ratio(transport: str, peer: str, field: str) -> float:
        pairs = zip(taken[(transport, "ours")], taken[(transport, peer)], strict=True)
        found = [float(getattr(ours, field) / getattr(theirs, field)) for ours, theirs in pairs]
        return round(statistics.median(found), 3)

    ratios = {
        "echo_of_original": ratio("stdio", "original", "echo_per_cpu_s"),
        "one_way_of_original": ratio("stdio", "original", "one_way_per_cpu_s"),
        "round_trip_of_blocking": ratio("stdio", "blocking", "round_trip_us"),
    }
    for transport in ("stdio", "uds", "tcp"):
        for peer in ("streams", "blocking"):
            ratios[f"{transport}_echo_of_{peer}"] = ratio(transport, peer, "echo_per_cpu_s")
            ratios[f"{transport}_one_way_of_{peer}"] = ratio(transport, peer, "one_way_per_cpu_s")
    return ratios


class FarEnd:
    """One contender over one transport; ended with the context."""

    def __init__(self, transport: str, name: str, core: int | None) -> None:
        self._transport, self._name, self._core = transport, name, core
        self._request = ends.framed(transport, _request(name))
        self._routed = ends.framed(transport, _routed(name))
        self._answer_bytes = 0

    def __enter__(self) -> Self:
        self._stack = ExitStack()
        command = [sys.executable, ends.__file__, self._name, self._transport]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
        if self._transport == "stdio":
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
            )
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            self._out, self._in = self._process.stdin.fileno(), self._process.stdout.fileno()
        else:
            listener, address = self._listening()
            with listener:
                listener.settimeout(PATIENCE_S)
                self._process = subprocess.Popen([*command, address], env=environment)
                sock = self._stack.enter_context(listener.accept()[0])
            if self._transport == "tcp":
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._out = self._in = sock.fileno()
        pin([self._process.pid], self._core)
        os.set_blocking(self._out, True)
        ends.write_all(self._out, self._request)
        self._answer_bytes = self._first_answer()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._stack.close()

    def load(self, seconds: float) -> Round:
        """Measure the three ways to speak, each for a while."""
        trips_s = list(self._round_trips(seconds))
        echo_per_s, echo_per_cpu_s = self._rates(self._echo, seconds)
        one_way_per_s, one_way_per_cpu_s = self._rates(self._one_way, seconds)
        return Round(
            statistics.median(trips_s) * 1e6,
            echo_per_s,
            echo_per_cpu_s,
            one_way_per_s,
            one_way_per_cpu_s,
        )

    def _listening(self) -> tuple[socket.socket, str]:
        if self._transport == "tcp":
            listener = socket.create_server(("127.0.0.1", 0))
            return listener, f"127.0.0.1:{listener.getsockname()[1]}"
        folder = self._stack.enter_context(tempfile.TemporaryDirectory())
        path = str(Path(folder, "s"))
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(path)
        listener.listen()
        return listener, path

    def _first_answer(self) -> int:
        raw = b""
        while not ends.split(self._transport, raw)[0]:
            read = os.read(self._in, ends.PAYLOAD_READ)
            if not read:
                raise RuntimeError(f"The far end {self._name} over {self._transport} has ended.")
            raw += read
        return len(raw)  # all are of this length: ids are

    def _take(self, answers: int) -> None:
        left = answers * self._answer_bytes
        while left:
            read = len(os.read(self._in, min(left, ends.PAYLOAD_READ)))
            if not read:
                raise RuntimeError(f"The far end {self._name} over {self._transport} has ended.")
            left -= read

    def _round_trips(self, seconds: float) -> Iterator[float]:
        until_s = time.perf_counter() + seconds
        while (begun_s := time.perf_counter()) < until_s:
            ends.write_all(self._out, self._request)
            self._take(1)
            yield time.perf_counter() - begun_s

    def _rates(self, speak: Any, seconds: float) -> tuple[float, float]:
        before_s, begun_s = cpu_s([self._process.pid]), time.perf_counter()
        messages = speak(begun_s + seconds)
        elapsed_s = time.perf_counter() - begun_s
        used_s = max(cpu_s([self._process.pid]) - before_s, 0.01)
        return messages / elapsed_s, messages / used_s

    def _echo(self, until_s: float) -> int:
        """Keep 64 requests in flight: as many are sent as answers came."""
        ends.write_all(self._out, self._request * IN_FLIGHT)
        sent, received_bytes = IN_FLIGHT, 0
        while time.perf_counter() < until_s:
            received_bytes += len(os.read(self._in, ends.PAYLOAD_READ))
            due = received_bytes // self._answer_bytes + IN_FLIGHT - sent
            if due:
                ends.write_all(self._out, self._request * due)
                sent += due
        left = sent * self._answer_bytes - received_bytes
        while left:
            left -= len(os.read(self._in, ends.PAYLOAD_READ))
        return sent

    def _one_way(self, until_s: float) -> int:
        """Send as fast as they are taken; a request at the end tells that all were."""
        sent = 0
        while time.perf_counter() < until_s:
            ends.write_all(self._out, self._routed * 32)
            sent += 32
        ends.write_all(self._out, self._request)
        self._take(1)
        return sent + 1


def _request(name: str) -> bytes:
    fields = {
        "request_id": "11111111-2222-4333-8444-555555555555",
        "method": "POST",
        "uri": "/api/issues?verbose=1",
        "headers": {"content-type": "text/plain", "x-request-id": "0123456789abcdef"},
        "body": base64.b64encode(BODY).decode(),
    }
    return _message(name, "http_request", fields)


def _routed(name: str) -> bytes:
    payload = {"data": base64.b64encode(BODY).decode(), "format": "Json"}
    fields = {
        "source_module_id": "thermometer",
        "original_request_id": "11111111-2222-4333-8444-555555555555",
        "payload": payload,
    }
    return _message(name, "routed_module_message", fields)


def _message(name: str, op: str, fields: dict[str, Any]) -> bytes:
    """Write a message as the far end reads it: the original wants it nested."""
    message = {"op": op, op: fields} if name == "original" else {"op": op, **fields}
    return json.dumps(message, separators=(",", ":")).encode()


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
FRAMEWORK = "import starlette.applications, starlette.responses, uvicorn, uvloop, httptools"
INIT = {
    "orchestrator_api": "http://127.0.0.1:9900",
    "module_id": "bench",
    "env": {},
    "listen": "127.0.0.1:0",
    "security_level": "None",
    "orchestrator": "kiket-console/bench",
}


def _announced_ms() -> float:
    """Start a module in a new process; return how long its announcement takes."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "main.py").write_text(MODULE)
        begun_s = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, Path(folder, "main.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        with process:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(json.dumps(INIT).encode() + b"\n")
            process.stdin.flush()
            while b'"op":"announce"' not in (line := process.stdout.readline()):
                if not line:
                    raise RuntimeError("The module ended without an announcement.")
            taken_s = time.perf_counter() - begun_s
            process.stdin.close()
            process.stdout.close()
    return taken_s * 1000


def _framework_ms() -> float:
    """Return how long the interpreter and the frameworks alone take, which nobody can avoid."""
    begun_s = time.perf_counter()
    subprocess.run([sys.executable, "-c", FRAMEWORK], check=True)
    return (time.perf_counter() - begun_s) * 1000


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
