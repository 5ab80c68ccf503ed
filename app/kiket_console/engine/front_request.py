"""One request at the gateway."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import field

from kiket_core.guard import Underway

if TYPE_CHECKING:
    from kiket_console.engine.room import Claim
    from kiket_console.model import Headers


class FrontRequest(Underway, eq=False):
    """A request, from its head to its answer."""

    method: str
    target: str
    headers: Headers
    named: dict[bytes, bytes]
    """The same by their names in lower case, of repeated ones the last."""
    body: bytearray = field(default_factory=bytearray)
    claim: Claim | None = None
    is_complete: bool = False
    is_due: bool = False
    """Whether those that came before it on the connection are answered."""

    def give_room_back(self) -> None:
        """Let other large bodies have what this one took."""
        claim, self.claim = self.claim, None
        if claim is not None:
            claim.give_back()
