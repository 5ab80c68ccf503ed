"""The examples of pywatt_sdk's pages do what is said around them."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import jwt
import pytest
from tests.docs.blocks import ROOT, block, write
from tests.pywatt_sdk.communication.conftest import serving
from tests.pywatt_sdk.communication.registering import Registry
from tests.pywatt_sdk.test_running import run
from websockets.asyncio.client import connect

from pywatt_sdk import ConnectionConfig, HttpTcpClient, SecretError
from pywatt_sdk.testing import TestOrchestrator

if TYPE_CHECKING:
    from pathlib import Path

    from tests.docs.blocks import Block

PAGES = ROOT / "docs" / "pywatt"
GREETER = block(PAGES / "quickstart.md", "Quickstart")
GREETER_TEST = block(PAGES / "quickstart.md", "Test it", 0)
GREETER_PYTEST = block(PAGES / "quickstart.md", "Test it", 1)
SECRET = block(PAGES / "how-to.md", "Use a secret")
NEW_SECRET = block(PAGES / "how-to.md", "React to a new secret")
STATE = block(PAGES / "how-to.md", "Make a state of your own")
SERVICE = block(PAGES / "how-to.md", "Offer a service, and find one")
MESSAGES = block(PAGES / "how-to.md", "Talk with other modules")
TOKEN = block(PAGES / "how-to.md", "Ask for a token")
COUNT = block(PAGES / "how-to.md", "Count")
FLASK = block(PAGES / "how-to.md", "Use Flask")
NO_FRAMEWORK = block(PAGES / "how-to.md", "Use no framework")
SOCKET = block(PAGES / "how-to.md", "Keep a socket open")
CLOSING = block(PAGES / "how-to.md", "End in good order")
BY_ITSELF = block(PAGES / "how-to.md", "Start it without the decorator")
TOGETHER = block(PAGES / "how-to.md", "Test two modules together")
REGISTERED = block(PAGES / "how-to.md", "Register a program that nobody started")
CHANNEL = block(PAGES / "how-to.md", "Open a channel of your own")

HS256_SECRET = "a secret of thirty-two bytes, or more"


def module_of(page_block: Block) -> Any:
    """Return the module that a block makes."""
    return page_block.run()["create_app"]


def test_the_tests_of_the_quickstart_and_of_two_modules_together_run(reader: Path) -> None:
    write(reader, GREETER, GREETER_TEST)
    (reader / "how_to.py").write_text(MESSAGES.text)
    (reader / "test_together.py").write_text(TOGETHER.text)
    assert GREETER_PYTEST.text == "pytest\n"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=reader,
        capture_output=True,
        text=True,
    )
    assert "2 passed" in done.stdout, done.stdout + done.stderr


async def test_a_secret_is_used_and_rotated() -> None:
    async with TestOrchestrator({"DATABASE_URL": "postgres://u:p@first"}) as orchestrator:
        module = await orchestrator.start(module_of(SECRET))
        assert (await module.http.get("/database")).json() == {"host": "first"}
        acks = await orchestrator.rotate({"DATABASE_URL": "postgres://u:p@second"})
        assert acks[module.id].status == "success"
        assert (await module.http.get("/database")).json() == {"host": "second"}


async def test_without_its_secret_it_says_which() -> None:
    async with TestOrchestrator() as orchestrator:
        with pytest.raises(SecretError, match="DATABASE_URL"):
            await orchestrator.start(module_of(SECRET))


async def test_a_new_secret_is_reacted_to_and_refused() -> None:
    async with TestOrchestrator({"DATABASE_URL": "postgres://first"}) as orchestrator:
        module = await orchestrator.start(module_of(NEW_SECRET))
        taken = await orchestrator.rotate({"DATABASE_URL": "postgres://second"})
        assert taken[module.id].status == "success"
        assert (await module.http.get("/connections")).json() == 2
        refused = await orchestrator.rotate({"DATABASE_URL": "nonsense"})
        assert refused[module.id].status == "error"
        assert "no address of a database" in str(refused[module.id].message)


async def test_a_state_of_its_own_knows_settings_and_secrets() -> None:
    async with TestOrchestrator({"API_KEY": "k"}) as orchestrator:
        module = await orchestrator.start(module_of(STATE), env={"PREFIX": "/v1"})
        assert (await module.http.get("/prefix")).json() == {"prefix": "/v1"}
        state: Any = module.state.user_state
        assert state.key == "k"


async def test_a_service_is_offered_and_found() -> None:
    async with TestOrchestrator() as orchestrator:
        module = await orchestrator.start(module_of(SERVICE), bind_http=True)
        [found] = (await module.http.get("/catalogs")).json()
        assert found["name"] == "prices"
        assert found["address"].startswith("127.0.0.1:")


async def test_modules_talk() -> None:
    async with TestOrchestrator() as orchestrator:
        shop = await orchestrator.start(module_of(MESSAGES), "shop")
        front = await orchestrator.start(module_of(MESSAGES), "front")
        assert (await front.http.post("/order/tea")).json() == {"accepted": True, "number": 1}
        assert (await front.http.post("/tell/cake")).json() == {"told": "cake"}
        assert (await front.http.post("/order/milk")).json()["number"] == 3
        assert shop.id == "shop"


async def test_a_token_is_asked_for_where_it_is_said() -> None:
    token = jwt.encode({"sub": "ada", "exp": 4102444800}, HS256_SECRET, "HS256")
    async with TestOrchestrator({"JWT_SECRET": HS256_SECRET}) as orchestrator:
        module = await orchestrator.start(module_of(TOKEN))
        assert (await module.http.get("/public")).json() == {"for": "everybody"}
        assert (await module.http.get("/private")).status_code == 401
        bearer = {"authorization": f"Bearer {token}"}
        assert (await module.http.get("/private", headers=bearer)).json() == {"for": "ada"}


async def test_orders_are_counted() -> None:
    async with TestOrchestrator() as orchestrator:
        module = await orchestrator.start(module_of(COUNT))
        await module.http.post("/orders")
        await module.http.post("/orders")
        exposed = (await module.http.get("/metrics")).text
    assert "orders_total 2.0" in exposed


async def test_flask_serves() -> None:
    async with TestOrchestrator() as orchestrator:
        module = await orchestrator.start(module_of(FLASK), "flasky")
        assert (await module.http.get("/")).json() == {"module": "flasky"}
        shop = await orchestrator.neighbour("shop")
        shop.on_message("count")(lambda message: {"of": message["type"]})
        assert (await module.http.get("/orders")).json() == {"of": "count"}


async def test_no_framework_is_needed() -> None:
    async with TestOrchestrator() as orchestrator:
        module = await orchestrator.start(module_of(NO_FRAMEWORK))
        left = (await module.http.get("/stock?item=tea")).json()
        assert left == {"status": "success", "data": {"item": "tea", "left": 3}, "message": None}
        missing = await module.http.get("/stock?item=cake")
        assert (missing.status_code, missing.json()["message"]) == (404, "There is no cake.")


async def test_a_socket_echoes() -> None:
    async with TestOrchestrator() as orchestrator:
        module = await orchestrator.start(module_of(SOCKET), bind_http=True)
        [announced] = orchestrator.said("announce", module.id)
        assert "/echo" in [each.path for each in announced.endpoints]
        async with connect(f"ws://{announced.listen}/echo") as websocket:
            await websocket.send("hi")
            assert await websocket.recv() == "hi"


async def test_what_is_to_be_closed_is_closed_at_the_end() -> None:
    async with TestOrchestrator() as orchestrator:
        module = await orchestrator.start(module_of(CLOSING))
        pool = module.app.state.pool
        assert pool.is_open
    assert not pool.is_open


def test_a_module_runs_without_the_decorator(reader: Path) -> None:
    write(reader, BY_ITSELF)
    request = {"op": "http_request", "request_id": "h", "method": "GET", "uri": "/", "headers": {}}
    ended = run(reader / "main.py", json.dumps(request).encode() + b"\n")
    announced, reply = ended.said
    assert "/metrics" in [each["path"] for each in announced["endpoints"]]
    assert bytes(reply["content"]["body"]).decode() == "This is greeter."
    assert ended.status == 0


async def test_a_program_registers_and_is_asked() -> None:
    registry = Registry()
    names = REGISTERED.run()
    async with serving(registry.serve) as orchestrator:
        where = ConnectionConfig("127.0.0.1", orchestrator.port)
        async with names["thermometer"](where) as server:
            (module,) = registry.modules.values()
            assert module.info.name == "thermometer"
            async with HttpTcpClient(ConnectionConfig("127.0.0.1", server.port)) as client:
                response = await client.get("/now", query={"room": "attic"})
            data = {"celsius": 21, "room": "attic"}
            assert response.json() == {"status": "success", "data": data}
        assert registry.modules == {}


async def test_a_channel_asks_and_hears() -> None:
    async with serving() as server:  # which says the same again
        assert await CHANNEL.run()["ask"](server.port, {"ping": 1}) == {"ping": 1}
