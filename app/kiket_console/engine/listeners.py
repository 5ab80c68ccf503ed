"""The loopback ports that the engine listens on."""

from __future__ import annotations

import errno
import socket

from kiket_console.errors import ConsoleError, ExitCode

HOST = "127.0.0.1"
FIRST_PORT = 8700
LAST_PORT = 8719
BACKLOG = 1024


def bind_gateway(port: int | None) -> tuple[socket.socket, str]:
    """Return a listening socket for webhooks, and a note when it is not on the usual port.

    With *port* given it is that one or a `ConsoleError`; else the first free one from 8700 on.
    """
    if port is not None:
        return _bind(port), ""
    for candidate in range(FIRST_PORT, LAST_PORT + 1):
        try:
            listener = _bind(candidate)
        except ConsoleError:
            continue
        note = f"Port {FIRST_PORT} is taken; webhooks are taken on {candidate}."
        return listener, "" if candidate == FIRST_PORT else note
    raise ConsoleError(
        f"Ports {FIRST_PORT} to {LAST_PORT} are all taken.",
        hint="Stop what holds them, or pass --port.",
        exit_code=ExitCode.NETWORK,
    )


def bind_free() -> socket.socket:
    """Return a listening socket on a port that the system chooses."""
    return _bind(0)


def url_of(listener: socket.socket) -> str:
    """Return the base URL of a listening socket, without a slash at its end."""
    return f"http://{HOST}:{listener.getsockname()[1]}"


def _bind(port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            message, hint = f"Port {port} is already in use.", "Stop what uses it or pass --port."
        else:
            message, hint = f"Port {port} cannot be used: {error.strerror}.", "Pass --port."
        raise ConsoleError(message, hint=hint, exit_code=ExitCode.NETWORK) from error
    return listener
