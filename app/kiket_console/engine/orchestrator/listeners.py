"""The listeners of one module: nobody else's connection is ever on them.

A module of another SDK does not say who it is, so that each has a TCP port and a Unix socket of its
own (pywatt wire specification §0.3). One connection is in use at a time; a newer one that is
admitted takes the place of the older.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from typing import TYPE_CHECKING, Final

from kiket_console.engine.orchestrator import admission
from kiket_console.engine.orchestrator.heartbeats import Heartbeats
from kiket_console.engine.private_socket import bind_private
from kiket_console.module_facts import ModuleChannel
from pywatt_sdk import _protocol as p
from pywatt_sdk._channels import Frames, Invalid

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from pathlib import Path
    from typing import Any, Protocol

    from kiket_console.ipc import Channel

    class Host(Protocol):
        """Whose listener it is."""

        @property
        def is_ours(self) -> bool:
            """Whether it said that it is built with our SDK, and so can prove who it is."""
            ...

        def spawn(self, work: Coroutine[Any, Any, None]) -> None:
            """Run *work* until its end or the session's."""
            ...

        def take(self, raw: bytes, door: Door) -> None:
            """Take a message that came over an admitted connection."""
            ...

        def take_invalid(self, invalid: Invalid, channel: Channel) -> None:
            """Take note of what came and was no message."""
            ...

        def beat(self, door: Door) -> None:
            """Send a heartbeat."""
            ...

        def changed(self) -> None:
            """Take note that a connection came, went, or answers otherwise than before."""
            ...

        def note(self, level: str, sentence: str) -> None:
            """Tell the module's developer something."""
            ...


LOOPBACK: Final = "127.0.0.1"
MOST_PROVING: Final = 4
"""Connections that are not admitted yet; further ones are closed."""
PROOF_BYTES: Final = 4096
"""What a connection may send as its first message, before it is known whose it is."""
_TOLD: Final = frozenset({1, 10, 100, 1_000, 10_000})
"""Which of many refusals are told."""


class _Connection(Frames):
    """A connection, from its acceptance; what it sends before it is admitted is a proof alone."""

    def __init__(self, door: Door, limit_bytes: int) -> None:
        super().__init__(
            self._took,
            on_invalid=self._took_invalid,
            on_closed=lambda fault: door.lost(self, fault),
            limit_bytes=limit_bytes,
            backlog_limit_bytes=2 * limit_bytes,
        )
        self.is_admitted = False
        self.proof: asyncio.Future[p.Identify] | None = None
        self._door = door
        self._early = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Read nothing of it before it is known whose it is."""
        super().connection_made(transport)
        self.pause()
        self._door.came(self, transport)

    def data_received(self, data: bytes) -> None:
        """Take what was read; a stranger has no room for more than a proof."""
        if self._is_paused and self._reader is not None:  # uvloop begins to read all the same
            self._early += data
            self._reader.pause_reading()
            return
        super().data_received(data)
        is_unproven = self.proof is not None and not self.proof.done()
        if is_unproven and self._frames.held_bytes > PROOF_BYTES:
            self.abort()

    def resume(self) -> None:
        """Take messages, first what came before it was known whose it is."""
        super().resume()
        early, self._early = self._early, b""
        if early:
            self.data_received(early)

    def _took_invalid(self, invalid: Invalid) -> None:
        if self.is_admitted:  # else it is not the module's
            self._door.host.take_invalid(invalid, self._door.channel)

    def _took(self, raw: bytes) -> None:
        if self.is_admitted:
            self._door.host.take(raw, self._door)
        elif self.proof is not None and not self.proof.done():
            try:
                message: p.ToOrchestrator | None = p.decode_to_orchestrator(raw)
            except p.ProtocolError:
                message = None
            if isinstance(message, p.Identify):
                self.proof.set_result(message)
            else:
                self.proof.set_exception(ConnectionRefusedError("it sent something else first"))
            self.pause()  # until it is admitted


class Door:
    """One listener of a module and the connection that came through it, on *channel*."""

    def __init__(
        self,
        host: Host,
        channel: Channel,
        *,
        module_id: str,
        token: str,
        root: Callable[[], int | None],
        limit_bytes: int,
        beat_s: float,
    ) -> None:
        self.host = host
        self.channel = channel
        self.hearts = Heartbeats(lambda: host.beat(self), host.changed, every_s=beat_s)
        self._module_id = module_id
        self._token = token
        self._root = root
        self._limit_bytes = limit_bytes
        self._server: asyncio.Server | None = None
        self._place: Path | None = None
        self._admitted: _Connection | None = None
        self._proving: set[_Connection] = set()
        self._refused = 0
        self._state = "closed"
        self._since_us = 0

    @property
    def connection(self) -> Frames | None:
        """The connection in use, None when there is none."""
        return self._admitted

    @property
    def fact(self) -> ModuleChannel:
        """How it is, for a person."""
        return ModuleChannel(self.channel, self._state, self._since_us)

    async def open_tcp(self) -> p.TcpOffer:
        """Listen on a free port of loopback's; raises OSError."""
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            listener.bind((LOOPBACK, 0))
            self._server = await asyncio.get_running_loop().create_server(
                self._connection, sock=listener, backlog=MOST_PROVING
            )
        except BaseException:
            listener.close()
            raise
        self._is("listening")
        port = listener.getsockname()[1]
        return p.TcpOffer(f"{LOOPBACK}:{port}", tls_enabled=False, required=False)

    async def open_uds(self, place: Path) -> p.UdsOffer:
        """Listen on a Unix socket at *place*; raises `ConsoleError`, OSError."""
        listener = bind_private(place)
        try:
            self._server = await asyncio.get_running_loop().create_unix_server(
                self._connection, sock=listener, backlog=MOST_PROVING
            )
        except BaseException:
            listener.close()
            raise
        self._place = place
        self._is("listening")
        return p.UdsOffer(str(place), required=False)

    def close(self) -> None:
        """Close the listener and every connection."""
        self.hearts.stop()
        if self._server is not None:
            self._server.close()
            self._server = None
        for connection in [*self._proving, *filter(None, [self._admitted])]:
            connection.close()
        if self._place is not None:
            with contextlib.suppress(OSError):
                self._place.unlink()
        self._is("closed")

    def came(self, connection: _Connection, transport: asyncio.BaseTransport) -> None:
        """Find out whose a new connection is."""
        if len(self._proving) >= MOST_PROVING or self._server is None:
            connection.close()
            return
        self._proving.add(connection)
        self.host.spawn(self._judge(connection, transport))

    def lost(self, connection: _Connection, fault: Exception | None) -> None:
        """Take note that a connection has ended."""
        self._proving.discard(connection)
        if connection.proof is not None and not connection.proof.done():
            connection.proof.set_exception(ConnectionRefusedError("it closed the connection"))
            connection.proof.exception()  # nobody need wait for it yet
        if self._admitted is connection:
            self._admitted = None
            self.hearts.stop()
            self._is(f"closed: {str(fault).rstrip('.')}" if fault else "closed")
            self.host.changed()

    def _connection(self) -> _Connection:
        return _Connection(self, self._limit_bytes)

    async def _judge(self, connection: _Connection, transport: asyncio.BaseTransport) -> None:
        refusal = await self._refusal(connection, transport)  # at the session's end it is cancelled
        was_there = connection in self._proving
        self._proving.discard(connection)
        if refusal:
            connection.close()
            self._refused += 1
            if self._refused in _TOLD:
                times = f" ({self._refused:,} by now)" if self._refused > 1 else ""
                said = f"A connection to its {self.channel} channel was refused: {refusal}{times}."
                self.host.note("WARNING", said)
        elif was_there:
            self._admit(connection)

    async def _refusal(self, connection: _Connection, transport: asyncio.BaseTransport) -> str:
        """Return why a connection is not the module's; empty when it is."""
        if not self.host.is_ours:
            try:
                who = admission.stranger(transport)
            except OSError:
                return "it has ended already"
            is_known = await asyncio.to_thread(admission.is_of_tree, who, self._root())
            if not self.host.is_ours:  # its first line may have come meanwhile
                if is_known and not admission.IS_KNOWABLE:
                    said = "was accepted: it cannot be told here which process it comes from"
                    self.host.note("INFO", f"A connection to its {self.channel} channel {said}.")
                return "" if is_known else "it comes from another process"
        nonce = admission.new_nonce()
        connection.proof = asyncio.get_running_loop().create_future()
        try:
            connection.send(p.encode_frame(p.Challenge(nonce), to="module"))
            connection.resume()
            async with asyncio.timeout(admission.PROOF_LIMIT_S):
                given = await connection.proof
        except TimeoutError:
            return f"it proved nothing within {admission.PROOF_LIMIT_S:g} s"
        except ConnectionError as error:
            return str(error).rstrip(".")
        is_its = given.module_id == self._module_id and admission.is_proof(
            given.proof, self._token, nonce, self._module_id
        )
        return "" if is_its else "its proof is wrong"

    def _admit(self, connection: _Connection) -> None:
        earlier, self._admitted = self._admitted, connection
        if earlier is not None:
            self.hearts.stop()
            earlier.close()
        connection.is_admitted = True
        self._is("connected")
        connection.resume()
        self.hearts.start()
        self.host.changed()

    def _is(self, state: str) -> None:
        self._state = state
        self._since_us = time.time_ns() // 1000
