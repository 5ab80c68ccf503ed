"""A WebSocket to a module, by way of `/m/{module}/…`: bytes pass as they come, both ways.

An answer that is a stream of events passes likewise, one way.

    sender ── Near ── Far ── the module's own server

The request and its answer are taken down, what is said afterwards is not. Whichever side ends, or
reads no more, the other one is told.
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

from kiket_console.engine.asgi import JSON_TYPE, error_body
from kiket_console.engine.forward import CONNECT_S
from kiket_console.engine.headers import from_own_page, request_head, value_of
from kiket_console.engine.link import HEAD_BYTES, Answer
from kiket_console.engine.ports import Target
from kiket_console.model import State

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from kiket_console.engine.orchestrator.gateway import Visit
    from kiket_console.engine.orchestrator.ports import Peer

_STATUS: Final = re.compile(rb"HTTP/1\.1 (\d{3})[ \r]")
_END: Final = b"\r\n\r\n"
_UPGRADED: Final = 101


class Leading(Protocol):
    """Find the way to a module, and take down who went it: the gateway's."""

    @property
    def timeout_s(self) -> float:
        """How long a module may take to answer."""
        ...

    def take(self, visit: Visit) -> Awaitable[Answer]:
        """Return the whole answer to a request."""
        ...

    def way(self, visit: Visit) -> Awaitable[Peer | Answer]:
        """Return the start that a request is for, or the answer to one that is for none."""
        ...

    def took(self, visit: Visit, peer: Peer) -> None:
        """Take down that a request goes to *peer*."""
        ...

    def ended(self, visit: Visit, state: State, status: int | None, error: str = "") -> None:
        """Take down what was answered to it."""
        ...


class Near(asyncio.Protocol):
    """The sender's side, which the connection's transport is given to."""

    def __init__(self, transport: asyncio.Transport, connections: set[Any]) -> None:
        self._transport = transport
        self._far: Far | None = None
        self._connections = connections
        self.ended = asyncio.Event()
        connections.add(self)  # the server waits for those that are there, and ends them

    def shutdown(self) -> None:
        """End with the server (uvicorn's name for it)."""
        self.close()

    def data_received(self, data: bytes) -> None:
        """Pass on what the sender says; before the module has agreed it may say nothing."""
        if self._far is None or not self._far.hears:
            self.close()
        else:
            self._far.write(data)

    def pause_writing(self) -> None:
        """Let the module wait for a slow sender."""
        if self._far is not None:
            self._far.pause()

    def resume_writing(self) -> None:
        """Let the module go on."""
        if self._far is not None:
            self._far.resume()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the module that the sender has gone."""
        del exc
        self._connections.discard(self)
        self.ended.set()
        if self._far is not None:
            self._far.close()

    def join(self, far: Far, raw_head: bytes) -> None:
        """Pass bytes both ways from now on; *raw_head* is what the module has agreed with."""
        self._far = far
        self.write(raw_head)

    def refuse(self, answer: Answer) -> None:
        """Answer that there is no WebSocket, and hang up."""
        if not self._transport.is_closing():
            lines = [f"HTTP/1.1 {answer.status} X", f"content-length: {len(answer.raw_body)}"]
            lines += [f"{name}: {value}" for name, value in answer.headers]
            head = "\r\n".join([*lines, "connection: close", "", ""])
            self._transport.write(head.encode("latin-1") + answer.raw_body)
        self._transport.close()

    def write(self, data: bytes) -> None:
        """Send the sender something."""
        if not self._transport.is_closing():
            self._transport.write(data)

    def pause(self) -> None:
        """Let the sender wait for a slow module."""
        if not self._transport.is_closing():
            self._transport.pause_reading()

    def resume(self) -> None:
        """Let the sender go on."""
        if not self._transport.is_closing():
            self._transport.resume_reading()

    def close(self) -> None:
        """Hang up, once what was said has gone out."""
        self._transport.close()


class Far(asyncio.Protocol):
    """The module's side."""

    def __init__(self, near: Near, *, is_stream: bool) -> None:
        self._near = near
        self.hears = not is_stream
        """Whether the sender may say more than its request."""
        self._head = bytearray()
        self._transport: asyncio.Transport | None = None
        self._is_joined = False
        self.agreed: asyncio.Future[tuple[int, bytes]] = asyncio.get_running_loop().create_future()
        """The status that the module answers with, and all that has come with it."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Read the answer's head; from then on pass on what the module says."""
        if self._is_joined:
            self._near.write(data)
            return
        self._head += data
        if _END not in self._head and len(self._head) <= HEAD_BYTES:
            return
        found = _STATUS.match(self._head)
        if found is None or _END not in self._head:
            self._fail("answered something that is not HTTP.")
        elif not self.agreed.done():
            self.agreed.set_result((int(found[1]), bytes(self._head)))
            self._is_joined = int(found[1]) == _UPGRADED or not self.hears
            if self._is_joined:
                self._near.join(self, bytes(self._head))

    def pause_writing(self) -> None:
        """Let the sender wait for a slow module."""
        self._near.pause()

    def resume_writing(self) -> None:
        """Let the sender go on."""
        self._near.resume()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the sender that the module has gone."""
        del exc
        self._fail("closed the connection before it answered.")
        if self._is_joined:
            self._near.close()

    def write(self, data: bytes) -> None:
        """Send the module something."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def pause(self) -> None:
        """Let the module wait for a slow sender."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def resume(self) -> None:
        """Let the module go on."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def close(self) -> None:
        """Hang up, once what was said has gone out."""
        if self._transport is not None:
            self._transport.close()

    def _fail(self, why: str) -> None:
        if not self.agreed.done():
            self.agreed.set_exception(ConnectionError(why))
            self.agreed.exception()  # nobody need wait for it any more


async def carry(leading: Leading, visit: Visit, near: Near, *, is_stream: bool = False) -> None:
    """Connect a sender with the module that a request asks for, until one of them ends.

    For a WebSocket, or where *is_stream* for an answer that is passed on as it comes.
    """
    peer = await leading.way(visit)
    if isinstance(peer, Answer):
        near.refuse(peer)
        return
    if peer.address is None and is_stream:
        near.refuse(await leading.take(visit))
        return
    if peer.address is None:
        near.refuse(_refusal(501, f"{peer.label} serves no port, so it takes no WebSockets."))
        return
    leading.took(visit, peer)
    far = Far(near, is_stream=is_stream)
    try:
        status, raw_head = await _agreed(far, visit, peer, peer.address, leading.timeout_s)
    except (OSError, ValueError) as error:  # TimeoutError and ConnectionError are OSErrors
        said = str(error) or f"did not answer within {leading.timeout_s:g} s."
        said = f"{peer.label} {said}"
        leading.ended(visit, State.FAILED, 502, said)
        far.close()
        near.refuse(_refusal(502, said))
        return
    leading.ended(visit, State.FORWARDED, status)
    if status != _UPGRADED and not is_stream:
        del raw_head
        far.close()
        near.refuse(_refusal(status, f"{peer.label} takes no WebSocket there: it says {status}."))
        return
    try:
        await near.ended.wait()
    finally:
        far.close()


async def _agreed(
    far: Far, visit: Visit, peer: Peer, address: tuple[str, int], timeout_s: float
) -> tuple[int, bytes]:
    """Ask the module for a WebSocket; raises OSError, and ValueError for what HTTP cannot carry."""
    ip, port = address
    host = Target(peer.name, peer.label, port=port, ip=ip).host
    head = request_head(
        visit.method,
        visit.path,
        from_own_page(visit.headers, host),
        host=host,
        length=0,
        traceparent=value_of(visit.headers, "traceparent"),
        sender=visit.sender,
    )
    wish = (
        b"\r\nconnection: " + (b"Upgrade\r\nupgrade: websocket" if far.hears else b"close") + _END
    )
    raw = head.replace(b"\r\ncontent-length: 0", b"", 1).removesuffix(_END) + wish
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(CONNECT_S):
            await loop.create_connection(lambda: far, ip, port)
    except OSError as error:
        raise ConnectionError("did not accept the connection.") from error
    far.write(raw)
    async with asyncio.timeout(timeout_s):
        return await far.agreed


def _refusal(status: int, sentence: str) -> Answer:
    return Answer(status if 400 <= status < 600 else 502, JSON_TYPE, error_body(sentence))
