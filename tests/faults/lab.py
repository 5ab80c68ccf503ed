"""A real engine in a process of its own, with a worker that counts what reaches it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from tests.acceptance.conftest import PATIENT, status_of

from kiket_console.paths import ProjectPaths
from kiket_console.store.reader import Reader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kiket_console.model import Detail

PATIENCE_S = 90.0
EVENT = "count.me"
"""The event whose deliveries the worker counts."""
PATH = f"/webhooks/{EVENT}"

WORKER = """\
import os

async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        size += len(message.get("body", b""))
        more = message.get("more_body", False)
    if scope["path"].endswith("/webhooks/count.me"):
        with open(os.environ["KIKET_COUNT"], "ab") as file:
            file.write(b"%d\\n" % size)
    headers = [(b"content-length", b"2"), (b"access-control-allow-origin", b"*")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"ok"})
"""

LAUNCH = """\
import json, resource, sys
descriptors, limits = json.loads(sys.argv.pop(1))
if descriptors:
    resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))
from kiket_console.engine import crashes, engine, launcher, refusals
launcher.FIRST_REFILL_AFTER_S = 600
crashes.CRASH_WINDOW_S = 600
refusals.Refusals.__init__.__kwdefaults__["minute_s"] = 600
engine.LIMITS = engine.LIMITS._replace(**limits)
from kiket_console.cli import main
main()
"""
"""The program, with other limits than a person can set; it prepares no process for a first save,
and code that crashes each time may take as long as it likes to start, as on a slow machine;
a minute, for which samples of what is refused are kept, lasts ten."""


@dataclass
class Lab:
    """A running engine, as its enemies and its friends see it."""

    folder: Path
    process: subprocess.Popen[bytes]
    info: dict[str, Any]
    paths: ProjectPaths
    count_file: Path
    error_file: Path
    reader: Reader = field(init=False)

    def __post_init__(self) -> None:
        self.reader = Reader(self.paths.store)

    @property
    def gateway(self) -> tuple[str, int]:
        """Return the address that takes webhooks."""
        return _address(self.info["gateway_url"])

    @property
    def platform(self) -> tuple[str, int]:
        """Return the address that takes extensions' calls."""
        return _address(self.info["platform_url"])

    def connect(self, address: tuple[str, int] | None = None) -> socket.socket:
        """Return a connection, to the gateway unless another address is given."""
        return socket.create_connection(address or self.gateway, timeout=PATIENCE_S)

    def send(self, raw: bytes, address: tuple[str, int] | None = None) -> bytes:
        """Send bytes on one connection; return all that comes until the engine closes it."""
        with self.connect(address) as connection:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                connection.sendall(raw)
            return rest(connection)

    def deliver(self) -> float:
        """Send a good delivery; return how many seconds its answer took."""
        began_s = time.perf_counter()
        answer = self.send(post(body=b"{}"))
        assert statuses(answer) == [200], answer
        return time.perf_counter() - began_s

    def calls(self) -> int:
        """Return how many deliveries the worker has had."""
        return len(self.count_file.read_bytes().splitlines())

    def rows(self, source: str = "webhook") -> int:
        """Return how many exchanges of one source are recorded."""
        return sum(1 for each in self.reader.recent(100_000) if each.source == source)

    def details(self, source: str) -> list[Detail]:
        """Return the newest exchanges of one source, whole."""
        newest = [each.id for each in self.reader.recent(500) if each.source == source]
        return [detail for each in newest if (detail := self.reader.detail(each)) is not None]

    def status(self) -> dict[str, Any]:
        """Return what `status --json` prints."""
        return status_of(self.paths)

    def memory_bytes(self) -> int:
        """Return how much memory the engine's process holds."""
        import psutil

        size: int = psutil.Process(self.process.pid).memory_info().rss
        return size

    def descriptors(self) -> int:
        """Return how many descriptors the engine's process holds."""
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))  # noqa: PTH208 (of another process)

    def settled_descriptors(self) -> int:
        """Return how many it holds when that has not changed for a second."""
        held, since = self.descriptors(), time.monotonic()
        while time.monotonic() < since + 1:
            if self.descriptors() != held:
                held, since = self.descriptors(), time.monotonic()
            time.sleep(0.02)
        return held

    def errors(self) -> str:
        """Return what the engine wrote to its standard error that tells of a fault inside it."""
        lines = self.error_file.read_text("utf-8", "backslashreplace").splitlines()
        return "\n".join(each for each in lines if "Traceback" in each or " ERROR " in each)


def _address(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    return parts.hostname, parts.port


def rest(connection: socket.socket) -> bytes:
    """Return all that comes until the engine closes."""
    raw = bytearray()
    with contextlib.suppress(ConnectionResetError):
        while piece := connection.recv(65536):
            raw += piece
    return bytes(raw)


def post(*lines: str, body: bytes = b"", path: str = PATH, host: str = "localhost") -> bytes:
    """Return a request that closes its connection."""
    head = [f"POST {path} HTTP/1.1", f"Host: {host}", f"Content-Length: {len(body)}", *lines]
    return "\r\n".join([*head, "Connection: close", "", ""]).encode("latin-1") + body


def statuses(raw: bytes) -> list[int]:
    """List the status codes of the answers in *raw*."""
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", raw)]


def until(holds: Callable[[], Any], what: str, patience_s: float = PATIENCE_S) -> None:
    """Wait until *holds* is true."""
    deadline = time.monotonic() + patience_s
    while not holds():
        assert time.monotonic() < deadline, f"{what}: not within {patience_s:g} s"
        time.sleep(0.01)


@contextlib.contextmanager
def engine(
    *arguments: str,
    descriptors: int = 0,
    umask: int = 0o022,
    project_files: dict[str, str] | None = None,
    environment: dict[str, str] | None = None,
    **limits: float,
) -> Iterator[Lab]:
    """Run an engine with its own places; *limits* are fields of the guard's `Limits`."""
    with (
        tempfile.TemporaryDirectory(prefix="kf", dir="/tmp") as place,
        pytest.MonkeyPatch.context() as patch,
    ):
        top = Path(place)
        for name in ("STATE", "CONFIG", "DATA", "CACHE"):
            patch.setenv(f"XDG_{name}_HOME", str(top / name.lower()))
        (top / "r").mkdir(mode=0o700)
        patch.setenv("XDG_RUNTIME_DIR", str(top / "r"))
        patch.setenv("KIKET_COUNT", str(top / "count"))
        for name, value in {**PATIENT, **(environment or {})}.items():
            patch.setenv(name, value)
        (top / "count").touch()
        folder = top / "sample"
        folder.mkdir()
        files = {"main.py": WORKER, "extension.yaml": "id: sample\nversion: '1.0'\n"}
        for name, text in (files if project_files is None else project_files).items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(text)
        out, errors, ready = top / "out", top / "err", top / "ready"
        with out.open("wb") as out_file, errors.open("wb") as error_file:
            process = subprocess.Popen(
                [
                    *(sys.executable, "-c", LAUNCH, json.dumps([descriptors, limits])),
                    *("-C", str(folder), "run", "--headless", "--json", "--trust"),
                    *("--session-secrets", "--ready-file", str(ready), *arguments),
                ],
                stdin=subprocess.DEVNULL,
                stdout=out_file,
                stderr=error_file,
                umask=umask,
            )
        try:
            until(lambda: ready.exists() or process.poll() is not None, "the engine is ready")
            assert process.poll() is None, errors.read_text()
            info = json.loads(ready.read_text())
            lab = Lab(folder, process, info, ProjectPaths(folder), top / "count", errors)
            if project_files is None:
                served = post(body=b"{}")
                until(lambda: statuses(lab.send(served)) == [200], "the worker serves")
                lab.count_file.write_bytes(b"")
            try:
                yield lab
            except Exception as error:
                if isinstance(error, ConnectionError):  # its ports close before it has ended
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        process.wait(5)
                how = "is running" if process.poll() is None else f"ended with {process.poll()}"
                error.add_note(f"The engine {how}; it said: {errors.read_text()[-20_000:]}")
                raise
            assert process.poll() is None, f"the engine ended: {errors.read_text()}"
            assert lab.errors() == "", errors.read_text()[:20_000]
            lab.reader.close()
        finally:
            process.terminate()
            process.wait(PATIENCE_S)
            shutil.rmtree(top / "r", ignore_errors=True)
