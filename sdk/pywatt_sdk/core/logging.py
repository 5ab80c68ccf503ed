"""Logs of a module: one JSON object a line on stderr, with no secret in it.

A line has `timestamp` (RFC 3339, UTC), `level`, `logger`, `message`, `module`, `function`, `line`,
`trace_id` inside a request or message that names one, whatever was given as `extra`, and
`exception` or `stack` where there is one. The final text is redacted: message, extras and
tracebacks alike (pywatt wire specification §1.1, §6.2).
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, Final

import msgspec

from kiket_core.secret import RedactingFormatter
from kiket_core.trace import current_trace_id

if TYPE_CHECKING:
    from types import TracebackType

LEVEL_VARIABLE: Final = "PYWATT_LOG_LEVEL"

_USUAL: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_LEVELS: Final = {"TRACE": "DEBUG", "WARN": "WARNING", "FATAL": "CRITICAL", "OFF": "CRITICAL"}

_logger = logging.getLogger("pywatt_sdk")


class JsonFormatter(logging.Formatter):
    """Make one line of JSON of a record."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as JSON; what JSON does not know is told as its `str`."""
        line: dict[str, Any] = {
            "timestamp": _timestamp(record.created),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "module": record.module,
            "function": record.funcName,
            "line": record.lineno,
        }
        if trace_id := current_trace_id():
            line["trace_id"] = trace_id
        for name, value in vars(record).items():
            if name not in _USUAL and name not in line:
                line[name] = value
        if record.exc_info and record.exc_info[0] is not None:
            line["exception"] = self.formatException(record.exc_info)
        if record.stack_info:
            line["stack"] = self.formatStack(record.stack_info)
        return _json(line)


def init_module(level: int | str | None = None) -> None:
    """Log as JSON to stderr from now on; calling it again changes the level alone.

    The level is `level`, else that of PYWATT_LOG_LEVEL, else INFO. Warnings, and errors that
    nobody catches, are logged too.
    """
    root = logging.getLogger()
    if not any(isinstance(each, _Handler) for each in root.handlers):
        root.addHandler(_Handler())
        logging.captureWarnings(True)
        sys.excepthook = _log_uncaught
        threading.excepthook = _log_thread_end
    _set_level(root, os.environ.get(LEVEL_VARIABLE, "") if level is None else level)


def use_logging_of_program() -> None:
    """Log as the program set it up, redacted; as `init_module` does where it set up nothing."""
    root = logging.getLogger()
    if not root.handlers:
        init_module()
        return
    for logger in (root, *logging.Logger.manager.loggerDict.values()):
        for handler in getattr(logger, "handlers", ()):  # a place holder has none
            if not isinstance(handler.formatter, RedactingFormatter):
                handler.setFormatter(RedactingFormatter(handler.formatter))


def safe_log(level: int | str, message: str, **fields: Any) -> None:
    """Log a message with fields, free of secrets: `safe_log("info", "saved", rows=3)`."""
    reserved = {f"{name}_" if name in _USUAL else name: fields[name] for name in fields}
    _logger.log(_number_of(level) or logging.INFO, "%s", message, extra=reserved, stacklevel=2)


def info(message: str, **fields: Any) -> None:
    """Log a message at level INFO, as `safe_log` does."""
    reserved = {f"{name}_" if name in _USUAL else name: fields[name] for name in fields}
    _logger.info("%s", message, extra=reserved, stacklevel=2)


def warn(logger: logging.Logger, message: str, *values: object, **fields: object) -> None:
    """Log a warning, as JSON too while the program has not set up its logs yet."""
    if logger.hasHandlers():
        logger.warning(message, *values, extra=fields, stacklevel=2)
        return
    here = sys._getframe(1)
    code = here.f_code
    record = logger.makeRecord(
        logger.name,
        logging.WARNING,
        code.co_filename,
        here.f_lineno,
        message,
        values,
        None,
        code.co_name,
        fields,
    )
    _Handler().handle(record)


class _Handler(logging.StreamHandler[Any]):
    """Ours, so that it is set up once. It finds `sys.stderr` anew for each record."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)
        self.setFormatter(RedactingFormatter(JsonFormatter()))

    @property
    def stream(self) -> Any:
        return sys.stderr


def _set_level(root: logging.Logger, level: int | str) -> None:
    number = _number_of(level) if level else logging.INFO
    root.setLevel(logging.INFO if number is None else number)
    if number is None:
        _logger.warning("%s is %.40r, which is no log level; INFO it is.", LEVEL_VARIABLE, level)


def _number_of(level: int | str) -> int | None:
    if isinstance(level, int):
        return level
    name = level.strip().upper()
    return logging.getLevelNamesMapping().get(_LEVELS.get(name, name))


def _timestamp(created_s: float) -> str:
    seconds, milliseconds = divmod(int(created_s * 1000), 1000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{milliseconds:03d}Z"


def _json(line: dict[str, Any]) -> str:
    try:
        return msgspec.json.encode(line, enc_hook=str).decode()
    except Exception:  # a key that is no text, half a surrogate pair, a __str__ that raises
        return msgspec.json.encode({name: ascii(value) for name, value in line.items()}).decode()


def _log_uncaught(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    if issubclass(kind, KeyboardInterrupt):
        _logger.info("Interrupted.")
    else:
        _logger.critical("The program ended by an error.", exc_info=(kind, error, trace))


def _log_thread_end(ended: threading.ExceptHookArgs) -> None:
    if ended.exc_value is not None:
        name = ended.thread.name if ended.thread else "?"
        _logger.error(
            "The thread %s ended by an error.",
            name,
            exc_info=(ended.exc_type, ended.exc_value, ended.exc_traceback),
        )
