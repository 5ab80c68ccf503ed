"""A command is an extension like any other: saves, good and bad, lose no request."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import psutil
import pytest
from tests.acceptance.conftest import PATIENCE_S, until
from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from tests.acceptance.conftest import Engine

    Running = Callable[..., AbstractContextManager[Engine]]

SAVES = 4
BROKEN_EVERY = 3
ANSWERS_EACH = 6
"""How many deliveries are answered between two saves, at least."""
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


def has_failed(engine: Engine) -> bool:
    """Tell whether the newest word of the worker is that a start has failed."""
    newest = engine.said("worker")[-1]
    return bool(newest["serving"] and newest["problem"])


async def drive(engine: Engine, server: Path, *, breaks: bool) -> list[tuple[int, int]]:
    """Send deliveries all the time, and save again and again meanwhile."""
    answers: list[tuple[int, int]] = []
    answered = asyncio.Event()
    under_way: set[asyncio.Task[None]] = set()

    async def take() -> None:
        answers.append(await send(engine))
        answered.set()

    async def until_more(number: int | None = None) -> None:
        """Wait for a few more answers, and for one of a save's code."""
        before = len(answers)
        async with asyncio.timeout(PATIENCE_S):
            while len(answers) < before + ANSWERS_EACH or number not in {None, answers[-1][1]}:
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
                await asyncio.to_thread(until, partial(has_failed, engine), "its start fails")
                await until_more()  # nothing is to happen
            else:
                code = SERVER.replace("BUILD = 0", f"BUILD = {number}")
                save(server, STUBBORN + code if number == SAVES else code)
                await until_more(number)
        sending.cancel()
    return answers


@pytest.mark.parametrize(
    ("is_fixed", "number"),
    [(False, signal.SIGKILL), (True, signal.SIGTERM)],
    ids=["any port, killed", "a fixed port, stopped"],
)
def test_nothing_of_a_command_is_lost_through_saves_or_outlives_the_engine(
    own_places: Path, running: Running, is_fixed: bool, number: int
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
        below = psutil.Process(engine.process.pid).children
        until(lambda: sum(map(_is_stubborn, below(recursive=True))) == 2, "both are on their own")
        tree = below(recursive=True)
        engine.stop(number)
        until(lambda: not any(map(_lives, tree)), "nothing is left of the command")
    statuses = Counter(status for status, _ in answers)
    assert statuses == {200: len(answers)}
    assert len(answers) >= SAVES * ANSWERS_EACH
    print(f"{len(answers)} deliveries through {SAVES} saves: {statuses}")


def _is_stubborn(process: psutil.Process) -> bool:
    """Tell whether a process is one of those that the command has put into the background."""
    try:
        return "time.sleep(600)" in str(process.cmdline())
    except psutil.NoSuchProcess:
        return False


def _lives(process: psutil.Process) -> bool:
    """Tell whether a process has not ended; who collects it later is nothing of ours."""
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
