"""A port for a program that a test starts, or starts anew."""

from __future__ import annotations

import random
import socket

_NOBODYS = range(20_000, 32_000)
"""Below what systems give to programs that ask for any port, and above what these settle on."""


def free_port() -> int:
    """Return a port of loopback's that nobody has, and that nobody gets who asks for any.

    Tests that run beside this one ask for any all the time: such a port may be somebody's by the
    time that it is used, or is needed again after a restart.
    """
    for port in random.SystemRandom().sample(_NOBODYS, 100):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
    raise AssertionError("a hundred ports are all taken")
