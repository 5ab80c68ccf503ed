"""Telemetry that is none, that is a bomb, or that is a flood: bounded memory, counted drops."""

from __future__ import annotations

import gzip
import json
import re
from typing import TYPE_CHECKING

import pytest
from tests.faults.lab import post, statuses, until
from tests.told_spans import told_spans

if TYPE_CHECKING:
    from tests.faults.lab import Lab

PROTOBUF = "Content-Type: application/x-protobuf"
GZIP = "Content-Encoding: gzip"
MIB = 1024 * 1024


def message(spans: bytes) -> bytes:
    """Return a request of OTLP with *spans*, each a field of its own."""
    scope = b"\x12" + varint(len(spans)) + spans
    return b"\x0a" + varint(len(scope)) + scope


def varint(value: int) -> bytes:
    written = b""
    while value > 127:
        written += bytes([value & 127 | 128])
        value >>= 7
    return written + bytes([value])


@pytest.mark.parametrize(
    ("raw", "headers", "status"),
    [
        pytest.param(b"\x00" * 100_000, (PROTOBUF,), 400, id="no protobuf"),
        pytest.param(
            gzip.compress(bytes(64 * MIB), mtime=0), (PROTOBUF, GZIP), 413, id="a bomb of zeros"
        ),
        pytest.param(
            gzip.compress(message(b"\x12\x00" * 150_000), mtime=0),
            (PROTOBUF, GZIP),
            200,
            id="empty spans",
        ),
        pytest.param(
            gzip.compress(b'{"resourceSpans":[' + b"{}," * 600_000 + b"{}]}", mtime=0),
            ("Content-Type: application/json", GZIP),
            400,
            id="empty objects",
        ),
    ],
)
def test_what_is_hostile_costs_no_memory_to_speak_of(
    lab: Lab, raw: bytes, headers: tuple[str, ...], status: int
) -> None:
    lab.deliver()
    before = lab.memory_bytes()

    answer = lab.send(post(*headers, path="/v1/traces", body=raw), lab.platform)

    assert statuses(answer) == [status]
    assert lab.memory_bytes() - before < 48 * MIB
    lab.deliver()


def test_a_flood_of_what_nobody_knows_is_kept_within_a_ration(lab: Lab) -> None:
    """What is left out is counted, and said."""
    told = {"event": "nobody", "duration_ms": 1, "extension_id": "nobody"}
    filler = {f"m{each}": "y" * 2000 for each in range(25)}
    raw = post(path="/api/v1/ext", body=json.dumps({**told, "metadata": filler}).encode())
    calls = lab.rows("api")

    for _ in range(60):
        assert statuses(lab.send(raw, lab.platform)) == [204]

    asked = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    dropped = re.compile(rb'kiket_dropped_total\{what="spans"\} [1-9]')
    until(lambda: dropped.search(lab.send(asked, lab.platform)), "dropped spans are counted")
    assert lab.rows("api") == calls, "none of them is an exchange"
    kept = told_spans(lab.reader)
    assert 1 < len([each for each in kept if each.name == "nobody"]) < 25
