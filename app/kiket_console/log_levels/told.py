r"""Tell a line that is a JSON object as a person reads it: what happened, then the rest; pure.

    {"level":"error","event":"no answer","order":7,"exception":"Traceback …\n…"}
    ►   no answer  order=7
        Traceback …

The line itself stays as it came, wherever it is kept, copied or exported.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import msgspec

from kiket_console.log_levels import names
from kiket_console.log_levels.members import (
    LEVELS,
    LOGGERS,
    MESSAGES,
    TRACES,
    decode,
    read_record,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from kiket_console.log_levels.names import Said

LONGEST: Final = 16_000
"""Characters of a line that is told; a longer one stays as it came."""
_MESSAGES: Final = (*MESSAGES, "textPayload", "body", "Message", "MESSAGE", "@m", "@mt")
_MOMENTS: Final = frozenset({"timestamp", "time", "ts", "@timestamp", "@t", "asctime", "datetime"})
_NUMBERED: Final = frozenset({"level", "levelno", "severityNumber", "SeverityNumber", "PRIORITY"})


def told(text: str) -> str:
    """Return what *text*, a line, tells; as it came where it is no object of a logger.

    That has a level and a message, for one without them may be anything that code prints.
    """
    return _told(text) if text[:1] == "{" and len(text) <= LONGEST else text


def with_members(message: str, members: Mapping[str, Any]) -> str:
    """Return a message with members behind it, and below it those that have lines of their own.

    Raises `RecursionError` where one is too deep to be written.
    """
    behind = [message]
    below: list[str] = []
    for name, value in members.items():
        if isinstance(value, str) and "\n" in value:
            below.append(value.rstrip())
        elif isinstance(value, str):
            behind.append(f"{name}={value}")
        elif value is not None:
            behind.append(f"{name}={json.dumps(value, ensure_ascii=False)}")
    return "\n".join(["  ".join(behind), *below])


@lru_cache(maxsize=512)
def _told(text: str) -> str:
    try:
        members = _members(decode(text))
        said = read_record(members)
        name = next((each for each in _MESSAGES if isinstance(members.get(each), str)), None)
        if name is None or not said.level:
            return text
        return with_members(members.pop(name), dict(_others(members, said)))
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        return text


def _members(record: dict[str, Any]) -> dict[str, Any]:
    """Return the members of an object, and of the one within it in which loggers put some."""
    fields, loguru = record.get("fields"), record.get("record")
    if isinstance(fields, dict):  # `tracing` of Rust, logrus
        return {**fields, **record, "fields": None}
    if not isinstance(loguru, dict):
        return record
    extra, text = loguru.get("extra"), record.get("text")
    below = text.partition("\n")[2] if isinstance(text, str) else ""
    known = {name: loguru.get(name) for name in ("level", "name", "message")}
    return {**known, **(extra if isinstance(extra, dict) else {}), "text": below or None}


def _others(members: dict[str, Any], said: Said) -> Iterator[tuple[str, Any]]:
    """Yield what is said nowhere else: moment, level, logger and trace stand beside the line."""
    for name, value in members.items():
        is_level = name in _NUMBERED or (name in LEVELS and names.named(str(value)))
        is_logger = name in LOGGERS and value == said.logger
        is_trace = name in TRACES and said.trace_id
        if not (name in _MOMENTS or is_level or is_logger or is_trace):
            yield name, value
