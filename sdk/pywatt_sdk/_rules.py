"""Which of a module's endpoints a request is for, and whether that asks for a token."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Final

from pywatt_sdk._routes import Pattern, normalized

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pywatt_sdk._protocol import Endpoint
    from pywatt_sdk._routes import Route

ELSEWHERE: Final = "other"
"""The path that requests are counted under which match no route: theirs are too many."""

_REMEMBERED: Final = 1024


class Rules:
    """What the announced endpoints, and the app's own routes, say about a request.

    `prefixes` are what paths may begin with and mean the same: the version, then the root path of
    a FastAPI app. The endpoints are without version.
    """

    def __init__(
        self,
        endpoints: tuple[Endpoint, ...],
        routes: tuple[Route, ...],
        prefixes: tuple[str, str],
    ) -> None:
        self._prefixes = prefixes
        self._endpoints = [
            (each, pattern)
            for each in endpoints
            for path in {each.path, unprefixed(each.path, prefixes[1])}
            for pattern in _patterns(path, routes)
        ]
        self._routes = routes
        self.asks_for_tokens = any(map(_is_guarded, endpoints))
        # Bounded, so that whoever asks for ever new paths makes nothing grow.
        self.label = functools.lru_cache(_REMEMBERED)(self._label)
        self.asks_for_token = functools.lru_cache(_REMEMBERED)(self._asks_for_token)

    def _asks_for_token(self, method: str, path: str) -> bool:
        """Tell by the most specific endpoint, for each way in which servers read such a path."""
        version, root_path = self._prefixes
        readings = set()
        for each in (path, normalized(path)):
            rest = unprefixed(each, version)
            readings |= {rest, unprefixed(rest, root_path)}
        return any(self._is_guarded(method, each) for each in readings)

    def _is_guarded(self, method: str, path: str) -> bool:
        asked = "GET" if method == "HEAD" else method
        here = [(each, pattern) for each, pattern in self._endpoints if pattern.matches(path)]
        taking = [one for one in here if not one[0].methods or asked in one[0].methods]
        if not taking:  # a method that is not announced is no way around a token
            return asked != "OPTIONS" and any(_is_guarded(each) for each, _ in here)
        best = min(pattern.rank for _, pattern in taking)
        return any(_is_guarded(each) for each, pattern in taking if pattern.rank == best)

    def _label(self, method: str, path: str) -> str:
        """Return the path that a request is counted under: one of the module's own."""
        for route in self._routes:
            if route.takes(method, path):
                return route.path
        path = unprefixed(path, self._prefixes[0])
        return next(
            (each.path for each, known in self._endpoints if known.matches(path)), ELSEWHERE
        )


def unprefixed(path: str, prefix: str) -> str:
    """Return a path without the version that it may begin with."""
    if prefix and (path == prefix or path.startswith(f"{prefix}/")):
        return path[len(prefix) :] or "/"
    return path


def _patterns(path: str, routes: tuple[Route, ...]) -> Iterator[Pattern]:
    """Return what an announced path matches: as it stands, and as the app's own route has it."""
    announced = Pattern(path)
    yield announced
    for spans in {each.spans for each in routes if each.pattern.shape == announced.shape}:
        if spans - announced.spans:
            yield Pattern(path, spans=spans)


def _is_guarded(endpoint: Endpoint) -> bool:
    return (endpoint.auth or "").lower() == "jwt"
