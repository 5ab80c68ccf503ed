"""Who listens on which port, as far as this user may know."""

from __future__ import annotations

import contextlib
import socket
from typing import Any

import psutil

LOOPBACK = "127.0.0.1"
_EVERY_ADDRESS = frozenset({"0.0.0.0", "::"})  # noqa: S104 (looked for, not bound)


def free_port() -> int:
    """Return a port of loopback's that nobody has now."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def is_free(port: int) -> bool:
    """Tell whether a server could listen on loopback's *port*."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def listening(pid: int) -> set[tuple[str, int]]:
    """Return (address, port) of each TCP socket on which *pid* or a process below it listens."""
    found = set()
    with contextlib.suppress(psutil.Error):
        top = psutil.Process(pid)
        for process in [top, *top.children(recursive=True)]:
            with contextlib.suppress(psutil.Error):
                for each in process.net_connections(kind="tcp"):
                    if _is_listening(each):
                        found.add((str(each.laddr[0]), _port(each.laddr)))
    return found


def child_of(pid: int) -> int | None:
    """Return the first process that *pid* started, None when it has none any more."""
    with contextlib.suppress(psutil.Error, IndexError):
        first: int = psutil.Process(pid).children()[0].pid
        return first
    return None


def reaches_others(address: str) -> bool:
    """Tell whether a server on *address* can be reached from other machines."""
    return address in _EVERY_ADDRESS


def takes_loopback(address: str) -> bool:
    """Tell whether a server on *address* gets connections to 127.0.0.1."""
    return address == LOOPBACK or address in _EVERY_ADDRESS


def holder(port: int) -> str:
    """Say who listens on *port*: `node (process 4711)`, or `another program`."""
    with contextlib.suppress(psutil.Error, OSError):
        for each in psutil.net_connections(kind="tcp"):
            if _is_listening(each) and _port(each.laddr) == port and each.pid is not None:
                return f"{psutil.Process(each.pid).name()} (process {each.pid})"
    return "another program"


def _is_listening(connection: Any) -> bool:
    return bool(connection.status == psutil.CONN_LISTEN)


def _port(address: Any) -> int:
    """Return the port of an address, 0 for none."""
    return int(address[1]) if address else 0
