"""The modules that take messages now, by name and by start."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kiket_console.engine.orchestrator.ports import Peer

_ILL = frozenset({"degraded", "unhealthy", "stopping"})


class Peers:
    """Know who runs: the newest start of each module, and older ones that finish what they took."""

    def __init__(self) -> None:
        self._newest: dict[str, Peer] = {}
        self._starts: dict[str, Peer] = {}

    def __iter__(self) -> Iterator[Peer]:
        return iter(self._newest.values())

    def joined(self, peer: Peer) -> None:
        """Take note that *peer* is ready; what is for its module goes to it from now on."""
        self._newest[peer.name] = self._starts[peer.label] = peer

    def gone(self, peer: Peer) -> None:
        """Take note that *peer* takes nothing any more."""
        self._starts.pop(peer.label, None)
        if self._newest.get(peer.name) is peer:
            del self._newest[peer.name]

    def newest(self, name: str) -> Peer | None:
        """Return the newest start of module *name* that runs."""
        return self._newest.get(name)

    def start(self, label: str) -> Peer | None:
        """Return the start called *label* if it runs."""
        return self._starts.get(label)

    def is_well(self, label: str) -> bool:
        """Tell whether the start called *label* runs and answers its heartbeats."""
        peer = self._starts.get(label)
        return peer is not None and peer.facts.handshake not in _ILL
