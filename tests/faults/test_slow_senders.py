"""Senders that are slow, or say nothing: they cost a place for a while and keep nobody out."""

from __future__ import annotations

import contextlib
import os
import time
from typing import TYPE_CHECKING

import pytest
from tests.faults.lab import PATH, PATIENCE_S, engine, post, rest, statuses, until

if TYPE_CHECKING:
    import socket

    from tests.faults.lab import Lab

SILENT = int(os.environ.get("KIKET_TORTURE_SILENT", "600"))
DEADLINE_S = 12.0 if SILENT < 1000 else 20.0
PROMPT_S = DEADLINE_S / 2
"""What a good delivery may take while others misbehave: it waits for no deadline of theirs."""


PIECES = 60


def drip(lab: Lab, start: bytes, piece: bytes) -> tuple[list[int], float]:
    """Send *start*, then a piece every 50 ms; return the answer's status and when it came.

    Not more pieces than any request may have: a machine that stands still would let it have more.
    """
    began_s = time.monotonic()
    with lab.connect() as connection:
        connection.sendall(start)
        connection.settimeout(0.05)
        first = b""
        for _ in range(PIECES):
            with contextlib.suppress(TimeoutError):
                first = connection.recv(65536)
                break
            with contextlib.suppress(ConnectionError):  # it may be over by now
                connection.sendall(piece)
        connection.settimeout(PATIENCE_S)
        first = first or connection.recv(65536)
        took_s = time.monotonic() - began_s
        return statuses(first + rest(connection)), took_s


HEAD = f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\n".encode()


@pytest.mark.parametrize(
    ("start", "piece", "limit_s"),
    [
        (b"", b"", 0.5),
        (b"P", b"", 0.5),
        (HEAD, b"X-A: b\r\n", 0.5),
        (HEAD + b"X-A: ", b"b", 0.5),
        (b"\r\n", b"\r\n", 0.5),
        (HEAD + b"Content-Length: 10000\r\n\r\n", b"x", 0.7),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n", 0.7),
        (HEAD + b"Content-Length: 9\r\n\r\nabc", b"", 0.7),
    ],
    ids=["silent", "one byte", "headers", "value", "line ends", "body", "chunks", "body stops"],
)
def test_a_slow_request_is_refused_when_its_time_is_over(
    hasty: Lab, start: bytes, piece: bytes, limit_s: float
) -> None:
    before = hasty.calls()
    status, took_s = drip(hasty, start, piece)
    assert status == [408]
    assert limit_s * 0.9 < took_s
    assert hasty.calls() == before


def silent(lab: Lab, stack: contextlib.ExitStack, number: int) -> list[socket.socket]:
    """Open connections that say nothing, each with a few bytes at most."""
    held = [stack.enter_context(lab.connect()) for _ in range(number)]
    for place, connection in enumerate(held):
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall([b"", b"POST /web", HEAD][place % 3])
    return held


def test_silent_senders_keep_nobody_out() -> None:
    """From the 513th on they are refused, the oldest first; a delivery goes through at once."""
    with engine(header_deadline_s=DEADLINE_S) as lab, contextlib.ExitStack() as stack:
        held = silent(lab, stack, SILENT)
        during = sorted(lab.deliver() for _ in range(20))
        assert lab.status()["exchanges"] >= 20
        answers = [statuses(rest(connection)) for connection in held]
        after = sorted(lab.deliver() for _ in range(20))
        print(
            f"{SILENT} silent: during {during[10] * 1e3:.1f}, {during[-1] * 1e3:.1f} ms;"
            f" after {after[10] * 1e3:.1f}, {after[-1] * 1e3:.1f} ms;"
            f" 408 {answers.count([408])}, 503 {answers.count([503])}, cut {answers.count([])}"
        )
        assert answers.count([408]) <= 512
        assert answers.count([503]) >= 88
        assert answers.count([503]) + answers.count([408]) + answers.count([]) == SILENT
        assert SILENT > 640 or answers.count([]) == 0
    assert during[10] < PROMPT_S
    assert after[10] < PROMPT_S


def test_with_256_descriptors_store_and_control_have_theirs() -> None:
    """A thousand silent connections to both ports: what is served goes on, nothing runs out."""
    with (
        engine(descriptors=256, header_deadline_s=DEADLINE_S) as lab,
        contextlib.ExitStack() as stack,
    ):
        for _ in range(5):
            silent(lab, stack, 100)
            for _ in range(100):
                stack.enter_context(lab.connect(lab.platform))
            assert lab.descriptors() <= 256 - 32
            lab.deliver()
        assert lab.status()["exchanges"] >= 5
        call = lab.send(post(path="/api/v1/ext/telemetry", body=b"{}"), lab.platform)
        assert statuses(call) == [204]


WORDY = """\
async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    headers = [(b"content-length", b"60000")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"x" * 60000})
"""


def test_a_sender_that_does_not_read_is_not_served_on() -> None:
    """Answers wait for it in bounded memory; so do the requests that it goes on sending."""
    files = {"main.py": WORDY, "extension.yaml": "id: sample\nversion: '1.0'\n"}
    piped = HEAD + b"Content-Length: 2\r\n\r\n{}"
    with engine(project_files=files) as wordy, wordy.connect() as connection:
        until(lambda: statuses(wordy.send(post(body=b"{}"))) == [200], "the worker serves")
        before, rows = wordy.memory_bytes(), wordy.rows()
        connection.settimeout(0.5)
        with contextlib.suppress(TimeoutError):
            for _ in range(1000):
                connection.sendall(piped)
        served = -1
        while wordy.rows() != served:  # until nothing more is served to it
            served = wordy.rows()
            for _ in range(50):
                assert statuses(wordy.send(post(path="/health").replace(b"POST", b"GET"))) == [200]
                time.sleep(0.01)
        # Of a thousand answers some fit into the buffers of both systems, most do not.
        assert served - rows < 300
        assert wordy.memory_bytes() - before < 16 * 1024 * 1024
        connection.settimeout(PATIENCE_S)
        assert len(connection.recv(65536)) > 0
