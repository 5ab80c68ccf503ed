"""What may be typed at a place of a filter: fields, then their words and the values seen so far."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Protocol

from msgspec import Struct

from kiket_console.filters.asking import COMPARISONS
from kiket_console.filters.building import OF_LISTS, SELECTORS
from kiket_console.filters.fields import BY_NAME, FIELDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

MOST: Final = 50
_TOKEN: Final = re.compile(
    r"""(?:"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|"[^"]*\Z|'[^']*\Z|[^\s()"'])+"""
)
_COMPARED: Final = re.compile(
    r"""(?P<name>(?:req|resp)?\$(?:\[[^\]]*\]|[^\s:=!~<>,\[])*|[A-Za-z][A-Za-z0-9_.-]*)"""
    r"(?P<operator>:(?:>=|<=|!=|>|<)?|!=|>=|<=|[=<>])(?P<value>.*)",
    re.DOTALL,
)
_HEADER: Final = re.compile(r"(h|reqh|resph)\.", re.IGNORECASE)
_JSON: Final = re.compile(r"(?:req|resp)?\$")
_SELECTORS: Final = {
    "all": "every exchange",
    "marked": "marked ones",
    "unmarked": "others",
    "focus": "the selected one",
    "shown": "what the list shows",
    "hidden": "what it does not show",
}
_SAFE: Final = re.compile(r"""[^\s()"',]+""")


class Completion(Struct, frozen=True):
    """A text that may take the place of what is typed from `start` up to `end`.

    `note` says what it means, or how often it was seen.
    """

    text: str
    start: int
    end: int
    note: str


class Values(Protocol):
    """Where values come from that were seen so far."""

    def values_of(self, field: str, prefix: str, limit: int) -> Sequence[tuple[str, int]]:
        """Return values of *field* that begin with *prefix*, with how often each was seen."""
        ...


def completions(
    text: str,
    cursor: int,
    values: Values | None = None,
    saved: Mapping[str, str] | None = None,
    *,
    in_list: bool = False,
) -> list[Completion]:
    """Return what may be typed at *cursor*, the likeliest first; reading *values* may take time.

    *in_list*: what a list shows can be asked for.
    """
    token, start = _token(text[:cursor])
    stripped = token.lstrip("!-")
    start += len(token) - len(stripped)
    if stripped.startswith("@"):
        return _selectors(stripped, start, cursor, saved or {}, in_list=in_list)
    compared = _COMPARED.fullmatch(stripped)
    if compared is not None:
        return _values(compared, start, cursor, values)
    if _JSON.match(stripped) and values is not None:
        prefix, _, _ = stripped.partition("$")
        seen = values.values_of(f"{prefix}$", stripped[len(prefix) :], MOST)
        return [Completion(prefix + path, start, cursor, _times(n)) for path, n in seen]
    header = _HEADER.match(stripped)
    if header is not None and values is not None:
        seen = values.values_of(header[0].lower(), stripped[header.end() :], MOST)
        found = [Completion(header[0].lower() + name, start, cursor, _times(n)) for name, n in seen]
        return [*found, *_fields(stripped, start, cursor)]
    return _fields(stripped, start, cursor)


def _token(before: str) -> tuple[str, int]:
    """Return what is being typed at the end of *before*, and where it begins."""
    tokens = list(_TOKEN.finditer(before))
    if not tokens or tokens[-1].end() < len(before):
        return "", len(before)
    return tokens[-1][0], tokens[-1].start()


def _selectors(
    token: str, start: int, end: int, saved: Mapping[str, str], *, in_list: bool
) -> list[Completion]:
    own = [*SELECTORS, *(OF_LISTS if in_list else ())]
    known = {**{name: _SELECTORS[name] for name in own}, **saved}
    return [
        Completion(f"@{name}", start, end, note)
        for name, note in known.items()
        if name.startswith(token[1:])
    ]


def _fields(token: str, start: int, end: int) -> list[Completion]:
    typed = token.lower()
    return [
        Completion(f"{field.name}:", start, end, field.says)
        for field in FIELDS
        if field.name.startswith(typed)
    ]


def _values(
    compared: re.Match[str], start: int, end: int, values: Values | None
) -> list[Completion]:
    """Return values for the last one of a list."""
    name, value = compared["name"], compared["value"]
    last = re.split(r",|\.\.", value)[-1] if not value.startswith(('"', "'")) else value
    start += compared.start("value") + len(value) - len(last)
    typed = last.strip("\"'").lower()
    field = BY_NAME.get(name.lower())
    found: dict[str, str] = {}
    is_compared = compared["operator"].removeprefix(":") in COMPARISONS and name != "level"
    for word in field.words if field is not None else ():
        if word.lower().startswith(typed) and (not is_compared or word[0].isdigit()):
            found[word] = ""
    is_message = bool(_HEADER.match(name) or _JSON.match(name))
    if values is not None and (is_message or (field is not None and field.is_seen)):
        asked = name.lower() if field is not None else name
        for seen, count in _seen(values, asked, last, is_json=bool(_JSON.match(name))):
            found[seen] = _times(count)
    return [Completion(each, start, end, note) for each, note in found.items()][:MOST]


def _seen(values: Values, name: str, typed: str, *, is_json: bool) -> Iterable[tuple[str, int]]:
    """Return values as they can be typed: in quotes where they must be."""
    for seen, count in values.values_of(name, typed if is_json else typed.strip("\"'"), MOST):
        if is_json or _SAFE.fullmatch(seen):
            yield seen, count
        else:
            escaped = seen.replace("\\", "\\\\").replace('"', '\\"')
            yield f'"{escaped}"', count


def _times(count: int) -> str:
    return f"seen {count:,} times" if count != 1 else "seen once"
