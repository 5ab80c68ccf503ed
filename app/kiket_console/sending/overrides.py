"""What a person changes of a template: `$.issue.priority="high" $.issue.id=${uuid}`.

A path must be there already: one that is not is nearly always misspelt, and would be ignored by
the code that it is sent to.
"""

from __future__ import annotations

import json
import re
from difflib import get_close_matches
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from kiket_console import json_path
from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.json_path import JsonPathError
from kiket_console.sending.payload import parse
from kiket_console.sending.values import ValueRefusedError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kiket_console.json_path import JsonPath
    from kiket_console.sending.values import Values

MOST_PLACES: Final = 1000
"""So many places one path can change."""
_MOST_NAMES: Final = 5000
"""Among so many members the one that was probably meant is looked for."""
_TYPED: Final = re.compile(r"(?:^|\s)(\$\S*)\.([A-Za-z0-9_-]*)$")
"""A path that is being typed, at the end of a line: what is before its last dot, and behind it."""
_PLAIN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_MEANT: Final = re.compile(r"Did you mean (.*)\?")
_BARE: Final = re.compile(r"""(?:\$\{(?:[^}"']|"[^"]{0,200}"|'[^']{0,200}'){0,200}\}|[^\s])+""")
"""Up to a blank that is in no `${…}`; what is longer than anything that stands there is none."""
_QUOTED: Final = re.compile(r"'((?:[^'\\]|\\.)*)'", re.DOTALL)
_decode = json.JSONDecoder().raw_decode


class OverrideError(ConsoleError):
    """An override that cannot be carried out; `column` is 0-based, in the line that was given.

    `suggestion` is a path that is there and was probably meant, else empty.
    """

    def __init__(
        self, message: str, column: int, length: int = 1, hint: str = "", suggestion: str = ""
    ) -> None:
        super().__init__(message, hint=hint, exit_code=ExitCode.USAGE)
        self.column = column
        self.length = length
        self.suggestion = suggestion


class Override(Struct, frozen=True):
    """One value to put at one path."""

    path: JsonPath
    value: Any
    """A JSON value; its texts may hold `${…}`."""
    column: int = 0
    """Where it begins in the line."""
    value_column: int = 0


def read(line: str) -> list[Override]:
    """Return the overrides of a line, with blanks between them; raises `OverrideError`."""
    found: list[Override] = []
    at = _after_blanks(line, 0)
    while at < len(line):
        override, at = _one(line, at, to_end=False)
        found.append(override)
        at = _after_blanks(line, at)
    return found


def read_one(text: str) -> Override:
    """Return the override that all of *text* is; raises `OverrideError`.

    A value that is no JSON is taken as a text, blanks included.
    """
    return _one(text, _after_blanks(text, 0), to_end=True)[0]


def apply(document: Any, overrides: Iterable[Override], values: Values) -> Any:
    """Return *document* with the overrides carried out, each on what the one before it left.

    Raises `OverrideError` for a path that leads nowhere and for a value that means nothing.
    """
    for override in overrides:
        try:
            value = values.fill(override.value)
        except ValueRefusedError as error:
            raise OverrideError(
                error.message, override.value_column + error.column, error.length, error.hint
            ) from error
        for place in _places(document, override):
            document = json_path.put(document, place, value)
    return document


def completed(document: Any, line: str) -> tuple[str, tuple[str, ...]]:
    """Return *line* with the path at its end completed, and the names that could stand there.

    A path that leads to a value gets the `=` that comes next. Without a path at its end, or
    without a name that fits, the line is as it was.
    """
    typed = _TYPED.search(line)
    if typed is None:
        return line, ()
    above, last = typed[1], typed[2]
    try:
        within = next(json_path.parse(above).values(document), None)
    except JsonPathError:
        return line, ()
    if not isinstance(within, dict):
        return line, ()
    names = tuple(name for name in within if _PLAIN.fullmatch(name) and name.startswith(last))
    if not names:
        return line, ()
    known = _beginning(names)
    found = line[: typed.start(2)] + known
    if len(names) == 1:
        found += "." if isinstance(within[known], dict) else "="
    return found, names


def _beginning(names: tuple[str, ...]) -> str:
    """Return what all *names* begin with."""
    first, last = min(names), max(names)
    same = (at for at, pair in enumerate(zip(first, last, strict=False)) if pair[0] != pair[1])
    return first[: next(same, len(first))]


def _places(document: Any, override: Override) -> list[json_path.Place]:
    path = override.path
    places = [place for place, _ in islice(path.find(document), MOST_PLACES + 1)]
    if len(places) > MOST_PLACES:
        raise OverrideError(
            f"{path.text} leads to more than {MOST_PLACES} places.", override.column, len(path.text)
        )
    if places:
        return sorted(places, key=len, reverse=True)  # what is inside before what holds it
    message, hint, beside = f"There is no {path.text} in this event.", "", ""
    if path.place is not None:
        try:
            json_path.get(document, path.place)
        except JsonPathError as error:
            message, hint = error.message, error.hint
            meant = _MEANT.fullmatch(hint)
            beside = meant[1] if meant else ""
    suggestion = _nearest(document, path, beside)
    if suggestion:
        hint = f"Did you mean {suggestion}?"
    raise OverrideError(message, override.column, len(path.text), hint, suggestion)


def _nearest(document: Any, path: JsonPath, beside: str) -> str:
    """Return an existing path that was probably meant; empty without one.

    That is the same name elsewhere, else a like name in the same object, which is *beside*, else a
    like name elsewhere.
    """
    last = path.steps[-1].at if path.steps else None
    if not isinstance(last, str):
        return beside
    everything = json_path.JsonPath("", (json_path.Step(None, deep=True),))
    named: dict[str, json_path.Place] = {}
    for place, _ in islice(everything.find(document), _MOST_NAMES):
        if isinstance(place[-1], str):
            named.setdefault(place[-1], place)
    if last in named:
        return json_path.write(named[last])
    near = get_close_matches(last, named, n=1, cutoff=0.6)
    return beside or (json_path.write(named[near[0]]) if near else "")


def _one(line: str, at: int, *, to_end: bool) -> tuple[Override, int]:
    try:
        path, end = json_path.read(line, at)
    except JsonPathError as error:
        raise OverrideError(error.message, error.column, error.length, error.hint) from error
    equals = _after_blanks(line, end)
    if line[equals : equals + 1] != "=":
        hint = 'As in $.issue.priority="high".'
        raise OverrideError(f"A = is missing behind {path.text}.", min(end, len(line)), 1, hint)
    start = _after_blanks(line, equals + 1)
    value, end = _whole(line, start) if to_end else _value(line, start)
    return Override(path, value, at, start), end


def _whole(line: str, at: int) -> tuple[Any, int]:
    text = line[at:]
    try:
        return parse(text), len(line)
    except (ValueError, RecursionError):
        return text, len(line)


def _value(line: str, at: int) -> tuple[Any, int]:
    """Return the value that begins at *at*, and where it ends."""
    if quoted := _QUOTED.match(line, at):
        return quoted[1].replace("\\'", "'"), quoted.end()
    if line[at : at + 1] in ('"', "{", "["):
        try:
            value, end = _decode(line, at)
        except json.JSONDecodeError as error:
            sentence = "The value that begins here is no JSON."
            raise OverrideError(sentence, at, max(1, error.pos - at), f"{error.msg}.") from error
        except RecursionError as error:
            raise OverrideError("The value is nested too deeply.", at) from error
        if end < len(line) and not line[end].isspace():
            raise OverrideError("A blank is missing between this value and the next.", end)
        return value, end
    bare = _BARE.match(line, at)
    if bare is None:
        raise OverrideError("A value is missing here.", at, hint='"" is the empty text.')
    try:
        return parse(bare[0]), bare.end()
    except (ValueError, RecursionError):
        return bare[0], bare.end()


def _after_blanks(line: str, at: int) -> int:
    while at < len(line) and line[at].isspace():
        at += 1
    return at
