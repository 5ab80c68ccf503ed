"""Read a line that is a JSON object, as structured loggers write one; pure.

structlog, python-json-logger, loguru, pino, bunyan, winston, zap, logrus, slog, `tracing`, log4j,
Serilog, .NET, Monolog, GELF, the Elastic Common Schema, Google Cloud and OpenTelemetry.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from kiket_console.log_levels import names
from kiket_console.log_levels.names import NOTHING, Said

if TYPE_CHECKING:
    from collections.abc import Iterable

LEVELS: Final = (
    *("level_name", "levelname", "level", "severity", "lvl", "log.level", "Level", "LogLevel"),
    *("@l", "log_level", "loglevel", "severity_text", "severityText", "SeverityText", "priority"),
)
LOGGERS: Final = (
    *("logger", "logger_name", "loggerName", "log.logger", "target", "SourceContext", "Category"),
    *("channel", "name"),
)
TRACES: Final = (
    *("trace_id", "traceId", "traceID", "TraceId", "trace.id", "otelTraceID", "@tr"),
    *("traceparent", "logging.googleapis.com/trace", "dd.trace_id", "trace"),
)
_INNER: Final = ("fields", "record", "log", "Properties", "mdc", "contextMap", "span", "context")
"""Objects within the object in which loggers put some of that."""
MESSAGES: Final = ("msg", "message", "short_message", "event")
_PYTHON_WARNING = 30
_NUMBERS_END = 1000
decode = msgspec.json.Decoder(dict[str, Any]).decode


def read_members(text: str) -> Said:
    """Return what a line says of itself; `NOTHING` when it is no JSON object."""
    try:
        record = decode(text)
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        return NOTHING
    return read_record(record)


def read_record(record: dict[str, Any]) -> Said:
    """Return what an object says of itself."""
    inner = [each for name in _INNER if isinstance(each := record.get(name), dict)]
    said = [record, *inner] if inner else [record]
    return Said(_level(said), _logger(said), _trace(said))


def _values(said: list[dict[str, Any]], members: Iterable[str]) -> Iterable[Any]:
    for record in said:
        for name in members:
            value = record.get(name)
            if value is not None:
                yield value


def _level(said: list[dict[str, Any]]) -> str:
    for value in _values(said, LEVELS):
        word = value.get("name") if isinstance(value, dict) else value  # loguru has both
        if isinstance(word, str) and (level := names.named(word)):
            return level
    return _numbered(said[0]) or ("INFO" if "@t" in said[0] and "@mt" in said[0] else "")


def _numbered(record: dict[str, Any]) -> str:
    """Return the level that a number says; the name of its member says whose numbers it is of."""
    number = _number(record.get("levelno"))
    if number is not None:
        return names.of_number(number, _PYTHON_WARNING)
    number = _number(record.get("severityNumber", record.get("SeverityNumber")))
    if number is not None:  # four of each, from 1 on: OpenTelemetry's logs data model
        return names.of_number((number - 1) // 4 * 10, _PYTHON_WARNING)
    number = _number(record.get("PRIORITY"))
    if number is not None:
        return names.of_severity(int(number))
    number = _number(record.get("level"))
    if number is None or not any(name in record for name in MESSAGES):
        return ""
    is_gelf = "short_message" in record
    return names.of_severity(int(number)) if is_gelf else names.of_number(number)


def _number(value: object) -> float | None:
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 4:
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if 0 <= value < _NUMBERS_END else None


def _logger(said: list[dict[str, Any]]) -> str:
    for value in _values(said, LOGGERS):
        if isinstance(value, str) and value and not any(map(str.isspace, value)):
            return value[:200]
    return ""


def _trace(said: list[dict[str, Any]]) -> str:
    for value in _values(said, TRACES):
        named = value.get("id") if isinstance(value, dict) else value  # ECS has both
        if trace_id := names.trace_of(named):
            return trace_id
    return ""
