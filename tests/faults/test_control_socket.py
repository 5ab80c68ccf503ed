"""The control socket has limits too: a client of ours can be broken, or speak for an enemy."""

from __future__ import annotations

import contextlib
import json
import socket
from typing import TYPE_CHECKING

import pytest
from tests.faults.lab import PATIENCE_S, post, rest, statuses
from tests.kiket_core import forms

if TYPE_CHECKING:
    from tests.faults.lab import Lab

MANY = 120
"""More connections than the socket takes."""
MEBIBYTE = b"100000\r\n" + b"x" * 0x100000 + b"\r\n"
"""As a chunk."""


def dial(lab: Lab) -> socket.socket:
    """Connect to the control socket."""
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(PATIENCE_S)
    connection.connect(str(lab.paths.control_socket))
    return connection


def ask(lab: Lab, raw: bytes) -> bytes:
    """Send bytes to the control socket; return all that comes."""
    with dial(lab) as connection:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(raw)
        return rest(connection)


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (forms.post("Content-Length: 9000000", path="/v1/trigger"), 413),
        (forms.chunked(MEBIBYTE * 9, path="/v1/trigger"), 413),
        (forms.get("/v1/status", *["X-A: b"] * 10_000), 431),
        (forms.get("/v1/status", f"X-A: {'b' * 1_000_000}"), 431),
        (forms.get(f"/v1/{'a' * 100_000}"), 414),
        (forms.get("/v1/status", "Host: again"), 400),
        (forms.post("Content-Length: 2", "Transfer-Encoding: chunked", path="/v1/stop"), 400),
        (forms.get("/v1/status", "Origin: https://evil.example"), 403),
        (b"GET / HTTP/0.9\r\n\r\n", 505),
        (b"\x16\x03\x01", 400),
    ],
    ids=[
        "declared body",
        "endless body",
        "headers",
        "header",
        "target",
        "hosts",
        "length and chunks",
        "page",
        "old",
        "TLS",
    ],
)
def test_what_is_hostile_or_too_large_is_refused(lab: Lab, raw: bytes, status: int) -> None:
    answer = ask(lab, raw)
    assert statuses(answer) == [status]
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]


def test_those_who_only_connect_keep_no_client_out(lab: Lab) -> None:
    before = lab.descriptors()
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(dial(lab)) for _ in range(MANY)]
        assert lab.descriptors() < before + MANY // 2 + 5
        answer = ask(lab, post(path="/v1/status").replace(b"POST", b"GET", 1))
        assert statuses(answer) == [200]
        assert lab.status()["pid"] == lab.process.pid
        assert len(held) == MANY


def test_a_listener_that_does_not_read_costs_nobody_else(lab: Lab) -> None:
    """Its stream of notices is merged; deliveries and other clients go on."""
    request = forms.get("/v1/notices")
    with contextlib.ExitStack() as stack:
        for _ in range(20):
            stack.enter_context(dial(lab)).sendall(request)
        for _ in range(100):
            lab.deliver()
        assert lab.status()["pid"] == lab.process.pid
