"""Requests that two readers could read differently, or that ask too much, at a real engine."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import zlib
from typing import TYPE_CHECKING

import pytest
from tests.faults.lab import PATH, post, rest, statuses, until
from tests.kiket_core import forms

if TYPE_CHECKING:
    from tests.faults.lab import Lab

BODY_BYTES = 5 * 1024 * 1024
"""What a body may have unless a person sets it otherwise."""
REFUSED = forms.refused(BODY_BYTES)
REFUSED["web socket"] = (REFUSED["web socket"][0], 404)  # modules alone have some
SERVED = forms.served(BODY_BYTES)
SMUGGLED = post(body=b"smuggled")


def at_the_worker(raw: bytes) -> bytes:
    """Return a form as a delivery, so that whatever is let in is counted by the worker."""
    delivery = f"POST {PATH} ".encode()
    return raw.replace(b"GET / ", delivery, 1).replace(b"POST / ", delivery, 1)


@pytest.mark.parametrize("form", REFUSED)
def test_no_worker_sees_a_refused_form_or_what_follows_it(lab: Lab, form: str) -> None:
    """One answer below 500, then the end of the connection; nothing after it is read."""
    raw, status = REFUSED[form]
    before = lab.calls()
    answer = lab.send(at_the_worker(raw) + SMUGGLED)
    assert statuses(answer) == [status]
    assert status < 500 or status == 505
    assert b"access-control" not in answer.lower()
    assert lab.calls() == before


@pytest.mark.parametrize("form", SERVED)
def test_an_odd_but_sound_form_reaches_the_worker_once(lab: Lab, form: str) -> None:
    before = lab.calls()
    raw = at_the_worker(SERVED[form]).replace(b"GET /?", f"POST {PATH}?".encode())
    with lab.connect() as connection:
        connection.sendall(raw)
        answer = b""
        while not answer.endswith(b"\r\n\r\nok"):
            piece = connection.recv(65536)
            assert piece, answer
            answer += piece
    assert statuses(answer) == [200]
    assert lab.calls() == before + 1


def test_a_thousand_requests_at_once_on_one_connection_are_answered_in_order(lab: Lab) -> None:
    before = lab.calls()
    piped = [
        f"POST {PATH}?n={number} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{{}}"
        for number in range(999)
    ]
    raw = "".join(piped).encode() + post(body=b"{}", path=f"{PATH}?n=999")
    with lab.connect() as connection:
        sender = threading.Thread(target=connection.sendall, args=(raw,))
        sender.start()
        answer = rest(connection)
        sender.join()
    assert statuses(answer) == [200] * 1000
    assert lab.calls() == before + 1000
    paths = [each.path for each in lab.reader.recent(1000) if each.source == "webhook"]
    assert paths == [f"{PATH}?n={number}" for number in reversed(range(1000))]


@pytest.mark.parametrize("port", ["gateway", "platform"])
def test_a_sender_that_breaks_off_at_any_byte_leaves_nothing_behind(lab: Lab, port: str) -> None:
    """Reset after each byte of a request, and after all of it: at most that one is delivered."""
    address, path = {
        "gateway": (lab.gateway, PATH),
        "platform": (lab.platform, "/api/v1/ext/telemetry"),
    }[port]
    filler = b'{"filler":"' + b"y" * 100 + b'"}'
    raw = post("X-Filler: " + "x" * 120, path=path, body=filler)
    assert len(raw) > 290
    lab.deliver()
    before, held = lab.calls(), lab.settled_descriptors()
    for length in range(len(raw) + 1):
        connection = lab.connect(address)
        connection.sendall(raw[:length])
        # A linger of no seconds makes the close a reset.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
    until(lambda: lab.descriptors() <= held + 2, "every connection is let go")
    assert lab.calls() <= before + 1
    lab.deliver()


def test_memory_is_given_back_after_large_and_endless_requests(lab: Lab) -> None:
    """Headers, targets, bodies and chunk extensions without end cost less than 32 MiB."""
    lab.deliver()
    before = lab.memory_bytes()
    endless = [
        at_the_worker(forms.get("/", f"X-A: {'b' * 1_000_000}")),
        at_the_worker(forms.get("/", *["X-A: b"] * 10_000)),
        forms.get(f"/{'a' * 100_000}"),
        at_the_worker(forms.chunked(b"1;" + b"e" * 6_000_000)),
        at_the_worker(forms.chunked((b"1;" + b"e" * 1000 + b"\r\nx\r\n") * 6000)),
        at_the_worker(forms.post("Content-Length: 6000000", body=b"x" * 1_000_000)),
        at_the_worker(REFUSED["chunks over the limit"][0]),
    ]
    for _ in range(30):
        with contextlib.ExitStack() as stack:
            held = [stack.enter_context(lab.connect()) for _ in endless]
            for connection, raw in zip(held, endless, strict=True):
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    connection.sendall(raw)
            for connection in held:
                [status] = statuses(rest(connection))
                assert status in {413, 414, 431}
    assert lab.memory_bytes() - before < 32 * 1024 * 1024
    lab.deliver()


def test_a_compressed_body_stays_as_it_was_sent(lab: Lab) -> None:
    """64 MiB of zeros in 64 KiB: nobody inflates them, they are stored and forwarded as bytes."""
    packer = zlib.compressobj(wbits=31)
    raw_body = b"".join(packer.compress(bytes(1024 * 1024)) for _ in range(64)) + packer.flush()
    lab.deliver()
    before = lab.memory_bytes()
    assert statuses(lab.send(post("Content-Encoding: gzip", body=raw_body))) == [200]
    assert lab.memory_bytes() - before < 32 * 1024 * 1024
    assert lab.count_file.read_bytes().endswith(b"\n%d\n" % len(raw_body))
    [newest, *_] = lab.details("webhook")
    assert newest.request.body.raw == raw_body
