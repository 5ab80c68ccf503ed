"""The program as whole processes, in a private home, on a real extension folder."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec
import pytest
from click.testing import CliRunner
from tests.acceptance.terminal import Terminal

from kiket_console import cli
from kiket_console.client import Client, call
from kiket_console.paths import ProjectPaths
from kiket_console.store.reader import Reader
from kiket_sdk import _signing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from kiket_console.engine_status import EngineStatus
    from kiket_console.model import Exchange

PATIENCE_S = 90.0
LAUNCH = """\
from kiket_console.engine import launcher
launcher.FIRST_REFILL_AFTER_S = 600
from kiket_console.__main__ import main
main()
"""
"""The program, which prepares no process before the first save: to most tests none comes."""
PATIENT = {f"KIKET_CONSOLE_{name}": str(PATIENCE_S) for name in ("HELD_S", "FORWARD_TIMEOUT_S")}
"""What a test's engine is set to: on a busy machine code may take long to start and to answer."""
SECRET = "shared-secret-of-the-tests"

MAIN = f'''\
import logging

from kiket_sdk import KiketSDK

log = logging.getLogger("sample")
sdk = KiketSDK(webhook_secret="{SECRET}", workspace_token="wk_of_the_tests",
               extension_id="com.example.sample", extension_version="1.0.0")


@sdk.webhook("issue.created", version="v1")
async def created(payload, context):
    log.info("handling %s", payload["issue"]["key"])
    await context.endpoints.log_event("seen", issue=payload["issue"]["key"])
    return {{"ok": True, "key": payload["issue"]["key"]}}
'''
TALKATIVE = f"""{MAIN}

import sys, traceback

print("\\x1b[32mgreen\\x1b[0m and plain")
logging.getLogger("sample.crm").warning("CRM is slow")
try:
    {{}}["reporter"]
except KeyError:
    traceback.print_exc()
"""
"""The same, which writes a few lines when it starts."""
MANIFEST = """\
id: com.example.sample
name: Sample
version: "1.0.0"
events:
  - { name: issue.created, version: v1 }
"""


def until(
    found: Callable[[], Any], what: str, patience_s: float = PATIENCE_S, *, every_s: float = 0.02
) -> Any:
    """Return what *found* returns as soon as that is true; fail when it stays false too long."""
    deadline = time.monotonic() + patience_s
    while not (value := found()):
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {patience_s:g} s")
        time.sleep(every_s)
    return value


def program(
    *arguments: str, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run one command of the program to its end: in this process, which has it loaded."""
    known: dict[str, str | None] = dict.fromkeys(os.environ)
    with CliRunner().isolation(env=None if env is None else known | dict(env)) as (out, errors, _):
        status = cli.run(list(arguments))
        sys.stdout.flush()
        sys.stderr.flush()
        told = [each.getvalue().decode() for each in (out, errors)]
    return subprocess.CompletedProcess(arguments, status, *told)


def process(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run one command of the program to its end in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "kiket_console", *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        **options,
    )


def status_of(paths: ProjectPaths) -> dict[str, Any]:
    """Ask a project's engine how it is."""

    async def ask() -> EngineStatus:
        async with Client(paths) as client:
            return await client.status()

    document: dict[str, Any] = msgspec.to_builtins(call(ask()))
    return document


def alive(pid: int) -> bool:
    """Whether a process is there and is no zombie."""
    try:
        with open(f"/proc/{pid}/stat") as file:  # noqa: PTH123 - read at once, without a path object
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def post(
    gateway_url: str, path: str, body: bytes, headers: Mapping[str, str] | None = None
) -> tuple[int, dict[str, Any]]:
    """POST to a gateway as a stranger would; return status and JSON."""
    connection = http.client.HTTPConnection(urlsplit(gateway_url).netloc, timeout=PATIENCE_S)
    try:
        connection.request(
            "POST", path, body, {"content-type": "application/json", **(headers or {})}
        )
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def signed(raw_body: bytes, *, age_s: float = 0, secret: str = SECRET) -> dict[str, str]:
    """Return the headers that sign a body as the platform does."""
    return _signing.sign("k0", secret, raw_body, message_id="dlv_1", timestamp=time.time() - age_s)


@dataclass
class Engine:
    """A `run --headless` process that serves."""

    folder: Path
    process: subprocess.Popen[bytes]
    info: dict[str, Any]
    paths: ProjectPaths
    out: Path
    reader: Reader = field(init=False)
    secret: str = SECRET
    environment: dict[str, str] = field(default_factory=lambda: dict(os.environ))
    """What its commands are to be started with: where it lives."""

    def __post_init__(self) -> None:
        self.reader = Reader(self.paths.store)

    def said(self, kind: str) -> list[dict[str, Any]]:
        """Return the NDJSON documents of one type that were printed so far."""
        raw = self.out.read_bytes()
        whole = raw[: raw.rfind(b"\n") + 1].splitlines()
        return [each for each in map(json.loads, whole) if each["type"] == kind]

    def cli(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command on this project."""
        return program("-C", str(self.folder), *arguments, env=self.environment)

    def status(self) -> dict[str, Any]:
        """Return what `status --json` prints, without a process that prints it."""
        return status_of(self.paths)

    def trigger(self, *arguments: str) -> dict[str, Any]:
        """Trigger an event; return what the program printed."""
        done = self.cli("trigger", *arguments, "--json")
        assert done.returncode in {0, 7}, done.stderr
        document: dict[str, Any] = json.loads(done.stdout)
        return document

    def post(
        self, path: str, body: bytes, headers: Mapping[str, str] | None = None
    ) -> tuple[int, dict[str, Any]]:
        """POST to the gateway as a stranger would; return status and JSON."""
        return post(self.info["gateway_url"], path, body, headers)

    def signed(self, raw_body: bytes, *, age_s: float = 0) -> dict[str, str]:
        """Return the headers that sign a body as the platform does."""
        return signed(raw_body, age_s=age_s, secret=self.secret)

    def newest(self) -> Exchange:
        """Return the newest webhook that is recorded."""
        return next(each for each in self.reader.recent(50) if each.source == "webhook")

    def calls(self, exchange_id: int, count: int) -> list[Exchange]:
        """Return the API calls of a delivery's handler, once so many are recorded."""

        def recorded() -> list[Exchange] | None:
            detail = self.reader.detail(exchange_id)
            return [*detail.children] if detail and len(detail.children) >= count else None

        found: list[Exchange] = until(recorded, f"{count} calls are recorded")
        return found

    def descendants(self) -> list[int]:
        """Return the processes below the engine."""
        import psutil

        return [child.pid for child in psutil.Process(self.process.pid).children(recursive=True)]

    def wait_serving(self) -> None:
        """Wait until the newest code serves."""

        def is_serving() -> bool:
            workers = self.said("worker")
            return bool(workers) and workers[-1]["state"] == "serving"

        until(is_serving, "the extension serves")

    def save(self, name: str, text: str) -> None:
        """Save a file of the project, and wait until the worker has taken notice."""
        before, starts = len(self.said("worker")), self.status()["workers"][0]["starts"]
        (self.folder / name).write_text(text)

        def settled() -> bool:
            said = self.said("worker")[before:]
            is_new = bool(said) and said[-1]["starts"] > starts
            return bool(said) and said[-1]["state"] in {"broken", "serving" if is_new else ""}

        until(settled, f"{name} is taken up")

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal; return the exit status."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_S)


@contextmanager
def running(
    folder: Path, *arguments: str, environment: Mapping[str, str] | None = None
) -> Iterator[Engine]:
    """Run an engine until the block ends; the block may end it itself."""
    out = folder.parent / f"{folder.name}.ndjson"
    ready = folder.parent / f"{folder.name}.ready"
    with out.open("wb") as file, (folder.parent / f"{folder.name}.err").open("wb") as errors:
        process = subprocess.Popen(
            [
                *(sys.executable, "-P", "-c", LAUNCH, "-C", str(folder)),
                *("run", "--headless", "--json", "--trust", "--ready-file", str(ready)),
                *arguments,
            ],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=errors,
            env={**os.environ, **PATIENT, **(environment or {})},
        )
    engine = None
    try:
        until(lambda: ready.exists() or process.poll() is not None, "the engine is ready")
        assert process.poll() is None, (folder.parent / f"{folder.name}.err").read_text()
        engine = Engine(folder, process, json.loads(ready.read_text()), ProjectPaths(folder), out)
        yield engine
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(PATIENCE_S)
        if engine is not None:
            engine.reader.close()


@pytest.fixture(name="program")
def program_fixture() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return what runs one command of the program to its end."""
    return program


@pytest.fixture(name="process")
def process_fixture() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return what runs one command of the program in a process of its own."""
    return process


@pytest.fixture(name="alive")
def alive_fixture() -> Callable[[int], bool]:
    """Return what tells whether a process is there."""
    return alive


@pytest.fixture(name="until")
def until_fixture() -> Callable[..., Any]:
    """Return what waits for something to become true."""
    return until


@pytest.fixture(name="running")
def running_fixture() -> Callable[..., AbstractContextManager[Engine]]:
    """Return what runs an engine while a block lasts."""
    return running


def lay_out(place: Path, code: str) -> Path:
    """Make a folder with an extension of one handler in *place*; return it."""
    folder = place / "sample"
    folder.mkdir()
    (folder / "main.py").write_text(code)
    (folder / "extension.yaml").write_text(MANIFEST)
    return folder


@pytest.fixture
def folder(own_places: Path) -> Path:
    """Return a folder with an extension of one handler."""
    return lay_out(own_places, MAIN)


@pytest.fixture
def terminal(own_places: Path, folder: Path) -> Iterator[Callable[..., Terminal]]:
    """Return what opens a terminal in the project's folder with the program in it."""
    opened: list[Terminal] = []

    def open_terminal(
        *arguments: str, environment: Mapping[str, str] | None = None, **options: Any
    ) -> Terminal:
        command = [sys.executable, "-m", "kiket_console", *arguments]
        socket = own_places / f"tmux{len(opened)}"
        known = {**PATIENT, **(environment or {})}
        opened.append(Terminal(socket, until, command, folder, environment=known, **options))
        return opened[-1]

    yield open_terminal
    for each in opened:
        each.close()
    program("-C", str(folder), "stop")  # what a test that failed left running


@pytest.fixture
def own_engine(folder: Path) -> Iterator[Engine]:
    """Return a running engine of this test alone, which it may end; its extension serves."""
    with running(folder) as started:
        started.wait_serving()
        yield started


@pytest.fixture(scope="package")
def lasting_engine() -> Iterator[Engine]:
    """Return one running engine for tests of several modules, in places that outlast each."""
    with ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kc", dir="/tmp")))
        with pytest.MonkeyPatch.context() as patch:
            for name in [each for each in os.environ if each.startswith("KIKET_")]:
                patch.delenv(name)
            for name in ("STATE_HOME", "CONFIG_HOME", "DATA_HOME", "CACHE_HOME", "RUNTIME_DIR"):
                (place / name).mkdir(mode=0o700)
                patch.setenv(f"XDG_{name}", str(place / name))
            folder = lay_out(place, TALKATIVE)
            (folder / "kiket.toml").write_text('[compare]\nignore = ["$.unstable"]\n')
            started = stack.enter_context(running(folder))
        started.wait_serving()
        yield started


@pytest.fixture
def engine(lasting_engine: Engine) -> Iterator[Engine]:
    """Return the lasting engine, which has seen other tests; its code is mended."""
    yield lasting_engine
    if (lasting_engine.folder / "main.py").read_text() != TALKATIVE:
        lasting_engine.save("main.py", TALKATIVE)
