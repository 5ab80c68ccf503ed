"""A module's log lines are read as records; what is none stays as it is."""

from __future__ import annotations

import json

import pytest

from kiket_console.engine.orchestrator.log_lines import read_log_line
from kiket_console.engine.worker_messages import Line


def line(text: str, stream: str = "stderr", cut: int = 0) -> Line:
    """Return a line as it was read."""
    return Line(7, stream, text, cut)


def test_a_line_of_the_rust_sdk() -> None:
    text = json.dumps(
        {
            "timestamp": "2026-11-21T10:00:00Z",
            "level": "WARN",
            "fields": {"message": "slow", "elapsed_ms": 12, "route": "/hello"},
            "target": "my_module::api",
        }
    )
    read = read_log_line(line(text))
    assert (read.stream, read.level, read.logger) == ("log", "WARNING", "my_module::api")
    assert read.text == "slow  elapsed_ms=12  route=/hello"
    assert read.at_us == 7


def test_a_line_of_the_python_sdk_with_its_trace_and_traceback() -> None:
    record = {
        "timestamp": "2026-11-21T10:00:00Z",
        "level": "ERROR",
        "logger": "shop",
        "message": "it broke",
        "module": "main",
        "function": "hello",
        "line": 3,
        "trace_id": "0af7651916cd43dd8448eb211c80319c",
        "order": {"id": 4},
        "exception": "Traceback (most recent call last):\nValueError: no",
    }
    read = read_log_line(line(json.dumps(record)))
    assert (read.level, read.logger) == ("ERROR", "shop")
    assert read.trace_id == record["trace_id"]
    assert read.text == f'it broke  order={{"id": 4}}\n{record["exception"]}'


@pytest.mark.parametrize(
    "text",
    [
        "plain",
        "{broken",
        "{}",
        '{"level":"INFO"}',
        '{"level":"INFO","message":7}',
        '{"level":"SHOUTED","message":"x"}',
        '{"level":["INFO"],"message":"x"}',
        "[" * 100_000,
        '{"a":' * 100_000,
    ],
)
def test_what_is_no_record_stays_a_line(text: str) -> None:
    assert read_log_line(line(text)) == line(text)


def test_a_record_of_any_depth_is_read_or_stays_a_line() -> None:
    """One that can be just read is too deep to be written again."""
    for depth in range(500, 1_100, 3):
        text = f'{{"level":"INFO","message":"x","a":{"[" * depth}{"]" * depth}}}'
        assert read_log_line(line(text)).text in (text, f"x  a={'[' * depth}{']' * depth}")


def test_a_trace_that_is_none_is_left_out_and_half_a_line_is_no_record() -> None:
    text = '{"level":"info","message":"x","trace_id":"mine"}'
    assert read_log_line(line(text)).trace_id == ""
    assert read_log_line(line(text, cut=1)) == line(text, cut=1)
    assert read_log_line(line(text, "stdout")) == line(text, "stdout")
