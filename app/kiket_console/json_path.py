"""Paths into JSON: `$.a.b[0]["c d"]..x[*]`, read with the column of each error.

A `JsonPath` may lead to many values; a `Place` is the way to exactly one of them, as keys and
indexes. Documents are what a JSON parser returns: nothing here parses or writes JSON text.
"""

from __future__ import annotations

import json
import re
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from msgspec import Struct

from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.text import visible

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Place: TypeAlias = tuple[str | int, ...]
"""The way to one value: object keys and array indexes, from the document's root."""

MOST_STEPS: Final = 100

_BARE: Final = re.compile(r"""[^\s.\[\]()"':=!~<>,*]+""")
_INDEX: Final = re.compile(r"\[\s*(-?\d{1,9})\s*\]")
_ANY: Final = re.compile(r"\[\s*\*\s*\]")
_QUOTED: Final = re.compile(r"""\[\s*("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')\s*\]""", re.DOTALL)
_PLAIN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


class JsonPathError(ConsoleError):
    """A path that cannot be read, or leads nowhere; `column` is 0-based, in the path's text."""

    def __init__(self, message: str, column: int, *, length: int = 1, hint: str = "") -> None:
        super().__init__(message, hint=hint, exit_code=ExitCode.USAGE)
        self.column = column
        self.length = length


class Step(Struct, frozen=True):
    """One step of a path: a key, an index (negative: from the end), or None for any member.

    A `deep` step is taken from each value below as well, at any depth.
    """

    at: str | int | None
    deep: bool = False


_Link: TypeAlias = "tuple[_Link, str | int] | None"
_Node: TypeAlias = "tuple[Any, _Link]"


class JsonPath(Struct, frozen=True):
    """Where to look in a document; `text` as it was written."""

    text: str
    steps: tuple[Step, ...]

    def values(self, document: Any) -> Iterator[Any]:
        """Return each value that the path leads to, one before those that are below it."""
        return (value for value, _ in self._nodes(document))

    def find(self, document: Any) -> Iterator[tuple[Place, Any]]:
        """Return each value that the path leads to with its place, in the order of `values`."""
        return ((_place(link), value) for value, link in self._nodes(document))

    @property
    def place(self) -> Place | None:
        """The one place that the path can lead to, or None when it may lead to several."""
        if any(step.deep or step.at is None for step in self.steps):
            return None
        return tuple(step.at for step in self.steps if step.at is not None)

    def _nodes(self, document: Any) -> Iterable[_Node]:
        nodes: Iterable[_Node] = ((document, None),)
        for step in self.steps:
            nodes = _deep(nodes, step) if step.deep else _members(nodes, step.at)
        return nodes


def parse(text: str) -> JsonPath:
    """Return the path that all of *text* is; raises `JsonPathError`."""
    path, end = read(text)
    if end < len(text):
        raise JsonPathError(
            f"A JSON path cannot go on with {text[end]!r} in column {end + 1}.",
            end,
            hint="Write a key with other characters as " + '["a key"].',
        )
    return path


def read(text: str, start: int = 0) -> tuple[JsonPath, int]:
    """Return the path that begins at *start* of *text* (with `$`), and where it ends.

    Raises `JsonPathError`, its column counted from the beginning of *text*.
    """
    if not text.startswith("$", start):
        raise JsonPathError("A JSON path begins with `$`.", start, hint="As in $.issue.key.")
    steps: list[Step] = []
    at = start + 1
    while at < len(text) and text[at] in ".[":
        deep = text.startswith("..", at)
        if deep:
            at += 2
        step, at = _step(text, at, deep=deep)
        steps.append(step)
        if len(steps) > MOST_STEPS:
            raise JsonPathError(f"A JSON path has at most {MOST_STEPS} steps.", at - 1)
    return JsonPath(text[start:at], tuple(steps)), at


def _step(text: str, at: int, *, deep: bool) -> tuple[Step, int]:
    """Return the step that begins at *at*, behind the dots of a deep one."""
    if text.startswith("[", at):
        if found := _INDEX.match(text, at):
            return Step(int(found[1]), deep), found.end()
        if found := _ANY.match(text, at):
            return Step(None, deep), found.end()
        if found := _QUOTED.match(text, at):
            return Step(unquoted(found[1]), deep), found.end()
        raise JsonPathError(
            f"The bracket in column {at + 1} holds no index, `*` or quoted key.",
            at,
            hint='Write [0], [*] or ["a key"].',
        )
    if not deep:
        at += 1  # the dot
    if text.startswith("*", at):
        return Step(None, deep), at + 1
    if found := _BARE.match(text, at):
        return Step(found[0], deep), found.end()
    raise JsonPathError(
        f"A key is missing after the dot in column {at}.", at - 1, hint="As in $.issue.key."
    )


def unquoted(quoted: str) -> str:
    """Return what a text in double or single quotes stands for; a backslash keeps what follows."""
    inner = quoted[1:-1]
    if "\\" not in inner:
        return inner
    try:
        known = json.loads(f'"{inner}"', strict=False) if quoted[0] == '"' else None
    except ValueError:
        known = None
    return known if isinstance(known, str) else re.sub(r"\\(.)", r"\1", inner, flags=re.DOTALL)


def write(place: Place) -> str:
    """Return *place* as the text of a path: `$.items[0]["a key"]`."""
    return "$" + "".join(_written(step) for step in place)


def _written(step: str | int) -> str:
    if isinstance(step, int):
        return f"[{step}]"
    return f".{step}" if _PLAIN.fullmatch(step) else f"[{json.dumps(step, ensure_ascii=False)}]"


def get(document: Any, place: Place) -> Any:
    """Return the value at *place*; raises `JsonPathError` when the document has none there."""
    for number, step in enumerate(place):
        document = _child(document, place, number, step)
    return document


def put(document: Any, place: Place, value: Any) -> Any:
    """Return *document* with *value* at *place*, which must be there; the original stays as it is.

    Raises `JsonPathError` with the nearest name when there is no such place.
    """
    holders: list[Any] = []
    within = document
    for number, step in enumerate(place):
        holders.append(within)
        within = _child(within, place, number, step)
    for holder, step in zip(reversed(holders), reversed(place), strict=True):
        renewed = holder.copy()
        renewed[step] = value
        value = renewed
    return value


def _child(value: Any, place: Place, number: int, step: str | int) -> Any:
    if isinstance(value, dict) and isinstance(step, str) and step in value:
        return value[step]
    if isinstance(value, list) and isinstance(step, int) and -len(value) <= step < len(value):
        return value[step]
    where, column = write(place[: number + 1]), len(write(place[:number]))
    raise JsonPathError(
        f"There is no {visible(where)}.",
        column,
        length=len(where) - column,
        hint=_nearest(value, place[:number], step),
    )


def _nearest(value: Any, above: Place, step: str | int) -> str:
    """Say what could have been meant by *step* below *above*, where *value* is."""
    place = visible(write(above))
    if isinstance(value, dict):
        near = get_close_matches(str(step), value, n=1, cutoff=0.5)
        if near:
            return f"Did you mean {visible(write((*above, near[0])))}?"
        names = visible(", ".join(str(name)[:40] for name in list(value)[:8]))
        return f"{place} has {names}." if names else f"{place} is empty."
    if isinstance(value, list):
        return f"{place} is an array of {len(value)}."
    return f"{place} is neither an object nor an array."


def _members(nodes: Iterable[_Node], at: str | int | None) -> Iterator[_Node]:
    """Take one step from each of *nodes*."""
    for value, link in nodes:
        if isinstance(value, dict):
            if at is None:
                for key, member in value.items():
                    yield member, (link, key)
            elif isinstance(at, str) and at in value:
                yield value[at], (link, at)
        elif isinstance(value, list):
            if at is None:
                for index, member in enumerate(value):
                    yield member, (link, index)
            elif isinstance(at, int) and -len(value) <= at < len(value):
                index = at % len(value)
                yield value[index], (link, index)


def _deep(nodes: Iterable[_Node], step: Step) -> Iterator[_Node]:
    """Take a step from each of *nodes* and from all below them, from each value once.

    A node comes before those below it, which are then seen with it; and a document nested as deep
    as its parser allows needs no deeper stack here.
    """
    seen: set[int] = set()
    for start in nodes:
        waiting = [start]
        while waiting:
            node = waiting.pop()
            value = node[0]
            if not isinstance(value, dict | list) or id(value) in seen:
                continue
            seen.add(id(value))
            yield from _members((node,), step.at)
            waiting.extend(reversed([*_members((node,), None)]))


def _place(link: _Link) -> Place:
    steps: list[str | int] = []
    while link is not None:
        link, step = link
        steps.append(step)
    return tuple(reversed(steps))
