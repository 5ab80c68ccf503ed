"""One request at the gateway."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kiket_core.guard import Underway

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from kiket_console.engine.front import WebhookProtocol
    from kiket_console.engine.ports import Outcome
    from kiket_console.engine.room import Claim
    from kiket_console.model import Headers


class FrontRequest(Underway, eq=False):
    """A request, from its head to its answer."""

    method: str
    target: str
    headers: Headers
    named: dict[bytes, bytes]
    """The same by their names in lower case, of repeated ones the last."""
    connection: WebhookProtocol
    passage: object = None
    """What the gateway has of it, while it is on its short way."""
    body: bytes | bytearray = b""
    """What has come of it."""
    claim: Claim | None = None
    is_complete: bool = False
    is_due: bool = False
    """Whether those that came before it on the connection are answered."""

    def add(self, piece: bytes) -> None:
        """Take a piece of the body; mostly it is all of it."""
        if not self.body:
            self.body = piece
        elif isinstance(self.body, bytearray):
            self.body += piece
        else:
            self.body = bytearray(self.body + piece)

    def give_room_back(self) -> None:
        """Let other large bodies have what this one took."""
        claim, self.claim = self.claim, None
        if claim is not None:
            claim.give_back()

    # What the gateway tells (see `short_way.Sender`)

    def answer(self, outcome: Outcome) -> None:
        """Answer now."""
        self.connection.answer(self, outcome)

    def wait(self, coming: Awaitable[Outcome]) -> None:
        """Answer when the outcome is there."""
        self.connection.wait(self, coming)
