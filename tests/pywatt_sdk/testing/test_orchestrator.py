"""A module's tests need no process: they have an orchestrator of their own."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from fastapi import FastAPI
from flask import Flask
from starlette.applications import Starlette

from pywatt_sdk import (
    AnnouncedEndpoint,
    AppState,
    InternalMessagingError,
    SecretError,
    pywatt_module,
)
from pywatt_sdk._protocol import (
    Heartbeat,
    PortRequest,
    PortResponse,
    RotationAck,
    ServiceOperation,
    ServiceRequest,
    ServiceType,
)
from pywatt_sdk.internal.messaging import Failure
from pywatt_sdk.testing import TestOrchestrator

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture
async def orchestrator() -> AsyncIterator[TestOrchestrator]:
    async with TestOrchestrator({"API_KEY": "first-key"}) as orchestrator:
        yield orchestrator


@pywatt_module(
    secrets=["API_KEY"],
    rotate=True,
    endpoints=[AnnouncedEndpoint(path="/items/{name}", methods=["GET", "POST"])],
)
async def shop(state: AppState) -> FastAPI:
    """Return a module that uses all that an orchestrator offers."""
    app = FastAPI()
    await state.register_service(name="shop", service_type="items", address="127.0.0.1:1")

    @app.api_route("/items/{name}", methods=["GET", "POST"])
    async def item(name: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        key = await state.get_secret("API_KEY")
        return {"name": name, "body": body, "key_length": len(key.expose_secret())}

    @app.get("/stock")
    async def stock() -> Any:
        return await state.send_request("stock:count", {"item": "pear"})

    @app.get("/neighbours")
    async def neighbours() -> list[str]:
        return [service.address for service in await state.discover_services("stock")]

    @state.on_message("order")
    async def order(message: dict[str, Any]) -> dict[str, Any]:
        return {"ordered": message["item"]}

    return app


@pywatt_module
def plain(state: AppState) -> Starlette:
    """Return a module that offers nothing."""
    del state
    return Starlette()


async def test_a_module_starts_announces_itself_and_answers_over_its_link(
    orchestrator: TestOrchestrator,
) -> None:
    module = await orchestrator.start(shop, "shop", env={"REGION": "eu"})

    assert (module.id, module.state.module_id, dict(module.state.env)) == (
        "shop",
        "shop",
        {"REGION": "eu"},
    )
    assert isinstance(module.app, FastAPI)
    assert [endpoint.path for endpoint in module.endpoints] == ["/items/{name}", "/health"]
    response = await module.http.post("/items/a%20b?x=1", json={"n": 1}, headers={"x-trace": "1"})
    assert response.json() == {"name": "a b", "body": {"n": 1}, "key_length": 9}
    assert (await module.http.get("/nowhere")).status_code == 404
    (_, request) = orchestrator.said("http_request")[-2:]
    assert request.uri == "/nowhere"


async def test_what_was_said_is_remembered(orchestrator: TestOrchestrator) -> None:
    await orchestrator.start(shop, "shop")

    assert [each.op for each in orchestrator.messages] == [
        "get_secret",
        "secret",
        "register_service_provider",
        "register_service_provider_response",
        "announce",
    ]
    assert [each.is_from_module for each in orchestrator.messages] == [
        True, False, True, False, True,
    ]  # fmt: skip
    assert [each.name for each in orchestrator.said("get_secret", "shop")] == ["API_KEY"]
    assert orchestrator.said("get_secret", "other") == []
    assert "first-key" not in str(orchestrator.messages)


async def test_a_secret_that_the_test_forgot_is_named(orchestrator: TestOrchestrator) -> None:
    orchestrator.secrets.clear()

    with pytest.raises(SecretError, match=r"TestOrchestrator\(secrets=\{'API_KEY'"):
        await orchestrator.start(shop, "shop")

    orchestrator.secrets["API_KEY"] = "found"
    assert (await orchestrator.start(shop, "shop")).id == "shop"


async def test_a_rotation_is_acknowledged_and_its_values_used(
    orchestrator: TestOrchestrator,
) -> None:
    module = await orchestrator.start(shop, "shop")
    await orchestrator.start(plain, "plain")

    acks = await orchestrator.rotate({"API_KEY": "new", "OTHER": "unasked"})

    (ack,) = acks.values()
    assert isinstance(ack, RotationAck)
    assert ack.status == "success"
    assert acks.keys() == {"shop"}
    assert (await module.http.get("/items/x")).json()["key_length"] == 3
    assert (await module.state.get_secret("API_KEY")).expose_secret() == "new"


async def test_a_test_plays_a_neighbour(orchestrator: TestOrchestrator) -> None:
    module = await orchestrator.start(shop, "shop")
    stock = await orchestrator.neighbour("stock")
    await stock.register_service(name="a", service_type="stock", address="127.0.0.1:2")

    @stock.on_message("count")
    def count(message: dict[str, str]) -> dict[str, Any]:
        return {"of": message["item"], "count": 3}

    assert (await module.http.get("/stock")).json() == {"of": "pear", "count": 3}
    assert (await module.http.get("/neighbours")).json() == ["127.0.0.1:2"]
    assert await stock.send_request("shop:order", {"item": "fig"}) == {"ordered": "fig"}
    assert [each.address for each in await stock.discover_services("items")] == ["127.0.0.1:1"]
    assert len(orchestrator.services) == 2


async def test_who_asks_somebody_that_is_not_there_is_told(orchestrator: TestOrchestrator) -> None:
    neighbour = await orchestrator.neighbour("tester")

    with pytest.raises(InternalMessagingError, match="there is tester") as raised:
        await neighbour.send_request("nobody", {})

    assert raised.value.failure is Failure.TARGET_MODULE_NOT_FOUND


async def test_who_waits_for_a_module_that_ends_is_told(orchestrator: TestOrchestrator) -> None:
    is_asked = asyncio.Event()

    @pywatt_module(drain_s=0.01)
    async def silent(state: AppState) -> Starlette:
        @state.on_message("*")
        async def wait(message: object) -> None:
            del message
            is_asked.set()
            await asyncio.Event().wait()

        return Starlette()

    module = await orchestrator.start(silent, "silent")
    tester = await orchestrator.neighbour("tester")
    async with asyncio.TaskGroup() as group:
        asked = group.create_task(_error_of(tester.send_request("silent", {})))
        await is_asked.wait()
        await module.stop()

    assert "silent ended before it replied" in str(asked.result())
    assert isinstance(await _error_of(module.http.get("/")), httpx.ConnectError)


async def test_an_orderly_end_closes_and_withdraws(orchestrator: TestOrchestrator) -> None:
    module = await orchestrator.start(shop, "shop")
    closed: list[str] = []
    module.state.on_close(lambda: closed.append("closed"))

    await module.stop()

    assert closed == ["closed"]
    assert orchestrator.services == []
    assert orchestrator.said("shutdown", "shop")
    await orchestrator.start(shop, "shop")


async def test_what_a_module_raises_is_the_tests() -> None:
    @pywatt_module
    async def broken(state: AppState) -> FastAPI:
        raise ZeroDivisionError(state.module_id)

    async with TestOrchestrator() as orchestrator:
        with pytest.raises(ZeroDivisionError, match="broken"):
            await orchestrator.start(broken, "broken")

    @pywatt_module
    async def ends_badly(state: AppState) -> FastAPI:
        state.on_close(lambda: 1 / 0)
        return FastAPI()

    with pytest.raises(ExceptionGroup, match="closed with the module"):
        async with TestOrchestrator() as orchestrator:
            await orchestrator.start(ends_badly)


async def test_a_module_that_never_announces_is_given_up(orchestrator: TestOrchestrator) -> None:
    @pywatt_module
    async def stuck(state: AppState) -> FastAPI:
        del state
        await asyncio.Event().wait()
        return FastAPI()

    with pytest.raises(TimeoutError, match=r"stuck was not announced within 0\.01 s"):
        await orchestrator.start(stuck, "stuck", timeout_s=0.01)


async def test_what_cannot_be_started_is_told(orchestrator: TestOrchestrator) -> None:
    with pytest.raises(TypeError, match="decorate it with @pywatt_module"):
        await orchestrator.start(lambda: None)  # type: ignore[arg-type]
    await orchestrator.start(plain, "plain")
    with pytest.raises(ValueError, match="'plain' runs already"):
        await orchestrator.neighbour("plain")


async def test_any_message_can_be_sent_by_hand(orchestrator: TestOrchestrator) -> None:
    module = await orchestrator.start(plain, "plain")

    orchestrator.send("plain", {"op": "heartbeat"})
    orchestrator.send("plain", Heartbeat())
    await module.http.get("/")

    assert len(orchestrator.said("heartbeat_ack", "plain")) == 2
    with pytest.raises(ValueError, match="nonsense"):
        orchestrator.send("plain", {"op": "nonsense"})
    with pytest.raises(KeyError):
        orchestrator.send("nobody", Heartbeat())


async def test_ports_are_given_and_services_are_not(orchestrator: TestOrchestrator) -> None:
    link = (await orchestrator.neighbour("tester")).link
    assert link is not None

    port: PortResponse = await link.ask(PortRequest("p-1"))
    same: PortResponse = await link.ask(PortRequest("p-2", port.port))
    connection = await link.ask(ServiceRequest("s-1", ServiceType.DATABASE))
    operation = ServiceOperation("c-1", ServiceType.CACHE, "get", {}, operation_id="o-1")

    assert port.success
    assert same.port == port.port > 0
    assert connection.error == "There is no database here."
    assert (await link.ask(operation)).error == "There is no cache here."


@pytest.mark.parametrize("bind_http", [False, True])
async def test_flask_too_and_over_a_real_port(
    orchestrator: TestOrchestrator, bind_http: bool
) -> None:
    @pywatt_module(framework="flask", metrics=True)
    def app(state: AppState) -> Flask:
        flask = Flask(__name__)
        flask.add_url_rule("/", view_func=lambda: {"id": state.module_id})
        return flask

    module = await orchestrator.start(app, "flask", bind_http=bind_http)

    assert (await module.http.get("/")).json() == {"id": "flask"}
    if bind_http:
        async with httpx.AsyncClient(timeout=120, base_url=f"http://{module.address}") as client:
            assert (await client.get("/")).json() == {"id": "flask"}


async def test_code_in_threads_waits_for_what_it_cannot_await(
    orchestrator: TestOrchestrator,
) -> None:
    """Flask's views run in threads, and the function that makes the app is no coroutine."""

    @pywatt_module(secrets=["API_KEY"])
    def app(state: AppState) -> Flask:
        key = state.secret_client.known("API_KEY").expose_secret()
        with pytest.raises(RuntimeError, match="await it here"):
            state.wait(state.get_secret("API_KEY"))
        flask = Flask(__name__)

        @flask.get("/")
        def root() -> Any:
            later = state.wait(state.get_secret("API_KEY")).expose_secret()
            count = state.wait(state.send_request("stock:count", {}))
            with pytest.raises(TimeoutError):
                state.wait(asyncio.Event().wait(), 0.01)
            return {"same": later == key, **count}

        return flask

    stock = await orchestrator.neighbour("stock")
    stock.on_message("count")(lambda message: {"count": len(message)})
    module = await orchestrator.start(app, "flask")

    assert (await module.http.get("/")).json() == {"same": True, "count": 0}


async def _error_of(asked: Any) -> BaseException:
    try:
        await asked
    except Exception as error:
        return error
    raise AssertionError("Nothing was raised.")
