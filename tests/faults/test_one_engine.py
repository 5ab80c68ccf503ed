"""One engine for a folder, however many are started at once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from tests.faults.lab import until

if TYPE_CHECKING:
    from pathlib import Path

AT_ONCE = int(os.environ.get("KIKET_TORTURE_STARTS", "30"))

START = """\
import asyncio, json, os, sys
from pathlib import Path
from kiket_console import project
from kiket_console.config import Config
from kiket_console.engine.engine import Engine
from kiket_console.engine.parts import Events
from kiket_console.errors import ConsoleError
from kiket_console.paths import ProjectPaths

folder, number = Path(sys.argv[1]), int(sys.argv[2])
found = project.find(folder)
start, go = os.pipe()
stop, end = os.pipe()
for _ in range(number):
    if os.fork():
        continue
    os.close(go), os.close(end)
    os.read(start, 1)
    def say(**words):
        os.write(1, json.dumps({"pid": os.getpid(), **words}).encode() + b"\\n")
    async def run():
        events = Events(lambda info: say(ready=True), lambda: None, lambda _: None, lambda _: None)
        engine = Engine(ProjectPaths(folder), found, Config(), events, session_secrets=True)
        asyncio.get_running_loop().add_reader(stop, engine.stop)
        try:
            await engine.run()
        except ConsoleError as error:
            say(refused=error.message)
    asyncio.run(run())
    os._exit(0)
os.close(start), os.close(stop)
os.close(go)
sys.stdin.read()
os.close(end)
while True:
    try:
        os.wait()
    except ChildProcessError:
        break
"""
"""Fork many engines that wait for one moment to start; end them when standard input closes."""


@pytest.fixture
def folder(own_places: Path) -> Path:
    place = own_places / "sample"
    place.mkdir()
    (place / "main.py").write_text("async def app(scope, receive, send): ...\n")
    (place / "extension.yaml").write_text("id: sample\nversion: '1.0'\n")
    return place


def words(file: Path) -> list[dict[str, object]]:
    """Return what the engines have said so far."""
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_of_many_engines_started_at_once_one_runs(folder: Path, own_places: Path) -> None:
    """The others name it; a client finds it."""
    from kiket_console.client import Client, call
    from kiket_console.engine_process import lock_holder
    from kiket_console.paths import ProjectPaths

    paths, said = ProjectPaths(folder), own_places / "said"
    with said.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-c", START, str(folder), str(AT_ONCE)],
            stdin=subprocess.PIPE,
            stdout=out,
        )
    assert process.stdin is not None
    try:
        until(lambda: len(words(said)) == AT_ONCE, "all have said how it went", 120)
        ready = [each for each in words(said) if "ready" in each]
        refused = [each["refused"] for each in words(said) if "refused" in each]
        assert len(ready) == 1
        pid = ready[0]["pid"]
        assert lock_holder(paths) == pid
        assert set(refused) <= {
            f"An engine (pid {pid}) runs for {paths.folder} already.",
            f"An engine (pid unknown) runs for {paths.folder} already.",  # it has just begun
        }
        assert len(refused) == AT_ONCE - 1

        async def ask() -> int:
            async with Client(paths) as client:
                return (await client.status()).pid

        assert call(ask()) == pid
    finally:
        process.stdin.close()
        process.wait(60)
    assert lock_holder(paths) is None


def test_a_lock_of_before_a_crash_or_a_reboot_is_nobodys(folder: Path) -> None:
    """The pid in it may be anybody's by now: what counts is who holds it, not what it says."""
    from kiket_console.engine.lock import engine_lock
    from kiket_console.engine_process import find_engine, lock_holder
    from kiket_console.paths import ProjectPaths

    paths = ProjectPaths(folder)
    paths.make()
    paths.engine_lock.write_text(str(os.getpid()))
    paths.engine_info.write_text(json.dumps({"pid": os.getpid()}))
    assert lock_holder(paths) is None
    assert find_engine(paths) is None
    with engine_lock(paths.engine_lock, paths.folder):
        assert lock_holder(paths) == os.getpid()


def test_consoles_that_start_together_attach_to_one_engine(folder: Path) -> None:
    """Each starts an engine when it finds none; the others' engines name the first and end."""
    from kiket_console.engine_process import (
        find_engine,
        lock_holder,
        start_engine,
        start_failure,
    )
    from kiket_console.errors import ExitCode
    from kiket_console.paths import ProjectPaths

    paths = ProjectPaths(folder)
    paths.make()
    arguments = ("--trust", "--session-secrets")
    engines = [start_engine(paths, arguments) for _ in range(3)]
    try:
        until(lambda: sum(each.poll() is None for each in engines) == 1, "two have ended")
        [served] = [each.pid for each in engines if each.poll() is None]
        ended = [each for each in engines if each.pid != served]
        assert [each.poll() for each in ended] == [ExitCode.NETWORK] * 2
        assert start_failure(paths, ExitCode.NETWORK).message in {
            f"An engine (pid {served}) runs for {folder} already.",
            f"An engine (pid unknown) runs for {folder} already.",  # it has just begun
        }
        until(lambda: find_engine(paths), "the other one serves")
        said = paths.engine_log.read_bytes()
        assert said.count(b"runs for") == 2
        assert b"\0" not in said, "one wrote over what another one had written"
        assert lock_holder(paths) == served
        found = find_engine(paths)
        assert found is not None
        assert found.pid == served
    finally:
        for engine in engines:
            if engine.poll() is None:
                engine.send_signal(signal.SIGTERM)
            engine.wait(60)
    until(lambda: lock_holder(paths) is None, "nobody has the project")
