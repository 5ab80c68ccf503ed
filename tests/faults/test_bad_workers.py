"""Code that hangs, floods or forks harms itself alone: several extensions of one engine do."""

from __future__ import annotations

import concurrent.futures
import json
import os
import signal
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from tests.faults.lab import EVENT, Lab, engine, post, statuses, until

from kiket_console.engine import lifeline

if TYPE_CHECKING:
    from collections.abc import Iterator

TIMEOUT_S = 3.0
DELIVERIES = 20
ROUNDS = 10
"""In one alone the machine may stand still until the time of those that hang is over."""
TREES = 4

APPS = """\
import asyncio, ctypes

def app_of(hang):
    async def app(scope, receive, send):
        if scope["type"] != "http":
            return
        if scope["path"] != "/health":
            await hang()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})
    return app

async def nothing():
    pass

async def waits():
    await asyncio.sleep(600)

async def spins():
    while True:
        ctypes.PyDLL(None).usleep(2000)  # keeps the GIL, and gives the machine to others

async def blocks():
    ctypes.PyDLL(None).sleep(600)

good, waiting, spinning, blocked = map(app_of, (nothing, waits, spins, blocks))
"""
"""Apps that hang in each way: in a coroutine, in a loop, in a call that keeps the GIL."""
HANGING = ("waiting", "spinning", "blocked")

SEES = """\
import json, os, stat

async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    seen = {
        "variables": dict(os.environ),
        "process": open("/proc/self/environ", "rb").read().decode("latin-1"),
        "descriptors": {
            name: os.readlink(f"/proc/self/fd/{name}")
            for name in os.listdir("/proc/self/fd")
            if os.path.lexists(f"/proc/self/fd/{name}")
        },
    }
    body = json.dumps(seen).encode()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})
"""
"""Tells what it sees of its engine and of the other extensions."""
CRASHES = """\
import os, sys, threading
print("a line of its last words", file=sys.stderr)

async def app(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})
        threading.Timer(0.2, os._exit, [7]).start()
"""
SERVER = """\
import http.server, os
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.send_response(204)
        self.end_headers()
    do_GET = do_POST
    def log_message(self, *_): pass
http.server.HTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Handler).serve_forever()
"""
EXTENSIONS = {
    **{name: f"entry = 'main:{name}'" for name in ("good", *HANGING)},
    **{name: f"path = '{name}'\nentry = 'main:app'" for name in ("a", "b", "crashing")},
    "command": f"path = 'command'\ncommand = {json.dumps([sys.executable, 'server.py'])}",
}
FILES = {
    "kiket.toml": "".join(
        f"[[extension]]\nname = '{name}'\n{told}\n" for name, told in EXTENSIONS.items()
    ),
    "main.py": APPS,
    **{f"{name}/main.py": SEES for name in "ab"},
    **{f"{name}/extension.yaml": f"id: {name}\nsecrets: [{name}.key]\n" for name in "ab"},
    "crashing/main.py": CRASHES,
    "command/server.py": SERVER,
}
ENVIRONMENT = {
    "KIKET_CONSOLE_FORWARD_TIMEOUT_S": str(TIMEOUT_S),
    "KIKET_SECRET_A_KEY": "canary-of-a",
    "KIKET_SECRET_B_KEY": "canary-of-b",
    "KIKET_SECRET_OTHER": "canary-of-none",
    "AWS_SESSION_TOKEN": "canary-of-aws",
}


@pytest.fixture(scope="module")
def several() -> Iterator[Lab]:
    """Return an engine with all of them, of which those serve that can."""
    with engine(project_files=FILES, environment=ENVIRONMENT) as lab:
        sound = EXTENSIONS.keys() - {"crashing"}

        def serving() -> set[str]:
            return {each["name"] for each in lab.status()["workers"] if each["serving"]}

        until(lambda: serving() >= sound, "all but one serve")
        yield lab


def worker(lab: Lab, name: str) -> Any:
    """Return what the engine says of one of its workers."""
    return next(each for each in lab.status()["workers"] if each["name"] == name)


def ask(lab: Lab, name: str) -> tuple[int, float]:
    """Send a delivery to one extension; return the answer's status and how long it took (s)."""
    began_s = time.perf_counter()
    [status] = statuses(lab.send(post(body=b"{}", path=f"/x/{name}/webhooks/{EVENT}")))
    return status, time.perf_counter() - began_s


def test_two_extensions_see_nothing_of_each_other(several: Lab) -> None:
    """Variables, descriptors, sockets: each has its own."""
    seen = {}
    for name in "ab":
        raw = several.send(post(body=b"{}", path=f"/x/{name}/webhooks/{EVENT}"))
        seen[name] = json.loads(raw.partition(b"\r\n\r\n")[2])
    for name, other in ("ab", "ba"):
        mine, theirs = seen[name], seen[other]
        text = json.dumps(mine)
        assert mine["variables"][f"KIKET_SECRET_{name.upper()}_KEY"] == f"canary-of-{name}"
        assert f"canary-of-{other}" not in text
        assert "canary-of-none" not in text
        assert "canary-of-aws" not in text
        assert "canary" not in mine["process"]
        for variable in ("KIKET_WEBHOOK_SECRET", "KIKET_WORKSPACE_TOKEN"):
            assert mine["variables"][variable] != theirs["variables"][variable]
            assert mine["variables"][variable] not in mine["process"]
        inherited = {
            place
            for number, place in mine["descriptors"].items()
            if int(number) > 2 and place.startswith(("socket:", "pipe:", "/"))
        }
        shared = inherited & set(theirs["descriptors"].values())
        assert {place for place in shared if not place.startswith("/dev/")} == set()
    for place in several.paths.run.iterdir():
        assert place.stat().st_mode & 0o077 == 0, place
    assert several.paths.run.stat().st_mode & 0o077 == 0


def test_a_crash_loop_ends_in_a_state_that_says_why(several: Lab) -> None:
    """Five starts and no more, and what it wrote last is kept."""
    until(lambda: worker(several, "crashing")["state"] == "fatal", "it is given up")
    found = worker(several, "crashing")
    assert found["starts"] == 5
    assert "ended with exit status 7" in found["problem"]["sentence"]
    assert "it is not started again. Save a file" in found["problem"]["sentence"]
    assert found["problem"]["traceback"][-1] == "a line of its last words"
    refused = several.send(post(body=b"{}", path=f"/x/crashing/webhooks/{EVENT}"))
    assert statuses(refused) == [503]
    assert b"was ready within" not in refused, "it is not held"


def test_a_listener_is_never_reachable_from_other_machines(several: Lab) -> None:
    """A command is told to listen on loopback, and gets a port that nobody has."""
    assert ask(several, "command")[0] == 204
    process = psutil.Process(worker(several, "command")["pid"])
    listening = [
        each.laddr for each in process.net_connections() if each.status == psutil.CONN_LISTEN
    ]
    assert [address for address, _ in listening] == ["127.0.0.1"]
    other = socket.gethostbyname(socket.gethostname())
    if not other.startswith("127."):
        with pytest.raises(OSError):  # noqa: PT011 (refused, or no way there)
            socket.create_connection((other, listening[0][1]), timeout=2).close()


def served_meanwhile(lab: Lab, pool: concurrent.futures.Executor, names: tuple[str, ...]) -> int:
    """Have a request hang in each of these; return how many of another one's were answered."""
    recorded, served = lab.rows(), 0
    hung = [pool.submit(ask, lab, name) for name in names]
    until(lambda: lab.rows() == recorded + len(names), "they have begun")
    while served < DELIVERIES:
        assert ask(lab, "good")[0] == 200
        if any(each.done() for each in hung):
            break
        served += 1
    for each in hung:
        status, took_s = each.result()
        assert status == 504
        assert took_s >= TIMEOUT_S
    return served


def test_a_request_that_hangs_gets_504_in_time_and_others_do_not_notice(several: Lab) -> None:
    """Nor do they later, while the code that hangs has not been ended."""
    with concurrent.futures.ThreadPoolExecutor() as pool:
        served = served_meanwhile(several, pool, HANGING)
        for _ in range(ROUNDS):
            if served >= DELIVERIES:
                break
            served += served_meanwhile(several, pool, ("waiting",))
    assert served >= DELIVERIES, "they wait for those that hang"


FORKS = """\
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)

def child(then):
    pid = os.fork()
    if pid == 0:
        then()
        print(os.getpid(), flush=True)
        time.sleep(300)
        os._exit(0)
    return pid

def twice():
    os.setsid()
    if os.fork():
        os._exit(0)

child(lambda: None)                       # ignores TERM, as its parent does
child(os.setsid)                          # has left its group and session
os.waitpid(child(twice), 0)               # a daemon: nobody is its parent
child(lambda: child(os.setsid))           # a child of a child
print(os.getpid(), flush=True)
time.sleep(300)
"""
"""A tree of six, none of which ends when asked to."""


def test_nothing_is_left_of_a_tree_that_will_not_end() -> None:
    """Some trees at a time: their life-lines close, as by a stop, a reload or the engine's end."""
    shims: list[tuple[subprocess.Popen[str], int]] = []
    pids: list[int] = []
    for _ in range(TREES):
        life, kept = os.pipe()
        command = [sys.executable, "-I", "-S", lifeline.__file__, str(life)]
        shim = subprocess.Popen(
            [*command, sys.executable, "-I", "-S", "-c", FORKS],
            pass_fds=[life],
            stdout=subprocess.PIPE,
            text=True,
        )
        os.close(life)
        shims.append((shim, kept))
    for shim, _ in shims:
        assert shim.stdout is not None
        pids += [int(shim.stdout.readline()) for _ in range(6)]
    assert len({pid for pid in pids if psutil.pid_exists(pid)}) == 6 * TREES
    for _, kept in shims:
        os.close(kept)
    for shim, _ in shims:
        assert shim.wait(60) == -signal.SIGKILL
        shim.communicate()
    until(lambda: not any(map(psutil.pid_exists, pids)), "nothing is left of them")
