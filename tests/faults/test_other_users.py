"""Another user of the same machine: what they can reach, read, plant or listen to."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import stat
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.faults.lab import Lab, engine, post, statuses, until

if TYPE_CHECKING:
    from collections.abc import Iterator

NOBODY = 65534
CANARY = "canary-7f3b19d2c45e6a80"

as_root = pytest.mark.skipif(os.getuid() != 0, reason="needs root to be another user")

CONNECT = """\
import socket, sys
connection = socket.socket(socket.AF_UNIX)
connection.settimeout(90)
try:
    connection.connect(sys.argv[1])
except OSError as error:
    print(type(error).__name__)
    sys.exit()
try:
    connection.sendall(b"GET /v1/status HTTP/1.1\\r\\nHost: e\\r\\n\\r\\n")
    print(connection.recv(100))
except (BrokenPipeError, ConnectionResetError) as error:
    print(b"")
"""


SECRETIVE = """\
import os

async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    body = os.environ.get("KIKET_SECRET_CRM_KEY", "").encode()
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
"""
MANIFEST = """\
id: secretive
version: '1.0'
configuration: { properties: { CRM_KEY: { type: string, secret: true } } }
"""


@pytest.fixture(scope="module")
def open_to_all() -> Iterator[Lab]:
    """Return an engine that was started where new files are open to everybody."""
    files = {"main.py": SECRETIVE, "extension.yaml": MANIFEST}
    with engine(umask=0, project_files=files) as lab:
        until(lambda: statuses(lab.send(post(body=b"{}"))) == [200], "the worker serves")
        yield lab


def as_nobody(lab: Lab) -> str:
    """Try to ask the control socket as another user; return what came of it."""
    # The base interpreter: an environment may lie where only its owner gets to.
    python = shutil.which("python3", path="/usr/bin:/usr/local/bin") or sys.executable
    done = subprocess.run(
        [
            *("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"),
            *(python, "-c", CONNECT, str(lab.paths.control_socket)),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        cwd="/",
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def above(place: Path) -> list[Path]:
    """Return the folders from the temporary one down to *place*."""
    return [each for each in reversed(place.parents) if len(each.parts) > 2]


def test_no_file_of_ours_is_open_to_others_whatever_the_umask(open_to_all: Lab) -> None:
    lab = open_to_all
    assert lab.status()["exchanges"] >= 1
    mine = [lab.paths.state.parents[2], lab.paths.run.parents[1]]
    made = [place for top in mine for place in top.rglob("*")]
    made += [lab.folder.parent / "ready"]
    modes = {}
    for place in made:
        with contextlib.suppress(FileNotFoundError):  # it was there for a moment
            modes[str(place)] = place.lstat().st_mode
    assert {*map(stat.S_IFMT, modes.values())} >= {stat.S_IFREG, stat.S_IFDIR, stat.S_IFSOCK}
    assert {place: oct(mode) for place, mode in modes.items() if mode & 0o077} == {}


def started(folder: Path) -> subprocess.CompletedProcess[str]:
    """Start an engine that is expected to refuse."""
    return subprocess.run(
        [
            *(sys.executable, "-m", "kiket_console", "-C", str(folder)),
            *("run", "--headless", "--trust", "--session-secrets"),
        ],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.fixture
def folder(own_places: Path) -> Path:
    place = own_places / "sample"
    place.mkdir()
    (place / "main.py").write_text("async def app(scope, receive, send): ...\n")
    (place / "extension.yaml").write_text("id: sample\nversion: '1.0'\n")
    return place


@as_root
@pytest.mark.parametrize("planted", ["folder", "link", "socket", "file"])
def test_a_planted_place_is_refused_with_its_path_and_owner(
    folder: Path, own_places: Path, planted: str
) -> None:
    """Whoever got there first does not listen in."""
    from kiket_console.engine.private_socket import bind_private
    from kiket_console.errors import ConsoleError
    from kiket_console.paths import ProjectPaths

    paths = ProjectPaths(folder)
    if planted in {"socket", "file"}:
        paths.make()
        place = paths.control_socket
        if planted == "socket":
            with socket.socket(socket.AF_UNIX) as listener:
                listener.bind(str(place))
        else:
            place.touch()
        os.chown(place, NOBODY, NOBODY)
        expected = f"{place} is in the way: it is no socket of yours (owner {NOBODY})."
    else:
        place = own_places / "r" / "kiket-console"
        if planted == "folder":
            place.mkdir()
            expected = f"{place} belongs to user {NOBODY}, not to you."
        else:
            (own_places / "elsewhere").mkdir()
            place.symlink_to(own_places / "elsewhere")
            expected = f"{place} is not a folder."
        os.chown(place, NOBODY, NOBODY, follow_symlinks=False)

    def begin() -> None:
        paths.make()
        bind_private(paths.control_socket).close()

    with pytest.raises(ConsoleError, match=re.escape(expected)):
        begin()
    if planted == "socket":
        refused = started(folder)
        assert refused.returncode != 0
        assert expected in refused.stderr
        assert "Traceback" not in refused.stderr


@as_root
def test_a_client_asks_no_socket_of_somebody_else(folder: Path) -> None:
    from kiket_console.client import Client, call
    from kiket_console.errors import ConsoleError
    from kiket_console.paths import ProjectPaths

    paths = ProjectPaths(folder)
    paths.make()

    async def ask() -> None:
        async with Client(paths) as client:
            await client.status()

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(paths.control_socket))
        listener.listen()
        os.chown(paths.control_socket, NOBODY, NOBODY)
        with pytest.raises(ConsoleError, match=f"is not a private socket of yours.*{NOBODY}"):
            call(ask())


def test_every_loopback_port_asks_for_a_token_or_a_signature(lab: Lab) -> None:
    """Any user can connect to a port; without a token there is nothing to be had there."""
    for method in ("GET", "POST", "DELETE"):
        for path in ("/", "/api/v1/extensions/sample/secrets", "/api/v1/ext/rate_limit"):
            raw = post(path=path, body=b"{}").replace(b"POST", method.encode(), 1)
            assert statuses(lab.send(raw, lab.platform)) == [401], (method, path)
            wrong = raw.replace(b"\r\n", b"\r\nAuthorization: Bearer wk_local_00\r\n", 1)
            assert statuses(lab.send(wrong, lab.platform)) == [401], (method, path)


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs /proc")
def test_nothing_secret_is_in_a_command_line_or_an_environment(open_to_all: Lab) -> None:
    """Of the engine, its workers and their helpers, though the code has it in `os.environ`."""
    import psutil

    from kiket_console.client import Client, call

    lab = open_to_all

    async def keep() -> None:
        async with Client(lab.paths) as client:
            await client.secrets.set("CRM_KEY", CANARY)

    call(keep())
    until(lambda: CANARY.encode() in lab.send(post()), "the worker has the secret")
    tree = [psutil.Process(lab.process.pid)]
    tree += tree[0].children(recursive=True)
    seen = 0
    known = [CANARY.encode(), b"wh_local_", b"wk_local_"]
    for process in tree:
        for name in ("cmdline", "environ"):
            raw = b""
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has ended
                raw = Path(f"/proc/{process.pid}/{name}").read_bytes()
            seen += bool(raw)
            assert not [each for each in known if each in raw], (process, name)
    assert seen >= 4, "of the engine and one more process"


@as_root
@pytest.mark.needs("setpriv")
def test_another_user_does_not_get_to_the_control_socket(open_to_all: Lab) -> None:
    """Nor is a byte of theirs read when all modes are forced open; the log says whose it was."""
    lab = open_to_all
    assert as_nobody(lab) == "PermissionError"
    for folder in above(lab.paths.control_socket):
        folder.chmod(0o755)
    assert as_nobody(lab) == "PermissionError"
    lab.paths.control_socket.chmod(0o777)
    assert as_nobody(lab) == "b''"
    sentence = f"A connection of user {NOBODY} to the control socket was refused."
    until(lambda: sentence in lab.error_file.read_text(), "the log says who it was")
    lab.paths.run.chmod(0o700)
    assert lab.status()["pid"] == lab.process.pid


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux's own means")
def test_the_engine_leaves_no_core_file_when_it_is_aborted(lab: Lab) -> None:
    status = Path(f"/proc/{lab.process.pid}/limits").read_text()
    [core] = [line for line in status.splitlines() if line.startswith("Max core file size")]
    assert core.split()[4:6] == ["0", "0"]
