"""How fast a signed webhook gets through the engine and back, recorded, beside other proxies.

A POST of 1 KB, signed, goes to each contender in turn, round by round, over 1, 16 and 64 keep-alive
connections, each answered with 200 bytes; and at 200 a second over one connection, for the time
that a contender adds. All stand before the same kind of upstream, which parses next to nothing:

full         the engine, durable before each answer, judged and traced, a console open on it; its
             extension a bare ASGI function
full_alone   the same without a console
process      as `full`, with `durability = "process"`
sdk          as `full_alone`, its extension made with our SDK, a trivial handler
command      as `full_alone`, its extension the upstream of the others, run as a command
mitmdump     a reverse proxy that records to a file (`make bench ARGS=--peers` installs it)
nginx        a reverse proxy that records nothing (where it is installed)
forwarder    bytes passed on by a few lines over uvloop, nothing parsed, nothing recorded
direct       the upstream itself

The contender has one core, the sender and all upstreams have the other, which is kept busy at the
lowest priority (see `_load.Neighbour`). Capacity is requests per
second of the contender's own processor time (of all its threads; of an engine without its workers
and its console); ratios are medians of the rounds' ratios. Rounds are short, because what else the
machine does changes more slowly than that.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.benchmarks import _peers, _raw
from tests.benchmarks._engine import console, engine
from tests.benchmarks._load import Answers, Burst, Generator, Neighbour, cores, cpu_s, pin
from tests.benchmarks._request import BODY_BYTES, PATH, issue_body, signed_post

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.benchmarks._engine import Engine

CONNECTIONS = (1, 16, 64)
RATE_PER_S = 200.0
OPEN_EVERY = 6
"""In so many rounds there is one with that rate: it takes longer than all else of a round."""
PEERS = {"mitmdump": _peers.mitmdump, "nginx": _peers.nginx, "forwarder": _peers.forwarder}
WARM_UP = 2_000
PYTHON = """
[[extension]]
name = "bench"
entry = "main:app"
"""
COMMAND = f"""
[[extension]]
name = "bench"
command = {json.dumps([sys.executable, str(_peers.RAW), "upstream"])}
"""
SAY_SECRET = """
import os
from pathlib import Path
Path("secret").write_text(os.environ["KIKET_WEBHOOK_SECRET"])
"""
ASGI = f"""
{SAY_SECRET}
RAW_BODY = {_raw.RAW_BODY!r}
HEADERS = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(RAW_BODY))]
async def app(scope, receive, send):
    if scope["type"] == "http":
        while (await receive()).get("more_body"):
            pass
        await send({{"type": "http.response.start", "status": 200, "headers": HEADERS}})
        await send({{"type": "http.response.body", "body": RAW_BODY}})
"""
SDK = f"""
{SAY_SECRET}
from kiket_sdk import KiketSDK
app = KiketSDK(telemetry_enabled=False)
@app.webhook("issue.created", version="v1")
async def created(payload, context):
    return {json.loads(_raw.RAW_BODY)!r}
"""
ENGINES = {
    "full": (PYTHON, ASGI),
    "full_alone": (PYTHON, ASGI),
    "process": (PYTHON, ASGI),
    "sdk": (PYTHON, SDK),
    "command": (COMMAND, ""),
}
"""By name, what `kiket.toml` and `main.py` are."""
GOALS = {
    "full_of_mitmdump": ">= 10",
    "process_of_mitmdump": ">= 25",
    "full_of_nginx_at_64": ">= 0.35",
    "contenders.full.at_16.requests_per_s": ">= 1000",
    "added_p50_ms": "<= 3",
    "added_p99_ms": "<= 25",
    "memory.full.grown_mib": "<= 4",
    "failed": "<= 0",
}


class Contender(NamedTuple):
    """What stands before an upstream."""

    port: int
    pids: Sequence[int]
    raw_request: bytes


class Round(NamedTuple):
    """One contender's load of one round."""

    requests_per_s: float
    requests_per_cpu_s: float
    p50_ms: float
    p99_ms: float
    failed: int


def measure(quick: bool) -> dict[str, Any]:
    """Load all contenders in interleaved rounds and return figures, ratios and goals."""
    rounds, seconds, open_s, many = (4, 0.2, 1.5, 5_000) if quick else (18, 0.3, 4.0, 50_000)
    ours, theirs = cores()
    with ExitStack() as stack:
        load = stack.enter_context(Generator(theirs))
        stack.enter_context(Neighbour(theirs))
        contenders, missing = _start(stack, (ours, theirs))
        for contender in contenders.values():
            load.run(_burst(contender, 16, 2.0, at_most=WARM_UP))
        taken: dict[str, dict[str, list[Round]]] = {name: {} for name in contenders}
        for index in range(rounds):
            for kind in CONNECTIONS if index % OPEN_EVERY else (*CONNECTIONS, "open"):
                for name in _in_turn(list(contenders), index):
                    burst = (
                        _burst(contenders[name], 1, open_s, rate_per_s=RATE_PER_S)
                        if kind == "open"
                        else _burst(contenders[name], int(kind), seconds)
                    )
                    key = "at_200_per_s" if kind == "open" else f"at_{kind}"
                    taken[name].setdefault(key, []).append(_load(load, contenders[name], burst))
        memory = {"full": _memory(load, contenders["full"], many, 30.0)}
        if "mitmdump" in contenders:
            memory["mitmdump"] = _memory(load, contenders["mitmdump"], many, open_s)
    figures: dict[str, Any] = {
        name: {kind: _median(results) for kind, results in kinds.items()}
        for name, kinds in taken.items()
    }
    return {
        "benchmark": "webhooks through the engine, recorded, and through other proxies",
        "body_bytes": BODY_BYTES,
        "rounds": rounds,
        "pinned": ours is not None,
        "contenders": figures | {name: {"not_measured": why} for name, why in missing.items()},
        "memory": memory,
        "failed": sum(each["failed"] for name in ENGINES for each in figures[name].values()),
        "ratios": _ratios(taken),
        "goals": GOALS,
    }


def _start(
    stack: ExitStack, cores: tuple[int | None, int | None]
) -> tuple[dict[str, Contender], dict[str, str]]:
    """Start all contenders; return those that run, and why others do not."""
    ours, theirs = cores
    place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kcbench")))
    upstream_port, upstream_pid = stack.enter_context(_peers.upstream())
    pin([upstream_pid], theirs)
    contenders, missing = {}, {}
    raw_body = issue_body()
    for name, (settings, source) in ENGINES.items():
        folder = place / name
        folder.mkdir()
        (folder / "kiket.toml").write_text(settings)
        (folder / "main.py").write_text(source)
        durability = "process" if name == "process" else "full"
        running = stack.enter_context(engine(folder, {"durability": durability}))
        _pin_engine(running, ours, theirs)
        if name in {"full", "process"}:
            pin([stack.enter_context(console(running))], theirs)
        raw_request = signed_post(PATH, raw_body, _secret_of(running))
        contenders[name] = Contender(running.port, [running.pid], raw_request)
        _need_judged(running, contenders[name])
    for name, start in PEERS.items():
        own = place / name
        own.mkdir()
        try:
            port, pid = stack.enter_context(start(upstream_port, own))
        except (_peers.NotInstalledError, RuntimeError) as reason:
            missing[name] = str(reason)
            continue
        pin([pid], ours)
        contenders[name] = Contender(port, [pid], signed_post(PATH, raw_body))
    contenders["direct"] = Contender(upstream_port, [upstream_pid], signed_post(PATH, raw_body))
    return contenders, missing


def _pin_engine(running: Engine, ours: int | None, theirs: int | None) -> None:
    """Leave a core to the engine's threads alone; its workers are upstreams."""
    import psutil

    pin([each.id for each in psutil.Process(running.pid).threads()], ours)
    pin(running.worker_pids(), theirs)


def _secret_of(running: Engine) -> str:
    """Return the webhook secret that the engine has given its extension."""
    import psutil

    said = running.folder / "secret"
    if said.exists():
        return said.read_text()
    environments = [psutil.Process(pid).environ() for pid in running.worker_pids()]
    return next(
        each["KIKET_WEBHOOK_SECRET"] for each in environments if "KIKET_WEBHOOK_SECRET" in each
    )


def _need_judged(running: Engine, contender: Contender) -> None:
    """Fail unless a request is forwarded, and recorded with a good signature."""
    from kiket_console.store.reader import Reader

    with Generator() as load:
        load.run(_burst(contender, 1, 5.0, at_most=1))
    with Reader(running.store()) as reader:
        [found] = [each for each in reader.recent(10) if each.source == "webhook"]
    if (found.status, found.signature) != (200, "ok k0"):
        raise RuntimeError(f"A request of the benchmark became {found}.")


def _burst(contender: Contender, connections: int, seconds: float, **more: Any) -> Burst:
    return Burst(contender.port, contender.raw_request, connections, seconds, **more)


def _load(load: Generator, contender: Contender, burst: Burst) -> Round:
    before_s = cpu_s(contender.pids)
    answers = load.run(burst)
    taken_s = max(cpu_s(contender.pids) - before_s, 0.01)
    return Round(
        answers.good / answers.elapsed_s,
        answers.good / taken_s,
        answers.p50_ms,
        answers.p99_ms,
        answers.failed,
    )


def _in_turn(names: list[str], index: int) -> list[str]:
    turn = index % len(names)
    return names[turn:] + names[:turn]


def _median(results: list[Round]) -> dict[str, float]:
    medians = {
        field: round(statistics.median(getattr(each, field) for each in results), 3)
        for field in Round._fields
    }
    return medians | {"failed": sum(each.failed for each in results)}


def _memory(load: Generator, contender: Contender, count: int, seconds: float) -> dict[str, Any]:
    """Return how much memory is held after each fifth of *count* exchanges.

    A fifth before them fills what is bounded. Each takes *seconds* at most, so a slow contender
    is given fewer.
    """
    import psutil

    process = psutil.Process(contender.pids[0])
    held_mib: list[float] = []
    answers: list[Answers] = []
    for _ in range(6):
        answers.append(load.run(_burst(contender, 64, seconds, at_most=count // 5)))
        held_mib.append(process.memory_info().rss / 1024**2)
    return {
        "exchanges": sum(each.good for each in answers[1:]),
        "failed": sum(each.failed for each in answers),
        "held_mib": [round(each, 1) for each in held_mib],
        "grown_mib": round(held_mib[-1] - held_mib[0], 1),
    }


def _ratios(taken: Mapping[str, Mapping[str, list[Round]]]) -> dict[str, float]:
    """Return how contenders compare, of those that were measured."""
    found = {}
    for ours in ENGINES:
        for peer in ("mitmdump", "nginx", "forwarder"):
            if peer not in taken:
                continue
            for kind in ("at_16", "at_64"):
                suffix = "" if kind == "at_16" else "_at_64"
                found[f"{ours}_of_{peer}{suffix}"] = _ratio(taken, ours, peer, kind)
    for field in ("p50_ms", "p99_ms"):
        for name, prefix in (("full", ""), ("process", "process_"), ("mitmdump", "mitmdump_")):
            if name in taken:
                found[f"{prefix}added_{field}"] = _added(taken, name, field)
    return found


def _ratio(
    taken: Mapping[str, Mapping[str, list[Round]]], ours: str, peer: str, kind: str
) -> float:
    pairs = zip(taken[ours][kind], taken[peer][kind], strict=True)
    return round(
        statistics.median(mine.requests_per_cpu_s / its.requests_per_cpu_s for mine, its in pairs),
        3,
    )


def _added(taken: Mapping[str, Mapping[str, list[Round]]], name: str, field: str) -> float:
    pairs = zip(taken[name]["at_200_per_s"], taken["direct"]["at_200_per_s"], strict=True)
    added = [float(getattr(mine, field) - getattr(direct, field)) for mine, direct in pairs]
    return round(statistics.median(added), 3)
