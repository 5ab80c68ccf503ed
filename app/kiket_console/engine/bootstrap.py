"""Run a developer's Python code as a worker: standard library alone, run by path.

    python -I bootstrap.py FD

FD is a Unix stream socket to the engine; both sides send JSON, one message a line.

engine to worker: `prepare` once (what is installed and to be imported early, where to listen),
`compile` (what was just saved, and is to be imported soon), `start` once, at once or whenever there
is something to start (what to import, secrets), `drain` (finish what is under way, then end). When
the socket closes the engine is gone and the worker ends.
Without a place to listen the code is a program, run as `python main.py` would: its input and output
are its own, and it is sent `report` instead of `drain` (`bootstrap_program.py`).

worker to engine: `prepared`, `found` (handlers, what the code configured), `ready` (listening),
`failed` (why not), `unfit` (prepared wrongly: another worker is to start), `line` (a line of output
or a log record, with the trace that it belongs to), `dropped`, `lag` (how late its loop was).

Nothing of the project can be imported before `start` has been read: `-I` keeps the working folder,
this file's folder and `PYTHON*` out of the path.
"""

from __future__ import annotations

import contextlib
import faulthandler
import gc
import importlib
import importlib.util
import json
import os
import signal
import socket
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from kiket_console.engine import bootstrap_code as code
    from kiket_console.engine import bootstrap_output as output
    from kiket_console.engine import bootstrap_preload as early

TERM_LIMIT_S = 5
"""How long a worker finishes what is under way when it is told by signal; KILL comes earlier."""
ORPHAN_LIMIT_S = 2.0
"""How long a worker may go on once the engine is gone."""
LAG_EVERY_S = 5.0
"""How often it is told how late the event loop was."""
FIRST_LAG_S = 1.0
"""When it is told first."""


def _beside(name: str) -> Any:
    """Load a file that stands beside this one, whose folder is not on the path."""
    path = os.path.join(os.path.dirname(__file__), f"{name}.py")  # noqa: PTH118, PTH120 (pathlib costs 10 ms of every start)
    spec = importlib.util.spec_from_file_location(f"kiket_console_{name}", path)
    assert spec is not None  # noqa: S101 - it has a .py suffix
    assert spec.loader is not None  # noqa: S101 - and so a loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


if not TYPE_CHECKING:
    output = _beside("bootstrap_output")
    code = _beside("bootstrap_code")
    early = _beside("bootstrap_preload")


def main(descriptor: int) -> int:
    """Serve what the engine asks for until told to end; return the exit status."""
    connection = socket.socket(fileno=descriptor)
    connection.set_inheritable(False)
    channel = output.Channel(connection)
    given = json.loads(channel.received.readline() or b"null")
    if given is None:
        return 0  # the engine has ended already
    faulthandler.enable(2)
    if given["listen_fd"] is None:
        return _run_program(given, channel)
    listener = socket.socket(fileno=given["listen_fd"])
    listener.set_inheritable(False)
    writers = output.capture_output(channel)
    shown = Shown()
    output.capture_logging(channel, shown.frames_of)
    preload = _prepare(given, channel)
    serving = Serving(preload, channel)
    start: code.Message = {}
    begun, imported, ending = threading.Event(), threading.Event(), Ending()
    # A thread begins when a core is free: these do so before a save would wait for it.
    for work, args in (
        (follow, (channel, ending, begun)),
        (watch_import, (channel, start, begun, imported)),
    ):
        threading.Thread(target=work, args=args, name="kiket-engine", daemon=True).start()
    start.update(_start(channel))
    if not start:
        return 0  # it was not needed
    begun.set()
    shown.locals = start["locals"]
    status = 1
    try:
        with preload.guard():
            serving.app.app = _import(start, channel)
        imported.set()
        status = _serve(serving, start, listener, channel, ending)
    except BaseException as error:  # whatever the code raises is what we report
        channel.send(code.failure(error, start["folder"]))
    for writer in writers:
        writer.send_partial()
    channel.flush(ORPHAN_LIMIT_S)
    return status


def _run_program(given: code.Message, channel: output.Channel) -> int:
    preload = _prepare(given, channel)
    start = _start(channel)
    if not start:
        return 0  # it was not needed
    program = _beside("bootstrap_program")

    def report() -> None:
        preload.on_conflict = lambda _: None  # too late: it has announced itself
        channel.send(_ready(preload))

    threading.Thread(
        target=program.follow, args=(channel, report), name="kiket-engine", daemon=True
    ).start()
    channel.send({"type": "found", "pid": os.getpid(), "python": sys.version.split()[0]})
    try:
        with preload.guard():
            os.environ.update(start["environment"])
            os.chdir(start["folder"])
            code.admit_project(start)
            program.run(start, code.FreshLoader.code_of)
    except SystemExit:
        raise
    except BaseException as error:  # whatever the code raises is what we report
        program.show(error)
        channel.send(code.failure(error, start["folder"]))
        channel.flush(ORPHAN_LIMIT_S)
        return 1
    return 0


def _prepare(given: code.Message, channel: output.Channel) -> early.Preload:
    """Import what comes before the project."""

    def give_up(name: str) -> None:
        channel.send({"type": "unfit", "variable": name})
        channel.flush(1)
        os._exit(0)

    preload = early.Preload(give_up)
    os.chdir(given["folder"])
    # httpx loads its own command line where rich and click are installed: a tenth of a start.
    sys.modules["httpx._main"] = None  # type: ignore[assignment]  # Python's sign for "not there"
    gc.disable()  # imports leave next to no garbage; of packages that are learned nobody knows
    code.prepare_path(given)
    gc.enable()
    preload.run(given["learned"], given["texts"])
    code.compile_early(given["sources"])
    code.read_manifest_early()
    gc.freeze()  # the collector need not go through what stays
    channel.send({"type": "prepared", "package_folders": code.package_folders()})
    return preload


def _start(channel: output.Channel) -> code.Message:
    """Wait for `start`, and compile meanwhile what was just saved; empty when none comes."""
    for raw in channel.received:
        message: code.Message = json.loads(raw)
        if message["type"] == "start":
            return message
        code.compile_early(message["files"])
    return {}


def _ready(preload: early.Preload) -> code.Message:
    """Return the `ready` message: what the next start can have early."""
    return {
        "type": "ready",
        "modules": preload.installed(code.is_installed),
        "sources": code.sources(),
        "texts": preload.texts,
    }


def _import(start: code.Message, channel: output.Channel) -> Any:
    folder = start["folder"]
    os.environ.update(start["environment"])
    os.chdir(folder)
    sys.argv = [start["entry"].partition(":")[0]]
    code.admit_project(start)
    found = code.import_entry(start)
    app = code.app_of(found, start["entry"])
    channel.send(code.describe(found, start))
    return app


class Serving:
    """An app to come, and the server that is made for it while nobody waits."""

    def __init__(self, preload: early.Preload, channel: output.Channel) -> None:
        self.app = output.TracedApp()
        self._on_listening = lambda: channel.send(_ready(preload))
        self._on_tick = Lag(channel.send).tick
        self._server: Any = None
        with contextlib.suppress(Exception):  # said when there is something to serve
            self._server = self._made()
            self._server.config.load()

    @property
    def server(self) -> Any:
        """Return the server; raises ImportError where there is none to import."""
        return self._server or self._made()

    def _made(self) -> Any:
        return make_server(self.app, self._on_listening, self._on_tick)


def _serve(
    serving: Serving,
    start: code.Message,
    listener: socket.socket,
    channel: output.Channel,
    ending: Ending,
) -> int:
    server = ending.server = serving.server
    signal.signal(signal.SIGTERM, lambda *_: None)  # uvicorn raises it once more at its end
    with contextlib.suppress(SystemExit):  # uvicorn's way to say that the app did not start
        server.run(sockets=[listener])
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if server.started:
        return 0
    if serving.app.startup_error is not None:
        channel.send(code.failure(serving.app.startup_error, start["folder"]))
    return 1


class Shown:
    """What is told of an exception's frames: their locals, where the person's settings say so."""

    locals = False

    def frames_of(self, error: BaseException) -> list[code.Message]:
        """Return what the frames of *error* held, or nothing."""
        if not self.locals:
            return []
        name = "bootstrap_frames"  # loaded for the first exception: a start does not wait for it
        frames = sys.modules.get(f"kiket_console_{name}") or _beside(name)
        told: list[code.Message] = frames.frames_of(error, code.is_installed)
        return told


class Ending:
    """The way to end: at once while there is no server, in order once there is one."""

    server: Any = None

    def __call__(self, limit_s: float = TERM_LIMIT_S) -> None:
        """End; what is under way may take *limit_s*."""
        if self.server is None:
            os._exit(0)
        self.server.config.timeout_graceful_shutdown = limit_s
        self.server.should_exit = True


def follow(channel: output.Channel, ending: Ending, begun: threading.Event) -> None:
    """Obey the engine, once the code has *begun*, until it is gone."""
    begun.wait()
    with contextlib.suppress(OSError, ValueError):
        for raw in channel.received:
            message = json.loads(raw)
            if message["type"] == "drain":
                ending(message["limit_s"])
    ending()
    time.sleep(ORPHAN_LIMIT_S)
    os._exit(0)


def watch_import(
    channel: output.Channel,
    start: code.Message,
    begun: threading.Event,
    imported: threading.Event,
) -> None:
    """Report an import that does not end, with the line where it stands, and give up."""
    begun.wait()
    limit_s = start["import_limit_s"]
    if not imported.wait(limit_s):
        channel.send(code.stuck(start["folder"], limit_s))
        channel.flush(1)
        os._exit(1)


class Lag:
    """How late the event loop does what is due: ticks are to be equally far apart."""

    def __init__(self, send: Callable[[code.Message], None]) -> None:
        self._send = send
        self._before_s = self._told_s = 0.0
        self._apart_s = float("inf")
        self._late_s: list[float] = []

    def tick(self) -> None:
        """Take note of a tick, and tell now and then."""
        now_s = time.monotonic()
        if not self._before_s:
            self._told_s = now_s - LAG_EVERY_S + FIRST_LAG_S
        else:
            passed_s = now_s - self._before_s
            self._apart_s = min(self._apart_s, passed_s)  # on time, for no tick comes too early
            self._late_s.append(passed_s - self._apart_s)
        self._before_s = now_s
        if now_s - self._told_s >= LAG_EVERY_S and self._late_s:
            late_s, self._late_s, self._told_s = self._late_s, [], now_s
            told = {"count": len(late_s), "total_s": sum(late_s), "longest_s": max(late_s)}
            self._send({"type": "lag", **told})


def make_server(
    app: output.TracedApp, on_listening: Callable[[], None], on_tick: Callable[[], None]
) -> Any:
    """Return a uvicorn server, with limits and deadlines where our guard is within reach."""
    uvicorn = importlib.import_module("uvicorn")

    class Worker(uvicorn.Server):  # type: ignore[misc, name-defined]  # imported where it is known
        async def startup(self, sockets: Any = None) -> None:
            """Start the app and listen, and say so."""
            await super().startup(sockets=sockets)
            if self.started:
                on_listening()

        async def on_tick(self, counter: int) -> bool:
            """Take note of what uvicorn does ten times a second."""
            on_tick()
            return bool(await super().on_tick(counter))

    settings = {"lifespan": "auto", "timeout_graceful_shutdown": TERM_LIMIT_S}
    try:
        guard = importlib.import_module("kiket_core.guard")
        # The gateway has judged Host, Origin and sizes; what it forwards is not refused here.
        limits = guard.Limits(
            body_bytes=64 << 20, header_bytes=128 << 10, header_count=400, idle_s=75.0
        )
        config = guard.server_config(
            app, limits=limits, hosts=None, allow_cross_site=True, **settings
        )
    except (ImportError, AttributeError, TypeError):  # no httptools, or another uvicorn
        config = uvicorn.Config(
            app,
            interface="asgi3",
            log_config=None,
            access_log=False,
            ws="none",
            server_header=False,
            timeout_keep_alive=75,
            **settings,
        )
    return Worker(config)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
