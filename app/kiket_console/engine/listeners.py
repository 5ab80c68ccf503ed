"""The loopback ports that the engine listens on."""

from __future__ import annotations

import errno
import resource
import socket
from typing import NamedTuple

from kiket_console.errors import ConsoleError, ExitCode

HOST = "127.0.0.1"
FIRST_PORT = 8700
LAST_PORT = 8719
PLATFORM_AFTER = 100
BACKLOG = 1024

CONNECTIONS = 512
"""The most that one port takes, however many descriptors there are."""
RESERVED = 88
"""Descriptors that connections never get: 40 are the control socket's, the rest is for the store,
the logs, the watches on files and the pipes of workers."""
DESCRIPTORS = 4096
"""How many are asked of the system, where it allows so many."""


class Share(NamedTuple):
    """How many connections each port may have at once."""

    gateway: int
    platform: int


def share(descriptors: int) -> Share:
    """Return what *descriptors* are enough for, with `RESERVED` to spare.

    A request at the gateway takes two, its own and one to its worker, and for a second a quarter
    more connections may be there than are served.
    """
    free = max(descriptors - RESERVED, 40)
    return Share(min(CONNECTIONS, free * 36 // 100), min(CONNECTIONS, free * 14 // 100))


def descriptors() -> int:
    """Return how many descriptors this process may have, after asking for `DESCRIPTORS`."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(DESCRIPTORS, hard)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return DESCRIPTORS if soft == resource.RLIM_INFINITY else soft
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted


def bind_gateway(port: int | None) -> tuple[socket.socket, str]:
    """Return a listening socket for webhooks, and a note when it is not on the usual port.

    With *port* given it is that one or a `ConsoleError`; else the first free one from 8700 on.
    """
    if port is not None:
        return _bind(port), ""
    for candidate in range(FIRST_PORT, LAST_PORT + 1):
        try:
            listener = _listen(candidate)
        except OSError:
            continue
        note = f"Port {FIRST_PORT} is taken; requests are taken on {candidate}."
        return listener, "" if candidate == FIRST_PORT else note
    raise ConsoleError(
        f"Ports {FIRST_PORT} to {LAST_PORT} are all taken.",
        hint="Stop what holds them, or pass --port.",
        exit_code=ExitCode.NETWORK,
    )


def bind_platform(gateway: socket.socket) -> socket.socket:
    """Return a listening socket for the platform and the producer's sink.

    It is `PLATFORM_AFTER` ports behind the gateway's, so that addresses that people wrote down hold
    from one start to the next; any free port when that one cannot be had.
    """
    try:
        return _listen(gateway.getsockname()[1] + PLATFORM_AFTER)
    except (OSError, OverflowError):  # taken, or past the last port
        return _bind(0)


def url_of(listener: socket.socket) -> str:
    """Return the base URL of a listening socket, without a slash at its end."""
    return f"http://{HOST}:{listener.getsockname()[1]}"


def _bind(port: int) -> socket.socket:
    try:
        return _listen(port)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            from kiket_console.engine.holders import holder

            message = f"Port {port} is already in use by {holder(port)}."
            hint = "Stop what uses it or pass --port."
        else:
            message, hint = f"Port {port} cannot be used: {error.strerror}.", "Pass --port."
        raise ConsoleError(message, hint=hint, exit_code=ExitCode.NETWORK) from error


def _listen(port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        listener.listen(BACKLOG)
    except BaseException:
        listener.close()
        raise
    return listener
