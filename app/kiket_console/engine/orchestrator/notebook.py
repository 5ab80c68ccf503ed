"""What one start of a module says and is told, on its way to the tape."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct

from kiket_console.engine import bodies
from kiket_console.engine.orchestrator.ports import Errand, Frame
from kiket_console.ipc import Direction, Kind
from kiket_console.model import State
from kiket_core.secret import redactor
from pywatt_sdk import _protocol as p

if TYPE_CHECKING:
    from kiket_console.engine.orchestrator.ports import Tape
    from kiket_console.engine.orchestrator.wires import Sent
    from kiket_console.ipc import Channel

INVALID_BYTES: Final = 64 * 1024
"""How much is kept of what was no message."""
NOTHING: Final = "reply to nothing"
SECOND: Final = "second reply"
"""What is wrong with a reply that is taken down as invalid."""


class Heard(Struct, frozen=True):
    """A message from the module, before it is known what it is to others."""

    frame: Frame
    book: Notebook

    @property
    def channel(self) -> Channel:
        """What it came over."""
        return self.frame.channel

    def request(self) -> int | None:
        """Take it down as a request; return its exchange."""
        return self.book.counted(self.book.tape.request(self.frame))

    def lone(self) -> int | None:
        """Take it down as a message that nobody answers; return its exchange."""
        return self.book.counted(self.book.tape.lone(self.frame))

    def routed(self, message: p.RouteToModule, answered: int | None) -> int | None:
        """Take down a message to another module: as the reply to *answered*, or by itself."""
        if answered is not None:
            self.book.tape.reply(answered, self.frame)
            return answered
        return self.lone() if message.expects_reply is False else self.request()

    def is_wrong(self, what: str) -> None:
        """Take down a reply that is not taken for one, and why; nothing when it was."""
        if what:
            frame = self.frame
            self.book.invalid(frame.raw, frame.channel, what, is_stray=False)


class Notebook:
    """Takes down and counts the messages of one start."""

    def __init__(self, tape: Tape, module: str, label: str, *, records_heartbeats: bool) -> None:
        self.tape = tape
        self._module = module
        self._label = label
        self._records_heartbeats = records_heartbeats
        self.frames_in = 0
        self.frames_out = 0
        self.stray = 0
        self.dropped = 0

    def heard(self, message: p.ToOrchestrator, raw: bytes, channel: Channel) -> Heard:
        """Count a message of the module's; it is taken down when it is known what it is."""
        self.frames_out += 1
        is_lone = isinstance(message, (p.Hello, p.Announce, p.Identify))
        if isinstance(message, p.RouteToModule):
            is_lone = message.expects_reply is False
        path = ""
        if isinstance(message, p.RouteToModule):
            path = f"{message.target_module_id}/{message.target_endpoint}"
        kind = Kind.NOTIFICATION if is_lone else Kind.REQUEST
        return Heard(
            self._frame(raw, channel, Direction.OUT, p.op_of(message), kind, "", path), self
        )

    def sent(
        self, message: p.ToModule, sent: Sent, errand: Errand | None = None, error: str = ""
    ) -> None:
        """Take down what the module was sent, as its errand says; *error* is said of a reply."""
        errand = errand or Errand()
        errand.channel = sent.channel
        self.frames_in += 1
        asks = isinstance(message, (p.HttpRequest, p.Rotated)) or (
            isinstance(message, p.RoutedModuleMessage) and message.expects_reply is not False
        )
        method, path = "", ""
        if isinstance(message, p.HttpRequest):
            method, path = message.method, message.uri
        kind = Kind.REQUEST if asks else Kind.NOTIFICATION
        frame = self._frame(
            sent.raw, sent.channel, Direction.IN, p.op_of(message), kind, method, path
        )
        if errand.answers is not None:
            state = State.FAILED if error else State.FORWARDED
            self.tape.reply(errand.answers, frame, state=state, error=error)
            errand.exchange_id = errand.answers
            return
        take_down = self.tape.request if asks else self.tape.lone
        errand.exchange_id = self.counted(
            take_down(frame, parent=errand.parent, replay_of=errand.replay_of, edited=errand.edited)
        )

    def gave_up(self, exchange_id: int | None, error: str) -> None:
        """Take down that a request gets no reply, and why."""
        self.tape.reply(exchange_id, None, state=State.FAILED, error=error)

    def invalid(
        self, raw: bytes, channel: Channel, what: str, why: str = "", *, is_stray: bool = True
    ) -> None:
        """Take down what was no message: *what* is wrong with it, and *why*, in a sentence."""
        self.stray += is_stray
        if len(raw) > INVALID_BYTES:
            raw = bodies.cut(raw, INVALID_BYTES, redactor).raw
        frame = self._frame(raw, channel, Direction.OUT, what, Kind.INVALID, "", "")
        if why:
            taken = self.counted(self.tape.request(frame))
            self.tape.reply(taken, None, state=State.REJECTED, error=why)
        else:
            self.counted(self.tape.lone(frame))

    def beaten(self, raw: bytes, channel: Channel, *, is_ack: bool = False) -> None:
        """Take down a heartbeat or its answer, where that is wanted."""
        if self._records_heartbeats:
            direction = Direction.OUT if is_ack else Direction.IN
            op = "heartbeat_ack" if is_ack else "heartbeat"
            self.tape.lone(self._frame(raw, channel, direction, op, Kind.NOTIFICATION, "", ""))

    def counted(self, exchange_id: int | None) -> int | None:
        """Count what the tape had no room for."""
        self.dropped += exchange_id is None
        return exchange_id

    def _frame(
        self,
        raw: bytes,
        channel: Channel,
        direction: Direction,
        op: str,
        kind: Kind,
        method: str,
        path: str,
    ) -> Frame:
        return Frame(
            self._module, self._label, channel, direction, raw, op, kind, method=method, path=path
        )
