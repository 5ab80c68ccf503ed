"""A module's small router of its own."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from pywatt_sdk._protocol import HttpRequest, HttpResponse
from pywatt_sdk._surface import module_app
from pywatt_sdk.communication.http_ipc import (
    STATUS_OF_CODE,
    ApiResponse,
    HttpIpcError,
    HttpIpcRequest,
    HttpIpcRouter,
    error_response,
    success,
)


@dataclasses.dataclass
class Item:
    name: str


def routed() -> HttpIpcRouter:
    router = HttpIpcRouter()

    @router.get("/greet")
    async def greet(request: HttpIpcRequest) -> dict[str, str]:
        return {"hello": request.query.get("name", "you")}

    @router.post("/items")
    def create(request: HttpIpcRequest) -> ApiResponse:
        if request.json()["name"] == "taken":
            raise HttpIpcError("CONFLICT", "There is one of that name.")
        return success(Item(request.json()["name"]), "made", 201)

    @router.put("/broken")
    def broken(request: HttpIpcRequest) -> None:
        raise ValueError("the password is hunter2")

    @router.delete("/items")
    def no_json(request: HttpIpcRequest) -> object:
        return object()

    @router.patch("/items")
    def gone(request: HttpIpcRequest) -> ApiResponse:
        return error_response("NOT_FOUND", "No such item.")

    return router


async def ask(method: str, uri: str, body: bytes | None = None) -> HttpResponse:
    headers = {"X-Request-ID": "id-7"} if body is None else {}
    return await routed().handle(HttpRequest("r-1", method, uri, headers, body))


def envelope(response: HttpResponse) -> list[Any]:
    content = json.loads(response.body or b"")
    assert list(content) == ["status", "data", "message"]
    return list(content.values())


async def test_what_a_handler_returns_is_the_data() -> None:
    response = await ask("GET", "/greet?name=M%C3%A9")
    assert envelope(response) == ["success", {"hello": "Mé"}, None]
    assert response.headers["content-type"] == "application/json"
    assert response.headers["x-request-id"] == "id-7"


async def test_a_request_without_an_id_is_given_one() -> None:
    assert len((await ask("GET", "/greet", b"")).headers["x-request-id"]) == 36


async def test_a_handler_may_say_more() -> None:
    response = await ask("POST", "/items", b'{"name":"new"}')
    assert response.status_code == 201
    assert envelope(response) == ["success", {"name": "new"}, "made"]


async def test_a_handler_may_raise_an_error_of_the_wire() -> None:
    response = await ask("POST", "/items", b'{"name":"taken"}')
    assert (response.status_code, response.headers["x-error-code"]) == (409, "CONFLICT")
    assert envelope(response) == ["error", None, "There is one of that name."]


async def test_a_body_that_is_no_json_is_the_callers_mistake() -> None:
    response = await ask("POST", "/items", b"{")
    assert (response.status_code, response.headers["x-error-code"]) == (400, "BAD_REQUEST")


async def test_an_unknown_endpoint_is_told_as_rust_modules_do() -> None:
    for method, uri, told in (
        ("GET", "/none?a=b", "GET /none"),
        ("POST", "/greet", "POST /greet"),
        ("GET", "/greet/", "GET /greet/"),
    ):
        response = await ask(method, uri)
        assert response.status_code == 404
        assert envelope(response) == ["error", None, f"Endpoint not found: {told}"]
        assert set(response.headers) == {"content-type", "content-length"}


async def test_an_item_that_is_not_there_has_an_error_code() -> None:
    response = await ask("PATCH", "/items")
    assert (response.status_code, response.headers["x-error-code"]) == (404, "NOT_FOUND")


@pytest.mark.parametrize(("method", "uri"), [("PUT", "/broken"), ("DELETE", "/items")])
async def test_what_a_handler_raises_or_returns_amiss_is_not_shown(
    method: str, uri: str, caplog: pytest.LogCaptureFixture
) -> None:
    response = await ask(method, uri)
    assert response.status_code == 500
    assert envelope(response) == ["error", None, "The module failed to answer."]
    assert f"The handler of {method} {uri} failed" in caplog.text


def test_a_router_is_an_app_with_routes_to_announce() -> None:
    surface = module_app(routed(), health=None)
    assert [(each.path, each.methods) for each in surface.endpoints] == [
        ("/broken", ("PUT",)),
        ("/greet", ("GET",)),
        ("/items", ("DELETE", "PATCH", "POST")),
    ]


async def test_a_router_starts_and_ends_with_its_server() -> None:
    from pywatt_sdk._bridge import serve_http

    async with serve_http(routed(), bind=False) as serving:
        response = await serving.answer(HttpRequest("r-1", "GET", "/greet", {}))
        assert response is not None
        assert response.status_code == 200


def test_a_route_is_registered_once_and_begins_with_a_slash() -> None:
    router = routed()
    with pytest.raises(ValueError, match="a handler for GET /greet already"):
        router.get("/greet")(lambda _: None)
    with pytest.raises(ValueError, match="does not begin with a slash"):
        router.get("greet")(lambda _: None)


def test_errors_have_the_codes_of_the_wire() -> None:
    assert (STATUS_OF_CODE["TIMEOUT"], STATUS_OF_CODE["IPC_COMMUNICATION_ERROR"]) == (408, 502)
    with pytest.raises(ValueError, match="'TEAPOT' is not one of"):
        HttpIpcError("TEAPOT", "…")
