"""The proxies that the gateway is measured beside, each in a process of its own.

A peer that is not installed is a `NotInstalledError`, which says where it was looked for.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

ROOT = Path(__file__).parents[2]
PEERS = ROOT / ".venv-peers"
"""Where `make bench ARGS=--peers` installs what is no library of ours."""
PATIENCE_S = 20.0
RAW = Path(__file__).parent / "_raw.py"
NGINX = """\
daemon off;
master_process off;
pid {place}/nginx.pid;
error_log {place}/error.log;
worker_rlimit_nofile 4096;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_buffer_size 64k;
    client_body_temp_path {place}/body;
    proxy_temp_path {place}/proxy;
    fastcgi_temp_path {place}/fastcgi;
    uwsgi_temp_path {place}/uwsgi;
    scgi_temp_path {place}/scgi;
    keepalive_requests 10000000;
    upstream behind {{ server 127.0.0.1:{upstream}; keepalive 128; keepalive_requests 10000000; }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://behind;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
        }}
    }}
}}
"""


class NotInstalledError(Exception):
    """A peer is not on this machine; the text says what was looked for."""


def free_port() -> int:
    """Return a port of loopback that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def serving(
    command: Sequence[str],
    port: int,
    environment: Mapping[str, str] | None = None,
    *,
    is_quiet: bool = False,
) -> Iterator[int]:
    """Run *command* until the block ends; yield its pid when something listens on *port*.

    What it says goes to our stderr, unless *is_quiet*.
    """
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL if is_quiet else sys.stderr,
        stderr=subprocess.DEVNULL if is_quiet else None,
        env={**os.environ, **(environment or {})},
    )
    try:
        deadline_s = time.monotonic() + PATIENCE_S
        while not listens(port):
            if process.poll() is not None or time.monotonic() > deadline_s:
                raise RuntimeError(f"{command[0]} does not listen on port {port}.")
            time.sleep(0.01)
        yield process.pid
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


@contextmanager
def upstream() -> Iterator[tuple[int, int]]:
    """Run the raw upstream; yield its port and pid."""
    port = free_port()
    command = [sys.executable, str(RAW), "upstream"]
    with serving(command, port, {"PORT": str(port)}) as pid:
        yield port, pid


@contextmanager
def forwarder(upstream_port: int, place: Path) -> Iterator[tuple[int, int]]:
    """Run what only passes bytes on; yield its port and pid."""
    del place
    port = free_port()
    command = [sys.executable, str(RAW), "forwarder", str(upstream_port)]
    with serving(command, port, {"PORT": str(port)}) as pid:
        yield port, pid


@contextmanager
def mitmdump(upstream_port: int, place: Path) -> Iterator[tuple[int, int]]:
    """Run mitmdump as a reverse proxy that records to a file; yield its port and pid."""
    program = PEERS / "bin" / "mitmdump"
    if not program.exists():
        raise NotInstalledError(f"{program} is not there; `make bench ARGS=--peers` installs it")
    port = free_port()
    options = ["--mode", f"reverse:http://127.0.0.1:{upstream_port}", "--quiet"]
    options += ["--listen-host", "127.0.0.1", "--listen-port", str(port)]
    options += ["--save-stream-file", str(place / "flows"), "--set", f"confdir={place}"]
    with serving([str(program), *options], port) as pid:
        yield port, pid


@contextmanager
def nginx(upstream_port: int, place: Path) -> Iterator[tuple[int, int]]:
    """Run nginx as a reverse proxy that records nothing; yield its port and pid."""
    program = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        raise NotInstalledError("nginx is not on PATH; a system's package manager installs it")
    port = free_port()
    settings = place / "nginx.conf"
    settings.write_text(NGINX.format(place=place, port=port, upstream=upstream_port))
    command = [program, "-p", str(place), "-c", str(settings), "-e", str(place / "error.log")]
    with serving(command, port) as pid:
        yield port, pid
