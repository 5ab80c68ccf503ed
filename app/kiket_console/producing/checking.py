"""What is wrong with the text of a message, each mistake at its line.

    3   "behavior": "later",
                    ▲ "later" is none of instant, scheduled, deferred, long_term.

A schema's validator says where in the document a mistake is; a person wants to know where in the
text.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, cast

from msgspec import Struct

from kiket_console.sending import payload

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from jsonschema import ValidationError

MOST: Final = 20
"""So many mistakes are told of."""
_LONGEST: Final = 60
_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[-+.\w]+|[{}\[\],:]', re.DOTALL)
"""A token of a text that a parser has taken."""
_KINDS: Final = {
    "string": "a text in double quotes",
    "object": "an object, { }",
    "array": "a list, [ ]",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "null": "null",
}


class Wrong(Struct, frozen=True, order=True):
    """A mistake in a text; `line` and `column` are 0-based."""

    line: int
    column: int
    sentence: str
    member: str = ""
    """The member of the message that it is in, or that is missing; empty: none or all of it."""

    def __str__(self) -> str:
        return f"Line {self.line + 1}, column {self.column + 1}: {self.sentence}"


def check(text: str, schema: Mapping[str, Any]) -> tuple[Wrong, ...]:
    """Return what is wrong with a message's *text*, in the order of its lines.

    That it is no JSON, or where it does not fit the JSON *schema* (draft 7).
    """
    if (fault := payload.fault(text)) is not None:
        return (Wrong(fault.line, fault.column, fault.sentence),)
    from jsonschema import Draft7Validator

    document = payload.parse(text)
    found: list[Wrong] = []
    for error in Draft7Validator(schema).iter_errors(document):
        found += _wrong(text, error)
        if len(found) >= MOST:
            break
    return tuple(sorted(found[:MOST]))


def place_of(text: str, way: Sequence[str | int], *, name: bool = False) -> tuple[int, int]:
    """Return line and column, from 0, of the value that *way* leads to in JSON *text*.

    *name*: of its name instead. A way that leads nowhere is at the beginning of the text.
    """
    at = 0
    for its_way, of_name, of_value in _values(text):
        if its_way == tuple(way):  # the last one of that name is the one that counts
            at = of_name if name else of_value
    return text.count("\n", 0, at), at - (text.rfind("\n", 0, at) + 1)


def _wrong(text: str, error: ValidationError) -> Iterator[Wrong]:
    way = tuple(error.absolute_path)
    member = str(way[0]) if way else ""
    value, rule = error.instance, cast("Any", error.validator_value)
    if error.validator == "required" and isinstance(value, dict):
        missing = (each for each in rule if repr(each) in error.message)
        name = str(next(missing, ""))
        yield Wrong(*place_of(text, way), f'"{name}" is missing.', member or name)
    elif error.validator == "additionalProperties" and isinstance(value, dict):
        known = error.schema.get("properties", {}) if isinstance(error.schema, dict) else {}
        for name in value:
            if name not in known:
                place = place_of(text, (*way, name), name=True)
                yield Wrong(*place, f'The schema knows no "{_short(name)}".', member or name)
    elif error.validator == "enum":
        choices = ", ".join(map(str, rule))
        yield Wrong(*place_of(text, way), f"{_said(value)} is none of {choices}.", member)
    elif error.validator == "type":
        wanted = " or ".join(_KINDS.get(each, each) for each in _listed(rule))
        what = f'"{_short(str(way[-1]))}"' if way else "The message"
        yield Wrong(*place_of(text, way), f"{what} must be {wanted}.", member)
    else:
        sentence = error.message if len(error.message) < 200 else f"{error.message[:200]}…"
        yield Wrong(*place_of(text, way), f"{sentence.rstrip('.')}.", member)


def members(text: str) -> list[tuple[str, str]]:
    """Return the members of the object that JSON *text* is: names, and values as they are written.

    In their order; a name that is there twice is there twice.
    """
    import json

    read = json.JSONDecoder().raw_decode
    return [
        (str(way[0]), text[at : read(text, at)[1]])
        for way, _, at in _values(text)
        if len(way) == 1 and isinstance(way[0], str)
    ]


def _values(text: str) -> Iterator[tuple[tuple[str | int, ...], int, int]]:
    """Yield of each value in JSON *text* the way to it, and where its name and it begin."""
    import json

    way: list[str | int] = []
    name_at = 0
    expects_name = False
    name: str | None = None
    for token in _TOKEN.finditer(text):
        sign, at = token[0], token.start()
        if sign in "}]":
            way.pop()
            expects_name = False
        elif sign == ",":
            if isinstance(way[-1], int):
                way[-1] += 1
            else:
                expects_name = True
        elif sign == ":":
            way[-1] = name if name is not None else ""
            expects_name = False
        elif expects_name:
            name, name_at = json.loads(sign), at
        else:
            yield tuple(way), name_at if way and isinstance(way[-1], str) else at, at
            if sign == "{":
                way.append("")
                expects_name = True
            elif sign == "[":
                way.append(0)


def _listed(value: object) -> list[str]:
    return [str(each) for each in value] if isinstance(value, list) else [str(value)]


def _said(value: object) -> str:
    import json

    return _short(json.dumps(value, ensure_ascii=False))


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
