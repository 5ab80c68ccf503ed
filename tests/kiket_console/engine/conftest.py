"""A recorder over a real store, workers as servers, a supervisor over a real project; and waits."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
import uvicorn
import uvloop
from tests.kiket_console.engine.found import Found
from tests.ports import free_port

from kiket_console import project as projects
from kiket_console.contract import NOTHING, Contract
from kiket_console.engine import drains, health, launcher, worker_tree
from kiket_console.engine.ports import Judging, Target
from kiket_console.engine.recorder import Recorder
from kiket_console.engine.secrets.vault import Vault, open_vault
from kiket_console.engine.supervisor import Supervisor
from kiket_console.model import Handler, Problem, Worker, WorkerState
from kiket_console.paths import ProjectPaths
from kiket_console.store import building
from kiket_console.store.reader import Reader
from kiket_console.store.writer import Writer
from kiket_core.guard import Server
from kiket_core.secret import Redactor

if TYPE_CHECKING:
    from pathlib import Path

    from kiket_console.engine.orchestrator.ports import OpenSession, Session
    from kiket_console.store.records import Committed, NewLog
    from kiket_console.telemetry.nouns import Reload

PATIENCE_S = 120


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run tests of the engine on the loop that it runs on; it is stricter than asyncio's own."""
    return {"uvloop": uvloop.new_event_loop}


# The pipeline: a store with its recorder, and workers that are real servers on Unix sockets.

App = Callable[..., Awaitable[None]]


@pytest.fixture
def store(own_places: Path) -> Path:
    """Return where the store of the test is."""
    return own_places / "store.sqlite3"


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Return a store without rows, as it lies on disk; it takes longer to make than most tests."""
    file = tmp_path_factory.mktemp("store") / "store.sqlite3"
    building.create(file)
    return file.read_bytes()


@pytest.fixture
def writer(store: Path, empty_store: bytes) -> Iterator[Writer]:
    """Return the store's writer."""
    store.write_bytes(empty_store)
    writer = Writer(store)
    yield writer
    writer.close()


@pytest.fixture
def reader(store: Path) -> Iterator[Reader]:
    """Return a reader of the store."""
    reader = Reader(store)
    yield reader
    reader.close()


@pytest.fixture
def redactor() -> Redactor:
    """Return a registry of secrets that no other test knows."""
    return Redactor()


@dataclass
class Values:
    """Values of secrets in memory, asked for by name."""

    by_name: dict[str, str] = field(default_factory=dict)

    async def get(self, name: str) -> str | None:
        """Return a value."""
        return self.by_name.get(name)


@pytest.fixture
def values() -> Values:
    """Return what the recorder finds secrets' values in."""
    return Values()


class Commits:
    """What the recorder has told of commits."""

    def __init__(self) -> None:
        self._newest: Committed | None = None
        self._changed = asyncio.Event()

    def take(self, committed: Committed) -> None:
        """Take note of a commit."""
        self._newest = committed
        self._changed.set()

    async def until(self, wanted: Callable[[Committed], bool]) -> None:
        """Wait until the newest commit is the wanted one."""
        async with asyncio.timeout(PATIENCE_S):
            while self._newest is None or not wanted(self._newest):
                await self._changed.wait()
                self._changed.clear()


@pytest.fixture
async def commits() -> Commits:
    """Return what the recorder tells of commits."""
    return Commits()


@pytest.fixture
async def recorder(
    writer: Writer, redactor: Redactor, values: Values, commits: Commits
) -> Recorder:
    """Return a recorder into the store."""
    return Recorder(writer, redactor, commits.take, values.get)


@dataclass
class Seen:
    """One request as a worker saw it."""

    method: str
    path: str
    headers: list[tuple[str, str]]
    raw_body: bytes

    def header(self, name: str) -> str:
        """Return the first value of a header."""
        return next(value for key, value in self.headers if key == name)


class FakeWorker:
    """An extension's worker: a real server on a Unix socket, answering what a test says."""

    def __init__(self, socket_path: Path) -> None:
        self.socket_path = socket_path
        self.seen: list[Seen] = []
        self.status = 200
        self.headers: list[tuple[bytes, bytes]] = [(b"content-type", b"application/json")]
        self.chunks: list[bytes] = [b'{"ok":true}']
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.arrived = asyncio.Event()

    async def app(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request (ASGI)."""
        raw_body = b""
        more = True
        while more:
            message = await receive()
            raw_body += message.get("body", b"")
            more = message.get("more_body", False)
        query = scope["query_string"].decode()
        path = scope["raw_path"].decode() + (f"?{query}" if query else "")
        headers = [
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]
        ]
        self.seen.append(Seen(scope["method"], path, headers, raw_body))
        self.arrived.set()
        await self.go_on.wait()
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        for chunk in self.chunks[:-1]:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": self.chunks[-1]})


@contextlib.asynccontextmanager
async def serving(app: App, listener: socket.socket) -> AsyncIterator[None]:
    """Serve *app* until the block ends."""
    config = uvicorn.Config(
        app,
        lifespan="off",
        log_config=None,
        access_log=False,
        interface="asgi3",
        ws="none",
        timeout_graceful_shutdown=1,
    )
    server = Server(config)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(server.serve([listener]))
        await server.wait_started()
        yield
        server.should_exit = True


@pytest.fixture
async def fake_worker(own_places: Path) -> AsyncIterator[FakeWorker]:
    """Return a worker that serves."""
    fake = FakeWorker(own_places / "w.sock")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(fake.socket_path))
        async with serving(fake.app, listener):
            yield fake
            fake.go_on.set()


RawAnswer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture
def raw_worker() -> Callable[[str, RawAnswer], AbstractAsyncContextManager[None]]:
    """Return a way to answer a socket's connections with bytes, one call for each."""

    @contextlib.asynccontextmanager
    async def answering(socket_path: str, answer: RawAnswer) -> AsyncIterator[None]:
        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                    await answer(reader, writer)
            except asyncio.CancelledError:
                pass  # the test is over, and it still has not answered
            finally:
                writer.close()

        async with await asyncio.start_unix_server(handle, socket_path):
            yield

    return answering


@dataclass
class Crew(Found):
    """The workers of a project: one extension, `marketing`, that serves unless a test says so."""

    socket_path: str
    secrets: tuple[str, ...] = ("a-webhook-secret-of-24-bytes",)
    accept: tuple[str, ...] = ("k0", "kr", "k1", "sw1")
    state: WorkerState = WorkerState.SERVING
    problem: Problem | None = None
    names: tuple[str, ...] = ("marketing",)
    handlers: tuple[Handler, ...] = (Handler("issue.created", "v1"), Handler("issue.created", "v2"))
    moved: asyncio.Event = field(default_factory=asyncio.Event)
    waiting: asyncio.Event = field(default_factory=asyncio.Event)
    """Somebody waits for a worker."""
    terms: Contract = NOTHING
    webhook_secret: str = ""
    """What the process that serves was given."""

    def workers(self) -> tuple[Worker, ...]:
        """Return the project's workers."""
        return tuple(
            Worker(
                name,
                "extension",
                self.state,
                self.state is WorkerState.SERVING,
                "answered its health check",
                0,
                0,
                1,
                1,
                0,
                0,
                extension_id="com.example.marketing",
                handlers=self.handlers,
                problem=self.problem,
            )
            for name in self.names
        )

    def serving(self, name: str) -> Target | None:
        """Return where a worker serves."""
        if self.state is not WorkerState.SERVING:
            return None
        return Target(name, f"{name}#3", self.socket_path, webhook_secret=self.webhook_secret)

    async def wait_serving(self, name: str, timeout_s: float = 10.0) -> Target | None:
        """Wait until a test lets the worker serve, or fail."""
        self.waiting.set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self.moved.wait()
        return self.serving(name)

    def judging(self, name: str) -> Judging:
        """Return the secrets and dialects of the worker."""
        del name
        return Judging(self.secrets, self.accept)

    def contract(self, name: str) -> Contract:
        """Return what the manifest says of deliveries."""
        del name
        return self.terms

    def become(self, state: WorkerState) -> None:
        """Change the worker's state, and wake who waits for it."""
        self.state = state
        self.moved.set()


@pytest.fixture
async def crew(own_places: Path) -> Crew:
    """Return the project's workers."""
    return Crew(str(own_places / "w.sock"))


class Stall:
    """Keep a writer's thread busy from its next commit on, so that nothing more is durable."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._told = writer.on_commit
        self._reached = threading.Event()
        self._release = threading.Event()
        writer.on_commit = self._wait

    def _wait(self, committed: Committed) -> None:
        if self._told is not None:
            self._told(committed)
        self._reached.set()
        self._release.wait(PATIENCE_S)

    async def reached(self) -> None:
        """Wait until the thread stands still."""
        assert await asyncio.to_thread(self._reached.wait, PATIENCE_S)

    def release(self) -> None:
        """Let the thread go on."""
        self._writer.on_commit = self._told
        self._release.set()


@pytest.fixture
def stall(writer: Writer) -> Iterator[Callable[[], Stall]]:
    """Return a function that stalls the store."""
    stalls: list[Stall] = []

    def begin() -> Stall:
        stalls.append(Stall(writer))
        return stalls[-1]

    yield begin
    for each in stalls:
        each.release()


APP = """\
import os, sys

async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    body = str(answer(scope["path"])).encode()
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})

def answer(path):
    return "one"
"""
"""An ASGI app without any framework: it starts fast. Tests put another `answer` at its end."""


@dataclass
class Running:
    """A supervisor at work, and all that it said."""

    folder: Path
    supervisor: Supervisor
    vault: Vault
    logs: list[NewLog] = field(default_factory=list)
    marks: list[Reload] = field(default_factory=list)
    seen: list[Worker] = field(default_factory=list)
    moved: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def worker(self) -> Worker:
        """Return the project's worker as it is now."""
        return self.supervisor.workers()[0]

    @property
    def name(self) -> str:
        """Return the worker's name."""
        return self.worker.name

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until *holds*, looking whenever something changed."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not holds():
                    self.moved.clear()
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(0.1):
                            await self.moved.wait()
        except TimeoutError:
            raise AssertionError(f"never came: {self.worker} {self.logs[-20:]}") from None

    async def serving(self) -> Target:
        """Wait until the worker serves, and return where."""
        target = await self.supervisor.wait_serving(self.name, PATIENCE_S)
        assert target is not None, self.worker.problem
        return target

    async def ask(self, path: str = "/", *headers: str) -> str:
        """Return the body that the serving worker answers."""
        return await ask(await self.serving(), path, *headers)

    def save(self, text: str, name: str = "main.py") -> None:
        """Write a file and say that it was saved."""
        (self.folder / name).write_text(text)
        self.supervisor.reload(self.name, name, name.endswith(".py"))

    def texts(self, stream: str) -> list[str]:
        """Return the lines of one stream."""
        return [line.text for line in self.logs if line.stream == stream]


async def ask(target: Target, path: str = "/", *headers: str) -> str:
    """GET *path* where the target listens; return the body of a 200."""
    if target.port is None:
        reader, writer = await asyncio.open_unix_connection(target.socket_path)
    else:
        reader, writer = await asyncio.open_connection("127.0.0.1", target.port)
    try:
        lines = [f"GET {path} HTTP/1.1", "Host: localhost", "Connection: close", *headers, "", ""]
        writer.write("\r\n".join(lines).encode())
        async with asyncio.timeout(PATIENCE_S):
            head, _, raw_body = (await reader.read()).partition(b"\r\n\r\n")
    finally:
        writer.close()
    assert head.startswith((b"HTTP/1.1 200", b"HTTP/1.0 200")), head
    return raw_body.decode()


@pytest.fixture
def project_folder(own_places: Path) -> Path:
    """Return a folder with a manifest and a small ASGI app."""
    folder = own_places / "project"
    folder.mkdir()
    (folder / "extension.yaml").write_text("id: sample\nversion: '1.0'\n")
    (folder / "main.py").write_text(APP)
    return folder


def no_session(*_: Any, **__: Any) -> Session:
    """Open no session: the project has no module."""
    raise AssertionError("a session was opened")


@pytest.fixture
def spare_after_s() -> float:
    """Return after what time a process waits for the next save: no test lasts as long."""
    return 600.0


@pytest.fixture
def supervise(
    project_folder: Path, spare_after_s: float, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., AbstractAsyncContextManager[Running]]:
    """Return a way to run a supervisor over the project, ended and checked when left."""
    monkeypatch.setattr(launcher, "REFILL_AFTER_S", spare_after_s)
    monkeypatch.setattr(launcher, "FIRST_REFILL_AFTER_S", spare_after_s)
    # What a busy machine makes slow is no silence, no odd end, and no news.
    monkeypatch.setattr(health, "LIMIT_S", PATIENCE_S)
    monkeypatch.setattr(worker_tree, "TOLD_LIMIT_S", 30.0)
    monkeypatch.setattr(drains, "SHOWN_AFTER_S", PATIENCE_S)

    @contextlib.asynccontextmanager
    async def supervised(
        *,
        inherited: Mapping[str, str] | None = None,
        secrets: Mapping[str, str] | None = None,
        folder: Path = project_folder,
        is_busy: Callable[[str], bool] = lambda _: False,
        open_session: OpenSession = no_session,
        shows_locals: bool = True,
        drain_limit_s: float = 600.0,
    ) -> AsyncIterator[Running]:
        paths = ProjectPaths(folder)
        paths.make()
        vault = await open_vault(paths, "session")
        for name, value in (secrets or {}).items():
            await vault.set(name, value)

        def changed() -> None:
            running.seen.append(running.worker)
            running.moved.set()

        def logged(line: NewLog) -> None:
            running.logs.append(line)
            running.moved.set()

        supervisor = Supervisor(
            projects.find(folder),
            paths,
            vault,
            variables={"KIKET_BASE_URL": "http://127.0.0.1:1"},
            on_change=changed,
            on_log=logged,
            on_reload=lambda mark: running.marks.append(mark),
            is_busy=is_busy,
            open_session=open_session,
            free_port=lambda _: free_port(),
            inherited={
                "PATH": os.environ["PATH"],
                "HOME": str(folder.parent),
                **(inherited or {}),
            },
            shows_locals=shows_locals,
            drain_limit_s=drain_limit_s,
        )
        running = Running(folder, supervisor, vault)
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(supervisor.run())
            try:
                yield running
            finally:
                supervisor.close()
                await task
        assert not list(paths.run.iterdir()), "a socket was left behind"

    return supervised
