"""Read a plain line: as the usual loggers of many languages write theirs; pure.

`logging`, uvicorn, gunicorn, loguru, structlog, log4j, Spring, .NET, Serilog, `tracing` and
`env_logger` of Rust, zap, glog, Ruby, nginx, Apache, syslog, npm, and logfmt.

A level is believed only where a logger puts it: first, or behind a moment. A word such as *error*
within a sentence says nothing.
"""

from __future__ import annotations

import re
from typing import Final

from kiket_console.log_levels.names import (
    CRITICAL,
    ERROR,
    NOTHING,
    WARNING,
    Said,
    named,
    of_severity,
    trace_of,
)

_LEVEL = (
    r"(?:TRACE|TRCE?|VERBOSE|VRB|DEBUG?|DBU?G|INFO(?:RMATION)?|INF|NOTICE|SUCCESS|WARN(?:ING)?|WRN"
    r"|ERRO?R?|SEVERE|FAIL|FATAL?|FTL|CRIT(?:ICAL)?|D?PANIC|ALERT|EMERG(?:ENCY)?)\b"
)
_BOXED = rf"[\[(](?:[\w-]++[.:])?(?i:{_LEVEL})"
_NAME = r"[A-Za-z_][\w.$@/-]{0,100}+"
_DAY = r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun|Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\ "
_MOMENT = re.compile(
    rf"""\ ?[\[(]?(?:\d{{1,4}}[-/:.]\d|{_DAY})[^\s|\])]*+[\])]?   # 2026-11-22T10:00:00Z, [10:00:00]
    (?: \s*+ (?: [\[(+\#<]? \d [^\s|]*+ | {_DAY} | (?:UTC|GMT|[AP]M)\]?     # more of it; numbers
               | -++(?=\s) | [|:]                                         # between two fields
               | (?!{_BOXED}) (?: \[[^\s\]]++\]:? | \([^\s)]++\) )         # a thread
               | {_NAME}\ {_NAME}\[\d++\]:                                # a host, a process
             ) ){{0,9}}+ \s*+""",
    re.VERBOSE,
)
_SAYS = re.compile(
    rf"""\ ?(?:(?P<logger>{_NAME}) (?:\ -\ |\ ?\|\ ?))?
    (?P<open>[\[(])? (?:[\w-]++[.:](?!\s))? (?P<level>(?i:{_LEVEL}))
    (?P<sign> \ *+[\])|:] | \[\w*+\] | \ ++-\ | [\t] )?""",
    re.VERBOSE,
)
_ALONE: Final = frozenset(
    {"TRACE", "DEBUG", "INFO", "WARN", "WARNING", "ERROR", "FATAL", "CRITICAL"}
)
"""What is a level before a blank, too, where there is neither a moment nor a sign."""
_LOGGER = re.compile(
    rf"""[\s|:\])-]*+
    (?: ([\w.]++|<\w++>):[\w<>]++:\d++\ -\                 # loguru: module:function:line
      | (?:\d++\ ---\ \[[^\]]*+\]\ )({_NAME})\ *+:\         # Spring: 4711 --- [main] name :
      | (?:\[[\w-]++\]\ )?({_NAME})\ -\                    # log4j
      | (?:\w++(?:\{{[^}}]*+\}})?+:\ )*?(\w++(?:(?:\.|::)\w++)++|root|__main__)[:\]]\s  # in a span
      | \[([A-Za-z_]\w*+(?:\.\w++)++)\]
      | ({_NAME})\[\d++\]$                                # .NET
      | ([A-Za-z_][\w.-]*+)\t                              # zap
    )""",
    re.VERBOSE,
)
_MAY_SAY = re.compile(
    rf"\ ?(?:[\[(<\d\x1b]|{_DAY}|(?i:{_LEVEL})|{_NAME}(?:\ -\ |\ ?\|)|[DIWEF](?:,\ \[|\d)"
    r"|npm\ |thread\ |fatal\ |/|[\w./-]{1,200}+:\d)",
    re.VERBOSE,
).match
"""Most lines say nothing of themselves, and are not looked at any further."""
_BASIC_LOGGER = re.compile(r"(?<=:)([\w.]++):").match  # WARNING:root:text
_LETTER = re.compile(r"([DIWEF])(?:, \[|\d{4}(?:\d{4})? \d\d:\d\d)").match  # Ruby; glog
_PRIORITY = re.compile(r"<(\d{1,3})>").match  # syslog, systemd
_NPM = re.compile(r"npm (ERR!|WARN|error|warn) ").match
_LETTERS: Final = {"D": "DEBUG", "I": "INFO", "W": "WARNING", "E": "ERROR", "F": "CRITICAL"}
_ENDS = re.compile(r"thread '[^']*+' .{0,40}?panicked at |fatal error: ").match  # Rust, Go
_WARNS = re.compile(r"[^\s:]++:\d++: \w*Warning: ").match  # Python

_MEMBERS = re.compile(r"(?:time|ts|t|msg|message|event)=").search
_LEVEL_MEMBER = re.compile(r'(?:^|\s)(?:level|lvl|severity|loglevel)="?(\w++)').search
_LOGGER_MEMBER = re.compile(r'(?:^|\s)(?:logger|target)="?([\w.:/$-]++)').search
_TRACE = re.compile(
    r"(?:trace[_.-]?id|traceparent)[\"']?\s?[=:]\s?[\"']?([0-9a-f-]{32,55})\b", re.IGNORECASE
).search
_COLOURS = re.compile(r"\x1b\[[0-9;:]*m")
_begins, _says, _logger_of = _MOMENT.match, _SAYS.match, _LOGGER.match
_LONGEST = 2_000
"""Characters at the beginning of a line that are looked at."""


def read_plain(text: str) -> Said:
    """Return what a plain line says of itself."""
    if not (_MAY_SAY(text) or "=" in text or "race" in text):  # trace_id, TraceId, traceparent
        return NOTHING
    head = text[:_LONGEST]
    if "\x1b" in head:
        head = _COLOURS.sub("", head)
    trace_id = ""
    if "race" in head:
        found = _TRACE(head)
        trace_id = trace_of(found[1]) if found else ""
    if "=" in head and ("level=" in head or "lvl=" in head or "severity=" in head):
        member = _LEVEL_MEMBER(head)
        if member and _MEMBERS(head):
            logger = _LOGGER_MEMBER(head)
            return Said(named(member[1]), logger[1] if logger else "", trace_id)
    level, logger_name = _level_and_logger(head)
    return Said(level, logger_name, trace_id) if level or trace_id else NOTHING


def _level_and_logger(head: str) -> tuple[str, str]:
    begun = _begins(head)
    says = _says(head, begun.end() if begun else 0)
    if says is None:
        return ("", "") if begun else (_odd(head), "")
    word, sign = says["level"], says["sign"]
    is_level = sign or (word.isupper() and (begun or word in _ALONE) and not says["open"])
    if not is_level:
        return "", ""
    logger = says["logger"]
    if not logger and sign == ":":
        basic = _BASIC_LOGGER(head, says.end())
        logger = basic and basic[1]
    if not logger:
        behind = _logger_of(head, says.end())
        logger = behind and behind[behind.lastindex or 0]
    return named(word), logger or ""


def _odd(head: str) -> str:
    """Return the level of a line that says it in a way of its own."""
    first = head[:1]
    if first == "<":
        priority = _PRIORITY(head)
        return of_severity(int(priority[1])) if priority else ""
    letter = _LETTER(head)
    if letter:
        return _LETTERS[letter[1]]
    if head.startswith("npm "):
        npm = _NPM(head)
        return named(npm[1].rstrip("!")) if npm else ""
    if first in "tf" and _ENDS(head):
        return CRITICAL if first == "f" else ERROR
    if "Warning: " in head and _WARNS(head):
        return WARNING
    return ""
