"""Any command can be an extension: told where to listen, watched, ended whole."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import re
import signal
import socket
import sys
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from tests.ports import free_port

from kiket_console.engine import command, health, holders
from kiket_console.engine.usage import Usages
from kiket_console.model import WorkerState
from kiket_core.secret import redactor

if TYPE_CHECKING:
    from pathlib import Path

    from kiket_console.engine.ports import Target

Supervise = Any

SERVER = """\
import http.server, json, os, sys, time

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = str(answer(self.path)).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass

def answer(path):
    return "one"

def serve(host=os.environ["HOST"], port=int(os.environ["PORT"])):
    http.server.ThreadingHTTPServer((host, port), Handler).serve_forever()
"""
MUTE = """\
import socket
server = socket.create_server((os.environ["HOST"], int(os.environ["PORT"])))
"""
SERVES = f"{SERVER}\nserve()\n"


def answering(expression: str) -> str:
    return f"{SERVER}\ndef answer(path):\n    return {expression}\n\nserve()\n"


def settings(folder: Path, *words: str, more: str = "") -> None:
    (folder / "kiket.toml").write_text(
        f'[[extension]]\nname = "shop"\ncommand = {json.dumps(list(words))}\n{more}'
    )


@pytest.fixture
def folder(project_folder: Path) -> Path:
    """Return a project whose extension is a command."""
    settings(project_folder, sys.executable, "server.py")
    (project_folder / "server.py").write_text(SERVES)
    (project_folder / "main.py").unlink()
    return project_folder


def asked(target: Target, path: str = "/") -> str:
    assert target.port is not None
    connection = http.client.HTTPConnection("127.0.0.1", target.port, timeout=120)
    try:
        connection.request("GET", path)
        return connection.getresponse().read().decode()
    finally:
        connection.close()


async def ask(target: Target, path: str = "/") -> str:
    return await asyncio.to_thread(asked, target, path)


async def broken(running: Any) -> Any:
    """Wait until the newest start has failed, and return why."""
    await running.until(lambda: running.worker.state is WorkerState.BROKEN)
    return running.worker.problem


async def test_a_command_serves_once_its_port_answers(supervise: Supervise, folder: Path) -> None:
    async with supervise() as running:
        target = await running.serving()
        assert await ask(target) == "one"
        seen = running.worker
        assert seen.state is WorkerState.SERVING
        assert seen.evidence == "answered its health check"
        assert seen.entry == f"{sys.executable} server.py"
        assert psutil.Process(seen.pid).cmdline() == [sys.executable, "server.py"]
        assert psutil.Process(seen.pid).cwd() == str(folder)
        assert seen.pid is not None
        assert Usages(os.getpid()).measure({"shop": seen.pid})["shop"].memory_bytes > 1_000_000
    assert not psutil.pid_exists(seen.pid)


async def test_it_gets_its_port_host_and_declared_secrets_by_environment_and_no_others(
    supervise: Supervise, folder: Path
) -> None:
    (folder / "extension.yaml").write_text("id: shop\nsecrets: [api.key]\n")
    (folder / "server.py").write_text(
        "import os\nBEGAN_WITH = os.listdir('/proc/self/fd')\n"
        + answering("json.dumps([dict(os.environ), BEGAN_WITH])")
    )
    secrets = {"api.key": "vault-canary", "other": "other-canary"}
    async with supervise(secrets=secrets, inherited={"AWS_SECRET_ACCESS_KEY": "aws"}) as running:
        target = await running.serving()
        seen, descriptors = json.loads(await ask(target))
        assert seen["PORT"] == str(target.port)
        assert seen["HOST"] == "127.0.0.1"
        assert seen["KIKET_BASE_URL"] == "http://127.0.0.1:1"
        assert seen["KIKET_SECRET_API_KEY"] == "vault-canary"
        assert seen["KIKET_WEBHOOK_SECRET"].startswith("wh_local_")
        assert "other-canary" not in seen.values()
        assert "AWS_SECRET_ACCESS_KEY" not in seen
        assert sorted(descriptors) == ["0", "1", "2", "3"], "the last is that of the look itself"
        assert running.worker.note == "its secrets are in its environment"


async def test_what_it_writes_is_in_the_logs_whole_and_without_secrets(
    supervise: Supervise, folder: Path
) -> None:
    (folder / "server.py").write_text(
        f"{SERVER}\nprint('hello', flush=True)\nos.write(2, b'half ')\nos.write(2, b'line\\n')\n"
        "print(os.environ['KIKET_WEBHOOK_SECRET'], flush=True)\nserve()\n"
    )
    async with supervise() as running:
        await running.serving()
        await running.until(lambda: "half line" in running.texts("stderr"))
        await running.until(lambda: len(running.texts("stdout")) >= 2)
        written = [
            redactor.redact(text) for text in running.texts("stdout")
        ]  # as the recorder does
        assert written == ["hello", "[secret:KIKET_WEBHOOK_SECRET.shop]"]


async def test_no_request_is_lost_when_a_save_starts_it_anew_beside_the_old_one(
    supervise: Supervise, folder: Path
) -> None:
    busy: set[str] = set()
    async with supervise(is_busy=busy.__contains__) as running:
        first = await running.serving()
        slow = answering("time.sleep(1) or 'slow' if path == '/slow' else 'two'")
        running.save(slow, "server.py")
        await running.until(lambda: running.worker.reloads == 1)
        second = await running.serving()
        assert second.port != first.port
        assert await ask(second) == "two"
        busy.add(second.label)
        late = asyncio.ensure_future(ask(second, "/slow"))
        running.save(SERVES, "server.py")
        await running.until(lambda: running.worker.reloads == 2)
        assert await late == "slow"
        busy.clear()
        assert await ask(await running.serving()) == "one"


async def test_on_a_fixed_port_the_old_one_ends_first(supervise: Supervise, folder: Path) -> None:
    port = free_port()
    settings(folder, sys.executable, "server.py", more=f"port = {port}\n")
    async with supervise() as running:
        first = await running.serving()
        assert first.port == port
        pid = running.worker.pid
        running.save(answering("'two'"), "server.py")
        await running.until(lambda: running.seen[-1].state is not WorkerState.SERVING)
        target = await running.supervisor.wait_serving(running.name, 120)
        await running.until(lambda: running.worker.reloads == 1)
        assert target is not None
        assert await ask(await running.serving()) == "two"
        assert not psutil.pid_exists(pid)
        running.save("import sys\nsys.exit(3)\n", "server.py")
        await running.until(lambda: running.worker.state is WorkerState.BROKEN)
        assert running.worker.pid is None, "of the old one nothing is left"


async def test_a_fixed_port_of_another_program_is_told_with_its_name(
    supervise: Supervise, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "PORT_LIMIT_S", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        settings(folder, sys.executable, "server.py", more=f"port = {port}\n")
        async with supervise() as running:
            problem = await broken(running)
            name = psutil.Process().name()
            assert problem.sentence == (
                f"Port {port} is taken by {name} (process {os.getpid()}); end that, or choose "
                "another port in kiket.toml."
            )


async def test_a_port_that_another_program_took_meanwhile_is_not_mistaken_for_it(
    supervise: Supervise, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is signed for the extension must not reach whoever was faster."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        monkeypatch.setattr(holders, "free_port", lambda: port)
        (folder / "server.py").write_text("import time\ntime.sleep(60)\n")
        async with supervise() as running:
            problem = await broken(running)
            assert problem.sentence.startswith(f"Port {port} is taken by ")
            assert problem.sentence.endswith("end that, or save or restart it.")


@pytest.mark.parametrize(
    ("code", "told", "last"),
    [
        ("print('no config', file=sys.stderr); sys.exit(3)", "ended with exit status 3", "no conf"),
        ("pass", "ended with exit status 0 before it listened on port", ""),
        ("os.kill(os.getpid(), 9)", "was killed by SIGKILL before it listened", ""),
        ("raise LookupError('what')", "ended with exit status 1", "LookupError: what"),
    ],
)
async def test_an_end_before_it_listens_is_told_with_what_it_wrote_last(
    supervise: Supervise, folder: Path, code: str, told: str, last: str
) -> None:
    (folder / "server.py").write_text(f"import os, sys\n{code}\n")
    async with supervise() as running:
        problem = await broken(running)
        assert told in problem.sentence
        assert last in "\n".join(problem.traceback)


@pytest.mark.parametrize(
    ("code", "limit_s", "told"),
    [
        ("time.sleep(60)", 1, r"did not listen on port \d+ within 1 s. Let it listen on \$HOST"),
        ("serve(port=OTHER)", 60, r"listens on port OTHER, not on \d+. Let it .* port = OTHER in"),
        (
            "serve(host='127.0.0.2')",
            60,
            r"listens on 127.0.0.2, not on 127.0.0.1. Let it .* \$HOST",
        ),
        (
            f"{MUTE}\ntime.sleep(60)",
            60,
            r"listens on port \d+, but does not answer HTTP there",
        ),
    ],
)
async def test_a_command_that_never_answers_where_it_should_is_told_what_to_do(
    supervise: Supervise,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    code: str,
    limit_s: float,
    told: str,
) -> None:
    monkeypatch.setattr(command, "START_LIMIT_S", limit_s)
    monkeypatch.setattr(command, "ELSEWHERE_LIMIT_S", 0.1)
    monkeypatch.setattr(command, "LOOK_AROUND_EVERY_S", 0.3)
    check = command.CommandProcess.check
    monkeypatch.setattr(command.CommandProcess, "check", lambda process, _: check(process, 0.2))
    other = str(free_port())
    (folder / "server.py").write_text(f"{SERVER}\n{code.replace('OTHER', other)}\n")
    async with supervise() as running:
        problem = await broken(running)
        assert re.search(told.replace("OTHER", other), problem.sentence), problem.sentence


async def test_a_secret_that_no_variable_can_hold_is_told(
    supervise: Supervise, folder: Path
) -> None:
    (folder / "extension.yaml").write_text("id: shop\nsecrets: [api.key]\n")
    async with supervise(secrets={"api.key": "with a \0 in it"}) as running:
        problem = await broken(running)
        assert problem.sentence == (
            "KIKET_SECRET_API_KEY has a NUL character, which no variable can hold; set another "
            "value."
        )


async def test_listening_on_every_address_is_warned_of(supervise: Supervise, folder: Path) -> None:
    (folder / "server.py").write_text(f"{SERVER}\nserve(host='')\n")
    async with supervise() as running:
        await running.serving()
        [text] = running.texts("log")
        assert "listens on every address of this machine (0.0.0.0)" in text


async def test_a_crashed_command_comes_back(supervise: Supervise, folder: Path) -> None:
    async with supervise() as running:
        await running.serving()
        os.kill(running.worker.pid, signal.SIGKILL)
        await running.until(lambda: running.worker.starts == 2)
        assert await ask(await running.serving()) == "one"


async def test_nothing_of_a_command_outlives_it(supervise: Supervise, folder: Path) -> None:
    """Neither what left its group nor what ignores being asked."""
    (folder / "server.py").write_text(
        "import signal, subprocess\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "subprocess.Popen(['sleep', '600'], start_new_session=True)\n" + SERVES
    )
    async with supervise() as running:
        await running.serving()
        [child] = psutil.Process(running.worker.pid).children()
    assert not child.is_running()


async def test_a_silent_command_is_seen(
    supervise: Supervise, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "EVERY_S", 0.05)
    monkeypatch.setattr(health, "LIMIT_S", 0.2)
    async with supervise() as running:
        await running.serving()
        psutil.Process(running.worker.pid).suspend()
        await running.until(lambda: running.worker.evidence.startswith("has not answered"))
        psutil.Process(running.worker.pid).resume()
        await running.until(lambda: running.worker.evidence == "answered its health check")


@pytest.mark.needs("node")
async def test_a_node_app_needs_nothing_of_ours(supervise: Supervise, folder: Path) -> None:
    settings(folder, "node", "server.js")
    (folder / "server.js").write_text(
        "require('http').createServer((_, answer) => answer.end('from node'))\n"
        "  .listen(process.env.PORT, process.env.HOST)\n"
    )
    async with supervise() as running:
        assert await ask(await running.serving()) == "from node"
