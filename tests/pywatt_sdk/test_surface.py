"""What the SDK puts around a module's app: health, metrics, the version, tokens."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from typing import TYPE_CHECKING, Any

import pytest
from fastapi import FastAPI, Request, WebSocket
from flask import Flask, g
from httpx import ASGITransport, AsyncClient, RemoteProtocolError
from starlette.responses import StreamingResponse
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.websockets import WebSocketDisconnect
from websockets.asyncio.client import connect

from pywatt_sdk import AnnouncedEndpoint, JwtConfig, create_jwt_token
from pywatt_sdk._bridge import answer, serve_http
from pywatt_sdk._metrics import Metrics
from pywatt_sdk._protocol import Endpoint, HttpRequest
from pywatt_sdk._rules import ELSEWHERE
from pywatt_sdk._surface import ModuleApp, module_app

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

JWT = JwtConfig("s" * 32)


def app() -> FastAPI:
    made = FastAPI()

    @made.api_route("/items/{item}", methods=["GET", "POST"])
    async def item(item: str, request: Request) -> dict[str, Any]:
        claims = getattr(request.state, "jwt_claims", None)
        return {"item": item, "path": request.url.path, "claims": claims}

    @made.get("/public")
    async def public() -> str:
        return "open"

    @made.get("/files/{path:path}")
    async def files(path: str) -> str:
        return path

    @made.get("/boom")
    async def boom() -> None:
        raise ValueError("the password is hunter2")

    @made.websocket("/ws")
    async def echo(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text("in")
        await socket.receive_text()

    return made


def asking(surface: ModuleApp, *, claims: dict[str, Any] | None = None) -> AsyncClient:
    headers = {}
    if claims is not None:
        headers["authorization"] = f"Bearer {create_jwt_token(claims, JWT)}"
    transport = ASGITransport(surface.asgi, raise_app_exceptions=False)
    return AsyncClient(transport=transport, base_url="http://localhost", headers=headers)


async def statuses(client: AsyncClient, *asked: str) -> list[int]:
    """Ask `METHOD path`, or a path alone."""
    found = []
    for each in asked:
        method, _, path = each.rpartition(" ")
        found.append((await client.request(method or "GET", path)).status_code)
    return found


# health and metrics


async def test_health_is_answered_as_rust_modules_do() -> None:
    surface = module_app(app(), health="/health")
    async with asking(surface) as client:
        told = (await client.get("/health")).json()
        assert (await client.head("/health")).status_code == 200
    assert told["status"] == "OK"
    assert abs(told["timestamp"] - time.time()) < 60


async def test_a_health_of_the_apps_own_wins() -> None:
    own = app()
    own.get("/health")(lambda: {"status": "healthy"})
    async with asking(module_app(own)) as client:
        assert (await client.get("/health")).json() == {"status": "healthy"}


async def test_health_can_be_elsewhere_or_nowhere() -> None:
    async with asking(module_app(app(), health="/alive")) as client:
        assert await statuses(client, "/alive", "/health") == [200, 404]
    surface = module_app(app(), health=None)
    async with asking(surface) as client:
        assert await statuses(client, "/health") == [404]
    assert "/health" not in [each.path for each in surface.endpoints]


async def test_metrics_count_requests_by_the_modules_own_paths() -> None:
    metrics = Metrics()
    metrics.counter("orders_total").inc()
    async with asking(module_app(app(), metrics=metrics)) as client:
        await statuses(client, "/items/1", "/items/2", "POST /items/3", "/x/1", "/x/2", "/boom")
        text = (await client.get("/metrics")).text
    counted = [line for line in text.splitlines() if line.startswith("pywatt_http_requests_total")]
    labels = 'method="{}",path="{}",status="{}"'.format
    assert counted == [
        f"pywatt_http_requests_total{{{labels('GET', '/items/:item', 200)}}} 2.0",
        f"pywatt_http_requests_total{{{labels('POST', '/items/:item', 200)}}} 1.0",
        f"pywatt_http_requests_total{{{labels('GET', ELSEWHERE, 404)}}} 2.0",
        f"pywatt_http_requests_total{{{labels('GET', '/boom', 500)}}} 1.0",
    ]
    duration = 'pywatt_http_request_duration_seconds_count{method="GET",path="/items/:item"} 2.0'
    assert duration in text
    assert "pywatt_http_requests_in_progress 1.0" in text, "the one that asks"
    assert "orders_total 1.0" in text


async def test_metrics_are_shown_only_where_asked_for() -> None:
    async with asking(module_app(app())) as client:
        assert await statuses(client, "/metrics") == [404]


async def test_what_a_handler_raises_is_not_shown(caplog: pytest.LogCaptureFixture) -> None:
    async def broken(scope: Any, receive: Any, send: Any) -> None:
        raise ValueError("the password is hunter2")

    async with asking(module_app(broken)) as client:
        got = await client.get("/x")
    assert (got.status_code, got.json()) == (500, {"error": "The module failed to answer."})
    assert "hunter2" in caplog.text


async def test_what_is_cut_off_at_the_end_is_told_so(caplog: pytest.LogCaptureFixture) -> None:
    begun = asyncio.Semaphore(0)
    own = FastAPI()

    @own.get("/slow")
    async def slow() -> None:
        begun.release()
        await asyncio.Event().wait()

    @own.get("/events")
    async def events() -> StreamingResponse:
        async def forever() -> AsyncIterator[str]:
            yield "data: first\n\n"
            begun.release()
            await asyncio.Event().wait()

        return StreamingResponse(forever())

    @own.websocket("/deaf")
    async def deaf(socket: WebSocket) -> None:
        await socket.accept()
        await asyncio.Event().wait()

    async with AsyncClient(timeout=120) as client, asyncio.TaskGroup() as group:
        async with serve_http(module_app(own).asgi, drain_s=0.01) as serving:
            slow_task = group.create_task(client.get(f"http://{serving.address}/slow"))
            events_task = group.create_task(_failure(client, f"http://{serving.address}/events"))
            async with connect(f"ws://{serving.address}/deaf", close_timeout=0.1):
                await begun.acquire()
                await begun.acquire()
        got = await slow_task
        assert isinstance(await events_task, RemoteProtocolError), "half an answer is none"
    assert got.status_code == 503
    assert got.json() == {"error": "The module stopped before it answered."}
    for cut_off in ("GET /slow", "GET /events", "WebSocket /deaf"):
        assert f"{cut_off} was cut off" in caplog.text
    assert "Traceback" not in caplog.text


async def _failure(client: AsyncClient, url: str) -> Exception | None:
    try:
        await client.get(url)
    except Exception as error:
        return error
    return None


# announcement and version


def announced(surface: ModuleApp) -> list[tuple[str, tuple[str, ...], str | None]]:
    return [(each.path, each.methods, each.auth) for each in surface.endpoints]


def test_endpoints_are_announced_with_health_and_metrics_after_them() -> None:
    endpoints = [AnnouncedEndpoint(path="/items/{item}", methods=["get"], auth="jwt")]
    surface = module_app(app(), endpoints=endpoints, metrics=Metrics(), version="v1", jwt=JWT)
    assert announced(surface) == [
        ("/v1/items/{item}", ("GET",), "jwt"),
        ("/health", ("GET",), None),
        ("/metrics", ("GET",), None),
    ]


def test_what_is_announced_already_is_announced_once() -> None:
    endpoints = [{"path": "/health", "methods": ["GET"]}, {"path": "/v1/public", "methods": []}]
    surface = module_app(app(), endpoints=endpoints, version="/v1/")
    assert announced(surface) == [("/health", ("GET",), None), ("/v1/public", (), None)]


def test_without_endpoints_the_apps_routes_are_announced() -> None:
    paths = [each.path for each in module_app(app()).endpoints]
    assert paths == ["/boom", "/files/:path", "/items/:item", "/public", "/ws", "/health"]


async def test_every_path_is_served_with_the_version_and_without() -> None:
    async with asking(module_app(app(), version="v1")) as client:
        assert await statuses(client, "/v1/public", "/public", "/v1/health", "/v2/public") == [
            200,
            200,
            200,
            404,
        ]
        assert (await client.get("/v1/items/a%2520b")).json()["item"] == "a%20b"


async def test_an_app_may_have_the_version_in_its_own_paths() -> None:
    own = app()
    own.get("/v1/own")(lambda: "own")
    endpoints = [Endpoint("/v1/own", ("GET",), "jwt"), Endpoint("/public", ("GET",))]
    surface = module_app(own, endpoints=endpoints, version="v1", jwt=JWT)
    async with asking(surface) as client:
        assert await statuses(client, "/v1/own", "/v1/public") == [401, 200]
    async with asking(surface, claims={}) as client:
        assert (await client.get("/v1/own")).json() == "own"


# tokens


def guarded(*endpoints: Endpoint, **settings: Any) -> ModuleApp:
    return module_app(app(), endpoints=endpoints, jwt=JWT, **settings)


ITEMS = Endpoint("/items/:item", ("GET",), "jwt")
OPEN = Endpoint("/public", ("GET",))


async def test_a_token_is_asked_for_exactly_where_that_is_announced() -> None:
    surface = guarded(ITEMS, OPEN)
    async with asking(surface) as client:
        got = await client.get("/items/1")
        assert got.status_code == 401
        assert got.json() == {"error": "Missing Authorization header"}
        assert got.headers["www-authenticate"] == "Bearer"
        assert await statuses(client, "/public", "/health", "/files/x") == [200, 200, 200]
    async with asking(surface, claims={"sub": "me"}) as client:
        assert (await client.get("/items/1")).json()["claims"]["sub"] == "me"


@pytest.mark.parametrize(
    "asked",
    [
        "HEAD /items/1",
        "/items/1/",
        "//items/1",
        "/items//1",
        "/x/../items/1",
        "/%69tems/1",
        "/v1/items/1",
        "//v1//items/1",
        "POST /items/1",
        "DELETE /items/1",
        "/items/1?a=/public",
    ],
)
async def test_no_spelling_and_no_other_method_is_a_way_around(asked: str) -> None:
    method, _, uri = asked.rpartition(" ")
    surface = guarded(ITEMS, OPEN, version="v1")
    request = HttpRequest("r-1", method or "GET", uri, {})  # httpx would mend the path
    assert (await answer(surface.asgi, request)).status_code == 401


@pytest.mark.parametrize("asked", ["/public%0A", "/v1/public%0a", "/public/%0A"])
async def test_a_line_feed_at_the_end_is_no_way_around(asked: str) -> None:
    """Starlette's patterns end in `$`, which a line feed may follow."""
    surface = guarded(Endpoint("/public", ("GET",), "jwt"), version="v1")
    assert (await answer(surface.asgi, HttpRequest("r-1", "GET", asked, {}))).status_code == 401


async def test_another_method_may_be_announced_without() -> None:
    surface = guarded(ITEMS, Endpoint("/items/{id}", ("POST",)))
    async with asking(surface) as client:
        assert await statuses(client, "GET /items/1", "POST /items/1", "PUT /items/1") == [
            401,
            200,
            401,
        ]


async def test_a_browser_may_ask_first_what_it_may() -> None:
    async with asking(guarded(ITEMS)) as client:
        assert await statuses(client, "OPTIONS /items/1") == [405]


async def test_the_endpoint_that_says_most_decides() -> None:
    surface = guarded(ITEMS, Endpoint("/items/me", ("GET",)))
    async with asking(surface) as client:
        assert await statuses(client, "/items/me", "/items/other") == [200, 401]


@pytest.mark.parametrize("announced", ["/files/:path", "/files/:name", "/files/{name}"])
async def test_a_parameter_is_as_long_as_the_apps_own(announced: str) -> None:
    """What the app serves there is `/files/{path:path}`."""
    async with asking(guarded(Endpoint(announced, ("GET",), "jwt"))) as client:
        assert await statuses(client, "/files/a", "/files/a/b/c") == [401, 401]


async def test_a_long_parameter_may_stand_in_the_middle() -> None:
    own = FastAPI()
    own.get("/a/{path:path}/b")(lambda path: path)
    surface = module_app(own, endpoints=[Endpoint("/a/:x/b", ("GET",), "jwt")], jwt=JWT)
    async with asking(surface) as client:
        assert await statuses(client, "/a/1/b", "/a/1/2/b", "/a/1/c") == [401, 401, 404]


@pytest.mark.parametrize("announced", ["/private", "/api/private", "/v1/private"])
@pytest.mark.parametrize("asked", ["/private", "/api/private", "/v1/private", "/v1/api/private"])
async def test_a_root_path_is_no_way_around(announced: str, asked: str) -> None:
    """FastAPI(root_path="/api") serves its routes with and without it."""
    own = FastAPI()
    own.root_path = "/api"  # the argument is deprecated in newer releases
    own.get("/private")(lambda: "in")
    endpoints = [Endpoint(announced, ("GET",), "jwt")]
    surface = module_app(own, endpoints=endpoints, version="v1", jwt=JWT)
    async with asking(surface) as client:
        assert await statuses(client, asked) == [401]
    async with asking(surface, claims={}) as client:
        assert await statuses(client, asked) == [200]


async def test_health_can_ask_for_a_token_too() -> None:
    async with asking(guarded(Endpoint("/health", ("GET",), "jwt"))) as client:
        assert await statuses(client, "/health") == [401]


async def test_without_a_secret_nobody_gets_in(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        surface = module_app(app(), endpoints=[ITEMS], jwt=None)
    assert "no secret to check tokens with" in caplog.text
    async with asking(surface) as client:
        assert await statuses(client, "/items/1") == [401]
    async with asking(surface, claims={}) as client:
        got = await client.get("/items/1")
    assert got.status_code == 503
    assert "no secret" in got.json()["error"]


def test_websockets_ask_for_tokens_too() -> None:
    client = TestClient(guarded(Endpoint("/ws", ("GET",), "jwt")).asgi)
    with pytest.raises(WebSocketDenialResponse) as refused, client.websocket_connect("/ws"):
        pass
    assert (refused.value.status_code, refused.value.headers["www-authenticate"]) == (401, "Bearer")
    headers = {"authorization": f"Bearer {create_jwt_token({}, JWT)}"}
    with client.websocket_connect("/ws", headers=headers) as socket:
        assert socket.receive_text() == "in"


async def test_a_server_that_cannot_answer_a_websocket_closes_it() -> None:
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "websocket", "path": "/ws", "headers": [], "query_string": b""}
    await guarded(Endpoint("/ws", ("GET",), "jwt")).asgi(scope, receive, send)
    assert sent == [
        {"type": "websocket.close", "code": 1008, "reason": "Missing Authorization header"}
    ]


def test_a_websocket_that_is_left_is_no_error() -> None:
    client = TestClient(module_app(app()).asgi)
    with client.websocket_connect("/ws") as socket:
        assert socket.receive_text() == "in"


def test_other_errors_of_a_websocket_come_out() -> None:
    made = FastAPI()

    @made.websocket("/ws")
    async def broken(socket: WebSocket) -> None:
        raise KeyError("mine")

    client = TestClient(module_app(made).asgi)
    with pytest.raises((KeyError, WebSocketDisconnect)), client.websocket_connect("/ws"):
        pass


async def test_flask_apps_find_the_claims_at_g() -> None:
    made = Flask(__name__)

    @made.get("/private")
    def private() -> dict[str, Any]:
        return {"sub": g.jwt_claims["sub"]}

    surface = module_app(made, endpoints=[Endpoint("/private", ("GET",), "jwt")], jwt=JWT)
    async with asking(surface) as client:
        assert await statuses(client, "/private", "/private/") == [401, 401]
    async with asking(surface, claims={"sub": "me"}) as client:
        assert json.loads((await client.get("/private")).text) == {"sub": "me"}
