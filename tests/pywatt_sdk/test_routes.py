"""Routes of web apps, and the patterns of their paths."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from fastapi import APIRouter, Depends, FastAPI
from flask import Flask
from starlette.applications import Starlette
from starlette.routing import Host, Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles

from pywatt_sdk._routes import Pattern, normalized, routes_of

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("path", "matching", "others"),
    [
        ("/", ["/", ""], ["/x"]),
        ("/users", ["/users", "/users/"], ["/users/1", "/Users", "/user"]),
        ("/users/{id}", ["/users/1", "/users/1/"], ["/users", "/users/", "/users/1/2"]),
        ("/users/{id:int}", ["/users/1"], ["/users/1/2"]),
        ("/users/<int:id>/x", ["/users/1/x"], ["/users/1"]),
        ("/users/:id", ["/users/a b"], ["/users/a/b"]),
        ("/files/{path:path}", ["/files/a", "/files/a/b", "/files/"], ["/file/a"]),
        ("/files/<path:name>", ["/files/a/b"], ["/x/a"]),
        ("/files/*", ["/files/a/b", "/files"], ["/filesystem"]),
        ("/{name}.json", ["/a.json"], ["/ajson", "/a/b.json"]),
        ("/at/12:30", ["/at/12:30"], ["/at/12x"]),
    ],
)
def test_a_pattern_takes_every_spelling_of_parameters(
    path: str, matching: list[str], others: list[str]
) -> None:
    pattern = Pattern(path)
    assert [each for each in matching if not pattern.matches(each)] == []
    assert [each for each in others if pattern.matches(each)] == []


def test_a_pattern_is_told_as_the_wire_has_it() -> None:
    texts = [Pattern(path).text for path in ("/a/{b}/c", "/a/<int:b>/c", "/a/:b/c", "a/{b:int}/c")]
    assert texts == ["/a/:b/c"] * 4


def test_patterns_are_ranked_by_how_much_they_say() -> None:
    paths = ["/users/me", "/users/x-{id}", "/users/{id}", "/users/{path:path}", "/{a}/me"]
    assert sorted(paths, key=lambda path: Pattern(path).rank) == paths


@pytest.mark.parametrize(
    ("path", "read"),
    [("//a", "/a"), ("/a//b/", "/a/b"), ("/x/../a", "/a"), ("/./a/.", "/a"), ("/../..", "/")],
)
def test_paths_are_read_as_lenient_servers_do(path: str, read: str) -> None:
    assert normalized(path) == read


def told(app: Any) -> dict[str, tuple[str, ...]]:
    return {route.path: route.methods for route in routes_of(app)}


def test_fastapi_routes_with_routers_mounts_and_websockets(tmp_path: Path) -> None:
    def current_user() -> None: ...

    inner = FastAPI()
    inner.get("/deep/{id}")(current_user)
    nested = APIRouter(prefix="/n")
    nested.get("/files/{path:path}", dependencies=[Depends(current_user)])(current_user)
    router = APIRouter(prefix="/r")
    router.include_router(nested)
    app = FastAPI()
    app.post("/items")(current_user)
    app.websocket("/ws/{room}")(current_user)
    app.include_router(router)
    app.mount("/sub", inner)
    app.mount("/static", StaticFiles(directory=tmp_path))
    assert told(app) == {
        "/items": ("POST",),
        "/ws/:room": ("GET",),
        "/r/n/files/:path": ("GET",),
        "/sub/deep/:id": ("GET",),
        "/static/:path": ("GET",),
    }
    by_path = {route.path: route for route in routes_of(app)}
    assert by_path["/ws/:room"].is_websocket
    assert by_path["/r/n/files/:path"].guards == ("current_user",)
    assert by_path["/r/n/files/:path"].takes("HEAD", "/r/n/files/a/b")
    assert not by_path["/items"].takes("GET", "/items")


def test_starlette_routes() -> None:
    async def page(request: Any) -> Any: ...

    app = Starlette(
        routes=[
            Route("/a/{b:int}", page, methods=["GET", "PUT"]),
            WebSocketRoute("/ws", page),
            Mount("/m", routes=[Route("/x", page)]),
            Mount("/other", app=_not_listed),
            Host("example.org", app=Starlette(routes=[Route("/h", page)])),
        ]
    )
    assert told(app) == {
        "/a/:b": ("GET", "PUT"),
        "/ws": ("GET",),
        "/m/x": ("GET",),
        "/other/:path": ("DELETE", "GET", "PATCH", "POST", "PUT"),
        "/h": ("GET",),
    }


async def _not_listed(scope: Any, receive: Any, send: Any) -> None: ...


def test_flask_routes(tmp_path: Path) -> None:
    def view(**_: Any) -> str: ...  # type: ignore[empty-body]

    app = Flask(__name__, root_path=str(tmp_path))
    app.add_url_rule("/a/<int:b>", view_func=view, methods=["GET", "POST"])
    app.add_url_rule("/f/<path:p>", endpoint="f", view_func=view)
    assert told(app) == {"/a/:b": ("GET", "POST"), "/f/:p": ("GET",)}
    (tmp_path / "static").mkdir()
    assert "/static/:filename" in told(app)


def test_an_app_without_a_list_has_no_routes() -> None:
    assert routes_of(_not_listed) == ()
