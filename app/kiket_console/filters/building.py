"""From the shape of a filter to its tests."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct, field
from msgspec.structs import replace

from kiket_console import json_path
from kiket_console.filters import facts, grammar
from kiket_console.filters.asking import (
    COMPARISONS,
    Asked,
    compiled,
    is_any,
    patterns,
    regular,
)
from kiket_console.filters.error import FilterError
from kiket_console.filters.fields import BY_NAME, HEADER_PREFIXES, JSON_PREFIXES, nearest
from kiket_console.filters.json_values import comparison
from kiket_console.filters.message_tests import AnywhereTest, HeaderTest, JsonTest
from kiket_console.filters.query import Combined, Inverse, Listed, Test
from kiket_console.filters.row_tests import AmongTest
from kiket_console.filters.syntax import Negation, Node, Part, Word
from kiket_console.text import visible

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kiket_console.filters.fields import Field
    from kiket_console.filters.patterns import Expression

SELECTORS: Final[Mapping[str, Test]] = {
    "all": Combined((), either=False),
    "marked": facts.MARKED,
    "unmarked": Inverse(facts.MARKED),
}
OF_LISTS: Final[Mapping[str, Callable[[Listed], Test]]] = {
    "focus": lambda listed: AmongTest(lambda number: number == listed.focus),
    "shown": lambda listed: AmongTest(listed.shown),
    "hidden": lambda listed: AmongTest(listed.hidden),
}
"""Selectors that name what a list shows, which only that list knows."""
_MOST_NESTED: Final = 16
_ELSEWHERE: Final[Mapping[str, str]] = {
    "b": "body:", "bq": "req:", "bs": "resp:", "c": "status:", "comment": "note:", "d": "host:",
    "e": "is:error", "h": "h:", "hq": "h:", "hs": "h:", "m": "method:", "marked": "is:marked",
    "marker": "is:marked", "q": "is:pending", "replay": "is:replayed", "replayq": "is:replayed",
    "s": "status:*", "t": "h.content-type:", "u": "path:",
}  # fmt: skip
"""What mitmproxy's filters of one letter or word are here; sought as text, they would find nothing
and not say why."""
_TILDE: Final = re.compile(r"(!?)~([a-z]+)")
_NAMED: Final = re.compile(r"([A-Za-z][A-Za-z0-9_.-]*)(:|=|!=|!~|~|>=|<=|>|<)(?!//)")


class Language(Struct, frozen=True):
    """What can be asked of one kind of row: fields by name, and what a bare text is sought in.

    `has_messages` when there are headers and JSON to ask for; `rows` is their name, in plural.
    """

    fields: Mapping[str, Field]
    anywhere: Callable[[str | Expression], Test]
    selectors: Mapping[str, Test]
    rows: str = "exchanges"
    has_messages: bool = True


EXCHANGES: Final = Language(BY_NAME, AnywhereTest, SELECTORS)


class Tally(Struct):
    """How many tests a filter has so far, with those of the saved ones that it uses."""

    tests: int = 0


class Context(Struct, frozen=True):
    """What a filter is read with; `within` are the saved filters that it is part of."""

    now_us: int
    saved: Mapping[str, str]
    within: tuple[str, ...] = ()
    language: Language = EXCHANGES
    listed: Listed | None = None
    """What the list shows that is to be narrowed; None where there is none."""
    tally: Tally = field(default_factory=Tally)


def built(node: Node | None, context: Context) -> Test:
    """Return the test that a filter's shape stands for; raises `FilterError`."""
    if node is None:
        return Combined((), either=False)
    if isinstance(node, Negation):
        return Inverse(built(node.child, context))
    if not isinstance(node, Part):
        children = [built(child, context) for child in node.children]
        return Combined(children, either=node.either)
    language = context.language
    context.tally.tests += 1
    if context.tally.tests > grammar.MOST_PARTS:
        raise FilterError(
            f"With those that it uses, the filter has more than {grammar.MOST_PARTS} tests.",
            node.start,
            length=node.end - node.start,
        )
    if node.kind in {"HEADER", "JSON"} and not language.has_messages:
        raise FilterError(
            f"A filter of {language.rows} has no headers and no JSON paths.",
            node.start,
            length=node.end - node.start,
            hint="Ask for a text, or for " + ", ".join(f"{each}:" for each in language.fields),
        )
    match node.kind:
        case "FIELD":
            return language.fields[node.name.text.lower()].build(_asked(node, context))
        case "HEADER":
            return _header(node, context)
        case "JSON":
            return _json(node, context)
        case "SELECTOR":
            return _selected(node, context)
        case "REGEX":
            pattern, _, flags = node.name.text[1:].rpartition("/")
            return language.anywhere(compiled(pattern.replace("\\/", "/"), flags, node.name))
        case "STRING":
            text = node.name.text
            return language.anywhere(text) if text else Combined((), either=False)
        case _:
            return language.anywhere(_plain(node.name, language))


def _asked(part: Part, context: Context) -> Asked:
    assert part.value is not None  # noqa: S101 - the grammar has no operator without one
    operator = part.operator.removeprefix(":") or ":"
    return Asked(part.name.text, operator, part.value, context.now_us, part.start)


def _plain(word: Word, language: Language) -> str:
    """Return a bare word, unless it looks like a field that nobody knows."""
    if language.has_messages:
        _refuse_what_is_written_elsewhere(word)
    found = _NAMED.match(word.text)
    if found is None:
        return word.text
    name, operator = found[1], found[2]
    near = nearest(name, language.fields)
    if operator != ":" and not (near and _is_close(name, near)):
        return word.text
    raise FilterError(
        f"Unknown field '{visible(name[:40])}'" + (f": did you mean {near}:?" if near else "."),
        word.column,
        length=len(name),
        suggestion=near,
        hint=f'To search for the text itself, write "{visible(word.text[:40])}" in quotes.',
    )


def _refuse_what_is_written_elsewhere(word: Word) -> None:
    found = _TILDE.fullmatch(word.text)
    here = _ELSEWHERE.get(found[2]) if found else None
    if found is None or here is None:
        return
    raise FilterError(
        f"There is no ~{found[2]} here: {here} asks for it.",
        word.column,
        length=len(word.text) + here.endswith(":"),  # what is asked for touches the colon
        suggestion=("-" if found[1] else "") + here,
        hint=f'To search for the text itself, write "{word.text}" in quotes.',
    )


def _is_close(name: str, near: str) -> bool:
    from difflib import SequenceMatcher

    return SequenceMatcher(None, name.lower(), near).ratio() >= 0.75


def _header(part: Part, context: Context) -> Test:
    prefix, _, name = part.name.text.partition(".")
    parts = HEADER_PREFIXES[prefix.lower()]
    if part.value is None:
        return HeaderTest(parts, name)
    asked = _asked(part, context)
    if asked.operator in COMPARISONS:
        raise asked.unsupported("a text, with * for anything")
    if all(is_any(item.word) for item in asked.items()) and not asked.negative:
        return HeaderTest(parts, name)
    return HeaderTest(parts, name, patterns(asked), asked.negative)


def _json(part: Part, context: Context) -> Test:
    prefix, _, rest = part.name.text.partition("$")
    offset = part.start + len(prefix)
    try:
        path = json_path.parse(f"${rest}")
    except json_path.JsonPathError as error:
        column = offset + error.column
        raise FilterError(
            re.sub(r"column \d+", f"column {column + 1}", error.message),
            column,
            length=error.length,
            hint=error.hint,
        ) from None
    parts = JSON_PREFIXES[prefix]
    if part.value is None:
        return JsonTest(parts, path)
    asked = _asked(part, context)
    if asked.operator in {"~", "!~"}:
        found = comparison(asked, (), regular(asked))
    else:
        found = comparison(asked, tuple(asked.items(ranges=True)))
    return JsonTest(parts, path, found, found.likely())


def _selected(part: Part, context: Context) -> Test:
    name = part.name.text[1:]
    selectors = context.language.selectors
    known: dict[str, Any] = {**selectors, **context.saved}
    if name in selectors:
        return selectors[name]
    if name in OF_LISTS and context.language is EXCHANGES:
        if context.listed is not None:
            return OF_LISTS[name](context.listed)
        raise FilterError(
            f"@{name} is what a list on screen shows at the moment: elsewhere it cannot be asked, "
            "or saved.",
            part.start,
            length=part.end - part.start,
        )
    text = context.saved.get(name)
    if text is None:
        from difflib import get_close_matches

        near = get_close_matches(name, known, n=1, cutoff=0.5)
        raise FilterError(
            f"No filter is saved as @{name}" + (f": did you mean @{near[0]}?" if near else "."),
            part.start,
            length=part.end - part.start,
            suggestion=f"@{near[0]}" if near else "",
            hint="" if near else f"There are: {', '.join(f'@{each}' for each in known)}.",
        )
    if len(context.within) >= _MOST_NESTED:
        raise FilterError(
            f"@{name} is the {_MOST_NESTED + 1}th filter that is part of another.",
            part.start,
            length=part.end - part.start,
        )
    if name in context.within:
        chain = " → ".join(f"@{each}" for each in (*context.within, name))
        raise FilterError(
            f"@{name} is part of itself: {chain}.", part.start, length=part.end - part.start
        )
    inner = replace(context, within=(*context.within, name))
    try:
        return built(grammar.parse(text, tuple(context.language.fields)), inner)
    except FilterError as error:
        said = error.message if error.message.startswith("@") else f"In @{name}: {error.message}"
        raise FilterError(said, part.start, length=part.end - part.start, hint=error.hint) from None
