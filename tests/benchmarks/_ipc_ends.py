"""The far ends that `ipc` measures: each reads messages and answers the requests among them.

    python _ipc_ends.py CONTENDER TRANSPORT [ADDRESS]

A request is answered with its own body; a routed message is read and that is all. Ours is what a
module runs; the others are techniques that modules could be, or have been, written with.
"""

from __future__ import annotations

import asyncio
import functools
import json
import os
import socket
import struct
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

HEADER = struct.Struct(">IB")
JSON = 1
PAYLOAD_READ = 1 << 18


# --- ours: the SDK's link, channels and protocol on the loop that a module runs on ---


def ours(transport: str, address: str) -> None:
    """Answer through a `Link` over `Lines` or `Frames`, as a module does."""
    import uvloop

    from pywatt_sdk._channels import Frames, Lines
    from pywatt_sdk._link import Link
    from pywatt_sdk._pipes import open_pipes
    from pywatt_sdk._protocol import HttpRequest, HttpResponse, RoutedModuleMessage

    def answered(request: HttpRequest) -> HttpResponse:
        return HttpResponse(request.request_id, 200, request.headers, request.body)

    async def main() -> None:
        async with Link(module_id="bench", is_ours=True) as link:
            link.on(HttpRequest, answered)
            link.on(RoutedModuleMessage, lambda _: None)
            options: Any = {
                "on_message": functools.partial(link.heard, transport),
                "on_closed": lambda _: link.detach(transport),
            }
            channel: Any = Lines(**options) if transport == "stdio" else Frames(**options)
            link.attach(transport, channel)
            if transport == "stdio":
                await open_pipes(channel, os.fdopen(0, "rb", 0), os.fdopen(1, "wb", 0))
            else:
                loop = asyncio.get_running_loop()
                await loop.create_connection(lambda: channel, sock=connected(transport, address))
            await link.closed.wait()

    uvloop.run(main())


# --- asyncio streams with the same JSON library ---


def streams(transport: str, address: str) -> None:
    """Answer through `StreamReader` and `StreamWriter`, messages as dictionaries of msgspec."""
    import msgspec

    decode, encode = msgspec.json.Decoder().decode, msgspec.json.Encoder().encode

    async def main() -> None:
        reader, writer = await opened(transport, address)
        while True:
            if transport == "stdio":
                raw = await reader.readline()
            else:
                header = await reader.read(HEADER.size)
                if header and len(header) < HEADER.size:
                    header += await reader.readexactly(HEADER.size - len(header))
                raw = await reader.readexactly(HEADER.unpack(header)[0]) if header else b""
            if not raw:
                return
            message = decode(raw)
            if message["op"] == "http_request":
                reply = encode(answer(message))
                writer.write(framed(transport, reply))
                await writer.drain()

    asyncio.run(main())


# --- what the original Python module does ---


def original(transport: str, _: str) -> None:
    """Answer as the first Python SDK: a line, `json.loads`, nested models with every op a field."""
    from pydantic import BaseModel

    class Request(BaseModel):
        request_id: str
        method: str
        uri: str
        headers: dict[str, str]
        body: bytes | None = None

    class Response(BaseModel):
        request_id: str
        status_code: int
        headers: dict[str, str]
        body: bytes | None = None

    class Routed(BaseModel):
        source_module_id: str
        original_request_id: str
        payload: dict[str, Any]

    class Inbound(BaseModel):
        op: str
        init: dict[str, Any] | None = None
        secret: dict[str, Any] | None = None
        rotated: dict[str, Any] | None = None
        http_request: Request | None = None
        port_response: dict[str, Any] | None = None
        routed_module_message: Routed | None = None
        routed_module_response: dict[str, Any] | None = None

    class Outbound(BaseModel):
        op: str
        announce: dict[str, Any] | None = None
        get_secret: dict[str, Any] | None = None
        rotation_ack: dict[str, Any] | None = None
        service_request: dict[str, Any] | None = None
        service_operation: dict[str, Any] | None = None
        http_response: Response | None = None
        port_request: dict[str, Any] | None = None
        route_to_module: dict[str, Any] | None = None

    assert transport == "stdio"

    async def main() -> None:
        reader, _ = await opened("stdio", "")
        while line := await reader.readline():
            message = Inbound(**json.loads(line.decode().strip()))
            if message.http_request is not None:
                request = message.http_request
                response = Response(
                    request_id=request.request_id,
                    status_code=200,
                    headers=request.headers,
                    body=request.body,
                )
                reply = Outbound(op="http_response", http_response=response)
                sys.stdout.write(reply.model_dump_json() + "\n")
                sys.stdout.flush()

    asyncio.run(main())


# --- the limit: no loop at all ---


def blocking(transport: str, address: str) -> None:
    """Answer from `os.readv` and `os.write`, typed in and out, a read's answers at once."""
    import msgspec

    payload = msgspec.defstruct("Payload", [("data", bytes), ("format", str)])
    body: tuple[str, Any, Any] = ("body", bytes | None, None)
    request: Any = msgspec.defstruct(
        "Request",
        [("request_id", str), ("method", str), ("uri", str), ("headers", dict[str, str]), body],
        tag_field="op",
        tag="http_request",
    )
    routed = msgspec.defstruct(
        "Routed",
        [("source_module_id", str), ("original_request_id", str), ("payload", payload)],
        tag_field="op",
        tag="routed_module_message",
    )
    response = msgspec.defstruct(
        "Response",
        [("request_id", str), ("status_code", int), ("headers", dict[str, str]), body],
        tag_field="op",
        tag="http_response",
    )
    decode: Callable[[bytes], Any] = msgspec.json.Decoder(request | routed).decode
    encode = msgspec.json.Encoder().encode
    if transport == "stdio":
        source, sink = 0, 1
    else:
        sock = connected(transport, address)
        sock.setblocking(True)
        source = sink = sock.fileno()
    rest, room = b"", bytearray(PAYLOAD_READ)  # `os.read` would map and unmap as much each time
    while size := os.readv(source, [room]):
        messages, rest = split(transport, rest + room[:size])
        replies = []
        for raw in messages:
            message = decode(raw)
            if type(message) is request:
                reply = response(message.request_id, 200, message.headers, message.body)
                replies.append(framed(transport, encode(reply)))
        write_all(sink, b"".join(replies))


# --- what they share ---


def connected(transport: str, address: str) -> socket.socket:
    """Connect to who measures."""
    if transport == "uds":
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(address)
    else:
        host, _, port = address.partition(":")
        sock = socket.create_connection((host, int(port)))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setblocking(False)
    return sock


async def opened(transport: str, address: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Open streams over the transport, limits wide enough for any message."""
    if transport != "stdio":
        return await asyncio.open_connection(sock=connected(transport, address), limit=PAYLOAD_READ)
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=PAYLOAD_READ)
    await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(0, "rb", 0)
    )
    out = os.fdopen(os.dup(1), "wb", 0)
    sending, protocol = await loop.connect_write_pipe(
        lambda: asyncio.streams.FlowControlMixin(), out
    )
    os.set_blocking(1, True)  # others of these write to it by themselves
    return reader, asyncio.StreamWriter(sending, protocol, reader, loop)


def answer(message: dict[str, Any]) -> dict[str, Any]:
    """Answer a request that is a dictionary."""
    return {
        "op": "http_response",
        "request_id": message["request_id"],
        "status_code": 200,
        "headers": message["headers"],
        "body": message["body"],
    }


def framed(transport: str, raw: bytes) -> bytes:
    """Frame a message as the transport wants it."""
    return raw + b"\n" if transport == "stdio" else HEADER.pack(len(raw), JSON) + raw


def split(transport: str, raw: bytes) -> tuple[list[bytes], bytes]:
    """Cut what was read into messages; give what is left, too."""
    if transport == "stdio":
        *lines, rest = raw.split(b"\n")
        return lines, rest
    messages, at = [], 0
    while len(raw) - at >= HEADER.size:
        end = at + HEADER.size + HEADER.unpack_from(raw, at)[0]
        if end > len(raw):
            break
        messages.append(raw[at + HEADER.size : end])
        at = end
    return messages, raw[at:]


def write_all(descriptor: int, raw: bytes | memoryview) -> None:
    """Write everything, though it may take several calls."""
    view = memoryview(raw)
    while view:
        view = view[os.write(descriptor, view) :]


CONTENDERS: dict[str, Callable[[str, str], None]] = {
    "ours": ours,
    "streams": streams,
    "original": original,
    "blocking": blocking,
}

if __name__ == "__main__":
    CONTENDERS[sys.argv[1]](sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else "")
