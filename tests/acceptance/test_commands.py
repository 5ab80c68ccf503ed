"""A command is an extension like any other: saves, good and bad, lose no request."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import psutil
import pytest
from tests.acceptance.conftest import PATIENCE_S
from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from tests.acceptance.conftest import Engine

    Running = Callable[..., AbstractContextManager[Engine]]

SAVES = 4
BROKEN_EVERY = 3
PER_S = 40
AT_ONCE = 50
"""No more than are held for a process that starts."""

SERVER = """\
import http.server, json, os

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        body = json.dumps({"build": BUILD}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass

BUILD = 0
http.server.ThreadingHTTPServer.request_queue_size = 128
place = (os.environ["HOST"], int(os.environ["PORT"]))
http.server.ThreadingHTTPServer(place, Handler).serve_forever()
"""
"""Keeps connections, knows nothing of being ended in order, and ends at once when told to."""


async def send(engine: Engine) -> tuple[int, int]:
    """Send one delivery; return its answer's status and which save's code gave it."""
    place = urlsplit(engine.info["gateway_url"])
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    head = f"POST /webhooks/saved HTTP/1.1\r\nHost: {place.netloc}\r\nConnection: close\r\n"
    writer.write(f"{head}Content-Length: 2\r\n\r\n{{}}".encode())
    raw_head, _, raw_answer = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    return int(raw_head.split()[1]), json.loads(raw_answer).get("build", -1)


def save(file: Path, text: str) -> None:
    """Save as editors do: another file takes its place."""
    new = file.with_name("new~")
    new.write_text(text)
    new.replace(file)


async def drive(engine: Engine, server: Path, *, breaks: bool) -> list[tuple[int, int]]:
    """Send deliveries all the time, and save again and again meanwhile."""
    answers: list[tuple[int, int]] = []
    answered = asyncio.Event()
    under_way: set[asyncio.Task[None]] = set()

    async def take() -> None:
        answers.append(await send(engine))
        answered.set()

    async def until_build(number: int) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not answers or answers[-1][1] != number:
                answered.clear()
                await answered.wait()

    async def keep_sending(tasks: asyncio.TaskGroup) -> None:
        while True:
            if len(under_way) < AT_ONCE:
                under_way.add(task := tasks.create_task(take()))
                task.add_done_callback(under_way.discard)
            await asyncio.sleep(1 / PER_S)

    async with asyncio.TaskGroup() as tasks:
        sending = tasks.create_task(keep_sending(tasks))
        for number in range(1, SAVES + 1):
            if breaks and number % BROKEN_EVERY == 0:
                save(server, "this is no Python\n")
                await asyncio.sleep(1)  # nothing is to happen
            else:
                save(server, SERVER.replace("BUILD = 0", f"BUILD = {number}"))
                await until_build(number)
        sending.cancel()
    return answers


@pytest.mark.parametrize("is_fixed", [False, True], ids=["any port", "a fixed port"])
def test_no_delivery_is_lost_through_saves_of_a_command(
    own_places: Path, running: Running, is_fixed: bool
) -> None:
    """On a fixed port deliveries wait for the new process; a broken save would serve nothing."""
    folder = own_places / "shop"
    folder.mkdir()
    port = f"port = {free_port()}\n" if is_fixed else ""
    command = json.dumps([sys.executable, "server.py"])
    (folder / "kiket.toml").write_text(f"[[extension]]\ncommand = {command}\n{port}")
    server = folder / "server.py"
    server.write_text(SERVER)
    with running(folder) as engine:
        engine.wait_serving()
        answers = asyncio.run(drive(engine, server, breaks=not is_fixed))
    statuses: dict[int, int] = {}
    for status, _ in answers:
        statuses[status] = statuses.get(status, 0) + 1
    assert statuses == {200: len(answers)}
    assert len(answers) > SAVES * 5
    print(f"{len(answers)} deliveries through {SAVES} saves: {statuses}")


STUBBORN = """\
import os, signal, subprocess, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
ignore = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
subprocess.Popen([sys.executable, "-c", ignore], start_new_session=True)
if os.fork() == 0:
    os.setsid()
    if os.fork():
        os._exit(0)
    os.execl(sys.executable, sys.executable, "-c", ignore)
os.wait()
"""
"""Starts a process in a session of its own, and a daemon; none of the three ends when asked to."""


LEFT_LIMIT_S = 20.0


def _lives(process: psutil.Process) -> bool:
    """Tell whether a process has not ended; who collects it later is nothing of ours."""
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "stopped"])
def test_nothing_of_a_command_outlives_the_engine(
    own_places: Path, running: Running, number: int
) -> None:
    folder = own_places / "shop"
    folder.mkdir()
    command = json.dumps([sys.executable, "server.py"])
    (folder / "kiket.toml").write_text(f"[[extension]]\ncommand = {command}\n")
    (folder / "server.py").write_text(STUBBORN + SERVER)
    with running(folder) as engine:
        engine.wait_serving()
        tree = [psutil.Process(pid) for pid in engine.descendants()]
        assert len([each for each in tree if "time.sleep(600)" in str(each.cmdline())]) == 2
        began_s = time.monotonic()
        engine.stop(number)
        while any(map(_lives, tree)) and time.monotonic() - began_s < LEFT_LIMIT_S:
            time.sleep(0.05)
        alive = list(filter(_lives, tree))
    assert alive == []
