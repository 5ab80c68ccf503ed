"""Colours for one line of JSON, Python or a traceback, when the line is looked at."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from kiket_console.text import cell_width, visible
from kiket_console.ui.paint.line import wrap

if TYPE_CHECKING:
    from pygments.lexer import Lexer

    from kiket_console.ui.paint.line import Line, Piece

_FRAME = re.compile(r'^(\s*(?:\|\s*)*File )("[^"]*")(, line )(\d+)(.*)$')
_EXCEPTION = re.compile(
    r"^([A-Za-z_][\w.]*(?:Error|Exception|Exit|Interrupt|Warning|Group)\b)(.*)$"
)


_JSON = re.compile(
    r'"(?P<text>)(?:[^"\\]|\\.)*+(?:"(?=(?P<name>\s*:))?|$)'
    r"|(?P<number>-?\d[\d.eE+-]*+)|(?P<word>true|false|null|NaN|-?Infinity)"
    r"|(?P<sign>[{}\[\],:])|[^\"\d{}\[\],:tfnNI-]++|.",
    re.DOTALL,
)


def coloured(text: str, language: str) -> Line:
    """Return one line of *language* (`json`, `python` or empty for none) with roles."""
    if not language or not text:
        return [(text, "")]
    if language == "json":
        return [(token[0], token.lastgroup or "") for token in _JSON.finditer(text)]
    pieces: list[Piece] = []
    for kind, value in _python().get_tokens(text):
        role = _role(str(kind))
        value = value.removesuffix("\n")
        if not value:
            continue
        if pieces and pieces[-1][1] == role:
            pieces[-1] = (pieces[-1][0] + value, role)
        else:
            pieces.append((value, role))
    return pieces


def traceback_line(text: str) -> Line:
    """Return one line of a Python traceback with roles."""
    if frame := _FRAME.match(text):
        before, file, between, number, after = frame.groups()
        return [
            (before, "muted"),
            (file, "name"),
            (between, "muted"),
            (number, "number"),
            (after, "muted"),
        ]
    if text.startswith("Traceback ") or not text.strip(" |^~-+"):
        return [(text, "muted")]
    if exception := _EXCEPTION.match(text):
        return [(exception[1], "error"), (exception[2], "")]
    return coloured(text, "python")


def traceback_lines(text: str, width: int) -> list[Line]:
    """Return one line of a traceback in *width* cells, so that place and reason can be read.

    A path gives way from its left, what the exception says is wrapped; code is left as it is.
    """
    if cell_width(visible(text)) <= width:
        return [traceback_line(text)]
    if frame := _FRAME.match(text):
        before, file, between, number, after = frame.groups()
        rest = cell_width(visible(before + between + number + after)) + 2
        return [
            traceback_line(f'{before}"{_end_of(file[1:-1], width - rest)}"{between}{number}{after}')
        ]
    if exception := _EXCEPTION.match(text):
        first, *others = wrap(text, width)
        kind = exception[1]
        whole = "".join(piece for piece, _ in first)
        if not whole.startswith(kind):
            return [first, *others]
        return [[(kind, "error"), (whole[len(kind) :], "")], *others]
    return [traceback_line(text)]


def _end_of(path: str, width: int) -> str:
    """Return the end of a path, its name at least, in *width* cells where that works."""
    parts = path.split("/")
    while len(parts) > 1 and cell_width(visible("/".join(parts))) + 2 > width:
        del parts[0]
    return "…/" + "/".join(parts)


@lru_cache
def _python() -> Lexer:
    from pygments.lexers.python import PythonLexer

    return PythonLexer(stripnl=False, ensurenl=False)


_ROLES = (
    ("Token.Name.Tag", "name"),
    ("Token.Literal.String", "text"),
    ("Token.Literal.Number", "number"),
    ("Token.Keyword", "word"),
    ("Token.Operator.Word", "word"),
    ("Token.Punctuation", "sign"),
    ("Token.Operator", "sign"),
    ("Token.Comment", "muted"),
)


@lru_cache
def _role(kind: str) -> str:
    return next((role for prefix, role in _ROLES if kind.startswith(prefix)), "")
