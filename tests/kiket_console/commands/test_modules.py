"""The commands for modules and for rotations, and the control API and client below them."""

from __future__ import annotations

import asyncio
import io
import json
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest
import uvicorn

from kiket_console import cli
from kiket_console.engine.control import control_app
from kiket_console.engine.hub import Hub
from kiket_console.engine.orchestrator.ops import OPS
from kiket_console.engine.private_socket import OwnPeers, bind_private
from kiket_console.engine_status import EngineStatus
from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.model import Notice, Worker, WorkerState
from kiket_console.module_facts import (
    ModuleChannel,
    ModuleEndpoint,
    ModuleFacts,
    ModuleService,
    RegisteredProgram,
    Registrations,
)
from kiket_console.paths import ProjectPaths
from kiket_console.wire import (
    IpcMessage,
    IpcOp,
    IpcResult,
    Rotation,
    RotationAck,
    Service,
)
from kiket_console.wire_secrets import SecretsState, VaultFacts
from kiket_core.guard import Server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOBODY: Any = None
FACTS = ModuleFacts(
    "ready",
    sdk="pywatt_sdk 0.1.0",
    listen="127.0.0.1:41237",
    channels=(ModuleChannel("stdio", "connected", 1), ModuleChannel("tcp", "connected", 1)),
    endpoints=(ModuleEndpoint("/invoices", ("GET", "POST")),),
    services=(ModuleService("ledger", "custom:ledger", "127.0.0.1:9200"),),
    asked=(("API_KEY", True),),
)
MODULE = Worker(
    "billing", "module", WorkerState.SERVING, True, "announced", 1, 1, 7, 1, 0, 0, module=FACTS
)


class Engine:
    """What a person can ask of an engine, remembered."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.result = IpcResult(
            9, "forwarded", 201, 1200, "", "http_request", "tcp", {"body": {"text": "\x1b[31m"}}
        )
        self.rotation = Rotation(
            "API_KEY",
            "r-1",
            (
                RotationAck("billing", "success", "", 2700),
                RotationAck("search", "no answer", "search#2 did not confirm it within 5 s."),
            ),
            ("shop",),
        )
        self.modules: tuple[Worker, ...] = (MODULE,)
        self.found: tuple[Service, ...] = (
            Service("p-1", "billing", "custom:ledger", "main", "", "127.0.0.1:9200", True, {}),
        )

    def status(self) -> EngineStatus:
        return EngineStatus(
            "0.1.0", 1, "/p", "p", 1, "http://127.0.0.1:8700", "http://127.0.0.1:9", "/s", "ok",
            "full", "this session only", 3, 0, 0.5, 3200, 0.25, self.modules,
        )  # fmt: skip

    def ops(self) -> tuple[IpcOp, ...]:
        return OPS

    def services(self) -> tuple[Service, ...]:
        return self.found

    def registrations(self) -> Registrations:
        endpoints = (ModuleEndpoint("/x", ("GET",)),)
        program = RegisteredProgram("i", "indexer", "1.0", "", "healthy", 1, 1, endpoints)
        return Registrations("127.0.0.1:9901", (program,))

    async def send(self, asked: IpcMessage) -> IpcResult:
        self.asked.append(asked)
        if asked.module == "nobody":
            raise ConsoleError("No module 'nobody' runs.", exit_code=ExitCode.NETWORK)
        return self.result

    async def replay(self, exchange_id: int, timeout_s: float) -> IpcResult:
        self.asked.append((exchange_id, timeout_s))
        return self.result

    async def state(self) -> SecretsState:
        return SecretsState(VaultFacts("", "session"))

    async def rotate(self, name: str, new: str | None, scope: str, timeout_s: float) -> Rotation:
        self.asked.append((name, new, scope, timeout_s))
        return self.rotation


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, list[Engine]]]:
    """Serve the control API of one engine, in a thread; return where, and whose it is just now."""
    import tempfile
    from pathlib import Path

    del tmp_path_factory
    now: list[Engine] = [Engine()]

    class Present:
        def __getattr__(self, name: str) -> Any:
            return getattr(now[0], name)

    present: Any = Present()
    hub = Hub(Notice(0, 0, 0, 0))
    with tempfile.TemporaryDirectory(prefix="kc", dir="/tmp") as place:
        app = control_app(present, NOBODY, NOBODY, NOBODY, hub, NOBODY, present, present, NOBODY)
        listener = bind_private(Path(place) / "control")
        listener.listen()
        config = uvicorn.Config(app, http=OwnPeers, lifespan="off", log_config=None, ws="none")
        server = Server(config)
        thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])))
        thread.start()
        yield Path(place) / "control", now
        server.should_exit = True
        thread.join()


@pytest.fixture
def engine(running: tuple[Path, list[Engine]], own_places: Path) -> Engine:
    """Return an engine that nobody has asked anything, for the project of this test."""
    control, now = running
    folder = own_places / "project"
    folder.mkdir()
    paths = ProjectPaths(folder)
    paths.make()
    control.rename(paths.control_socket)
    now[0] = Engine()
    return now[0]


@pytest.fixture
def run(
    engine: Engine,
    running: tuple[Path, list[Engine]],
    own_places: Path,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Any]:
    """Return what runs a command, and gives its exit status, standard output and error."""
    del engine
    folder = own_places / "project"

    def run(*words: str, stdin: str | None = None) -> tuple[int, str, str]:
        with pytest.MonkeyPatch.context() as patch:
            given = io.TextIOWrapper(io.BytesIO((stdin or "").encode()))
            patch.setattr(sys, "stdin", given)
            status = cli.run(["-C", str(folder), *words])
        said = capsys.readouterr()
        return status, said.out, said.err

    yield run
    ProjectPaths(folder).control_socket.rename(running[0])


def test_modules_are_listed_and_one_is_told_in_full(run: Any, engine: Engine) -> None:
    status, listed, _ = run("modules")
    _, full, _ = run("modules", "billing")

    assert status == 0
    assert "billing" in listed
    assert "ready" in listed
    for told in ("GET POST /invoices", "ledger at 127.0.0.1:9200", "API_KEY", "/m/billing/"):
        assert told in full
    assert json.loads(run("modules", "--json")[1])["module"]["handshake"] == "ready"
    assert run("modules", "nobody")[0] == ExitCode.USAGE
    engine.modules = ()
    assert "no module" in run("modules")[2]


def test_a_message_is_sent_and_its_answer_is_data(run: Any, engine: Engine) -> None:
    data = '{"method": "GET", "uri": "/"}'
    status, out, err = run("ipc", "send", "billing", "http_request", "--data", data,
                           "--channel", "tcp", "--timeout", "2")  # fmt: skip

    (asked,) = engine.asked
    assert asked == IpcMessage("billing", data.encode(), "http_request", "tcp", 0, 2.0)
    assert status == 0
    assert err == "#9  http_request  201  1.2 ms  over tcp\n"
    assert "\x1b" not in out  # text from outside never acts on a terminal
    assert json.loads(out.replace("\\x1b", "\\u001b"))["body"]["text"] == "\x1b[31m"


def test_a_message_that_is_not_answered_fails(run: Any, engine: Engine) -> None:
    engine.result = IpcResult(
        9, "failed", None, 30_000_000, "It is silent.", "rotated", "stdio", None
    )
    status, out, err = run("ipc", "send", "billing", "rotated", "--data", '{"keys": ["A"]}')

    assert (status, out) == (ExitCode.CONTRACT, "")
    assert "failed ✗" in err
    assert "It is silent." in err


def test_a_message_comes_from_standard_input_too(run: Any, engine: Engine) -> None:
    run("ipc", "send", "billing", "secret", "--data", "-", stdin='{"name": "A"}')

    assert engine.asked[0].raw_message == b'{"name": "A"}'


def test_what_the_engine_refuses_is_said(run: Any) -> None:
    status, _, err = run("ipc", "send", "nobody", "heartbeat")
    assert (status, err) == (ExitCode.NETWORK, "Error: No module 'nobody' runs.\n")

    status, _, err = run("ipc", "send", "billing", "heartbeat", "--data", "{")
    assert status == ExitCode.USAGE
    assert "is no JSON" in err


def test_a_recorded_message_is_sent_again(run: Any, engine: Engine) -> None:
    status, out, _ = run("ipc", "replay", "1187", "--json")

    assert (status, engine.asked) == (0, [(1187, 30.0)])
    assert json.loads(out)["exchange_id"] == 9


def test_the_messages_are_listed_with_their_fields(run: Any) -> None:
    _, listed, _ = run("ipc", "ops")
    _, one, _ = run("ipc", "ops", "rotated")

    assert [line.split()[0] for line in listed.splitlines()] == [each.op for each in OPS]
    assert "keys" in one
    assert "It is answered by rotation_ack." in one
    assert json.loads(one[one.index("\n\n") :]) == {"keys": ["API_KEY"]}
    assert json.loads(run("ipc", "ops", "rotated", "--json")[1])["op"] == "rotated"
    assert run("ipc", "ops", "dance")[0] == ExitCode.USAGE


def test_services_and_programs_are_listed(run: Any, engine: Engine) -> None:
    _, services, _ = run("ipc", "services")
    _, programs, where = run("ipc", "programs")

    assert services.split() == ["●", "ledger", "main", "billing", "127.0.0.1:9200"]
    assert programs.split()[:3] == ["indexer", "1.0", "healthy"]
    assert where == "Programs register on 127.0.0.1:9901.\n"
    assert json.loads(run("ipc", "services", "--json")[1])["provider_id"] == "p-1"
    assert json.loads(run("ipc", "programs", "--json")[1])["programs"][0]["name"] == "indexer"
    engine.found = ()
    assert run("ipc", "services")[1] == ""


def test_a_rotation_shows_who_took_it(run: Any, engine: Engine) -> None:
    status, out, _ = run("secrets", "rotate", "API_KEY", "--timeout", "5", stdin="new-value\n")

    assert engine.asked == [("API_KEY", "new-value", "", 5.0)]
    assert status == ExitCode.CONTRACT  # one has not confirmed it
    assert out == (
        "● billing  success  2.7 ms\n"
        "✗ search   no answer  search#2 did not confirm it within 5 s.\n"
        "↻ shop  is started anew with it\n"
    )


def test_the_same_value_is_handed_out_again(run: Any, engine: Engine) -> None:
    engine.rotation = Rotation("API_KEY", "r-1", ())

    status, out, err = run("secrets", "rotate", "API_KEY", "--same")

    assert engine.asked == [("API_KEY", None, "", 5.0)]
    assert (status, out) == (0, "")
    assert err.endswith("Nothing that runs has asked for it.\n")
