"""Read the log of a module: a JSON object a line, as its SDK writes it to standard error; pure.

The Rust SDK writes `timestamp`, `level`, `target` and `fields`, which hold `message`; the Python
SDK `timestamp`, `level`, `logger`, `message` and where it was logged (pywatt wire specification
§1.1, §11.2).
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from kiket_console.engine.worker_messages import Line

_LEVELS = {"TRACE": "DEBUG", "WARN": "WARNING", "FATAL": "CRITICAL"}
"""Names of levels that Python has another name for."""
_KNOWN = frozenset({"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"})
_SHOWN_ELSEWHERE = frozenset(
    {"timestamp", "time", "level", "logger", "target", "message", "fields", "span", "spans"}
    | {"module", "function", "line", "trace_id", "module_id", "exception"}
)
_decode = msgspec.json.Decoder(dict[str, Any]).decode
_trace_fits = re.compile(r"[0-9a-f]{32}").fullmatch


def read_log_line(line: Line) -> Line:
    """Return *line* as a record of a log; as it is where it is none."""
    if line.stream != "stderr" or line.cut or not line.text.startswith("{"):
        return line
    try:
        record = _decode(line.text)
    except (msgspec.MsgspecError, RecursionError):
        return line
    fields = record.get("fields")
    told = {**fields, **record} if isinstance(fields, dict) else record
    message, level = told.get("message"), str(told.get("level", "")).upper()
    level = _LEVELS.get(level, level)
    if not isinstance(message, str) or level not in _KNOWN:
        return line
    trace_id = str(told.get("trace_id", ""))
    return msgspec.structs.replace(
        line,
        stream="log",
        level=level,
        logger=str(told.get("logger") or told.get("target") or ""),
        text=_text(message, told),
        trace_id=trace_id if _trace_fits(trace_id) else line.trace_id,
    )


def _text(message: str, told: dict[str, Any]) -> str:
    """Return the message with what else the record says, and its traceback."""
    rest = [
        f"{name}={value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}"
        for name, value in told.items()
        if name not in _SHOWN_ELSEWHERE and value is not None
    ]
    exception = told.get("exception")
    lines = ["  ".join([message, *rest]), *([exception] if isinstance(exception, str) else [])]
    return "\n".join(lines)
