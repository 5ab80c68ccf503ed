"""What can go wrong around the engine, and what is left when it does."""

from __future__ import annotations

import os
import signal
import socket
import stat
from typing import TYPE_CHECKING, Any

from tests.acceptance.conftest import PATIENCE_S

from kiket_console.engine_process import find_engine, start_engine, start_failure
from kiket_console.errors import ExitCode
from kiket_console.paths import ProjectPaths
from kiket_console.trust import Trust

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path
    from subprocess import CompletedProcess

    from tests.acceptance.conftest import Engine

    Process = Callable[..., CompletedProcess[str]]
    Program = Callable[..., CompletedProcess[str]]
    Running = Callable[..., AbstractContextManager[Engine]]
    Until = Callable[..., Any]

RUN = ("run", "--headless", "--trust")


def test_a_port_that_is_taken_is_named(folder: Path, process: Process) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        done = process("-C", str(folder), *RUN, "--port", str(port))
    assert done.returncode == ExitCode.NETWORK
    error, hint = done.stderr.splitlines()
    assert error.startswith(f"Error: Port {port} is already in use by ")
    assert f"(process {os.getpid()})" in error
    assert hint == "  Stop what uses it or pass --port."
    assert done.stdout == ""


def test_a_state_folder_that_cannot_be_written_is_named(
    folder: Path, own_places: Path, process: Process
) -> None:
    (own_places / "file").write_text("")
    environment = {**os.environ, "XDG_STATE_HOME": str(own_places / "file")}
    done = process("-C", str(folder), *RUN, env=environment)
    assert done.returncode == ExitCode.FAILURE
    assert done.stderr.startswith("Error: Cannot write to the state folder ")
    assert "XDG_STATE_HOME" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_second_interrupt_hurries(folder: Path, running: Running, until: Until) -> None:
    """A handler that hangs does not keep the engine."""
    slow = (
        (folder / "main.py")
        .read_text()
        .replace('log.info("handling', 'import time; time.sleep(600); log.info("handling')
    )
    (folder / "main.py").write_text(slow)
    with running(folder, environment={"KIKET_CONSOLE_FORWARD_TIMEOUT_S": "600"}) as engine:
        engine.wait_serving()
        port = int(engine.info["gateway_url"].rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port)) as sender:
            raw_body = b'{"issue": {"key": "A"}}'
            lines = engine.signed(raw_body) | {"Content-Length": str(len(raw_body))}
            head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
            sender.sendall(
                b"POST /v/v1/webhooks/issue.created HTTP/1.1\r\nHost: localhost\r\n"
                + head.encode()
                + b"\r\n"
                + raw_body
            )
            until(lambda: engine.reader.ids(), "the request is recorded")
            engine.process.send_signal(signal.SIGINT)
            until(lambda: not engine.paths.engine_info.exists(), "the engine is stopping")
            engine.process.send_signal(signal.SIGINT)
            assert engine.process.wait(60) == ExitCode.INTERRUPTED


def test_a_killed_engine_leaves_no_worker_and_the_next_one_is_the_only_one_and_ends_in_order(
    folder: Path, running: Running, process: Process, alive: Callable[[int], bool], until: Until
) -> None:
    """Without a keyring the first one says so, and works; the second was asked to keep nothing."""
    environment = {"PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"}
    with running(folder, environment=environment) as engine:
        until(lambda: engine.status()["vault"].startswith("this session only: "), "none was found")
        [degraded] = engine.status()["degraded"]
        assert degraded["brief"] == "no keyring"
        assert "Secrets cannot be kept" in degraded["sentence"]

        told = engine.trigger("issue.created", "--data", '{"issue": {"key": "A"}}')
        assert told["status"] == 200
        kept = told["exchange_id"]
        workers = engine.descendants()
        assert len(workers) >= 2, "a life-line and a worker"
        engine.process.kill()
        engine.process.wait()
        until(lambda: not [pid for pid in workers if alive(pid)], "all are gone")
        assert engine.paths.control_socket.exists(), "a dead engine's socket is left"
        done = engine.cli("status")
        assert done.returncode == ExitCode.NETWORK
    with running(folder, environment={"KIKET_CONSOLE_SESSION_SECRETS": "true"}) as engine:
        assert engine.reader.exchange(kept) is not None
        engine.wait_serving()
        assert engine.trigger("issue.created", "--data", '{"issue": {"key": "B"}}')["status"] == 200
        _is_the_only_one(engine, process)
        workers = engine.descendants()
        assert workers
        assert engine.stop(signal.SIGINT) == ExitCode.INTERRUPTED
    until(lambda: not any(map(alive, workers)), "its workers ended with it")
    assert not engine.paths.control_socket.exists()
    assert not engine.paths.engine_info.exists()
    assert engine.said("stopped")[-1]["reason"] == "SIGINT"
    wal = engine.paths.store.with_name(engine.paths.store.name + "-wal")
    assert not wal.exists() or wal.stat().st_size == 0, "the store was closed"


def _is_the_only_one(engine: Engine, process: Process) -> None:
    """See that a second engine is refused, and what the first one says of itself."""
    done = process("-C", str(engine.folder), *RUN)
    assert done.returncode == ExitCode.NETWORK
    assert done.stderr.startswith(
        f"Error: An engine (pid {engine.process.pid}) runs for {engine.folder} already.\n"
    )
    assert "kiket-console attach" in done.stderr
    status = engine.status()
    assert status["pid"] == engine.process.pid
    assert status["vault"] == "this session only"
    assert not any("ecrets" in note for note in status["notes"]), "it was asked for"


def test_an_engine_started_for_a_console_outlives_it(
    folder: Path, until: Until, program: Program
) -> None:
    """As `kiket-console` starts it: detached, its words in a private file."""
    Trust().trust(folder)
    paths = ProjectPaths(folder)
    process = start_engine(paths)
    try:
        info = until(lambda: find_engine(paths) or process.poll() is not None, "it is found")
        assert info.pid == process.pid
        assert os.getsid(process.pid) == process.pid
        assert stat.S_IMODE(paths.engine_log.stat().st_mode) == 0o600
        done = program("-C", str(folder), "stop")
        assert done.returncode == 0
        assert done.stderr.startswith("Stopped sample: the engine")
    finally:
        process.wait(60)
    assert find_engine(paths) is None


def test_an_engine_that_cannot_start_says_why_to_who_started_it(folder: Path) -> None:
    paths = ProjectPaths(folder)
    status = start_engine(paths).wait(PATIENCE_S)
    assert status == ExitCode.AUTH
    refused = start_failure(paths, status)
    assert refused.exit_code is ExitCode.AUTH
    assert refused.message.startswith("You have not said yet that the code in")
    assert "--trust" in refused.hint
