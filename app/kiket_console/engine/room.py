"""How many bytes of large bodies may be in memory at once; whoever comes next waits its turn."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

SMALL_BYTES = 64 * 1024
"""What is no longer than this needs no room: the number of connections bounds it."""
ROOM_BYTES = 24 * 1024 * 1024


class Room:
    """Give room to large bodies in the order in which they ask, `total` bytes at a time.

    A body that is larger than all the room there is gets it when nobody else has any.
    """

    def __init__(self, total: int = ROOM_BYTES) -> None:
        self._total = total
        self._taken = 0
        self._waiting: deque[Claim] = deque()

    def ask(self, size: int, granted: Callable[[], None]) -> Claim:
        """Ask for room; *granted* is called when there is, at once or later, unless given back."""
        claim = Claim(self, size, granted)
        self._waiting.append(claim)
        self._grant()
        return claim

    def _grant(self) -> None:
        while self._waiting:
            claim = self._waiting[0]
            if claim.size and self._taken and self._taken + claim.size > self._total:
                return
            self._waiting.popleft()
            self._taken += claim.size
            claim.is_granted = True
            claim.granted()

    def _give(self, claim: Claim) -> None:
        if claim.is_granted:
            self._taken -= claim.size
        else:
            self._waiting.remove(claim)
        self._grant()


class Claim:
    """A part of the room, asked for or given."""

    __slots__ = ("_room", "granted", "is_granted", "size")

    def __init__(self, room: Room, size: int, granted: Callable[[], None]) -> None:
        self._room: Room | None = room
        self.size = size
        self.granted = granted
        self.is_granted = False

    def give_back(self) -> None:
        """Let others have it; a second time changes nothing."""
        room, self._room = self._room, None
        if room is not None:
            room._give(self)
