"""What the frames of an exception held when it was raised: as a worker tells it, and as it is kept.

One text in the store, JSON. Each frame stands for one `File "…", line …` of the traceback in the
same record, in the same order; frames of which nothing is known are left out.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

VALUE_LIMIT: Final = 200
"""Characters of a value that are kept."""
LONG_LIMIT: Final = 60
"""Characters of a text inside another value."""
HIDDEN: Final = "[redacted]"
MOST_FRAMES: Final = 20
MOST_VALUES: Final = 30
MOST_LINES: Final = 5
LINE_LIMIT: Final = 200
NAME_LIMIT: Final = 100
STORED_LIMIT: Final = 1_000_000
"""Longer ones are not read: nobody of ours wrote them."""
_BETWEEN: Final = "\n\x1e\n"
"""Between texts that are redacted together: no secret goes across it."""
_LONG = re.compile("\x02([^\x02\x03]*)\x03")
_WORD = (
    r"(?:token|secret|passw|passphrase|passcode|pwd|credential|authorization|cookie|signature|jwt"
    r"|(?:api|access|account|private|signing|encryption|master|session)[_-]?key"
    r"|(?<=[_-])pass(?![\w-]))"
)
_NAME = r"(?<![\w-])(?!(?<=\[)secret:[^\]]*\])[\w-]*"  # what the redactor put there is not one
_NAME += rf"{_WORD}[\w-]*"
_GIVEN = re.compile(
    rf"""({_NAME}\\*["']?\s*[:=]\s*)(?!None\b|True\b|False\b|null\b|\[|\\*["']\\*["'])
    (?:(?P<quote>\\*["'])(?:.*?(?P=quote)|.*)|[^\s"',;&)}}\]]+)""",
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)
"""A secret by its name inside a text, as in JSON, a query or a setting."""
_LITERAL = re.compile(
    rf"""({_NAME}["'\]]*(?:\s*:\s*\w+)?\s*[:=]\s*\w?)(["'])(?!\[)[^"'{{}}]+\2""", re.IGNORECASE
)
"""A text that code gives to what is named like a secret."""
_HEADER = re.compile(
    r"(?:\b|(?<=\\n))((?:set-)?cookie|(?:proxy-)?authorization)(:[ ]*)(?![\[\s\"'\\])[^\"\\\r\n]+",
    re.IGNORECASE,
)
_OPTION = re.compile(rf"(--[\w-]*{_WORD}[\w-]*\s+)(?![-\[])[^\s\"'\\]+", re.IGNORECASE)
_SCHEME = re.compile(
    r"(\bBearer|(?:^|(?<=[\"':=])|(?<=[:=] ))(?:Basic|Token))\s+(?!\[)[\w~+/.=-]{8,}", re.IGNORECASE
)
_TOKEN = re.compile(
    r"\beyJ[\w-]{10,}(?:\.[\w-]*){0,2}|-----BEGIN [A-Z ]*PRIVATE KEY-----[^\"]*"
    r"|\b(?:gh[pousr]_|github_pat_|glpat-|xox[abeprs]-|[rs]k_(?:live|test)_|sk-|whsec_|AIza)[\w-]{8,}"
)
_USER = re.compile(r"(://[^/@\s:'\"]*):[^/@\s'\"]+@")


class TracedFrame(msgspec.Struct, frozen=True):
    """One frame: where it stood, and its locals."""

    file: str
    line: int
    function: str
    first: int = 1
    """The number of the first line of `source`."""
    source: tuple[str, ...] = ()
    """The line where it stood, and a few around it, as they were then."""
    values: tuple[tuple[str, str], ...] = ()
    """The locals: (name, value as a text without secrets)."""
    more: int = 0
    """How many more locals there were."""


_decoder = msgspec.json.Decoder(tuple[TracedFrame, ...])


def stored(frames: Sequence[TracedFrame], redact: Callable[[str], str]) -> str:
    """Return *frames* as the text that is kept, without what *redact* takes out or looks secret.

    Empty without frames.
    """
    if not frames:
        return ""
    frames = [_bounded(frame) for frame in frames[:MOST_FRAMES]]
    texts = [text for frame in frames for text in (frame.file, frame.function, *frame.source)]
    texts += [text for frame in frames for pair in frame.values for text in pair]
    redacted = redact(_BETWEEN.join(texts)).split(_BETWEEN)
    if len(redacted) != len(texts):  # a value had the mark in it
        redacted = [redact(text) for text in texts]
    rest = iter(redacted)
    heads = [
        (next(rest), next(rest), tuple(_code(next(rest)) for _ in frame.source)) for frame in frames
    ]
    kept = [
        TracedFrame(
            file,
            frame.line,
            function,
            frame.first,
            source,
            tuple((next(rest)[:NAME_LIMIT], shortened(next(rest))) for _ in frame.values),
            frame.more,
        )
        for frame, (file, function, source) in zip(frames, heads, strict=True)
    ]
    return msgspec.json.encode(kept).decode()


def shortened(value: str) -> str:
    """Return a value as it is kept: without what looks like a secret, and not too long."""
    value = _USER.sub(rf"\1:{HIDDEN}@", value)
    value = _LONG.sub(_shorten, value)
    value = value if len(value) <= VALUE_LIMIT else f"{value[:VALUE_LIMIT]}…"
    value = _HEADER.sub(rf"\1\2{HIDDEN}", value)
    value = _GIVEN.sub(_hide_given, value)  # it recognises what was cut, too
    value = _OPTION.sub(rf"\1{HIDDEN}", value)
    return _formless(value)


def _code(line: str) -> str:
    """Return a line of source without what somebody wrote into it as a secret."""
    line = _LITERAL.sub(rf"\1\2{HIDDEN}\2", line[:LINE_LIMIT])
    return _formless(_USER.sub(rf"\1:{HIDDEN}@", line))


def _formless(text: str) -> str:
    """Return a text without what has the form of a credential."""
    return _TOKEN.sub(HIDDEN, _SCHEME.sub(rf"\1 {HIDDEN}", text))


def _bounded(frame: TracedFrame) -> TracedFrame:
    """Return a frame with no more than our own code in a worker tells of one."""
    if len(frame.values) <= MOST_VALUES and len(frame.source) <= MOST_LINES:
        return frame
    return msgspec.structs.replace(
        frame,
        source=frame.source[:MOST_LINES],
        values=frame.values[:MOST_VALUES],
        more=frame.more + len(frame.values[MOST_VALUES:]),
    )


def _hide_given(found: re.Match[str]) -> str:
    quote = found["quote"] or ""
    return f"{found[1]}{quote}{HIDDEN}{quote}"


def _shorten(found: re.Match[str]) -> str:
    text = found[1]
    return text if len(text) <= LONG_LIMIT else f'{text[:LONG_LIMIT]}…"'


def read(text: str) -> tuple[TracedFrame, ...]:
    """Return the frames that a stored text tells of; none for one that is damaged."""
    if not text or len(text) > STORED_LIMIT:
        return ()
    try:
        return _decoder.decode(text)
    except (msgspec.MsgspecError, UnicodeEncodeError):
        return ()


class Placed(NamedTuple):
    """Which lines of a traceback say what of a frame, from its `File` to its source and marks."""

    first: int
    last: int
    frame: TracedFrame


def placed(frames: Sequence[TracedFrame], lines: Sequence[str]) -> list[Placed]:
    """Return where in a traceback's *lines* what is known of its frames belongs, in order."""
    found: list[Placed] = []
    rest = list(frames)
    for number, line in enumerate(lines):
        named = _FILE.match(line) if rest else None
        if named is None:
            continue
        place = named["file"], int(named["line"]), named["function"] or "<module>"
        known = (n for n, each in enumerate(rest) if (each.file, each.line, each.function) == place)
        if (at := next(known, None)) is None:
            continue
        indent = _indent(line)
        last = number
        for below in range(number + 1, min(len(lines), number + 1 + _SOURCE_ROWS)):
            if _FILE.match(lines[below]) or _indent(lines[below]) <= indent:
                break
            last = below
        found.append(Placed(number, last, rest[at]))
        del rest[: at + 1]
    return found


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" |"))


_SOURCE_ROWS: Final = 8
"""A call over several lines may show each of them."""
_FILE = re.compile(
    r'[\s|+]*File "(?P<file>[^"]+)", line (?P<line>\d{1,7})(?:, in (?P<function>\S.*))?'
)
