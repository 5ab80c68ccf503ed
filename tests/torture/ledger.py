"""What was sent and what was answered, written down outside the program before it happens.

s ID SHA256             about to be sent, with the hash of its body
a ID STATUS SHA256      answered, with the hash of the answer's body
d ID PID                (the extension's own file) a handler has it
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


_GATEWAYS = frozenset({502, 504})
"""What the gateway itself says of a delivery that it recorded, and that no answer came to."""


@dataclass(frozen=True, slots=True)
class Answered:
    """How a sender was answered."""

    status: int
    sha256: str

    @property
    def is_taken(self) -> bool:
        """Whether the sender may rely on its delivery, and on this very outcome, being stored."""
        return self.is_handlers or self.status in _GATEWAYS

    @property
    def is_handlers(self) -> bool:
        """Whether it is the handler's own answer."""
        return self.status < 500

    @property
    def is_success(self) -> bool:
        """Whether it is a 2xx."""
        return 200 <= self.status < 300


class Ledger:
    """The senders' file, append-only; what it holds already is read first."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.sent: dict[str, str] = {}
        self.answered: dict[str, Answered] = {}
        self.answers: list[str] = []
        """The deliveries that were answered, in order; a thread may read it as it grows."""
        if path.exists():
            for line in whole_lines(path.read_bytes()):
                word, *rest = line.split()
                if word == "s":
                    self.sent[rest[0]] = rest[1]
                else:
                    self._take(rest[0], Answered(int(rest[1]), rest[2]))
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def send(self, delivery_id: str, sha256: str) -> None:
        """Note that a delivery is about to be sent."""
        self.sent[delivery_id] = sha256
        os.write(self._file, f"s {delivery_id} {sha256}\n".encode())

    def answer(self, delivery_id: str, status: int, sha256: str) -> None:
        """Note that a delivery was answered."""
        self._take(delivery_id, Answered(status, sha256))
        os.write(self._file, f"a {delivery_id} {status} {sha256}\n".encode())

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def _take(self, delivery_id: str, answered: Answered) -> None:
        self.answered[delivery_id] = answered
        self.answers.append(delivery_id)


class Handled:
    """The extension's file, read as it grows: how often each delivery reached a handler."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._at = 0
        self.times: Counter[str] = Counter()
        self.pids: list[int] = []
        """The workers that have started, oldest first."""

    def read(self) -> None:
        """Take in what has been added."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._at)
                raw = file.read()
        except FileNotFoundError:
            return
        self._at += raw.rfind(b"\n") + 1
        for line in whole_lines(raw):
            word, *rest = line.split()
            if word == "d":
                self.times[rest[0]] += 1
            else:
                self.pids.append(int(rest[0]))


def whole_lines(raw: bytes) -> list[str]:
    """Return the lines that were written to their end."""
    return raw[: raw.rfind(b"\n") + 1].decode().splitlines()
