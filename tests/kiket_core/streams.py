"""Streams of bytes that are nearly HTTP, and how another strict reader takes them."""

from __future__ import annotations

import contextlib
import itertools
import os
from typing import TYPE_CHECKING, NamedTuple

import h11
from hypothesis import strategies as st
from tests.kiket_core.forms import statuses

if TYPE_CHECKING:
    import socket

EXAMPLES = int(os.environ.get("KIKET_TORTURE_EXAMPLES", "60"))
"""How many streams a test sends."""

QUIET_S = 0.02
"""After so long without a byte, nothing more is expected."""


class Request(NamedTuple):
    """One request as a reader understood it."""

    method: str
    target: str
    body: bytes


_line_ends = st.sampled_from([b"\r\n"] * 60 + [b"\n", b"\r", b"\r\r\n", b" \r\n", b"\0\r\n"])
_names = st.sampled_from(
    [
        *(b"Host", b"host", b"X-A", b"Content-Length", b"content-length", b"Content_Length"),
        *(b"Transfer-Encoding", b"Transfer-Encoding ", b" Transfer-Encoding", b"Connection"),
        *(b"Expect", b"Upgrade", b"Origin", b"X-Kiket-Signature", b"Trailer", b"TE", b""),
    ]
)
_values = st.sampled_from(
    [
        *(b"localhost", b"0", b"5", b"+5", b"5, 5", b"0x5", b"5 ", b"1e1", b"-1", b"chunked"),
        *(b"chunked, identity", b"identity", b"xchunked", b"\x0bchunked", b"close", b"keep-alive"),
        *(b"100-continue", b"h2c", b"null", b"a\tb", b"a\rb", b"\xff", b"", b"9" * 20),
    ]
)
_chunk_sizes = st.sampled_from(
    [b"%x", b"%X", b"0%x", b"%x;a=b", b'%x;a="\r\n"', b"%x ", b"0x%x", b"-%x", b"%x\t", b"%xg"]
)
_smuggled = b"GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"
_bodies = st.one_of(st.just(b""), st.just(b"hello"), st.just(_smuggled), st.binary(max_size=20))


@st.composite
def _chunked(draw: st.DrawFn, body: bytes) -> bytes:
    middle = draw(st.integers(0, len(body)))
    raw = b""
    for piece in (body[:middle], body[middle:]):
        if piece:
            size = draw(st.one_of(st.just(b"%x"), st.just(b"%x"), _chunk_sizes)) % len(piece)
            raw += size + draw(_line_ends) + piece + draw(_line_ends)
    trailer = draw(st.sampled_from([b""] * 5 + [b"X-T: 1\r\n", b"Content-Length: 3\r\n"]))
    return raw + b"0" + draw(_line_ends) + trailer + draw(_line_ends)


@st.composite
def _requests(draw: st.DrawFn) -> bytes:
    end = draw(_line_ends)
    method = draw(st.sampled_from([b"POST"] * 30 + [b"GET", b"HEAD", b"PUT", b"get", b"P OST"]))
    target = draw(st.sampled_from([b"/webhooks/count.me"] * 30 + [b"/a?b=c", b"//", b"*", b"/%00"]))
    version = draw(
        st.sampled_from([b"HTTP/1.1"] * 40 + [b"HTTP/1.0", b"HTTP/1.2", b"HTTP/0.9", b""])
    )
    body = draw(_bodies)
    headers = [(b"Host", b"localhost")] if draw(st.integers(0, 30)) else []
    headers += draw(
        st.lists(st.tuples(_names, _values), max_size=draw(st.sampled_from([0, 0, 0, 1, 2])))
    )
    framing = draw(st.sampled_from(["length"] * 8 + ["chunked"] * 8 + ["wrong", "both", "none"]))
    if framing in {"length", "both"}:
        headers.append((b"Content-Length", b"%d" % len(body)))
    if framing == "wrong":
        headers.append((b"Content-Length", b"%d" % draw(st.integers(0, 60))))
    if framing in {"chunked", "both"}:
        headers.append((b"Transfer-Encoding", b"chunked"))
        body = draw(_chunked(body))
    colon = draw(st.sampled_from([b": "] * 40 + [b":", b" : ", b""]))
    lines = [b" ".join((method, target, version)), *(colon.join(pair) for pair in headers), b""]
    return b"".join(line + (end if draw(st.booleans()) else b"\r\n") for line in lines) + body


@st.composite
def streams(draw: st.DrawFn) -> list[bytes]:
    """Draw what one sender sends on one connection, cut into writes."""
    raw = bytearray(b"".join(draw(st.lists(_requests(), min_size=1, max_size=3))))
    for _ in range(draw(st.sampled_from([0, 0, 0, 0, 1, 2]))):
        place = draw(st.integers(0, len(raw)))
        raw[place : place + draw(st.integers(0, 3))] = draw(st.binary(max_size=3))
    places = sorted(draw(st.lists(st.integers(0, len(raw)), max_size=4)))
    edges = [0, *places, len(raw)]
    return [bytes(raw[start:stop]) for start, stop in itertools.pairwise(edges)]


def sent(connection: socket.socket, pieces: list[bytes]) -> bytes:
    """Send the pieces; return all that comes until the server closes or falls silent."""
    raw = bytearray()
    with connection, contextlib.suppress(BrokenPipeError, ConnectionResetError):
        for piece in pieces:
            connection.sendall(piece)
        connection.settimeout(QUIET_S)
        with contextlib.suppress(TimeoutError):
            while piece := connection.recv(65536):
                raw += piece
    return bytes(raw)


def check_answers(raw: bytes) -> None:
    """Fail unless each answer is sound, no failure of the server's, and a refusal is the last."""
    answers = [b"HTTP/1.1 " + each for each in raw.split(b"HTTP/1.1 ")[1:]]
    finals = [each for each in answers if statuses(each) != [100]]
    assert not [each for each in finals if statuses(each)[0] in {500, 502, 503, 504}], raw
    refusals = [each for each in finals if statuses(each)[0] in {400, 408, 413, 414, 421, 431, 505}]
    assert all(b"\r\nconnection: close\r\n" in each.lower() for each in refusals), raw
    closing = [b"\r\nconnection: close\r\n" in each.lower() for each in finals]
    assert not any(closing[:-1]), raw


def as_another_reader(raw: bytes) -> tuple[list[Request], bool]:
    """Return the requests that h11 finds, and whether it gave up on what follows."""
    reader = h11.Connection(h11.SERVER, max_incomplete_event_size=100_000)
    reader.receive_data(raw)
    found: list[Request] = []
    head: h11.Request | None = None
    body = bytearray()
    while True:
        try:
            event = reader.next_event()
        except h11.RemoteProtocolError:
            return found, True
        if isinstance(event, h11.Request):
            head = event
            body.clear()
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage):
            assert head is not None
            found.append(Request(head.method.decode(), head.target.decode("latin-1"), bytes(body)))
            reader.send(h11.Response(status_code=200, headers=[("content-length", "0")]))
            reader.send(h11.EndOfMessage())
            if reader.states[h11.CLIENT] is not h11.DONE:
                return found, True
            reader.start_next_cycle()
        else:
            return found, event is not h11.NEED_DATA


def check_agreement(served: list[Request], raw: bytes) -> None:
    """Fail when the requests served are others than another strict reader finds in the bytes.

    The other may have given up earlier: then it would have refused what was served here.
    """
    found, gave_up = as_another_reader(raw)
    both = min(len(served), len(found))
    assert served[:both] == found[:both], raw
    assert len(served) <= len(found) or gave_up, raw
