"""What of a web app is announced."""

from __future__ import annotations

from typing import Any

from fastapi import Depends, FastAPI

from pywatt_sdk import (
    DiscoveredEndpoint,
    announce_from_router,
    discover_endpoints,
    discover_endpoints_advanced,
)


def handler() -> None: ...


def get_current_user() -> None: ...


class JwtBearer:
    def __call__(self) -> None: ...


def app() -> FastAPI:
    made = FastAPI()
    made.get("/b/{id}")(handler)
    made.delete("/b/{id}")(handler)
    made.get("/a", dependencies=[Depends(get_current_user)])(handler)
    made.get("/c", dependencies=[Depends(JwtBearer())])(handler)
    made.websocket("/ws")(handler)
    return made


def test_paths_are_sorted_and_their_methods_put_together() -> None:
    found = [(each.path, each.methods, each.auth) for each in discover_endpoints(app())]
    assert found == [
        ("/a", ["GET"], "jwt"),
        ("/b/:id", ["DELETE", "GET"], None),
        ("/c", ["GET"], "jwt"),
        ("/ws", ["GET"], None),
    ]


def test_metadata_tells_the_name_and_websockets() -> None:
    by_path: dict[str, Any] = {each.path: each.metadata for each in discover_endpoints(app())}
    assert by_path["/b/:id"] == {"name": "handler"}
    assert by_path["/ws"]["websocket"] is True


def test_the_announcement_has_the_same() -> None:
    first = announce_from_router(app())[0]
    assert (first.path, first.methods, first.auth) == ("/a", ["GET"], "jwt")


def test_by_convention_apis_and_private_paths_ask_for_tokens() -> None:
    made = FastAPI()
    for path in ("/api/users", "/api/health", "/api/v1/status", "/x/admin/y", "/open", "/api"):
        made.get(path)(handler)
    guarded = [each.path for each in discover_endpoints_advanced(made) if each.auth]
    assert guarded == ["/api/users", "/x/admin/y"]


def test_an_endpoint_says_what_it_is() -> None:
    assert DiscoveredEndpoint("/a", ["GET"]) == DiscoveredEndpoint("/a", ["GET"], None, None)
