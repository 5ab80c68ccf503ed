"""Which announced route a request is for. Pure.

Modules announce the patterns of their own frameworks: `/users/:id`, `/users/{id}`, `/users/<id>`,
`/files/{path:path}`, `/files/*rest`. A plain path stands for what is below it too, as a mounted
app's does; the more exact route wins.
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote

if TYPE_CHECKING:
    from kiket_console.module_facts import ModuleEndpoint

_ONE = re.compile(r":\w+|\{\w+(?::(?!path)\w+)?\}|<(?!path:)[\w:()., ]+>", re.ASCII)
_REST = re.compile(r"\*\w*|\{\*\w+\}|\{\w+:path\}|<path:\w+>", re.ASCII)
_SHOWN = 6
"""How many of a module's routes are named to who asked for another."""


class NoRoute(NamedTuple):
    """Why a request is for none of a module's routes."""

    status: int
    sentence: str
    allow: str = ""
    """The methods that the route takes, for a method that it does not."""


def find(
    module: str, endpoints: tuple[ModuleEndpoint, ...], method: str, path: str
) -> NoRoute | None:
    """Return why a request is for none of *endpoints*; None when it is for one of them.

    *path* is percent-encoded, without a query. A module that announced nothing takes everything.
    """
    if not endpoints:
        return None
    asked = "/" + unquote(path).strip("/")
    matching = [(rank, each) for each in endpoints if (rank := _rank(each.path, asked))]
    if not matching:
        return NoRoute(404, f"{module} has announced no route {path}; it has {_told(endpoints)}.")
    best = max(rank for rank, _ in matching)
    allowed = {word.upper() for _, each in matching for word in each.methods}
    if not allowed or method == "OPTIONS" or (method == "HEAD" and "GET" in allowed):
        return None
    if method in allowed:
        return None
    methods = {word.upper() for rank, each in matching if rank == best for word in each.methods}
    allow = ", ".join(sorted(methods))
    return NoRoute(405, f"{module} takes no {method} at {path}; it takes {allow}.", allow)


def unversioned(path: str) -> str:
    """Return a path without its first part if that is a version (`/v1/hello`), else nothing.

    Some Rust modules announce their routes with the version in front and serve them without
    (pywatt wire specification §1.3).
    """
    found = re.match(r"/v?\d[\w.-]*(/.*)", path, re.ASCII)
    return found[1] if found else ""


def _told(endpoints: tuple[ModuleEndpoint, ...]) -> str:
    shown = [f"{'/'.join(each.methods)} {each.path}".strip() for each in endpoints[:_SHOWN]]
    more = len(endpoints) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def _rank(pattern: str, asked: str) -> int:
    """Return how exactly a route is what was asked for; 0: not at all."""
    plain = "/" + pattern.strip("/")
    if plain == asked:
        return 1_000_000
    if _compiled(plain).fullmatch(asked):
        return 1000 + len(plain)
    under = plain.rstrip("/") + "/"
    return len(under) if asked.startswith(under) else 0


@functools.lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    """Return what matches a pattern; nothing in it but its placeholders is special."""
    *middle, last = _pieces(pattern)
    if not middle:
        return re.compile("/" + last, re.DOTALL)
    first, *middle = middle
    # What a rest stands for ends where the next piece is found first, for good (an atomic group):
    # else an address of many parts is tried in more ways than anybody has time for.
    found = "".join(f"(?>.*?/{piece}/)" if piece else "(?>.*?/)" for piece in middle)
    end = f".*/{last}" if last else ".*"
    return re.compile(f"/{first}/{found}{end}" if first else f"/{found}{end}", re.DOTALL)


def _pieces(pattern: str) -> list[str]:
    """Return what stands before, between and after the rests of a route, as regular expressions."""
    pieces: list[list[str]] = [[]]
    for part in pattern.strip("/").split("/"):
        if _REST.fullmatch(part):
            pieces.append([])
        elif _ONE.fullmatch(part):
            pieces[-1].append("[^/]+")
        else:
            pieces[-1].append(re.escape(part))
    return ["/".join(piece) for piece in pieces]
