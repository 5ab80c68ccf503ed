"""Every example of the documentation that modules began with runs, and does what it says.

A prelude supplies what the prose leaves out: an import, a class, a function below a decorator.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import shlex
import sys
from importlib.metadata import metadata
from types import ModuleType
from typing import TYPE_CHECKING, Any

import jwt
import jwt.warnings
import pytest
from tests.docs.blocks import SEED_PYWATT, SEED_PYWATT_STATUS, block

from pywatt_sdk import AnnouncedEndpoint, AppState, UnavailableError, pywatt_module
from pywatt_sdk.testing import TestOrchestrator

if TYPE_CHECKING:
    from tests.docs.blocks import Block

INSTALL = block(SEED_PYWATT, "Installation", 0)
EXTRAS = block(SEED_PYWATT, "Installation", 1)
QUICKSTART = block(SEED_PYWATT, "Quick Start")
DECORATOR = block(SEED_PYWATT, "🎯 Simple Decorator-Based API")
SECRETS = block(SEED_PYWATT, "🔐 Automatic Secret Management")
DISCOVERY = block(SEED_PYWATT, "🌐 Service Discovery")
METRICS = block(SEED_PYWATT, "📊 Built-in Metrics")
JWT = block(SEED_PYWATT, "🛡️ JWT Authentication")
DATA = block(SEED_PYWATT, "💾 Database & Cache Integration")
STATE_BUILDER = block(SEED_PYWATT, "Custom State Builder")
CHANNELS = block(SEED_PYWATT, "Multiple Communication Channels")
MESSAGING = block(SEED_PYWATT, "Internal Messaging")
FASTAPI = block(SEED_PYWATT, "FastAPI (Recommended)")
FLASK = block(SEED_PYWATT, "Flask")
TESTING = block(SEED_PYWATT, "Testing")
STATUS_INSTALL = block(SEED_PYWATT_STATUS, "Installation")
STATUS_BASIC = block(SEED_PYWATT_STATUS, "Basic Usage")
STATUS_ADVANCED = block(SEED_PYWATT_STATUS, "Advanced Features")

IMPORTS = """\
from fastapi import FastAPI
from pywatt_sdk import AnnouncedEndpoint, AppState, pywatt_module
"""
AN_APP = """
async def create_app(app_state: AppState) -> FastAPI:
    app = FastAPI()
    for path in ("/public", "/private"):
        app.get(path)(lambda: {"ok": True})
    return app
"""


def names_of(page_block: Block, prelude: str = IMPORTS, rest: str = "") -> dict[str, Any]:
    """Run a block, with what the prose leaves out before and after it; return its names."""
    namespace: dict[str, Any] = {"__name__": "main"}
    source = "\n" * (page_block.line - 1) + page_block.text + rest
    exec(prelude, namespace)  # noqa: S102 (the documentation)
    exec(compile(source, page_block.page, "exec", dont_inherit=True), namespace)  # noqa: S102
    return namespace


async def run_inside(page_block: Block, **names: Any) -> dict[str, Any]:
    """Run a block that stands inside of an async function; return its names."""
    namespace: dict[str, Any] = {"__name__": "main", **names}
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    code = compile(page_block.text, page_block.page, "exec", flags, dont_inherit=True)
    outcome = eval(code, namespace)  # noqa: S307 (the documentation)
    if inspect.isawaitable(outcome):
        await outcome
    return namespace


def requirements(page_block: Block) -> list[str]:
    """Return what the commands of a block install."""
    lines = [line for line in page_block.text.splitlines() if line and not line.startswith("#")]
    return [shlex.split(line)[-1] for line in lines]


def test_the_extras_that_are_installed_by_name_are_there() -> None:
    """The package ships within kiket-console, whose extras have the same names."""
    assert requirements(INSTALL) == requirements(STATUS_INSTALL) == ["pywatt-sdk"]
    names = {each.partition("[")[2].rstrip("]") for each in requirements(EXTRAS)}
    assert names == {"fastapi", "flask", "all"}
    assert names <= set(metadata("kiket-console").get_all("Provides-Extra") or ())


async def test_the_quick_start_greets_and_is_healthy() -> None:
    create_app = names_of(QUICKSTART, "")["create_app"]
    async with TestOrchestrator() as orchestrator:
        module = await orchestrator.start(create_app)
        assert (await module.http.get("/")).json() == {"message": "Hello from PyWatt!"}
        assert (await module.http.get("/health")).json() == {"status": "healthy"}
        [announced] = orchestrator.said("announce")
        assert [(each.path, each.methods) for each in announced.endpoints] == [
            ("/", ("GET",)),
            ("/health", ("GET",)),
        ]


async def test_the_decorator_takes_all_that_it_is_said_to_take() -> None:
    plan = names_of(DECORATOR)["create_app"].__plan__
    assert plan.secrets == ("DATABASE_URL", "API_KEY")
    assert plan.rotate
    assert plan.metrics
    assert plan.health == "/health"
    assert [(each.path, each.methods, each.auth) for each in plan.endpoints] == [
        ("/api/users", ("GET", "POST"), None),
        ("/api/admin", ("GET",), "jwt"),
    ]


async def test_secrets_are_fetched_before_the_app_is_made() -> None:
    connected: list[str] = []
    created = names_of(
        SECRETS,
        IMPORTS + "from starlette.applications import Starlette\n",
        "    return Starlette()\n",
    )
    created["Database"] = connected.append
    async with TestOrchestrator({"DATABASE_URL": "postgres://db", "JWT_SECRET": "s"}) as there:
        await there.start(created["create_app"])
        assert [each.name for each in there.said("get_secret")] == ["DATABASE_URL", "JWT_SECRET"]
    assert connected == ["postgres://db"]


async def test_services_are_found_and_offered(capsys: pytest.CaptureFixture[str]) -> None:
    async with TestOrchestrator() as orchestrator:
        other = await orchestrator.neighbour("database")
        await other.register_service("main", "database", "127.0.0.1:5432")
        own = await orchestrator.neighbour("ours")
        await run_inside(DISCOVERY, app_state=own)
        assert capsys.readouterr().out == "Found database at 127.0.0.1:5432\n"
        [found] = await other.discover_services("api")
        assert (found.name, found.address, found.module_id) == ("my-api", "127.0.0.1:8080", "ours")


async def test_metrics_are_served_with_those_that_are_added() -> None:
    create_app = names_of(METRICS, rest="    return FastAPI()\n")["create_app"]
    async with TestOrchestrator() as orchestrator:
        module = await orchestrator.start(create_app)
        exposed = (await module.http.get("/metrics")).text
    assert "requests_total 1.0" in exposed


async def test_endpoints_with_jwt_want_a_token_and_others_none() -> None:
    secret = "your-secret"
    create_app = names_of(JWT, rest=AN_APP)["create_app"]
    async with TestOrchestrator() as orchestrator:
        module = await orchestrator.start(create_app)
        assert (await module.http.get("/public")).status_code == 200
        refused = await module.http.get("/private")
        assert refused.status_code == 401
        assert refused.headers["www-authenticate"].startswith("Bearer")
        with pytest.warns(jwt.warnings.InsecureKeyLengthWarning):  # the page's own is short
            token = jwt.encode({"sub": "ada", "exp": 4102444800}, secret, "HS256")
        bearer = {"authorization": f"Bearer {token}"}
        assert (await module.http.get("/private", headers=bearer)).status_code == 200


async def test_databases_and_caches_say_that_they_come_later() -> None:
    create_app = names_of(DATA)["create_app"]
    async with TestOrchestrator() as orchestrator:
        with pytest.raises(UnavailableError, match="later release"):
            await orchestrator.start(create_app)


async def test_a_state_builder_makes_the_state() -> None:
    prelude = IMPORTS + "from types import SimpleNamespace as MyCustomState\n"
    create_app = names_of(STATE_BUILDER, prelude, "    return FastAPI()\n")["create_app"]
    async with TestOrchestrator({"API_KEY": "k1"}) as orchestrator:
        module = await orchestrator.start(create_app, "mine")
        state: Any = module.state.user_state
        assert state.module_id == "mine"
        assert str(state.secrets["API_KEY"]) != "k1"
        assert state.secrets["API_KEY"].expose_secret() == "k1"


def test_channels_are_chosen_by_the_decorator() -> None:
    plan = names_of(CHANNELS, rest=AN_APP)["create_app"].__plan__
    assert plan.enable_tcp
    assert plan.enable_ipc
    assert plan.tcp_config == {"host": "0.0.0.0", "port": 9000}  # noqa: S104 (the page's)


async def test_messages_are_sent_and_handled(capsys: pytest.CaptureFixture[str]) -> None:
    async with TestOrchestrator() as orchestrator:
        other = await orchestrator.neighbour("other-module")
        came = asyncio.Event()
        heard: list[Any] = []

        @other.on_message("notification")
        async def note(message: Any) -> None:
            heard.append(message)
            came.set()

        own = await orchestrator.neighbour("ours")
        names = await run_inside(MESSAGING, app_state=own)
        await asyncio.wait_for(came.wait(), 120)
        assert heard == [{"type": "notification", "data": "..."}]
        await names["handle_notification"]({"type": "notification"})
    assert capsys.readouterr().out == "Received: {'type': 'notification'}\n"


@pytest.mark.parametrize("page_block", [FASTAPI, FLASK], ids=["fastapi", "flask"])
async def test_each_framework_serves(page_block: Block) -> None:
    create_app = names_of(page_block, "")["create_app"]
    async with TestOrchestrator() as orchestrator:
        module = await orchestrator.start(create_app, "mine")
        assert (await module.http.get("/")).json() == {"module_id": "mine"}


def test_a_modules_own_test_needs_no_orchestrator(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []

    @pywatt_module
    async def create_app(state: AppState[None]) -> object:
        made.append(state.module_id)
        return object()

    module = ModuleType("mymodule")
    module.create_app = create_app  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "mymodule", module)
    TESTING.run()
    assert made == ["test-module"]


async def test_the_announcement_of_the_status_page_serves_its_data() -> None:
    prelude = "from pywatt_sdk import AnnouncedEndpoint\n"
    create_app = names_of(STATUS_BASIC, prelude)["create_app"]
    async with TestOrchestrator({"DATABASE_URL": "postgres://db"}) as orchestrator:
        module = await orchestrator.start(create_app)
        [announced] = orchestrator.said("announce")
        expected = AnnouncedEndpoint("/api/data", ("GET", "POST"), auth="jwt")
        assert (announced.endpoints[0].path, announced.endpoints[0].auth) == (
            expected.path,
            expected.auth,
        )
        assert (await module.http.get("/api/data")).status_code in {200, 401}


def test_the_data_layer_of_the_status_page_comes_later() -> None:
    with pytest.raises(ImportError, match="DatabaseConfig"):
        names_of(STATUS_ADVANCED)
