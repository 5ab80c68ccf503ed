"""How a worker is named and coloured in a row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kiket_console.text import visible

if TYPE_CHECKING:
    from collections.abc import Sequence

_ROLES = ("webhook", "api", "ipc", "producer")


def short_name(worker: str) -> str:
    """Return the last part of a worker's name, which is enough to tell it from others."""
    return visible(worker.rstrip(".").rpartition(".")[2])


def worker_role(worker: str, workers: Sequence[str] = ()) -> str:
    """Return the colour that a worker keeps; the engine itself stays muted.

    Among the project's *workers*, neighbours differ.
    """
    if worker == "engine":
        return "log"
    if worker in workers:
        return _ROLES[workers.index(worker) % len(_ROLES)]
    return _ROLES[sum(worker.encode("utf-8", "replace")) % len(_ROLES)]
