"""The port on which programs register that nobody here started (pywatt wire specification §4).

Its own port, never mixed with modules' channels: 9901 if that is free. Programs of other users of
this machine are turned away where the system can tell whose they are.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import socket
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Final

from kiket_console.engine.orchestrator.ports import Frame
from kiket_console.engine.orchestrator.programs import Programs
from kiket_console.ipc import Channel, Direction, Kind
from kiket_console.module_facts import Registrations
from kiket_core.secret import RedactorFullError, redactor
from pywatt_sdk._channels import ChannelClosedError, Frames
from pywatt_sdk._protocol import ProtocolError
from pywatt_sdk._wire_registration import (
    AdvertiseReply,
    BeatReply,
    HealthStatus,
    RegisterReply,
    UnknownReply,
    UnregisterReply,
    decode_request,
    encode_reply,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from kiket_console.engine.orchestrator.ports import Tape
    from pywatt_sdk._wire_registration import RegistrationReply, RegistrationRequest

HOST: Final = "127.0.0.1"
PORT: Final = 9901
"""What the SDKs' documents name."""
CONNECTIONS: Final = 64
FRAME_BYTES: Final = 1024 * 1024
_STRANGER: Final = "program"
"""What a program is called in the traffic that does not say who it is."""
_HEADER: Final = 5
_SOCKETS: Final = ((Path("/proc/net/tcp"), ""), (Path("/proc/net/tcp6"), "0" * 16 + "FFFF0000"))
"""Where Linux lists connections, and what is in front of an IPv4 address there: a program may
connect by way of ::ffff:127.0.0.1."""
_NOBODY: Final = -1


class Registration:
    """Take programs' registrations while it runs; *note* takes a sentence for the person."""

    def __init__(self, tape: Tape, note: Callable[[str], None], port: int = PORT) -> None:
        self._tape = tape
        self._note = note
        self._wished = port
        self._programs: Programs | None = None
        self._address = ""
        self._connections: set[_Connection] = set()
        self._tasks: asyncio.TaskGroup | None = None
        self._has_told = False

    @property
    def registrations(self) -> Registrations:
        """Who is registered, and where."""
        programs = self._programs.programs() if self._programs else ()
        return Registrations(self._address, programs)

    async def run(self) -> None:
        """Listen until cancelled."""
        try:
            listener = self._listener()
        except OSError as error:
            self._note(f"Programs cannot register: no port is to be had ({error.strerror}).")
            return
        port = listener.getsockname()[1]
        self._address = f"{HOST}:{port}"
        self._programs = Programs(
            (HOST, port), _new_token, lambda name: redactor.discard(_token_name(name))
        )
        if port != self._wished:
            self._note(f"Port {self._wished} is taken; programs register on {self._address}.")
        loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as self._tasks:
            try:
                server = await loop.create_server(lambda: _Connection(self), sock=listener)
            except BaseException:
                listener.close()
                raise
            try:
                await loop.create_future()
            finally:
                self._tasks = None  # who comes now is not looked at any more
                server.close()
                for connection in list(self._connections):
                    connection.close()

    def _listener(self) -> socket.socket:
        for port in (self._wished, 0):
            listener = socket.socket()
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind((HOST, port))
                listener.listen()
            except OSError:
                listener.close()
                if not port:
                    raise
            else:
                return listener
        raise AssertionError  # the second one is taken or has raised

    # What a connection asks

    def came(self, connection: _Connection) -> None:
        """Look who has connected before anything of it is read."""
        if len(self._connections) >= CONNECTIONS or self._tasks is None:
            connection.close()
            return
        self._connections.add(connection)
        connection.pause()
        self._tasks.create_task(self._admit(connection))

    def went(self, connection: _Connection) -> None:
        """Forget a connection."""
        self._connections.discard(connection)

    def took(self, connection: _Connection, raw: bytes) -> None:
        """Answer a request; they come one after the other."""
        assert self._programs is not None  # noqa: S101 - it listens
        request: RegistrationRequest | None = None
        try:
            request = decode_request(raw)
            name, op = self._programs.name_of(request), str(request.__struct_config__.tag)
            reply = self._programs.answer(request)
        except ProtocolError as error:
            name, op = "", error.op or "register"
            reply = _refusal(error)
        except RedactorFullError:
            name, op = "", "register"
            reply = RegisterReply(success=False, error="No token more can be kept out of sight.")
        name = name or _STRANGER
        exchange_id = self._tape.request(_frame(name, Direction.OUT, raw, op))
        framed = encode_reply(reply)
        self._tape.reply(exchange_id, _frame(name, Direction.IN, framed[_HEADER:], op))
        with contextlib.suppress(ChannelClosedError):
            connection.send(framed)

    async def _admit(self, connection: _Connection) -> None:
        """Let programs of this user in."""
        uid = await asyncio.to_thread(_uid_of, connection.peer, connection.own)
        if uid is not None and uid != os.getuid():
            if uid != _NOBODY and not self._has_told:
                self._has_told = True  # once: they may try as often as they like
                self._note("A program of another user tried to register, and was turned away.")
            connection.close()
        else:
            connection.resume()


class _Connection(Frames):
    """A program's connection."""

    def __init__(self, registration: Registration) -> None:
        super().__init__(
            lambda raw: registration.took(self, raw),
            on_invalid=lambda _: self.close(),
            on_closed=lambda _: registration.went(self),
            limit_bytes=FRAME_BYTES,
            backlog_limit_bytes=FRAME_BYTES,
        )
        self._registration = registration
        self.peer = self.own = ("", 0)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take note of both ends."""
        super().connection_made(transport)
        self.peer = transport.get_extra_info("peername") or self.peer
        self.own = transport.get_extra_info("sockname") or self.own
        self._registration.came(self)


def _refusal(error: ProtocolError) -> RegistrationReply:
    """Return what is answered to what is no request, in the form that its sender waits for."""
    said = str(error)
    match error.op:
        case "register":
            return RegisterReply(success=False, error=said)
        case "heartbeat":
            return BeatReply(success=False, status=HealthStatus.UNHEALTHY, error=said)
        case "capabilities":
            return AdvertiseReply(success=False, error=said)
        case "unregister":
            return UnregisterReply(success=False, error=said)
        case _:
            return UnknownReply()


def _frame(name: str, direction: Direction, raw: bytes, op: str) -> Frame:
    return Frame(name, name, Channel.TCP, direction, raw, op, Kind.REQUEST)


def _token_name(name: str) -> str:
    return f"{name} registration token"


def _new_token(name: str) -> str:
    token = secrets.token_hex(32)
    redactor.add(_token_name(name), token)
    return token


def _uid_of(near: tuple[str, int], far: tuple[str, int]) -> int | None:
    """Return whose the connection's other end is: `_NOBODY` where it has ended already.

    None where the system does not tell.
    """
    found: int | None = None
    for place, before in _SOCKETS:
        try:
            lines = place.read_text("ascii").splitlines()[1:]
        except OSError:
            continue
        ends = [before + _written(near), before + _written(far)]
        found = next(
            (int(entry[7]) for entry in map(str.split, lines) if entry[1:3] == ends), _NOBODY
        )
        if found != _NOBODY:
            break
    return found


def _written(end: tuple[str, int]) -> str:
    """Return an address as Linux writes it: hex in the machine's order, and the port."""
    try:
        number = struct.unpack("=I", socket.inet_aton(end[0]))[0]
    except OSError:
        return ""
    return f"{number:08X}:{end[1]:04X}"
