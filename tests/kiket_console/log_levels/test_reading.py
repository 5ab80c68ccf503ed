"""Each line is one that its logger writes; what it says of itself is read, and nothing else."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiket_console.log_levels.names import NOTHING
from kiket_console.log_levels.reading import read

SLOW_S = 0.02
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"

PLAIN = {
    "basicConfig": ("WARNING:shop.orders:slow", "WARNING", "shop.orders"),
    "basicConfig of the root": ("ERROR:root:broke", "ERROR", "root"),
    "asctime - name - level": (
        "2026-11-22 05:11:38,123 - shop.orders - INFO - taken",
        *("INFO", "shop.orders"),
    ),
    "asctime - level - name": (
        "2026-11-22 05:11:38,123 - WARNING - shop.orders - slow",
        *("WARNING", "shop.orders"),
    ),
    "asctime level name: text": (
        "2026-11-22 05:11:38,123 ERROR shop.orders: no answer",
        *("ERROR", "shop.orders"),
    ),
    "asctime [level] text": ("2026-11-22 05:11:38,123 [WARNING] slow", "WARNING", ""),
    "asctime [level] name: text": (
        "2026-11-22 05:11:38,123 [ERROR] shop.orders: no",
        *("ERROR", "shop.orders"),
    ),
    "name - level - text": ("shop.orders - ERROR - no answer", "ERROR", "shop.orders"),
    "level alone": ("WARNING it is slow", "WARNING", ""),
    "bracketed": ("[ERROR] no answer", "ERROR", ""),
    "uvicorn": ('INFO:     127.0.0.1:5000 - "GET / HTTP/1.1" 200 OK', "INFO", ""),
    "uvicorn in colours": ("\x1b[32mINFO\x1b[0m:     Application startup complete.", "INFO", ""),
    "gunicorn": ("[2026-11-22 05:11:38 +0000] [123] [WARNING] Booting", "WARNING", ""),
    "loguru": (
        "2026-11-22 05:11:38.123 | SUCCESS  | shop.orders:take:12 - taken",
        *("INFO", "shop.orders"),
    ),
    "loguru in a module run as a program": (
        "2026-11-22 05:11:38.123 | ERROR    | __main__:<module>:12 - broke",
        *("ERROR", "__main__"),
    ),
    "structlog": ("2026-11-22 05:11:38 [warning  ] slow           after=3", "WARNING", ""),
    "structlog in colours": (
        "\x1b[2m2026-11-22T05:11:38Z\x1b[0m [\x1b[31m\x1b[1merror    \x1b[0m] \x1b[1mno\x1b[0m",
        *("ERROR", ""),
    ),
    "Python's warnings": ("/shop/main.py:12: DeprecationWarning: old", "WARNING", ""),
    "env_logger": (
        "[2026-11-22T05:11:38Z WARN  shop::orders] slow",
        *("WARNING", "shop::orders"),
    ),
    "tracing": (
        "2026-11-22T05:11:38.123456Z ERROR shop::orders: no answer",
        *("ERROR", "shop::orders"),
    ),
    "tracing in a span": (
        "2026-11-22T05:11:38.123456Z  INFO request{id=4 to=x}: shop::orders: taken",
        *("INFO", "shop::orders"),
    ),
    "tracing without a time": (" WARN shop::orders: slow", "WARNING", "shop::orders"),
    "a panic of Rust": ("thread 'main' panicked at src/main.rs:2:5:", "ERROR", ""),
    "a panic of Go": ("panic: assignment to entry in nil map", "CRITICAL", ""),
    "log/slog": ('time=2026-11-22T05:11:38Z level=WARN msg="slow" after=3', "WARNING", ""),
    "logfmt": ('ts=1 lvl=eror msg="no answer" logger=shop.orders', "ERROR", "shop.orders"),
    "logrus": ("WARN[0003] slow                            after=3", "WARNING", ""),
    "zap": ("2026-11-22T05:11:38.123Z\twarn\tshop\tmain.go:12\tslow", "WARNING", "shop"),
    "glog": ("E1122 05:11:38.123456   12345 main.go:12] no answer", "ERROR", ""),
    "Ruby": ("W, [2026-11-22T05:11:38.123456 #123]  WARN -- shop: slow", "WARNING", ""),
    "logback": (
        "05:11:38.123 [main] DEBUG com.shop.Orders - taken",
        *("DEBUG", "com.shop.Orders"),
    ),
    "log4j with the thread behind": (
        "2026-11-22 05:11:38,123 ERROR [main] com.shop.Orders - no answer",
        *("ERROR", "com.shop.Orders"),
    ),
    "Spring": (
        "2026-11-22T05:11:38.123Z  WARN 4711 --- [           main] c.s.Orders : slow",
        *("WARNING", "c.s.Orders"),
    ),
    ".NET": ("fail: Shop.Orders[14]", "ERROR", "Shop.Orders"),
    "Serilog": ("[05:11:38 WRN] slow", "WARNING", ""),
    "NLog": ("2026-11-22 05:11:38.1234|FATAL|Shop.Orders|no", "CRITICAL", ""),
    "Monolog": ("[2026-11-22T05:11:38.123456+00:00] shop.ERROR: no answer [] []", "ERROR", ""),
    "Elixir": ("05:11:38.123 [error] no answer", "ERROR", ""),
    "winston": ("warn: slow", "WARNING", ""),
    "winston with a moment": ("2026-11-22T05:11:38.123Z error: no answer", "ERROR", ""),
    "pino-pretty": ("[05:11:38.123] WARN (4711): slow", "WARNING", ""),
    "npm": ("npm ERR! missing script: start", "ERROR", ""),
    "nginx": ("2026/11/22 05:11:38 [crit] 12#12: *1 no file", "CRITICAL", ""),
    "Apache": ("[Sun Nov 22 05:11:38.123456 2026] [core:error] [pid 12:tid 34] no", "ERROR", ""),
    "PostgreSQL": ("2026-11-22 05:11:38.123 UTC [123] FATAL:  no such role", "CRITICAL", ""),
    "syslog": ("Nov 22 05:11:38 host shop[123]: ERROR: no answer", "ERROR", ""),
    "syslog's priority": ("<11>no answer", "ERROR", ""),
    "systemd": ("<4>slow", "WARNING", ""),
    "an exception of JavaScript": ("Error: no answer", "ERROR", ""),
    "a compiler": ("error[E0308]: mismatched types", "ERROR", ""),
}


@pytest.mark.parametrize("name", PLAIN)
def test_a_plain_line(name: str) -> None:
    text, level, logger = PLAIN[name]
    assert read(text) == (level, logger, "")


OBJECTS = {
    "structlog": ({"event": "slow", "level": "warning", "logger": "shop"}, "WARNING", "shop"),
    "python-json-logger": (
        {"levelname": "ERROR", "name": "shop.orders", "message": "no"},
        *("ERROR", "shop.orders"),
    ),
    "numbers of Python": ({"levelno": 30, "message": "slow"}, "WARNING", ""),
    "loguru": (
        {"text": "no", "record": {"level": {"name": "SUCCESS", "no": 25}, "name": "shop"}},
        *("INFO", "shop"),
    ),
    "pino": ({"level": 30, "time": 1, "pid": 4, "msg": "taken"}, "INFO", ""),
    "pino's fatal": ({"level": 60, "msg": "no"}, "CRITICAL", ""),
    "bunyan": ({"name": "shop", "level": 40, "msg": "slow", "v": 0}, "WARNING", "shop"),
    "a level of one's own": ({"level": 35, "msg": "taken"}, "INFO", ""),
    "winston": ({"level": "silly", "message": "x"}, "DEBUG", ""),
    "zap": ({"level": "dpanic", "logger": "shop", "msg": "no"}, "CRITICAL", "shop"),
    "tracing": (
        {"level": "WARN", "target": "shop::orders", "fields": {"message": "slow"}},
        *("WARNING", "shop::orders"),
    ),
    "logstash": ({"level": "WARN", "logger_name": "c.Shop"}, "WARNING", "c.Shop"),
    "Serilog": ({"@t": "2026", "@mt": "slow", "@l": "Warning"}, "WARNING", ""),
    "Serilog says nothing of information": ({"@t": "2026", "@mt": "taken"}, "INFO", ""),
    ".NET": ({"LogLevel": "Information", "Category": "Shop.Orders"}, "INFO", "Shop.Orders"),
    "Monolog": ({"level": 400, "level_name": "ERROR", "channel": "shop"}, "ERROR", "shop"),
    "GELF": ({"version": "1.1", "short_message": "no", "level": 3}, "ERROR", ""),
    "the journal": ({"PRIORITY": "4", "MESSAGE": "slow"}, "WARNING", ""),
    "ECS": ({"log.level": "error", "log": {"logger": "shop"}, "message": "x"}, "ERROR", "shop"),
    "Google Cloud": ({"severity": "NOTICE", "message": "x"}, "INFO", ""),
    "OpenTelemetry": ({"severityNumber": 17, "body": "no"}, "ERROR", ""),
    "no logger, but a person": ({"level": "info", "name": "Ada Lovelace"}, "INFO", ""),
    "a level of something else": ({"level": 3, "game": "chess"}, "", ""),
    "no level that there is": ({"level": "shouted", "msg": "x"}, "", ""),
    "members of other types": ({"level": [1], "logger": {}, "trace_id": 7}, "", ""),
}  # fmt: skip


@pytest.mark.parametrize("name", OBJECTS)
def test_a_line_that_is_an_object(name: str) -> None:
    record, level, logger = OBJECTS[name]
    assert read(json.dumps(record)) == (level, logger, "")


@pytest.mark.parametrize(
    "text",
    [
        f"2026-11-22 05:11:38 INFO [trace_id={TRACE} span_id=00f067aa0ba902b7] taken",
        f"INFO taken traceparent=00-{TRACE}-00f067aa0ba902b7-01",
        f"INFO: TraceId: {TRACE}",
        f'time=2026 level=info msg=taken trace_id="{TRACE}"',
        f'{{"level":"info","trace_id":"{TRACE}"}}',
        f'{{"level":"info","traceparent":"00-{TRACE}-00f067aa0ba902b7-01"}}',
        f'{{"level":"info","trace":{{"id":"{TRACE.upper()}"}}}}',
        f'{{"level":"info","mdc":{{"traceId":"{TRACE}"}}}}',
        f'{{"severity":"INFO","logging.googleapis.com/trace":"projects/shop/traces/{TRACE}"}}',
    ],
)
def test_a_line_may_name_its_trace(text: str) -> None:
    said = read(text)
    assert (said.level, said.trace_id) == ("INFO", TRACE)


@pytest.mark.parametrize("trace_id", ["", "mine", "0" * 32, "4BF9", "g" * 32, f"{TRACE}0"])
def test_a_trace_that_is_none_is_left_out(trace_id: str) -> None:
    assert read(f"INFO taken trace_id={trace_id}").trace_id == ""
    assert read(json.dumps({"level": "info", "trace_id": trace_id})).trace_id == ""


@pytest.mark.parametrize(
    "text",
    [
        "",
        "order 12345 was taken",
        "Error handling is on",
        "no error: all is well",
        "information is power",
        "The INFO desk is open",
        "12 errors found",
        "3 warnings and no error",
        "2026-11-22 05:11:38 an error in the middle",
        "2026-11-22 05:11:38",
        "[core] loaded",
        "level=error",
        "set level=debug to see more",
        "warning signs were ignored",
        "warn",
        "    ERROR: goes on with the line before it",
        "\tat Object.<anonymous> (main.js:1:7)",
        "{broken",
        "[]",
        "{}",
        "[" * 100_000,
        '{"a":' * 100_000,
        "Traceback (most recent call last):",
        "ValueError: no",
        "\x00\x00",
        "<b>ERROR</b>",
    ],
)
def test_what_says_nothing_of_itself(text: str) -> None:
    assert read(text) == NOTHING


@given(st.text(max_size=300))
def test_whatever_comes_is_read(text: str) -> None:
    assert read(text).level in {"", "DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"}


@pytest.mark.parametrize("piece", ["[x] ", "1 ", "a - ", "a{", "a: ", "a.", "[a.", "-", "::a"])
def test_no_line_takes_long(piece: str) -> None:
    """However it is made: while one is read, nothing else is."""

    def took_s(line: str) -> float:
        began_s = time.process_time()
        read(line)
        return time.process_time() - began_s

    for head in ("", "2026-11-22 ", "ERROR ", "2026-11-22 INFO "):
        line = head + piece * 20_000
        assert any(took_s(line) < SLOW_S for _ in range(5))  # one may have been held up
