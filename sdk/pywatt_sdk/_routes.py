"""The routes of a web app, and the patterns of their paths, whatever framework they come from."""

from __future__ import annotations

import posixpath
import re
import sys
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ANY_METHOD: Final = ("DELETE", "GET", "PATCH", "POST", "PUT")
"""What may be asked of a mounted app that does not say."""

_DOCUMENTS: Final = ("docs_url", "redoc_url", "openapi_url", "swagger_ui_oauth2_redirect_url")

# {name}, {name:path} of Starlette; <name>, <path:name> of Flask; :name, *name of the wire
_PARAMETER: Final = re.compile(
    r"\{(?P<starlette>\w+)(?::(?P<starlette_kind>\w+))?\}"
    r"|<(?:(?P<flask_kind>\w+)(?:\([^)]*\))?:)?(?P<flask>\w+)>"
    r"|(?<=/):(?P<wire>\w+)"
    r"|(?<=/)\*(?P<rest>\w*)"
)

_MIXED: Final = re.compile(r":[A-Za-z_]\w*")
"""A parameter that is a part of a segment: `:name.json`."""


class Pattern:
    """A path with parameters, in any of the spellings, and what it matches.

    A trailing slash makes no difference, nor does a line feed at the end: Starlette's own patterns
    let it pass. A parameter is one segment; one of the kind `path`, `*`, or at one of the places
    that `spans` counts from 1, is any number of them.
    """

    def __init__(self, path: str, *, spans: frozenset[int] = frozenset()) -> None:
        self.text, self.spans = _on_the_wire(path)
        self.spans |= spans
        self.shape = _MIXED.sub(":", self.text)
        """The path without the names of its parameters."""
        pieces, rank = [], []
        segments = self.text.rstrip("/").split("/")[1:]
        for place, segment in enumerate(segments, 1):
            whole = _PARAMETER.fullmatch(f"/{segment}", 1)
            if place in self.spans or (whole is not None and whole["rest"] is not None):
                pieces.append("(?:/.*)?")
                rank.append(3)
            elif whole is None:
                pieces.append("/" + _segment(segment))
                rank.append(1 if _MIXED.search(segment) else 0)
            else:
                pieces.append("/[^/]+")
                rank.append(2)
        self.rank = tuple(rank)
        self._regex = re.compile("".join(pieces) + "/?\\n?", re.DOTALL)

    def matches(self, path: str) -> bool:
        """Tell whether `path`, decoded, is one of these."""
        return self._regex.fullmatch(path) is not None


class Route(Struct, frozen=True, eq=False, dict=True):
    """One route: its path as the wire has it (`/users/:id`), and its methods without HEAD."""

    path: str
    methods: tuple[str, ...]
    spans: frozenset[int] = frozenset()
    """Which of its segments, counted from 1, may be several."""
    is_websocket: bool = False
    guards: tuple[str, ...] = ()
    """The names of what its framework runs before it: FastAPI's dependencies."""
    name: str = ""

    @cached_property
    def pattern(self) -> Pattern:
        """What paths it takes."""
        return Pattern(self.path, spans=self.spans)

    def takes(self, method: str, path: str) -> bool:
        """Tell whether it answers such a request."""
        asked = "GET" if method == "HEAD" else method
        return asked in self.methods and self.pattern.matches(path)


def routes_of(app: Any) -> tuple[Route, ...]:
    """Return the routes of a FastAPI, Starlette or Flask app; nothing of an app without a list.

    The pages that document a FastAPI app, and Flask's static files where there are none, are
    left out.
    """
    rules = getattr(app, "url_map", None)
    if rules is not None:
        return tuple(_flask_routes(app, rules))
    return tuple(_starlette_routes(app, getattr(app, "routes", None) or (), ""))


def normalized(path: str) -> str:
    """Return a decoded path without empty, `.` and `..` segments, as lenient servers read it."""
    return "/" + posixpath.normpath("/" + path).strip("/")


def _flask_routes(app: Any, rules: Any) -> Iterator[Route]:
    for rule in rules.iter_rules():
        folder = getattr(app, "static_folder", None)
        if rule.endpoint == "static" and not (folder and Path(folder).is_dir()):
            continue
        path, spans = _on_the_wire(rule.rule)
        is_automatic = getattr(rule, "provide_automatic_options", None) is not False
        methods = set(rule.methods or ()) - {"HEAD"} - ({"OPTIONS"} if is_automatic else set())
        yield Route(path, tuple(sorted(methods)), spans, name=rule.endpoint)


def _starlette_routes(app: Any, routes: Iterable[Any], prefix: str) -> Iterator[Route]:
    documents = {getattr(app, name, None) for name in _DOCUMENTS}
    for route in _flat(routes):
        path = getattr(route, "path", None) or ""
        inner = getattr(route, "routes", None)
        methods = getattr(route, "methods", None)
        name = getattr(route, "name", None) or ""
        if inner:  # a mounted app, or a host's
            yield from _starlette_routes(getattr(route, "app", None), inner, prefix + path)
        elif methods is None and getattr(route, "endpoint", None) is None:  # one without a list
            is_files = type(getattr(route, "app", None)).__name__ == "StaticFiles"
            served = ("GET",) if is_files else ANY_METHOD
            text, _ = _on_the_wire(f"{(prefix + path).rstrip('/')}/:path")
            yield Route(text, served, frozenset({text.count("/")}), name=name)
        elif path not in documents:
            text, spans = _on_the_wire(prefix + path)
            yield Route(
                text,
                tuple(sorted(set(methods or ()) - {"HEAD"})) or ("GET",),
                spans,
                is_websocket=methods is None,
                guards=tuple(_guards(getattr(route, "dependant", None))),
                name=name,
            )


def _flat(routes: Iterable[Any]) -> Iterable[Any]:
    """Return routes as they are served: newer FastAPI keeps included routers as one entry."""
    iterate = getattr(sys.modules.get("fastapi.routing"), "iter_route_contexts", None)
    return routes if iterate is None else cast("Iterable[Any]", iterate(list(routes)))


def _guards(dependant: Any, depth: int = 0) -> Iterator[str]:
    if dependant is None or depth > 8:
        return
    for each in dependant.dependencies:
        call = each.call
        name = getattr(call, "__name__", None) or type(call).__name__
        yield name
        yield from _guards(each, depth + 1)


def _on_the_wire(path: str) -> tuple[str, frozenset[int]]:
    """Spell a path's parameters as `:name`; tell which segments are of the kind `path`."""
    path = path if path.startswith("/") else f"/{path}"
    spans = set()

    def spelled(found: re.Match[str]) -> str:
        if "path" in (found["starlette_kind"], found["flask_kind"]):
            spans.add(path.count("/", 0, found.start()))
        if found["rest"] is not None:
            return found[0]
        return f":{found['starlette'] or found['flask'] or found['wire']}"

    text = _PARAMETER.sub(spelled, path)
    return text, frozenset(spans)


def _segment(segment: str) -> str:
    """Return the expression of a segment that has more in it than one parameter."""
    pieces, end = [], 0
    for found in _MIXED.finditer(segment):
        pieces += [re.escape(segment[end : found.start()]), "[^/]+"]
        end = found.end()
    return "".join([*pieces, re.escape(segment[end:])])
