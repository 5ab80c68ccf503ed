"""Ports of loopback, given out so that no two modules have the same one.

A port is free when nothing listens there now. It stays its owner's until the owner's end, though
nothing of ours holds it meanwhile: whoever asked is the one to listen.
"""

from __future__ import annotations

import socket
from collections import Counter
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection

HOST: Final = "127.0.0.1"
PORTS_OF_ONE: Final = 64
"""How many ports one start of a module can have at a time."""
_TRIES: Final = 64
_MOST: Final = 65535
_PRIVILEGED: Final = 1024


class NoPortError(Exception):
    """A port cannot be given; the text says why, in a sentence."""


class Ports:
    """Give out ports; never those that the engine itself listens on, its *own*."""

    def __init__(self, own: Collection[int] = ()) -> None:
        self._own = frozenset(own)
        self._owners: dict[int, str] = {}
        self._counts: Counter[str] = Counter()

    def allocate(self, owner: str, wished: int | None = None) -> int:
        """Return a port for *owner*: *wished* if it is free, else any.

        Raises `NoPortError` when *owner* has too many, or none is free.
        """
        if self._counts[owner] >= PORTS_OF_ONE:
            raise NoPortError(f"{owner} has {PORTS_OF_ONE} ports already.")
        if wished is not None and self._is_for(owner, wished):
            return self._give(owner, wished)
        for _ in range(_TRIES):
            port = _free_port()
            if port not in self._own and port not in self._owners:
                return self._give(owner, port)
        raise NoPortError(f"No port of {HOST} is free.")

    def release(self, owner: str) -> None:
        """Take back all that *owner* has."""
        if self._counts.pop(owner, 0):
            self._owners = {port: who for port, who in self._owners.items() if who != owner}

    def _is_for(self, owner: str, port: int) -> bool:
        if self._owners.get(port) == owner:
            return True
        is_taken = port in self._own or port in self._owners
        return _PRIVILEGED <= port <= _MOST and not is_taken and _is_free(port)

    def _give(self, owner: str, port: int) -> int:
        if self._owners.get(port) != owner:
            self._owners[port] = owner
            self._counts[owner] += 1
        return port


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as trial:
        trial.bind((HOST, 0))
        port: int = trial.getsockname()[1]
        return port


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # what has ended leaves traces
        try:
            trial.bind((HOST, port))
        except OSError:
            return False
        return True
