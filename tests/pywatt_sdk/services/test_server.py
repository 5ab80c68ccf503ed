"""Serving an app by itself."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from tests.ports import free_port
from tests.pywatt_sdk.far_end import FarEnd

from pywatt_sdk._link import Link
from pywatt_sdk._protocol import (
    HttpRequest,
    HttpResponse,
    Shutdown,
    decode_to_orchestrator,
    encode_line,
)
from pywatt_sdk.core.error import ConfigError, NetworkError
from pywatt_sdk.services import server
from pywatt_sdk.services.server import (
    ServeOptions,
    get_pre_allocated_port,
    get_server_manager,
    serve_module,
    serve_with_options,
    set_pre_allocated_port,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


async def page(request: Any) -> PlainTextResponse:
    return PlainTextResponse(request.url.path)


APP = Starlette(routes=[Route("/a", page)])


@pytest.fixture(autouse=True)
def _no_port() -> Iterator[None]:
    server._Allocated.port = None
    yield
    server._Allocated.port = None


async def text_at(port: int) -> str:
    async with httpx.AsyncClient(timeout=120) as client:
        while True:
            try:
                return (await client.get(f"http://127.0.0.1:{port}/a")).text
            except httpx.ConnectError:
                await asyncio.sleep(0.01)


async def test_an_app_is_served_until_it_is_stopped() -> None:
    manager = get_server_manager("starlette")
    port = free_port()
    async with asyncio.TaskGroup() as group:
        group.create_task(manager.start_server(APP, port=port))
        assert await text_at(port) == "/a"
        assert manager.address == f"127.0.0.1:{port}"
        manager.stop()


@pytest.mark.parametrize("how", ["allocated", "specific"])
async def test_options_say_where(how: str) -> None:
    port = free_port()
    if how == "allocated":
        set_pre_allocated_port(port)
        assert get_pre_allocated_port() == port
        serving = serve_module(APP, "starlette")
    else:
        serving = serve_with_options(APP, ServeOptions(specific_port=port), "starlette")
    async with asyncio.TaskGroup() as group:
        task = group.create_task(serving)
        assert await text_at(port) == "/a"
        task.cancel()


async def test_without_a_port_it_is_told_how_to_get_one() -> None:
    with pytest.raises(NetworkError, match="no port has been allocated"):
        await serve_module(APP)


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_a_port_is_a_port(port: int) -> None:
    with pytest.raises(ConfigError, match=f"{port} is no port"):
        set_pre_allocated_port(port)


def test_each_framework_has_its_manager() -> None:
    found = [get_server_manager(name).framework for name in ("fastapi", "Flask", "asgi")]
    assert found == ["fastapi", "flask", "asgi"]
    with pytest.raises(ConfigError, match="'django' is not one of fastapi"):
        get_server_manager("django")


async def test_a_router_builder_may_be_asynchronous() -> None:
    async def later(state: str) -> str:
        return f"app of {state}"

    manager = get_server_manager()
    assert await manager.create_app(later, "state") == "app of state"
    assert await manager.create_app(str.upper, "state") == "STATE"


class TellingLink(Link):
    """A link that tells when something listens to it."""

    def __init__(self) -> None:
        super().__init__()
        self.has_listener = asyncio.Event()

    def on(self, kind: type[Any], handler: Any) -> Any:
        self.has_listener.set()
        return super().on(kind, handler)


async def test_requests_over_a_link_are_answered_until_it_ends() -> None:
    async with TellingLink() as link, asyncio.TaskGroup() as group:
        orchestrator = FarEnd(link)
        task = group.create_task(get_server_manager("asgi").serve_ipc(APP, link))
        await link.has_listener.wait()
        orchestrator.say(HttpRequest("r-1", "GET", "/a", {}))
        assert (await orchestrator.hears(HttpResponse)).body == b"/a"
        link.close("the orchestrator left")
        await task


def test_requests_over_stdin_are_answered_on_stdout(tmp_path: Path) -> None:
    program = tmp_path / "main.py"
    program.write_text(
        textwrap.dedent(
            """
            import asyncio
            from pywatt_sdk import HttpIpcRouter, ServeOptions, serve_with_options

            router = HttpIpcRouter()

            @router.get("/a")
            def a(request):
                print("stray")
                return 1

            asyncio.run(serve_with_options(router, ServeOptions(bind_http=False), "asgi"))
            """
        )
    )
    said = encode_line(HttpRequest("r-1", "GET", "/a", {})) + encode_line(Shutdown())
    done = subprocess.run(
        [sys.executable, str(program)],
        input=said,
        capture_output=True,
        timeout=120,
        check=True,
        env={**os.environ, "PYTHONPATH": "sdk"},
    )
    response = decode_to_orchestrator(done.stdout)
    assert isinstance(response, HttpResponse)
    assert response.body == b'{"status":"success","data":1,"message":null}'
    assert b"stray" in done.stderr
