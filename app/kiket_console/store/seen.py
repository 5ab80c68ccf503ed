"""The values that recent exchanges had, to be offered while a filter is typed."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from kiket_console import json_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    Rows = Callable[..., list[tuple[Any, ...]]]
    """Runs a statement with its values, and returns the rows."""

ROWS: Final = 20_000
"""So many of the newest exchanges are looked at, and of so many the headers and bodies:"""
MESSAGES: Final = 300
BODY_BYTES: Final = 64 * 1024
"""A larger body is not looked into."""
PLACES: Final = 500
"""So many places of one body are looked at, down to a depth of"""
DEEPEST: Final = 8
VALUE_CHARACTERS: Final = 80
_COLUMNS: Final = {
    "event": "name",
    "method": "method",
    "path": "path",
    "status": "status",
    "v": "version",
}
_SOURCES: Final = {"ext": "('webhook', 'api')", "mod": "('ipc')"}
_HEADERS: Final = re.compile(r"(h|reqh|resph)\.([A-Za-z0-9_.-]*)")
_JSON: Final = re.compile(r"(req|resp)?(\$.*)", re.DOTALL)
_TAG: Final = re.compile(r"#([\w-]+)")


def values(rows: Rows, field: str) -> Iterable[tuple[str, int]]:
    """Return values of *field* with how often each was seen; one may come more than once."""
    if field in _COLUMNS:
        return _grouped(rows, _COLUMNS[field], "1")
    if field in _SOURCES:
        return _grouped(rows, "worker", f"source IN {_SOURCES[field]}")
    if field == "tag":
        notes = _grouped(rows, "note", "note <> ''")
        return [(tag, count) for note, count in notes for tag in _TAG.findall(note)]
    if headers := _HEADERS.fullmatch(field):
        return _header_values(rows, headers[1], headers[2].lower())
    if path := _JSON.fullmatch(field):
        return _json_values(rows, path[1] or "req", path[2])
    return ()


def _grouped(rows: Rows, column: str, condition: str) -> list[tuple[str, int]]:
    found = rows(
        f"SELECT {column}, count(*) FROM exchange"  # noqa: S608 (ours)
        " WHERE id > (SELECT exchange FROM counters) - ? AND +deleted_us IS NULL"
        f" AND {column} IS NOT NULL AND {column} <> '' AND {condition} GROUP BY 1",
        (ROWS,),
    )
    return [(str(value).partition("?")[0] if column == "path" else str(value), count)
            for value, count in found]  # fmt: skip


def _messages(rows: Rows, part: str, column: str) -> Iterator[bytes]:
    """Return one column of recent requests, answers, or (`h`) both."""
    wanted = f"CAST({column} AS BLOB)"
    if part in {"h", "req", "reqh"}:
        for (raw,) in rows(
            f"SELECT {wanted} FROM request WHERE length({column}) <= ?"  # noqa: S608 (ours)
            " ORDER BY exchange_id DESC LIMIT ?",
            (BODY_BYTES, MESSAGES),
        ):
            yield raw
    if part in {"h", "resp", "resph"}:
        for (raw,) in rows(
            f"SELECT {wanted} FROM attempt WHERE headers IS NOT NULL"  # noqa: S608 (ours)
            f" AND length({column}) <= ? ORDER BY id DESC LIMIT ?",
            (BODY_BYTES, MESSAGES),
        ):
            yield raw


def _header_values(rows: Rows, part: str, name: str) -> Iterator[tuple[str, int]]:
    """Return names of headers, or the values of the one called *name*."""
    for raw in _messages(rows, part, "headers"):
        try:
            headers = [(str(key).lower(), str(value)) for key, value in json.loads(raw)]
        except (ValueError, TypeError):
            continue  # damaged
        for key, value in headers:
            if not name:
                yield key, 1
            elif key == name:
                yield value[:VALUE_CHARACTERS], 1


def _json_values(rows: Rows, part: str, text: str) -> Iterator[tuple[str, int]]:
    """Return paths into bodies, or the values where the path *text* leads."""
    path = None
    if text != "$":
        try:
            path = json_path.parse(text)
        except json_path.JsonPathError:
            return
    for raw in _messages(rows, part, "body"):
        try:
            document = json.loads(raw)
        except (ValueError, RecursionError):
            continue
        if path is None:
            for found in sorted(_paths(document)):
                yield found, 1
        else:
            for value in path.values(document):
                if value is None or isinstance(value, str | int | float | bool):
                    yield _literal(value), 1


def _literal(value: Any) -> str:
    """Return a value as a filter has it: in quotes, when it could be taken for another."""
    if not isinstance(value, str):
        return json.dumps(value)
    cut = value[:VALUE_CHARACTERS]
    if re.fullmatch(r"(?!(?:true|false|null)$)[A-Za-z_][\w:./@+-]*", cut) and ".." not in cut:
        return cut
    return json.dumps(cut, ensure_ascii=False)


def _paths(document: Any) -> set[str]:
    """Return where the values of a body are, any element of an array standing for all."""
    found: set[str] = set()
    waiting: list[tuple[Any, str, int]] = [(document, "$", 0)]
    looked = 0
    while waiting and looked < PLACES:
        looked += 1
        value, path, depth = waiting.pop()
        if path != "$":
            found.add(path)
        if depth == DEEPEST:
            continue
        if isinstance(value, dict):
            waiting += [
                (member, path + json_path.write((key,))[1:], depth + 1)
                for key, member in value.items()
            ]
        elif isinstance(value, list):
            waiting += [(member, f"{path}[*]", depth + 1) for member in value[:20]]
    return found
