"""What can go wrong around the engine, and what is left when it does."""

from __future__ import annotations

import os
import signal
import socket
import stat
import time
from typing import TYPE_CHECKING, Any

import pytest

from kiket_console.engine_process import find_engine, start_engine, wait_ready
from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.paths import ProjectPaths
from kiket_console.trust import Trust

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path
    from subprocess import CompletedProcess

    from tests.acceptance.conftest import Engine

    Program = Callable[..., CompletedProcess[str]]
    Running = Callable[..., AbstractContextManager[Engine]]
    Until = Callable[..., Any]

RUN = ("run", "--headless", "--trust")


def test_a_port_that_is_taken_is_named(folder: Path, program: Program) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        done = program("-C", str(folder), *RUN, "--port", str(port))
    assert done.returncode == ExitCode.NETWORK
    assert done.stderr == (
        f"Error: Port {port} is already in use.\n  Stop what uses it or pass --port.\n"
    )
    assert done.stdout == ""


def test_a_second_engine_is_refused_and_the_first_goes_on(engine: Engine) -> None:
    done = engine.cli(*RUN)
    assert done.returncode == ExitCode.NETWORK
    assert done.stderr.startswith(
        f"Error: An engine (pid {engine.process.pid}) runs for {engine.folder} already.\n"
    )
    assert "kiket-console attach" in done.stderr
    assert engine.status()["pid"] == engine.process.pid


def test_a_state_folder_that_cannot_be_written_is_named(
    folder: Path, own_places: Path, program: Program
) -> None:
    (own_places / "file").write_text("")
    environment = {**os.environ, "XDG_STATE_HOME": str(own_places / "file")}
    done = program("-C", str(folder), *RUN, env=environment)
    assert done.returncode == ExitCode.FAILURE
    assert done.stderr.startswith("Error: Cannot write to the state folder ")
    assert "XDG_STATE_HOME" in done.stderr
    assert "Traceback" not in done.stderr


def test_without_a_keyring_the_engine_says_so_and_works(
    folder: Path, running: Running, until: Until
) -> None:
    environment = {"PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"}
    with running(folder, environment=environment) as engine:
        until(lambda: engine.status()["vault"].startswith("this session only: "), "none was found")
        status = engine.status()
        [degraded] = status["degraded"]
        assert degraded["brief"] == "no keyring"
        assert "Secrets cannot be kept" in degraded["sentence"]
        assert engine.trigger("issue.created", "--data", '{"issue": {"key": "A"}}')["status"] == 200


def test_a_session_that_was_asked_for_needs_no_note(folder: Path, running: Running) -> None:
    with running(folder, environment={"KIKET_CONSOLE_SESSION_SECRETS": "true"}) as engine:
        status = engine.status()
        assert status["vault"] == "this session only"
        assert not any("ecrets" in note for note in status["notes"])


def test_an_interrupt_stops_everything_in_order(
    own_engine: Engine, alive: Callable[[int], bool]
) -> None:
    workers = own_engine.descendants()
    assert workers
    assert own_engine.stop(signal.SIGINT) == ExitCode.INTERRUPTED
    assert not [pid for pid in workers if alive(pid)]
    assert not own_engine.paths.control_socket.exists()
    assert not own_engine.paths.engine_info.exists()
    assert own_engine.said("stopped")[-1]["reason"] == "SIGINT"
    wal = own_engine.paths.store.with_name(own_engine.paths.store.name + "-wal")
    assert not wal.exists() or wal.stat().st_size == 0, "the store was closed"


def test_a_second_interrupt_hurries(folder: Path, running: Running, until: Until) -> None:
    """A handler that hangs does not keep the engine."""
    slow = (
        (folder / "main.py")
        .read_text()
        .replace('log.info("handling', 'import time; time.sleep(60); log.info("handling')
    )
    (folder / "main.py").write_text(slow)
    with running(folder) as engine:
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
            begun = time.monotonic()
            engine.process.send_signal(signal.SIGINT)
            until(lambda: not engine.paths.engine_info.exists(), "the engine is stopping")
            engine.process.send_signal(signal.SIGINT)
            assert engine.process.wait(60) == ExitCode.INTERRUPTED
            assert time.monotonic() - begun < 10


def test_a_killed_engine_leaves_no_worker_and_the_next_one_starts_and_is_stopped(
    folder: Path, running: Running, alive: Callable[[int], bool], until: Until
) -> None:
    with running(folder) as engine:
        engine.wait_serving()
        kept = engine.trigger("issue.created", "--data", '{"issue": {"key": "A"}}')["exchange_id"]
        workers = engine.descendants()
        assert len(workers) >= 2, "a life-line and a worker"
        engine.process.kill()
        engine.process.wait()
        until(lambda: not [pid for pid in workers if alive(pid)], "all are gone")
        assert engine.paths.control_socket.exists(), "a dead engine's socket is left"
        done = engine.cli("status")
        assert done.returncode == ExitCode.NETWORK
    with running(folder) as engine:
        assert engine.reader.exchange(kept) is not None
        engine.wait_serving()
        assert engine.trigger("issue.created", "--data", '{"issue": {"key": "B"}}')["status"] == 200
        done = engine.cli("stop")
        assert (done.returncode, done.stderr) == (0, "Stopped.\n")
        assert engine.process.wait(60) == 0
        assert engine.said("stopped")[-1]["reason"] == "stop"


def test_an_engine_started_for_a_console_outlives_it(
    folder: Path, until: Until, program: Program
) -> None:
    """As `kiket-console` starts it: detached, its words in a private file."""
    Trust().trust(folder)
    paths = ProjectPaths(folder)
    process = start_engine(paths)
    try:
        info = wait_ready(paths, process)
        assert find_engine(paths) == info
        assert os.getsid(process.pid) == process.pid
        assert stat.S_IMODE(paths.engine_log.stat().st_mode) == 0o600
        assert program("-C", str(folder), "stop").returncode == 0
    finally:
        process.wait(60)
    assert find_engine(paths) is None


def test_an_engine_that_cannot_start_says_why_to_who_started_it(folder: Path) -> None:
    paths = ProjectPaths(folder)
    process = start_engine(paths)
    with pytest.raises(ConsoleError) as refused:
        wait_ready(paths, process)
    assert process.wait(60) == ExitCode.AUTH
    assert refused.value.exit_code is ExitCode.AUTH
    assert refused.value.message.startswith("You have not said yet that the code in")
    assert "--trust" in refused.value.hint
