"""An extension as an ASGI application that loads FastAPI for those alone who need it."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from fastapi.testclient import TestClient
from tests.kiket_sdk.webhooks import EVENT, RAW, build_sdk, signed

from kiket_sdk._entrance import Entrance

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

V1 = f"/v/v1/webhooks/{EVENT}"


def test_webhooks_and_health_checks_need_no_fastapi() -> None:
    sdk = build_sdk()
    with TestClient(sdk) as client:
        assert client.post(V1, content=RAW, headers=signed()).status_code == 200
        by_query = f"/webhooks/{EVENT}?version=v1"
        assert client.post(by_query, content=RAW, headers=signed()).status_code == 200
        assert client.post(V1, content=RAW).status_code == 401
        health = client.get("/health").json()
    assert "app" not in vars(sdk)
    assert sdk.create_test_client().get("/health").json() == health


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", V1, 405),
        ("POST", "/health", 405),
        ("HEAD", "/health", 200),
    ],
)
def test_anything_else_is_answered_by_the_application(method: str, path: str, status: int) -> None:
    sdk = build_sdk()
    reply, whole = (TestClient(app).request(method, path) for app in (sdk, sdk.app))
    assert reply.status_code == status
    assert (reply.content, reply.headers.items()) == (whole.content, whole.headers.items())


def test_an_application_that_was_asked_for_gets_everything() -> None:
    sdk = build_sdk()
    sdk.app.get("/extra")(lambda: {"extra": True})
    seen: list[str] = []

    @sdk.app.middleware("http")
    async def watch(request: Any, call_next: Any) -> Any:
        seen.append(request.url.path)
        return await call_next(request)

    client = TestClient(sdk)
    assert client.get("/extra").json() == {"extra": True}
    assert client.post(V1, content=RAW, headers=signed()).status_code == 200
    assert seen == ["/extra", V1]


@pytest.mark.parametrize("step", ["startup", "shutdown"])
async def test_a_start_or_end_that_fails_is_told_and_raised(step: str) -> None:
    @asynccontextmanager
    async def lifespan() -> AsyncIterator[None]:
        if step == "startup":
            raise OSError("no such place")
        yield
        raise OSError("no such place")

    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "lifespan.startup"}

    async def send(message: Any) -> None:
        sent.append(message)

    nothing: Any = None
    entrance = Entrance(
        nothing, health=nothing, lifespan=lifespan, loaded_app=lambda: None, whole_app=nothing
    )
    with pytest.raises(OSError, match="no such place"):
        await entrance({"type": "lifespan"}, receive, send)
    assert sent[-1]["type"] == f"lifespan.{step}.failed"
    assert "no such place" in sent[-1]["message"]
