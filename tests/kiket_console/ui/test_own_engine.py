"""The next engine is started when a person asks for it, as the last one was started."""

from __future__ import annotations

import asyncio
import subprocess
from typing import TYPE_CHECKING, NoReturn

import pytest
from msgspec.structs import replace
from tests.snap import scene
from tests.snap.scene import screen_text, settled, until

from kiket_console import engine_process
from kiket_console.errors import ConsoleError
from kiket_console.ui.actions import Registry
from kiket_console.ui.own_engine import OwnEngine
from kiket_console.ui.paint.status import Connection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from kiket_console.engine_status import EngineStatus
    from kiket_console.paths import ProjectPaths
    from kiket_console.ui.app import ConsoleApp

Started = list[list[str]]


class Told:
    """A console that keeps what it is told."""

    def __init__(self, link: Connection, status: EngineStatus | None = None) -> None:
        self.registry = Registry()
        self.link = link
        self.status = status
        self.said: list[str] = []

    def say(self, text: str, *, error: bool = False) -> None:
        assert error
        self.said.append(text)

    def link_changed(self, up: bool) -> None:
        self.link = Connection(up, 0, ever=True)


GONE = Connection(up=False, since_us=0, ever=True)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Iterator[Started]:
    """Return with which arguments engines were started; each ends with 3 once its input does."""
    seen: Started = []
    processes: list[subprocess.Popen[bytes]] = []

    def start(paths: ProjectPaths, arguments: Sequence[str]) -> subprocess.Popen[bytes]:
        seen.append([*arguments])
        paths.make()
        paths.engine_log.write_text("Error: The manifest is wrong.\n  Mend it.\n")
        processes.append(subprocess.Popen(["sh", "-c", "read _; exit 3"], stdin=subprocess.PIPE))
        return processes[-1]

    monkeypatch.setattr(engine_process, "start_engine", start)
    yield seen
    for each in processes:
        each.communicate()


def own_engine(
    app: Told, paths: ProjectPaths, arguments: Sequence[str] | None = ("--port", "9000")
) -> OwnEngine:
    return OwnEngine(app, paths, None, arguments)  # type: ignore[arg-type]  # all it asks of it


async def test_one_that_ends_as_it_starts_is_said_and_can_be_tried_again(
    paths: ProjectPaths, started: Started
) -> None:
    app = Told(GONE)
    own = own_engine(app, paths)
    for count in (1, 2):
        await own.start()
        await own.start()  # pressed twice
        assert own.is_starting
        process = own.process()
        assert process is not None
        await asyncio.to_thread(process.communicate)
        own.look()
        own.look()
        assert app.said == ["The manifest is wrong. Mend it."] * count
    assert started == [["--port", "9000"]] * 2


async def test_what_the_last_one_had_the_next_one_has(
    paths: ProjectPaths, started: Started
) -> None:
    options = ["--trust", "--port", "8123", "--allow-host", "demo.example"]
    said = replace(scene.status(), options=tuple(options), vault="Secret Service")
    await own_engine(Told(GONE, said), paths).start()
    for_the_session = replace(said, vault="this session only")
    await own_engine(Told(GONE, for_the_session), paths).start()
    assert started == [options, [*options, "--session-secrets"]]


@pytest.mark.parametrize(
    ("link", "pid", "said"),
    [
        (Connection(up=True, since_us=0, ever=True), 41, "The engine, pid 41, runs, and needs no"),
        (Connection(up=False, since_us=0, ever=True, silent=True), 41, "end it first (kill -KILL"),
        (GONE, 41, "The engine, pid 41, has this project and is on its way up, or down."),
        (GONE, 0, "An engine has this project and is on its way up, or down."),
    ],
)
async def test_none_is_started_beside_another(
    link: Connection,
    pid: int,
    said: str,
    paths: ProjectPaths,
    started: Started,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(engine_process, "lock_holder", lambda _: pid)
    app = Told(link)
    own = own_engine(app, paths)
    await own.start()
    assert said in app.said[0]
    assert not own.is_starting
    assert started == []


async def test_a_demo_has_one_engine(paths: ProjectPaths, started: Started) -> None:
    app = Told(GONE)
    own = own_engine(app, paths, None)
    await own.start()
    assert app.said == ["A demo has one engine. Leave, and start the demo again."]
    assert started == []


async def test_it_is_said_that_it_starts_until_it_is_there(
    console: Callable[..., ConsoleApp], engine: scene.ToldEngine, started: Started
) -> None:
    app = console(empty=True)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        answers = engine.notices, engine.status
        engine.notices = engine.status = _nobody  # type: ignore[method-assign]  # gone for good
        engine.news.put_nowait(ConsoleError("No engine runs."))
        await until(pilot, lambda: "engine gone" in screen_text(app))
        await pilot.press("2")
        await until(pilot, lambda: "nothing is received or recorded" in screen_text(app))
        assert "stopped" in screen_text(app)
        await pilot.press("exclamation_mark")
        await until(pilot, lambda: "a new engine is starting" in screen_text(app))
        engine.notices, engine.status = answers  # type: ignore[method-assign]
        await until(pilot, lambda: "engine" not in screen_text(app).splitlines()[0])
        assert not app.own_engine.is_starting
    assert len(started) == 1


def _nobody() -> NoReturn:
    raise ConsoleError("No engine runs.")
