"""What a guard may stand in front of."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from msgspec import Struct

from kiket_core._names import texts_of
from kiket_core._uvicorn import HttpToolsProtocol

if TYPE_CHECKING:
    from kiket_core._admission import Refusal
    from kiket_core._names import Names


class _Nobody:
    """Stand where uvicorn wakes an application that waits for a body."""

    def set(self) -> None:
        """Wake nobody."""


class Underway(Struct, eq=False, kw_only=True):
    """A request that a servant serves without an app: what uvicorn and the guard look for."""

    keep_alive: bool
    waiting_for_100_continue: bool = False
    disconnected: bool = False
    response_started: bool = False
    response_complete: bool = False

    message_event: ClassVar[_Nobody] = _Nobody()
    scope: ClassVar[None] = None


class Servant(HttpToolsProtocol):
    """uvicorn's protocol, which also hears of refusals."""

    as_they_came: list[tuple[bytes, bytes]]
    """The headers of the head that is read, or was read last."""
    names: Names
    """Their names; once the head is whole."""
    values: tuple[bytes, ...]
    """And their values."""
    named: dict[bytes, bytes]
    """These by their names in lower case, of repeated ones the last."""
    version: str
    """Of HTTP, as that head says it: `1.1`."""
    is_upgrade: bool = False
    """Whether that head asks for a WebSocket, as it may."""

    def text_headers(self) -> tuple[tuple[str, str], ...]:
        """Return names and values of that head's headers as text, as they came."""
        return tuple(zip(self.names.texts, texts_of(self.values), strict=True))

    def on_refused(self, refusal: Refusal) -> None:
        """Take note that the request that is being read is refused; the guard answers it."""

    def wait_anew(self) -> None:
        """Give the sender all its time again, because it was we who read no further until now."""

    def let_go(self) -> None:
        """Stop every clock: the connection is handed to somebody else."""
