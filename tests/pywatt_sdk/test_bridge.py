"""A module's app, served over HTTP and over messages."""

from __future__ import annotations

import asyncio
import socket
import stat
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from fastapi import FastAPI, Request, WebSocket
from flask import Flask
from flask import request as flask_request
from starlette.websockets import WebSocketDisconnect
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from pywatt_sdk._bridge import AT_ONCE, WAITING, asgi_app, serve_http
from pywatt_sdk._protocol import HttpRequest
from pywatt_sdk.core.error import BootstrapError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


def asked(uri: str, request_id: str = "r-1") -> HttpRequest:
    return HttpRequest(request_id, "GET", uri, {})


class Module:
    """A FastAPI app that tells how far it has come."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.begun = asyncio.Event()
        self.release = asyncio.Event()
        self.app = FastAPI(lifespan=self._live)
        self.app.get("/state")(self._state)
        self.app.get("/slow")(self._slow)
        self.app.websocket("/echo")(self._echo)

    @asynccontextmanager
    async def _live(self, _app: FastAPI) -> AsyncIterator[dict[str, str]]:
        self.events.append("started")
        yield {"name": "mod-a"}
        self.events.append("ended")

    async def _state(self, request: Request) -> str:
        name: str = request.state.name
        return name

    async def _slow(self) -> str:
        self.begun.set()
        await self.release.wait()
        self.events.append("answered")
        return "late"

    async def _echo(self, socket: WebSocket) -> None:
        await socket.accept()
        try:
            while True:
                await socket.send_text(await socket.receive_text())
        except WebSocketDisconnect:
            self.events.append("left")


async def get(address: str, path: str, **headers: str) -> httpx.Response:
    async with httpx.AsyncClient(
        timeout=120, base_url=f"http://{address}", headers=headers
    ) as client:
        return await client.get(path)


async def test_http_and_messages_reach_one_app_with_one_start() -> None:
    module = Module()
    async with serve_http(module.app) as serving:
        assert serving.address == f"127.0.0.1:{serving.port}"
        assert (await get(serving.address, "/state")).json() == "mod-a"
        response = await serving.answer(asked("/state"))
        assert response is not None
        assert response.body == b'"mod-a"'
    assert module.events == ["started", "ended"]


async def test_without_an_address_messages_are_answered() -> None:
    async with serve_http(Module().app, bind=False) as serving:
        assert serving.address == ""
        response = await serving.answer(asked("/state"))
        assert response is not None
        assert response.status_code == 200


async def test_what_is_under_way_is_finished_before_the_app_ends() -> None:
    module = Module()
    async with asyncio.TaskGroup() as group:
        async with serve_http(module.app) as serving:
            over_http = group.create_task(get(serving.address, "/slow"))
            await module.begun.wait()
            module.begun.clear()
            as_message = group.create_task(serving.answer(asked("/slow")))
            await module.begun.wait()
            asyncio.get_running_loop().call_later(0.02, module.release.set)
        assert module.events == ["started", "answered", "answered", "ended"]
    assert over_http.result().json() == "late"
    response = as_message.result()
    assert response is not None
    assert response.body == b'"late"'


async def test_what_takes_longer_than_the_drain_is_given_up() -> None:
    module = Module()
    async with (
        asyncio.TaskGroup() as group,
        serve_http(module.app, bind=False, drain_s=0.01) as serving,
    ):
        task = group.create_task(serving.answer(asked("/slow")))
        await module.begun.wait()
    response = task.result()
    assert response is not None
    assert response.status_code == 503
    assert module.events == ["started", "ended"]


async def test_a_request_that_is_repeated_meanwhile_is_answered_once() -> None:
    """Orchestrators repeat a request until it is answered (wire specification §0.6)."""
    module = Module()
    async with asyncio.TaskGroup() as group, serve_http(module.app, bind=False) as serving:
        first = group.create_task(serving.answer(asked("/slow")))
        await module.begun.wait()
        assert await serving.answer(asked("/slow")) is None
        module.release.set()
        assert await first is not None
        assert await serving.answer(asked("/slow")) is not None, "it is asked anew"


async def test_too_many_requests_at_a_time_are_refused() -> None:
    module = Module()
    most = AT_ONCE + WAITING
    async with serve_http(module.app, bind=False) as serving:
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(serving.answer(asked("/slow", f"r-{each}")))
                for each in range(most)
            ]
            await module.begun.wait()
            refused = await serving.answer(asked("/slow", "one more"))
            assert refused is not None
            assert refused.status_code == 503
            module.release.set()
        statuses = [answer.status_code for task in tasks if (answer := task.result())]
    assert statuses == [200] * most


@pytest.mark.parametrize("bind", [True, False])
async def test_what_waits_for_its_turn_is_answered_when_the_module_ends(bind: bool) -> None:
    module = Module()
    async with (
        asyncio.TaskGroup() as group,
        serve_http(module.app, bind=bind, drain_s=0.01) as serving,
    ):
        tasks = [
            group.create_task(serving.answer(asked("/slow", f"r-{each}")))
            for each in range(AT_ONCE + 20)
        ]
        await module.begun.wait()
    answers = [task.result() for task in tasks]
    assert {answer.status_code for answer in answers if answer is not None} == {503}


async def test_websockets_are_served() -> None:
    module = Module()
    async with (
        serve_http(module.app) as serving,
        connect(f"ws://{serving.address}/echo") as websocket,
    ):
        await websocket.send("one")
        await websocket.send("two")
        assert [await websocket.recv(), await websocket.recv()] == ["one", "two"]
    assert module.events == ["started", "left", "ended"]


async def test_other_sites_are_served_with_any_host() -> None:
    async with serve_http(Module().app, allow_hosts=None) as serving:
        headers = {"host": "mod.example", "origin": "http://other.example"}
        assert (await get(serving.address, "/state", **headers)).status_code == 200


async def test_a_websocket_of_another_site_is_refused() -> None:
    async with serve_http(Module().app) as serving:
        with pytest.raises(InvalidStatus, match="403"):
            await connect(f"ws://{serving.address}/echo", origin="http://evil.example")  # type: ignore[arg-type]


async def test_only_hosts_that_are_allowed_are_served() -> None:
    async with serve_http(Module().app, allow_hosts=["mod.example"]) as serving:
        statuses = [
            (await get(serving.address, "/state", host=host)).status_code
            for host in ("localhost", "mod.example", "evil.example")
        ]
    assert statuses == [200, 200, 421]


async def test_who_listens_everywhere_serves_any_host() -> None:
    async with serve_http(Module().app, "0.0.0.0") as serving:  # noqa: S104
        answer = await get(f"127.0.0.1:{serving.port}", "/state", host="mod.example")
    assert answer.status_code == 200


async def test_a_unix_socket_stays_for_who_has_taken_over(tmp_path: Path) -> None:
    """As at a hot reload: the new module listens before the old one ends."""
    path = tmp_path / "m.sock"
    async with serve_http(Module().app, path=path) as old:
        new = serve_http(Module().app, path=path)
        await new.__aenter__()
    assert old.address == str(path)
    assert path.is_socket()
    await new.__aexit__(None, None, None)
    assert not path.exists()


async def test_without_a2wsgi_a_flask_app_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(sys.modules, "pywatt_sdk._wsgi", raising=False)
    monkeypatch.setitem(sys.modules, "a2wsgi", None)
    with pytest.raises(BootstrapError, match=r"a Flask app needs a2wsgi; install .*\[flask\]"):
        asgi_app(flask_app())


async def test_a_unix_socket_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(path))
    async with serve_http(Module().app, path=path) as serving:
        assert serving.address == str(path)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        transport = httpx.AsyncHTTPTransport(uds=str(path))
        async with httpx.AsyncClient(timeout=120, transport=transport) as client:
            assert (await client.get("http://localhost/state")).json() == "mod-a"
    assert not path.exists()


async def test_a_path_with_something_else_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "s"
    path.write_text("mine")
    with pytest.raises(BootstrapError, match="cannot listen on"):
        async with serve_http(Module().app, path=path):
            pass
    assert path.read_text() == "mine"


async def test_an_address_in_use_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(BootstrapError, match=rf"cannot listen on 127\.0\.0\.1:{port}"):
            async with serve_http(Module().app, port=port):
                pass


@pytest.mark.parametrize("bind", [True, False])
async def test_an_app_that_fails_to_start_is_told(
    caplog: pytest.LogCaptureFixture, bind: bool
) -> None:
    @asynccontextmanager
    async def fails(app: FastAPI) -> AsyncIterator[None]:
        if app.title:
            raise ValueError("no database")
        yield

    with pytest.raises(BootstrapError, match="failed to start"):
        async with serve_http(FastAPI(lifespan=fails), bind=bind):
            pass
    assert "no database" in caplog.text


@pytest.mark.parametrize("bind", [True, False])
async def test_an_app_that_has_to_end_at_once_still_ends(
    caplog: pytest.LogCaptureFixture, bind: bool
) -> None:
    module = Module()
    is_served = asyncio.Event()

    async def serve() -> None:
        async with serve_http(module.app, bind=bind):
            is_served.set()
            await asyncio.Event().wait()

    serving = asyncio.ensure_future(serve())
    await is_served.wait()
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving
    assert module.events == ["started", "ended"]
    assert "Traceback" not in caplog.text


async def test_what_the_caller_raises_comes_out_as_it_is() -> None:
    with pytest.raises(KeyError, match="mine"):
        async with serve_http(Module().app):
            raise KeyError("mine")


async def test_an_app_without_start_up_is_an_app() -> None:
    async def plain(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "http"
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    async with serve_http(plain) as serving:
        assert (await get(serving.address, "/")).status_code == 204


def flask_app() -> Flask:
    app = Flask(__name__)

    @app.post("/echo")
    def echo() -> bytes:
        print("for the log", file=flask_request.environ["wsgi.errors"])
        return flask_request.get_data()

    return app


async def test_flask_apps_get_bodies_of_unknown_length(capsys: pytest.CaptureFixture[str]) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"one "
        yield b"two"

    async with serve_http(asgi_app(flask_app())) as serving:
        async with httpx.AsyncClient(timeout=120, base_url=f"http://{serving.address}") as client:
            assert (await client.post("/echo", content=pieces())).text == "one two"
        request = HttpRequest("r-1", "POST", "/echo", {}, b"three")
        response = await serving.answer(request)
        assert response is not None
        assert response.body == b"three"
    out, err = capsys.readouterr()
    assert "for the log" in err
    assert out == "", "stdout belongs to the protocol"


def test_tells_what_kind_of_app_it_is() -> None:
    async def function(scope: Any, receive: Any, send: Any) -> None: ...
    def returns_awaitable(scope: Any, receive: Any, send: Any) -> Any: ...
    def wsgi(environ: Any, start_response: Any) -> Any: ...

    class Called:
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None: ...

    called = Called()
    fastapi = FastAPI()
    asgi: list[Any] = [function, returns_awaitable, called, fastapi]
    for app in asgi:
        assert asgi_app(app) is app
    for app in [wsgi, flask_app()]:
        assert asgi_app(app) is not app
    with pytest.raises(TypeError, match="A dict is no web application"):
        asgi_app({})
