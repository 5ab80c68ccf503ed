"""A payload as text that a person edits: laid out to be read, sent the way it came.

Laying out moves blank space between tokens and nothing else: numbers keep their digits, doubled
keys stay doubled, escapes stay escapes.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import Any, Final, NoReturn

from msgspec import Struct

from kiket_console.comparing.documents import read as read_document
from kiket_console.comparing.documents import spelling
from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.text import encodable, visible

_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[-+.\w]+|[{}\[\],:]', re.DOTALL)
"""A token of a text that a parser has taken."""
_UNUSUAL: Final = re.compile(r"[^\t\n\r\x20-\x7e]")
_DEEPEST: Final = 60
"""Indentation stops growing here: a payload of brackets must not become gigabytes of spaces."""
_SAMPLE: Final = 64 * 1024
"""So many characters of a text tell how all of it is laid out."""
_SENTENCES: Final = {
    "Expecting property name enclosed in double quotes": "A name in double quotes is missing here.",
    "Expecting ',' delimiter": "A comma is missing here.",
    "Expecting ':' delimiter": "A colon is missing here.",
    "Expecting value": "A value is missing here.",
    "Extra data": "The JSON has ended before this.",
    "Unterminated string starting at": "The text that begins here has no closing quote.",
    "Invalid control character at": "A control character stands inside a text.",
    "Invalid \\escape": "JSON knows no such escape; a backslash is written twice.",
    "Invalid \\uXXXX escape": "After \\u come four hexadecimal digits.",
}


class Fault(Struct, frozen=True):
    """Why a text is no JSON; `line` and `column` are 0-based."""

    line: int
    column: int
    sentence: str

    def __str__(self) -> str:
        return f"Line {self.line + 1}, column {self.column + 1}: {self.sentence}"


def parse(text: str) -> Any:
    """Return the JSON value that *text* is; raises ValueError (or RecursionError) when it is none.

    Python's own words for numbers that JSON has not are none of JSON's.
    """
    return json.loads(text, parse_constant=_no_constant)


def fault(text: str) -> Fault | None:
    """Return why *text* is no JSON, None when it is."""
    try:
        parse(text)
    except json.JSONDecodeError as error:
        return _fault(text, error)
    except _ConstantError as error:
        word = str(error)
        at = _place_of_word(text, word)
        return Fault(*_line_and_column(text, at), f"JSON has no {word}.")
    except ValueError as error:  # a number of more digits than Python reads
        return Fault(0, 0, f"{str(error).partition(';')[0]}.")
    except RecursionError:
        return Fault(0, 0, "It is nested too deeply.")
    return None


class Layout(Struct, frozen=True):
    """How a JSON text was laid out in one line: its commas and colons, with what is behind them."""

    comma: str
    colon: str

    def write(self, text: str) -> str:
        """Return JSON *text* in this layout."""
        signs = {",": self.comma, ":": self.colon}
        return "".join([signs.get(sign, sign) for sign in _TOKEN.findall(text)])


COMPACT: Final = Layout(",", ":")


def layout_of(text: str) -> Layout | None:
    """Return in which layout JSON *text* is, None for one of several lines or an uneven one."""
    behind: dict[str, set[str]] = {",": set(), ":": set(), "": set()}
    end, before = 0, ""
    for sign in _TOKEN.finditer(text):
        blank = text[end : sign.start()]
        behind[before if before in behind else ""].add(blank)
        end, before = sign.end(), sign[0]
        if end > _SAMPLE:
            break
    else:
        behind[""].add(text[end:])
    comma, colon, others = behind[","] or {""}, behind[":"] or {""}, behind[""]
    if len(comma) > 1 or len(colon) > 1 or others - {""}:
        return None
    layout = Layout("," + comma.pop(), ":" + colon.pop())
    return layout if "\n" not in layout.comma + layout.colon else None


def spread(text: str) -> str:
    """Return JSON *text* with a line for each member; raises ValueError when it is no JSON."""
    parse(text)
    lines: list[str] = []
    line = ""
    depth = 0
    before = ""
    tokens = _TOKEN.findall(text)
    last = len(tokens) - 1
    for position, sign in enumerate(tokens):
        if sign == "{" or sign == "[":
            depth += 1
            line += sign
            if position < last and tokens[position + 1] not in ("}", "]"):
                lines.append(line)
                line = _indent(depth)
        elif sign == "}" or sign == "]":
            depth -= 1
            if before not in ("{", "["):
                lines.append(line)
                line = _indent(depth)
            line += sign
        elif sign == ",":
            lines.append(line + sign)
            line = _indent(depth)
        else:
            line += ": " if sign == ":" else sign
        before = sign
    lines.append(line)
    return "\n".join(lines)


def read(text: str) -> Any:
    """Return the JSON value that *text* is, its numbers as they were written.

    Raises `ConsoleError` when it is no JSON, or when an object has one key twice.
    """
    trouble = fault(text)
    if trouble is not None:
        raise ConsoleError(f"The payload is no JSON. {trouble}", exit_code=ExitCode.USAGE)
    try:
        return read_document(text)
    except ValueError as error:
        raise ConsoleError(
            f"No single value of this payload can be set. {error}",
            hint="Edit all of it.",
            exit_code=ExitCode.USAGE,
        ) from error


def write(document: Any, layout: Layout = COMPACT) -> str:
    """Return a JSON value as text in one line that can be encoded, numbers as they were written.

    Raises `ConsoleError` for one that is nested too deeply.
    """
    pieces: list[str] = []
    try:
        _write(document, layout, pieces)
    except RecursionError as error:
        raise ConsoleError("The payload is nested too deeply.", exit_code=ExitCode.USAGE) from error
    return encodable("".join(pieces))


def _write(value: Any, layout: Layout, pieces: list[str]) -> None:
    if isinstance(value, dict):
        sign = "{"
        for key, member in value.items():
            pieces += sign, json.dumps(key, ensure_ascii=False), layout.colon
            _write(member, layout, pieces)
            sign = layout.comma
        pieces.append("{}" if sign == "{" else "}")
    elif isinstance(value, list):
        sign = "["
        for member in value:
            pieces.append(sign)
            _write(member, layout, pieces)
            sign = layout.comma
        pieces.append("[]" if sign == "[" else "]")
    else:
        pieces.append(spelling(value))


def escaped(text: str) -> str:
    """Return JSON *text* with each character that nobody would see written as its escape."""
    return _UNUSUAL.sub(lambda found: _escape(found[0]), text)


def is_plain(text: str) -> bool:
    """Return whether all characters of a text can be seen, so that it can be edited safely."""
    return escaped(text) == text


@lru_cache(maxsize=4096)
def _escape(sign: str) -> str:
    return sign if visible(sign) == sign else json.dumps(sign)[1:-1]


class _ConstantError(ValueError):
    pass


def _no_constant(word: str) -> NoReturn:
    raise _ConstantError(word)


def _fault(text: str, error: json.JSONDecodeError) -> Fault:
    sentence = _SENTENCES.get(error.msg, f"{error.msg}.")
    at = error.pos
    if error.msg.startswith("Illegal trailing comma"):  # at it since Python 3.13, behind it before
        at = len(text) - len(text[at + 1 :].lstrip())
    before = text[:at].rstrip()
    if not text.strip():
        return Fault(0, 0, "It is empty.")
    if at >= len(text.rstrip()):
        sentence = "The JSON ends too early: something is not closed."
    elif before.endswith(",") and text[at] in "}]":
        sentence = f"The comma before {text[at]} is one too many."
        at = len(before) - 1
    elif text[at] == "\n":
        sentence = "The text on this line has no closing quote."
    elif text[at] == "'":
        sentence = "Names and texts take double quotes, not single ones."
    return Fault(*_line_and_column(text, at), sentence)


def _line_and_column(text: str, at: int) -> tuple[int, int]:
    return text.count("\n", 0, at), at - (text.rfind("\n", 0, at) + 1)


def _place_of_word(text: str, word: str) -> int:
    return next(at.start() for at in _TOKEN.finditer(text) if at[0].startswith(word))


def _indent(depth: int) -> str:
    return "  " * min(depth, _DEEPEST)
