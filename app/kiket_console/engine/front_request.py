"""One request at the gateway, with the state that uvicorn and the guard look for."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kiket_console.engine.room import Claim
    from kiket_console.model import Headers


class _Nobody:
    """Stand where uvicorn wakes an application that waits for a body."""

    def set(self) -> None:
        """Wake nobody."""


_NOBODY = _Nobody()


class FrontRequest:
    """A request, from its head to its answer."""

    __slots__ = (
        "body",
        "claim",
        "disconnected",
        "headers",
        "is_complete",
        "is_due",
        "keep_alive",
        "method",
        "response_complete",
        "response_started",
        "target",
        "waiting_for_100_continue",
    )
    message_event = _NOBODY
    scope = None

    def __init__(self, method: str, target: str, headers: Headers, *, keep_alive: bool) -> None:
        self.method = method
        self.target = target
        self.headers = headers
        self.keep_alive = keep_alive
        self.body = bytearray()
        self.claim: Claim | None = None
        self.is_complete = False
        self.is_due = False
        """Whether those that came before it on the connection are answered."""
        self.waiting_for_100_continue = False
        self.disconnected = self.response_started = self.response_complete = False

    def give_room_back(self) -> None:
        """Let other large bodies have what this one took."""
        claim, self.claim = self.claim, None
        if claim is not None:
            claim.give_back()
