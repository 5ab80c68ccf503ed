"""One request at the gateway, with the state that uvicorn and the guard look for."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from msgspec import Struct, field

if TYPE_CHECKING:
    from kiket_console.engine.room import Claim
    from kiket_console.model import Headers


class _Nobody:
    """Stand where uvicorn wakes an application that waits for a body."""

    def set(self) -> None:
        """Wake nobody."""


_NOBODY = _Nobody()


class FrontRequest(Struct, eq=False):
    """A request, from its head to its answer."""

    method: str
    target: str
    headers: Headers
    named: dict[bytes, bytes]
    """The same by their names in lower case, of repeated ones the last."""
    keep_alive: bool
    waiting_for_100_continue: bool
    body: bytearray = field(default_factory=bytearray)
    claim: Claim | None = None
    is_complete: bool = False
    is_due: bool = False
    """Whether those that came before it on the connection are answered."""
    disconnected: bool = False
    response_started: bool = False
    response_complete: bool = False

    message_event: ClassVar[_Nobody] = _NOBODY
    scope: ClassVar[None] = None

    def give_room_back(self) -> None:
        """Let other large bodies have what this one took."""
        claim, self.claim = self.claim, None
        if claim is not None:
            claim.give_back()
