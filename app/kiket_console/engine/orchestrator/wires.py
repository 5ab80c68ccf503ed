"""Every channel of one module: its standard input and output, and its listeners.

Which channel a message takes is decided here: what a module of the Rust SDK takes in frames goes
there, the rest over stdio, and all of it over whatever is left when a channel is missing (pywatt
wire specification §1.4, §3.7).
"""

from __future__ import annotations

import secrets
import time
import zlib
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from kiket_console.engine.orchestrator.heartbeats import EVERY_S, Heartbeats
from kiket_console.engine.orchestrator.listeners import Door
from kiket_console.engine.orchestrator.stdio import Repeated, Stdin
from kiket_console.engine.orchestrator.turns import Turns
from kiket_console.ipc import Channel
from kiket_console.module_facts import ModuleChannel
from pywatt_sdk import _protocol as p
from pywatt_sdk._channels import Invalid, Lines
from pywatt_sdk._pipes import open_pipes

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Coroutine
    from pathlib import Path
    from typing import Any, BinaryIO

BODY_BYTES: Final = 5 * 1024 * 1024
"""What a body may have unless a setting says otherwise."""
MOST_RESULTS: Final = 100
TOKEN_BYTES: Final = 32
RESULT_S: Final = 0.9
"""For how long an answer is repeated that a reader of the Rust SDK may lose: some six tries."""
_HEARTBEAT_LINE: Final = p.encode_line(p.Heartbeat())
_HEARTBEAT_FRAME: Final = p.encode_frame(p.Heartbeat(), to="module")
_HEADER_BYTES: Final = 5
_FRAMED: Final = (
    p.RoutedModuleMessage,
    p.RoutedModuleResponse,
    p.RegisterServiceProviderResponse,
    p.DiscoverServiceProvidersResponse,
)
_LOST_OFTEN: Final = (p.ServiceResponse, p.ServiceOperationResult, p.PortResponse)
_FRAMES: Final = (Channel.TCP, Channel.UDS)


class Sent(NamedTuple):
    """What was sent, and over what."""

    channel: Channel
    raw: bytes
    """The JSON text."""


class Wires:
    """The channels of one start of a module.

    *heard* is given each message, *misheard* what was none, *beaten* each heartbeat that was sent;
    *ended* is called when the module's output has ended, *spawn* runs work until the session's end.
    """

    def __init__(
        self,
        init: p.Init,
        label: str,
        *,
        heard: Callable[[bytes, Channel], None],
        misheard: Callable[[Invalid, Channel], None],
        beaten: Callable[[bytes, Channel], None],
        ended: Callable[[], None],
        on_change: Callable[[], None],
        note: Callable[[str, str], None],
        spawn: Callable[[Coroutine[Any, Any, None]], None],
        pid: Callable[[], int | None],
        body_bytes: int = BODY_BYTES,
        beat_s: float = EVERY_S,
    ) -> None:
        self._init = init
        self._label = label
        self._heard = heard
        self._beaten = beaten
        self._ended = ended
        self._pid = pid
        self._beat_s = beat_s
        self._limit_bytes = 4 * body_bytes + 64 * 1024  # as an array of numbers, and what is around
        self.take_invalid = misheard
        self.changed = on_change
        self.note = note
        self.spawn = spawn
        self.is_ours = False
        self._base64 = False
        self.turns = Turns()
        self._lines = Lines(
            self._take_line,
            on_invalid=lambda invalid: misheard(invalid, Channel.STDIO),
            on_closed=self._lost,
            limit_bytes=self._limit_bytes,
            backlog_limit_bytes=2 * self._limit_bytes,
        )
        self.stdin = Stdin(self._lines)
        self._stdio_hearts = Heartbeats(
            lambda: self._beat(Channel.STDIO), on_change, every_s=beat_s
        )
        self._doors: dict[Channel, Door] = {}
        self._results: dict[str, Repeated] = {}
        self._since_us = 0
        self._is_closed = False

    async def open(self, names: Collection[str], folder: Path) -> p.Init:
        """Open listeners for the channels *names*; return the init line that offers them.

        It has a token by which a module of ours proves itself. Raises `ConsoleError`, OSError.
        """
        init = msgspec.structs.replace(self._init, auth_token=secrets.token_hex(TOKEN_BYTES))
        for channel in _FRAMES:
            if channel not in names:
                continue
            door = self._doors[channel] = Door(
                self,
                channel,
                module_id=init.module_id,
                token=init.auth_token or "",
                root=self._pid,
                limit_bytes=self._limit_bytes,
                beat_s=self._beat_s,
            )
            if channel is Channel.TCP:
                init = msgspec.structs.replace(init, tcp_channel=await door.open_tcp())
            else:
                place = folder / f"{zlib.crc32(self._label.encode()):08x}.ipc"
                init = msgspec.structs.replace(init, ipc_channel=await door.open_uds(place))
        return init

    async def connect(self, stdin: BinaryIO, stdout: BinaryIO) -> None:
        """Take over the module's standard input and output; raises OSError."""
        await open_pipes(self._lines, stdout, stdin)
        self._since_us = time.time_ns() // 1000

    def become_ours(self, *, base64: bool) -> None:
        """Take note that the module has one reader, and understands more than the wire of Rust."""
        self.is_ours = True
        self._base64 = base64
        self.stdin.trust()
        self._stdio_hearts.start()

    def send(self, message: p.ToModule, channel: str = "") -> Sent:
        """Send a message, on *channel* or where the module expects it.

        Raises ConnectionError when it takes nothing any more, or not by that channel.
        """
        way = Channel(channel) if channel else self._way(message)
        if not self.is_ours:
            message = _as_rust(message)
        if way is Channel.STDIO:
            raw = p.encode_line(message, base64=self._base64)
            self._write(message, raw)
            return Sent(way, raw[:-1])
        door = self._doors.get(way)
        connection = door.connection if door is not None else None
        if connection is None or not connection.can_send:
            raise ConnectionError(f"{self._label} has no {way} channel now.")
        raw = p.encode_frame(message, to="module", base64=self._base64)
        connection.send(raw)
        return Sent(way, raw[_HEADER_BYTES:])

    def say_init(self, init: p.Init) -> Sent:
        """Send the first line; raises ConnectionError."""
        raw = p.encode_line(init)
        self.stdin.send_at_once(raw)
        return Sent(Channel.STDIO, raw[:-1])

    def send_secret(
        self, message: p.Secret, channel: Channel, limit_s: float, *, opens: bool
    ) -> Sent:
        """Send the answer to a question of *channel*; raises ConnectionError.

        Over stdio a module that may lose it is sent it again for *limit_s*, while others wait;
        with *opens* they wait no longer than that.
        """
        if channel is not Channel.STDIO:
            return self.send(message, channel)
        raw = p.encode_line(message if self.is_ours else _as_rust(message))
        self.stdin.send_secret(raw, limit_s, opens=opens)
        return Sent(channel, raw[:-1])

    def repeat(self, message: p.ToModule, limit_s: float, every_s: float) -> Repeated:
        """Send a message over stdio again and again that was sent there."""
        return self.stdin.repeat(p.encode_line(message, base64=self._base64), limit_s, every_s)

    def everywhere(self, message: p.ToModule) -> list[Sent]:
        """Send a message on every channel that can carry it."""
        sent = []
        for channel in (*_FRAMES, Channel.STDIO):
            try:
                sent.append(self.send(message, channel))
            except ConnectionError:
                continue
        return sent

    def result_heard(self, connection_id: str) -> None:
        """Repeat no longer what was said of a connection: the module goes on with it."""
        repeated = self._results.pop(connection_id, None)
        if repeated is not None:
            repeated.stop()

    def acknowledged(self, channel: Channel) -> None:
        """Take note that a heartbeat was answered."""
        self._hearts(channel).acknowledged()

    @property
    def health(self) -> str:
        """`degraded` or `unhealthy` when heartbeats are not answered, else empty."""
        words = {hearts.word for hearts in self._all_hearts()}
        return next((word for word in ("unhealthy", "degraded") if word in words), "")

    @property
    def heartbeat_us(self) -> int:
        """When the module last answered a heartbeat; 0: never."""
        return max(hearts.answered_us for hearts in self._all_hearts())

    @property
    def heartbeats(self) -> int:
        """How many it has answered."""
        return sum(hearts.answered for hearts in self._all_hearts())

    @property
    def heartbeat_took_us(self) -> int:
        """How long the slowest of the newest few took to be answered; 0: none was."""
        return max(hearts.took_us for hearts in self._all_hearts())

    @property
    def facts(self) -> tuple[ModuleChannel, ...]:
        """How each channel is."""
        state = "connected" if self._since_us and not self._is_closed else "closed"
        stdio = ModuleChannel(Channel.STDIO, state, self._since_us)
        return (stdio, *(door.fact for door in self._doors.values()))

    def close_stdin(self) -> None:
        """Close the module's standard input once what was sent has gone."""
        self._stdio_hearts.stop()
        self.stdin.close()

    def close(self) -> None:
        """Close every channel and listener."""
        self._is_closed = True
        for repeated in self._results.values():
            repeated.stop()
        self.turns.close()
        self._stdio_hearts.stop()
        self.stdin.close()
        self._lines.close()
        for door in self._doors.values():
            door.close()

    # What a door asks of its host

    def take(self, raw: bytes, door: Door) -> None:
        """Take a message that came over an admitted connection."""
        began_s = time.perf_counter()
        self._heard(raw, door.channel)
        if door.connection is not None:
            self.turns.took(began_s, door.connection)

    def beat(self, door: Door) -> None:
        """Send a heartbeat."""
        self._beat(door.channel)

    def _lost(self, fault: Exception | None) -> None:
        """Take note that the module's output has ended; a *fault* says why it was given up."""
        if fault is not None and not self._is_closed:
            self.note("ERROR", f"Nothing can be said any more over standard input: {fault}")
        self._ended()

    def _take_line(self, raw: bytes) -> None:
        began_s = time.perf_counter()
        self._heard(raw.rstrip(b"\r\n"), Channel.STDIO)
        self.turns.took(began_s, self._lines)

    def _beat(self, channel: Channel) -> None:
        if channel is Channel.STDIO:
            if self._lines.can_send:
                self._lines.send(_HEARTBEAT_LINE)
                self._beaten(_HEARTBEAT_LINE[:-1], channel)
            return
        connection = self._doors[channel].connection
        if connection is not None and connection.can_send:
            connection.send(_HEARTBEAT_FRAME)
            self._beaten(_HEARTBEAT_LINE[:-1], channel)

    def _write(self, message: p.ToModule, raw: bytes) -> None:
        """Write a line, more than once where a reader of the Rust SDK may lose it."""
        self.stdin.send(raw)
        if self.is_ours or self.stdin.is_shut or not isinstance(message, _LOST_OFTEN):
            return
        match message:
            case p.ServiceResponse():
                about = message.connection_id or message.id
            case p.ServiceOperationResult():
                about = message.params.connection_id if message.params else ""
            case _:
                about = message.request_id
        self.result_heard(about)
        self._results[about] = self.stdin.repeat(raw, RESULT_S)
        if len(self._results) > MOST_RESULTS:
            self.result_heard(next(iter(self._results)))

    def _way(self, message: p.ToModule) -> Channel:
        if isinstance(message, _FRAMED):
            for channel in _FRAMES:
                door = self._doors.get(channel)
                if door is not None and door.connection is not None:
                    return channel
        return Channel.STDIO

    def _hearts(self, channel: Channel) -> Heartbeats:
        return self._stdio_hearts if channel is Channel.STDIO else self._doors[channel].hearts

    def _all_hearts(self) -> tuple[Heartbeats, ...]:
        return (self._stdio_hearts, *(door.hearts for door in self._doors.values()))


def _as_rust(message: p.ToModule) -> p.ToModule:
    """Leave out what only a module of ours understands."""
    if isinstance(message, p.RoutedModuleMessage):
        return msgspec.structs.replace(
            message, target_endpoint=None, expects_reply=None, traceparent=None
        )
    if isinstance(message, p.Secret) and message.error is not None:
        return msgspec.structs.replace(message, error=None)
    return message
