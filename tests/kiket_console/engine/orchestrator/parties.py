"""Modules and a tape for tests of who decides: they keep what they are told."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kiket_console.engine.orchestrator.ports import Errand
from kiket_console.module_facts import ModuleFacts

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kiket_console.engine.orchestrator.ports import Frame
    from kiket_console.model import State
    from pywatt_sdk._protocol import HttpRequest, HttpResponse, RotationAck


@dataclass(eq=False)
class Party:
    """A running module that keeps what is sent to it."""

    name: str
    starts: int = 1
    handshake: str = "ready"
    address: tuple[str, int] | None = None
    sdk: str = "pywatt_sdk 0.1.0"
    sent: list[Any] = field(default_factory=list)
    errands: list[Errand] = field(default_factory=list)
    told: asyncio.Event = field(default_factory=asyncio.Event)
    has_ended: bool = False
    ids: int = 0
    answer_http: Callable[[HttpRequest], HttpResponse] | None = None
    ack: RotationAck | None = None
    asked: tuple[tuple[str, bool], ...] = ()
    rotated: list[tuple[Sequence[str], str]] = field(default_factory=list)
    endpoints: tuple[Any, ...] = ()

    @property
    def label(self) -> str:
        return f"{self.name}#{self.starts}"

    @property
    def facts(self) -> ModuleFacts:
        return ModuleFacts(self.handshake, sdk=self.sdk, asked=self.asked, endpoints=self.endpoints)

    def send(self, message: Any, errand: Errand | None = None) -> None:
        """Keep a message; what is no reply becomes an exchange."""
        if self.has_ended:
            raise ConnectionError(f"{self.label} takes nothing any more.")
        errand = errand or Errand()
        if errand.answers is None:
            self.ids += 1
            errand.exchange_id = 1000 * self.starts + self.ids
        self.sent.append(message)
        self.errands.append(errand)
        self.told.set()

    async def http(
        self, request: HttpRequest, timeout_s: float, errand: Errand | None = None
    ) -> HttpResponse:
        """Answer as the test says; without that it is silent."""
        del timeout_s
        self.send(request, errand)
        if self.answer_http is None:
            raise TimeoutError
        return self.answer_http(request)

    async def rotate(
        self, keys: Sequence[str], rotation_id: str, timeout_s: float
    ) -> RotationAck | None:
        """Confirm as the test says."""
        del timeout_s
        if self.has_ended:
            raise ConnectionError(f"{self.label} ended.")
        self.rotated.append((keys, rotation_id))
        return self.ack


@dataclass
class Notes:
    """A tape that keeps how exchanges ended."""

    ended: list[tuple[int | None, str]] = field(default_factory=list)
    frames: list[Frame] = field(default_factory=list)
    replies: list[tuple[int | None, Frame | None, int | None]] = field(default_factory=list)
    traces: dict[int, str] = field(default_factory=dict)

    def request(self, frame: Frame, **more: Any) -> int | None:
        """Keep a request."""
        del more
        self.frames.append(frame)
        return len(self.frames)

    def reply(
        self,
        exchange_id: int | None,
        frame: Frame | None,
        *,
        state: State | None = None,
        status: int | None = None,
        error: str = "",
    ) -> None:
        """Keep how an exchange ended."""
        del state
        self.replies.append((exchange_id, frame, status))
        if error:
            self.ended.append((exchange_id, error))

    def lone(self, frame: Frame, **more: Any) -> int | None:
        """Keep a message that nobody answers."""
        return self.request(frame, **more)

    def traceparent(self, exchange_id: int | None) -> str | None:
        """Know what the test says of an exchange."""
        return self.traces.get(exchange_id or 0)
