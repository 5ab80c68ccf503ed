"""The five levels of a log line, and what other loggers call them."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

DEBUG, INFO, WARNING, ERROR, CRITICAL = "DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"
GRAVE: Final = frozenset({WARNING, ERROR, CRITICAL})
"""What is kept the longest when more comes than can be kept."""

_NAMES: Final = {
    DEBUG: "DEBUG DEBU DBG DBUG TRACE TRC TRCE VERBOSE VRB FINE FINER FINEST SILLY",
    INFO: "INFO INF INFORMATION INFORMATIONAL NOTICE SUCCESS CONFIG LOG HTTP",
    WARNING: "WARNING WARN WRN WARNI",
    ERROR: "ERROR ERR ERRO EROR FAIL SEVERE",
    CRITICAL: "CRITICAL CRIT FATAL FATA FTL PANIC DPANIC ALERT EMERG EMERGENCY",
}
_LEVELS: Final = {name: level for level, names in _NAMES.items() for name in names.split()}
_SYSLOG: Final = (*(CRITICAL,) * 3, ERROR, WARNING, INFO, INFO, DEBUG)


class Said(NamedTuple):
    """What a line says of itself: one of five levels, a logger, a trace of 32 hex digits; or ''."""

    level: str = ""
    logger: str = ""
    trace_id: str = ""


NOTHING: Final = Said()


def named(word: str) -> str:
    """Return the level that *word* means, whatever its case; '' when it means none."""
    return _LEVELS.get(word.upper(), "")


def of_severity(number: int) -> str:
    """Return the level of a severity of syslog, 0 (the gravest) to 7; RFC 5424 §6.2.1."""
    return _SYSLOG[number & 7]


def of_number(number: float, warning: int = 40) -> str:
    """Return the level of a number that grows with it; *warning* is where warnings begin.

    Pino and bunyan count 20, 30, 40, 50, 60 from debug on, Python 10, 20, 30, 40, 50.
    """
    steps = (number - warning) // 10
    return (DEBUG, INFO, WARNING, ERROR, CRITICAL)[int(min(4, max(0, steps + 2)))]


_is_trace = re.compile(r"(?!0{32})[0-9a-f]{32}").fullmatch
_is_parent = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}").fullmatch


def trace_of(value: object) -> str:
    """Return the trace that *value* names: its 32 hex digits, or a `traceparent` of W3C; or ''."""
    if not isinstance(value, str):
        return ""
    text = value.lower()
    parent = _is_parent(text)
    trace_id = parent[1] if parent else text.rpartition("/")[2]  # projects/shop/traces/4bf9…
    return trace_id if _is_trace(trace_id) else ""
