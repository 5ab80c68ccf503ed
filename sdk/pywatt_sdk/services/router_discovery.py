"""Find the routes of a web app, to announce them.

FastAPI, Starlette and Flask apps list theirs; parameters are spelled as on the wire: `/users/:id`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pywatt_sdk._routes import routes_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pywatt_sdk._routes import Route
    from pywatt_sdk.communication.ipc_types import EndpointAnnounce

__all__ = [
    "DiscoveredEndpoint",
    "announce_from_router",
    "discover_endpoints",
    "discover_endpoints_advanced",
]

_OPEN: Final = frozenset({"health", "info", "metrics", "status", "version"})
_CLOSED: Final = frozenset({"admin", "private", "secure"})
_WORDS_OF_TOKENS: Final = ("jwt", "bearer", "oauth2", "current_user")


@dataclass
class DiscoveredEndpoint:
    """A path of an app, with all methods that it takes; `auth` is a guess, or None."""

    path: str
    methods: list[str]
    auth: str | None = None
    metadata: dict[str, Any] | None = None


def discover_endpoints(app: Any) -> list[DiscoveredEndpoint]:
    """Return the paths of an app, sorted, each with its methods but HEAD.

    `auth` is "jwt" where a FastAPI dependency is named after tokens (`jwt`, `bearer`, `oauth2`,
    `current_user`). `metadata` says `websocket` and the `name` of the route.
    """
    return merged(routes_of(app))


def discover_endpoints_advanced(app: Any) -> list[DiscoveredEndpoint]:
    """Return the paths of an app with `auth` by convention too.

    "jwt" is below /api, except status, version, health and info; and whatever has a segment
    admin, private or secure.
    """
    found = discover_endpoints(app)
    for each in found:
        each.auth = each.auth or _by_convention(each.path)
    return found


def announce_from_router(app: Any) -> list[EndpointAnnounce]:
    """Return the paths of an app as they go into an announcement."""
    from pywatt_sdk.communication.ipc_types import EndpointAnnounce

    return [
        EndpointAnnounce(path=each.path, methods=each.methods, auth=each.auth)
        for each in discover_endpoints(app)
    ]


def merged(routes: Iterable[Route]) -> list[DiscoveredEndpoint]:
    """Put routes of one path together, sorted by path."""
    by_path: dict[str, list[Route]] = {}
    for route in routes:
        by_path.setdefault(route.path, []).append(route)
    return [_together(path, by_path[path]) for path in sorted(by_path)]


def _together(path: str, routes: list[Route]) -> DiscoveredEndpoint:
    metadata: dict[str, Any] = {"name": routes[0].name} if routes[0].name else {}
    if any(each.is_websocket for each in routes):
        metadata["websocket"] = True
    return DiscoveredEndpoint(
        path=path,
        methods=sorted({method for each in routes for method in each.methods}),
        auth="jwt" if any(map(_is_guarded, routes)) else None,
        metadata=metadata or None,
    )


def _is_guarded(route: Route) -> bool:
    return any(word in guard.lower() for guard in route.guards for word in _WORDS_OF_TOKENS)


def _by_convention(path: str) -> str | None:
    segments = path.lower().strip("/").split("/")
    if _CLOSED.intersection(segments):
        return "jwt"
    is_api = segments[0] == "api" and len(segments) > 1
    return "jwt" if is_api and not _OPEN.intersection(segments) else None
