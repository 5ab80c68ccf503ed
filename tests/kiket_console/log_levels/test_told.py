"""A line that a logger writes as an object is told as a person reads it."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiket_console.log_levels.told import LONGEST, told

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
RAISED = "Traceback (most recent call last):\n  …\nKeyError: 'x'"

OBJECTS: dict[str, tuple[dict[str, Any], str]] = {
    "structlog": (
        {"order": 7, "event": "slow", "level": "warning", "timestamp": "2026", "logger": "shop"},
        "slow  order=7",
    ),
    "structlog with an exception": (
        {"event": "broke", "level": "error", "exception": RAISED},
        f"broke\n{RAISED}",
    ),
    "python-json-logger": (
        {"asctime": "2026", "levelname": "ERROR", "name": "shop", "message": "no"},
        "no",
    ),
    "loguru": (
        {
            "text": f"2026 | ERROR | shop:take:3 - no\n{RAISED}\n",
            "record": {
                "level": {"name": "ERROR", "no": 40},
                "name": "shop",
                "message": "no",
                "extra": {"order": 7},
                "line": 3,
            },
        },
        f"no  order=7\n{RAISED}",
    ),
    "pino": (
        {"level": 30, "time": 1, "pid": 4, "msg": "taken", "res": {"status": 200}},
        'taken  pid=4  res={"status": 200}',
    ),
    "zap": (
        {"level": "info", "ts": 1.5, "logger": "shop", "caller": "a/b.go:4", "msg": "taken"},
        "taken  caller=a/b.go:4",
    ),
    "tracing": (
        {"level": "WARN", "target": "shop::api", "fields": {"message": "slow", "ms": 12}},
        "slow  ms=12",
    ),
    "logstash": (
        {"@timestamp": "2026", "@version": "1", "message": "no", "level": "WARN"},
        "no  @version=1",
    ),
    "Monolog": (
        {"message": "no", "level": 400, "level_name": "ERROR", "channel": "shop", "extra": []},
        "no  extra=[]",
    ),
    "Google Cloud": (
        {"severity": "INFO", "message": "ok", "logging.googleapis.com/trace": f"p/{TRACE}"},
        "ok",
    ),
    "ECS": (
        {"@timestamp": "2026", "log.level": "error", "message": "no", "trace.id": TRACE},
        "no",
    ),
    "a priority that is the code's own": (
        {"level": "info", "msg": "taken", "priority": "high", "trace": "on"},
        "taken  priority=high  trace=on",
    ),
    "a name that is no logger": (
        {"level": "info", "msg": "hello", "name": "Ada Lovelace"},
        "hello  name=Ada Lovelace",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", OBJECTS)
def test_the_message_stands_before_what_is_said_nowhere_else(name: str) -> None:
    record, expected = OBJECTS[name]
    assert told(json.dumps(record)) == expected


@pytest.mark.parametrize(
    "text",
    [
        "plain",
        "{broken",
        "{}",
        '{"event":"issue.created","issue":{}}',
        '{"level":"info"}',
        '{"level":"info","msg":7}',
        '{"level":"shouted","msg":"x"}',
        '[{"level":"info","msg":"x"}]',
        '{"level":"info","msg":"x","a":' + "[" * 2_000,
        '{"a":' * 100_000,
        json.dumps({"level": "info", "msg": "x" * LONGEST}),
    ],
)
def test_anything_else_is_told_as_it_came(text: str) -> None:
    assert told(text) == text


PIECES = st.none() | st.text(max_size=9) | st.integers() | st.lists(st.integers(), max_size=2)
MEMBERS = st.dictionaries(st.sampled_from(["level", "name", "extra", "trace_id", "log"]), PIECES)


@given(MEMBERS, MEMBERS)
def test_whatever_is_logged_is_told(fields: object, loguru: object) -> None:
    assert "taken" in told(
        json.dumps({"level": "info", "msg": "taken", "fields": fields, "record": loguru})
    )


def test_a_line_that_is_no_object_costs_nothing() -> None:
    line = "an ordinary line " * 20

    def took_s() -> float:
        began_s = time.process_time()
        for _ in range(100_000):
            told(line)
        return time.process_time() - began_s

    assert any(took_s() < 0.5 for _ in range(5))  # one may have been held up
