"""Read the log of a module: a JSON object a line, as its SDK writes it to standard error; pure.

The Rust SDK writes `timestamp`, `level`, `target` and `fields`, which hold `message`; the Python
SDK `timestamp`, `level`, `logger`, `message` and where it was logged (pywatt wire specification
§1.1, §11.2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from kiket_console.log_levels import names
from kiket_console.log_levels.told import with_members

if TYPE_CHECKING:
    from kiket_console.engine.worker_messages import Line

_SHOWN_ELSEWHERE = frozenset(
    {"timestamp", "time", "level", "logger", "target", "message", "fields", "span", "spans"}
    | {"module", "function", "line", "trace_id", "module_id"}
)
_decode = msgspec.json.Decoder(dict[str, Any]).decode


def read_log_line(line: Line) -> Line:
    """Return *line* as a record of a log; as it is where it is none."""
    if line.stream != "stderr" or line.cut or not line.text.startswith("{"):
        return line
    try:
        return _read(line)
    except (msgspec.MsgspecError, RecursionError):  # not JSON, or too deep to be written again
        return line


def _read(line: Line) -> Line:
    record = _decode(line.text)
    fields = record.get("fields")
    told = {**fields, **record} if isinstance(fields, dict) else record
    message, level = told.get("message"), names.named(str(told.get("level", "")))
    if not isinstance(message, str) or not level:
        return line
    return msgspec.structs.replace(
        line,
        stream="log",
        level=level,
        logger=str(told.get("logger") or told.get("target") or ""),
        text=_text(message, told),
        trace_id=names.trace_of(told.get("trace_id")) or line.trace_id,
    )


def _text(message: str, told: dict[str, Any]) -> str:
    """Return the message with what else the record says, and its traceback."""
    rest = {name: value for name, value in told.items() if name not in _SHOWN_ELSEWHERE}
    return with_members(message, rest)
