"""Modules run as workers: given what they need, started anew on a save, ended step by step."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import pytest
from tests.kiket_console.engine.orchestrator.playing import Others, Tape, Vault, until
from tests.ports import free_port

from kiket_console.engine import drains, health
from kiket_console.engine.orchestrator import ladder, process
from kiket_console.engine.orchestrator.session import ModuleSession
from kiket_console.engine.orchestrator.wires import Wires
from kiket_console.model import Worker, WorkerState

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager

    from tests.kiket_console.engine.conftest import Running

    Run = Callable[..., AbstractAsyncContextManager[Running]]

RUST_LIKE = Path(__file__).parent / "rust_like.py"
PROGRAM = [sys.executable, "-I", "-S"]
STARLETTE = """
from pywatt_sdk import pywatt_module
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

async def hello(request):
    return PlainTextResponse("{says}")

@pywatt_module(framework="starlette")
async def create_app(app_state):
    return Starlette(routes=[Route("/hello", hello)])
"""


@pytest.fixture
def folder(own_places: Path) -> Path:
    """Return the folder of a project."""
    folder = own_places / "search"
    folder.mkdir()
    return folder


@pytest.fixture
def tape() -> Tape:
    """Return what the sessions' messages are taken down on."""
    return Tape()


@pytest.fixture
def others() -> Others:
    """Return who is told which module is ready, and which is gone."""
    return Others()


@pytest.fixture
def busy() -> set[str]:
    """Return the starts that have requests to answer."""
    return set()


@pytest.fixture
def run(
    folder: Path,
    tape: Tape,
    others: Others,
    busy: set[str],
    supervise: Callable[..., AbstractAsyncContextManager[Running]],
) -> Run:
    """Return a way to run the modules of the folder, which have these secrets."""

    def run(**secrets: str) -> AbstractAsyncContextManager[Running]:
        session = partial(
            ModuleSession, tape=tape, orchestrating=others, vault=Vault(**secrets), beat_s=0.1
        )
        is_busy = busy.__contains__
        return supervise(folder=folder, open_session=session, secrets=secrets, is_busy=is_busy)

    return run


def environment_of(pid: int) -> bytes:
    """Return the variables that a process was started with."""
    return Path(f"/proc/{pid}/environ").read_bytes()


def problem_of(worker: Worker) -> str:
    """Return why a worker did not start."""
    return worker.problem.sentence if worker.problem else ""


def handshake(worker: Worker) -> str | None:
    """Return how far a module has come; a heartbeat that it has not answered is told here, too."""
    return worker.module.handshake if worker.module else None


def serves_anew(running: Running, starts: int) -> bool:
    """Return whether a start after so many *starts* serves."""
    return running.worker.starts > starts and running.worker.state is WorkerState.SERVING


def table(folder: Path, command: list[str], *more: str) -> None:
    """Write a module's table into the project."""
    lines = ["[[module]]", f"command = {json.dumps(command)}", *more]
    (folder / "kiket.toml").write_text("\n".join(lines))


async def test_a_module_as_of_the_rust_sdk_runs_and_is_described(
    folder: Path, run: Run, tape: Tape, others: Others
) -> None:
    command = [*PROGRAM, str(RUST_LIKE), "--secrets", "GREETING"]
    table(folder, command, 'secrets = ["GREETING"]', "env = {COLOUR = 'red'}")
    async with run(GREETING="good-morning-to-all") as running:
        assert await running.ask("/hello") == '{"hello":"world"}'
        worker = running.worker
        assert (worker.kind, worker.state) == ("module", WorkerState.SERVING)
        assert worker.secrets == (("GREETING", True),)
        assert {"COLOUR", "PYWATT_MODULE_ID", "RUST_LOG"} <= set(worker.environment)
        assert "GREETING" not in worker.environment
        assert worker.pid is not None
        environment = environment_of(worker.pid)
        assert b"COLOUR=red" in environment
        assert b"good-morning" not in environment
        await running.until(lambda: handshake(running.worker) == "ready")
        assert worker.module is not None
        assert worker.module.asked == (("GREETING", True),)
        assert others.ready == ["search#1"]
        line = next(line for line in running.logs if line.text == "starting")
        assert (line.stream, line.level, line.logger) == ("log", "INFO", "rust_like")
        running.supervisor.stop("search")
        await running.until(lambda: running.worker.state is WorkerState.STOPPED)
        assert others.over == ["search#1"]
        assert "shutdown" in tape.ops()
        assert handshake(running.worker) == ""


async def test_a_save_brings_a_new_one_before_the_old_is_told_to_end_once_it_is_through(
    folder: Path,
    run: Run,
    tape: Tape,
    others: Others,
    busy: set[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(drains, "SHOWN_AFTER_S", 0.0)
    table(folder, [*PROGRAM, str(RUST_LIKE)])
    async with run() as running:
        first = await running.serving()
        busy.add("search#1")
        running.supervisor.reload("search", "main.rs")
        await running.until(lambda: bool(running.worker.draining))
        assert others.ready == ["search#1", "search#2"]
        assert others.over == []
        busy.clear()
        await running.until(lambda: others.over == ["search#1"])
        await running.until(lambda: not running.worker.draining)
        ops = tape.ops()
        assert ops.index("shutdown") > [at for at, op in enumerate(ops) if op == "announce"][1]
        second = await running.serving()
        assert (first.label, second.label) == ("search#1", "search#2")
        assert await running.ask("/hello") == '{"hello":"world"}'


async def test_one_that_knows_no_shutdown_is_ended_by_signal(
    folder: Path,
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ladder, "QUICK_LIMIT_S", 0.1)
    table(folder, [*PROGRAM, str(RUST_LIKE), "--family", "macro"])
    async with run() as running:
        await running.serving()
        running.supervisor.stop("search")
        await running.until(lambda: running.worker.state is WorkerState.STOPPED)


FAILURES = {
    "died": ("import sys; input(); sys.exit('no key')", "", "ended with exit status 1 before it"),
    "never announced": (
        "input(); input()",
        "",
        "did not announce itself within 0.4 s: let it read its init line",
    ),
    "printed": (
        "import sys; input(); print('hi', flush=True); sys.exit(2)",
        "",
        "wrote 1 line to standard output, where messages alone belong",
    ),
    "asked": (
        """input(); print('{"op":"get_secret","name":"KEY"}', flush=True); input()""",
        "",
        "asked for the secret 'KEY', which is not declared for it: name it in the secrets of its",
    ),
    "has no value": (
        """input(); print('{"op":"get_secret","name":"KEY"}', flush=True); input()""",
        'secrets = ["KEY"]',
        "the secret 'KEY', which has no value: `kiket-console secrets set KEY`, or",
    ),
    "listens nowhere": (
        (
            "import json; input(); print(json.dumps({'op': 'announce', 'listen': '127.0.0.1:1', "
            "'endpoints': []}), flush=True); input()"
        ),
        "",
        "announced 127.0.0.1:1, but took no connection there within",
    ),
}


@pytest.mark.parametrize("name", FAILURES)
async def test_why_one_did_not_start_is_said_in_a_sentence(
    folder: Path,
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    code, more, told = FAILURES[name]
    monkeypatch.setattr(process, "CONNECT_LIMIT_S", 0.1)
    monkeypatch.setattr(ladder, "QUICK_LIMIT_S", 0.0)
    monkeypatch.setattr(ladder, "LOOP_LIMIT_S", 0.0)
    monkeypatch.setattr(ladder, "INPUT_LIMIT_S", 0.0)
    announce_s = 0.4 if name == "never announced" else 120
    table(folder, [*PROGRAM, "-c", code], f"announce_s = {announce_s}", more)
    async with run() as running:
        await running.until(lambda: running.worker.state is WorkerState.BROKEN)
        problem = running.worker.problem
        assert problem is not None
        assert told in problem.sentence
        if name == "died":
            assert problem.traceback == ("no key",)


async def test_how_one_ended_is_said_though_it_did_not_stay_for_its_first_line(
    folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect = Wires.connect

    async def connect_too_late(wires: Wires, stdin: BinaryIO, stdout: BinaryIO) -> None:
        await connect(wires, stdin, stdout)
        await until(lambda: not wires._lines.can_send)

    monkeypatch.setattr(Wires, "connect", connect_too_late)
    table(folder, [*PROGRAM, "-c", "raise SystemExit(3)"])
    async with run() as running:
        await running.until(lambda: running.worker.state is WorkerState.BROKEN)
        assert "ended with exit status 3 before it announced" in problem_of(running.worker)


async def test_without_a_tcp_channel_one_of_the_rust_sdk_dies_and_it_is_said_why(
    folder: Path, run: Run
) -> None:
    table(folder, [*PROGRAM, str(RUST_LIKE)], 'channels = ["uds"]')
    async with run() as running:
        await running.until(lambda: running.worker.state is WorkerState.BROKEN)
        problem = running.worker.problem
        assert problem is not None
        assert 'keep "tcp" in its channels' in problem.sentence
        assert problem.traceback[-1] == "ERROR other error: Failed to serialize Identify message"


async def test_a_port_that_is_taken_and_a_program_that_is_not_there_are_told(
    folder: Path,
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(process, "PORT_LIMIT_S", 0.0)
    port = free_port()
    with socket.create_server(("127.0.0.1", port)) as taken:
        table(folder, [*PROGRAM, str(RUST_LIKE)], f"port = {port}")
        async with run() as running:
            await running.until(lambda: running.worker.state is WorkerState.BROKEN)
            assert f"Port {port} is taken by" in str(running.worker.problem)
            taken.close()
            table(folder, ["no-such-program"])
            running.supervisor.reload("search", "kiket.toml")
            await running.until(lambda: "'no-such-program' on PATH" in problem_of(running.worker))
            table(folder, [*PROGRAM, str(RUST_LIKE)], f"port = {port}")
            running.supervisor.reload("search", "kiket.toml")
            assert (await running.serving()).port == port


async def test_python_code_is_found_told_where_it_fails_and_started_anew_from_a_warm_process(
    folder: Path, run: Run
) -> None:
    (folder / "main.py").write_text("import pywatt_sdk\n# pywatt_module\nimport nowhere_at_all\n")
    async with run() as running:
        await running.until(lambda: running.worker.state is WorkerState.BROKEN)
        problem = running.worker.problem
        assert problem is not None
        assert problem.sentence.startswith("main.py:3: ModuleNotFoundError")
        running.save(STARLETTE.format(says="one"))
        assert await running.ask("/hello") == "one"
        assert running.worker.guessed == "entry main.py guessed from its use of pywatt_sdk"
        for said in ("two", "three"):
            starts = running.worker.starts
            running.save(STARLETTE.format(says=said))
            await running.until(partial(serves_anew, running, starts))
            assert await running.ask("/hello") == said
        standby = running.supervisor._keepers["search"]._launcher._standby
        serves = standby._teacher
        assert serves is not None
        await running.until(lambda: str(folder / "main.py") in serves.ready.sources)

        # An entry may name the function; what code prints is no message.
        (folder / "app.py").write_text("print('stray')\n" + STARLETTE.format(says="hello"))
        starts = running.worker.starts
        running.save('[[module]]\nentry = "app:create_app"\n', "kiket.toml")
        await running.until(partial(serves_anew, running, starts))
        assert await running.ask("/hello") == "hello"
        await running.until(lambda: "stray" in running.texts("stderr"))
        assert running.worker.module is not None
        assert running.worker.module.stray == 0
        running.supervisor.kill("search")
        await running.until(lambda: running.worker.state is WorkerState.STOPPED)


async def test_one_that_is_killed_is_started_again_and_one_that_starts_asks_for_a_new_value(
    folder: Path, run: Run, others: Others
) -> None:
    table(folder, [*PROGRAM, str(RUST_LIKE)], 'secrets = ["GREETING"]')
    async with run() as running:
        await running.serving()
        assert running.worker.secrets == (("GREETING", False),)
        assert running.supervisor.secret_changed("GREETING") == ()  # it runs, and is told
        assert running.worker.secrets == (("GREETING", True),)
        running.supervisor.secret_changed("GREETING", is_kept=False)
        assert running.worker.secrets == (("GREETING", False),)
        assert running.worker.starts == 1
        pid = running.worker.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        await running.until(lambda: others.ready == ["search#1", "search#2"])
        assert others.over == ["search#1"]
        assert running.worker.restarts == 1
        assert running.worker.crashes[-1].reason.startswith("search#1 was killed by SIGKILL after")
        await running.serving()
        running.supervisor.reload("search", "main.rs")
        await running.until(lambda: running.worker.state is WorkerState.RELOADING)
        assert running.supervisor.secret_changed("GREETING") == ("search",)
        await running.until(lambda: running.worker.starts == 4)
        await running.serving()


ELSEWHERE = """
import json, socket, sys
init = json.loads(sys.stdin.readline())
server = socket.create_server(("127.0.0.2", 0))
port = server.getsockname()[1]
said = {"op": "announce", "listen": f"127.0.0.2:{port}", "endpoints": []}
print(json.dumps(said), flush=True)
sys.stdin.read()
"""


async def test_one_that_serves_elsewhere_on_loopback_is_looked_at_there(
    folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "EVERY_S", 0.05)
    (folder / "elsewhere").write_text(ELSEWHERE)
    table(folder, [*PROGRAM, "elsewhere"])
    async with run() as running:
        await running.serving()
        await running.until(lambda: running.worker.evidence == process.ACCEPTS)


async def test_one_without_an_address_is_known_by_its_announcement(
    folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "EVERY_S", 0.05)
    (folder / "nowhere").write_text(ELSEWHERE.replace('.2:{port}"', '.1:0"'))
    table(folder, [*PROGRAM, "nowhere"])
    async with run() as running:
        assert (await running.serving()).port == 0
        evidence_us = running.worker.evidence_us
        await running.until(lambda: running.worker.evidence_us > evidence_us)
        assert running.worker.evidence == process.ANNOUNCED


async def test_one_that_closes_its_output_and_goes_on_is_ended(
    folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "MUTE_LIMIT_S", 0.05)
    table(folder, [*PROGRAM, "-c", "import os, time; os.close(1); time.sleep(60)"])
    async with run() as running:
        await running.until(lambda: running.worker.problem is not None)
        assert "before it announced" in problem_of(running.worker)
        assert any("closed its standard output" in line.text for line in running.logs)
