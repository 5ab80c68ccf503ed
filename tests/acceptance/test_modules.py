"""Modules as a person meets them: the samples, and two that talk while one of them is saved."""

from __future__ import annotations

import asyncio
import http.client
import json
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tests.acceptance.conftest import PATIENCE_S, alive

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from tests.acceptance.conftest import Engine

    from kiket_console.model import Exchange

    Running = Callable[..., AbstractContextManager[Engine]]
    Until = Callable[..., Any]

SAMPLES = Path(__file__).parents[2] / "assets" / "samples" / "modules"

ECHO = """\
from starlette.applications import Starlette

from pywatt_sdk import pywatt_module

BUILD = 0


@pywatt_module()
async def create_app(app_state):
    @app_state.on_message("ping")
    async def ping(message):
        return {"number": message["number"], "build": BUILD}

    return Starlette()
"""
CALLER = """\
import asyncio

from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from pywatt_sdk import AnnouncedEndpoint, pywatt_module


@pywatt_module(endpoints=[AnnouncedEndpoint(path="/ask/:first/:count", methods=["GET"])])
async def create_app(app_state):
    async def ask(request):
        first, count = int(request.path_params["first"]), int(request.path_params["count"])
        answers = []
        for number in range(first, first + count):
            message = {"type": "ping", "number": number}
            answers.append(await app_state.send_request("echo", message))
        return JSONResponse(answers)

    return Starlette(routes=[Route("/ask/{first}/{count}", ask)])
"""
PROJECT = """\
[[module]]
name = "echo"
entry = "echo.py"

[[module]]
name = "caller"
entry = "caller.py"
"""


def call(engine: Engine, path: str, method: str = "GET", document: Any = None) -> tuple[int, Any]:
    """Ask the gateway for a module's route; return status and JSON."""
    body = None if document is None else json.dumps(document)
    headers = {} if body is None else {"content-type": "application/json"}
    place = urlsplit(engine.info["gateway_url"]).netloc
    connection = http.client.HTTPConnection(place, timeout=PATIENCE_S)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def modules(engine: Engine) -> dict[str, dict[str, Any]]:
    """Return what the engine says of each module."""
    return {worker["name"]: worker for worker in engine.status()["workers"] if worker["module"]}


def wait_ready(engine: Engine, until: Until, count: int) -> None:
    """Wait until so many modules are ready."""

    def all_ready() -> bool:
        states = [each["module"]["handshake"] for each in modules(engine).values()]
        return states.count("ready") == count

    until(all_ready, f"{count} modules are ready")


def exchanges(engine: Engine, **wanted: str) -> list[Exchange]:
    """Return the recorded messages that have the *wanted* values."""
    return [
        each
        for each in engine.reader.recent(5000)
        if each.source == "ipc" and all(getattr(each, key) == wanted[key] for key in wanted)
    ]


def test_the_samples_do_what_their_files_say(
    own_places: Path, running: Running, until: Until
) -> None:
    folder = own_places / "modules"
    shutil.copytree(SAMPLES, folder, ignore=shutil.ignore_patterns("__pycache__"))
    with running(folder) as engine:
        wait_ready(engine, until, 6)

        assert call(engine, "/m/greeter/greet/Ada") == (200, {"message": "Hello, Ada!"})
        assert call(engine, "/m/shop/price/tea") == (200, {"price": 3.2, "from": "prices"})
        assert call(engine, "/m/shop/price/gold")[0] == 404
        assert call(engine, "/m/shop/order/cake", "POST") == (
            200,
            {"accepted": True, "total": 5.5},
        )
        assert call(engine, "/m/notes/notes", "POST", {"text": "milk"}) == (201, {"count": 1})
        assert call(engine, "/m/notes/notes") == (200, {"module": "notes", "notes": ["milk"]})
        assert call(engine, "/m/reports/reports", "POST") == (202, {"number": 1})
        until(
            lambda: call(engine, "/m/reports/reports/1") == (200, {"state": "done"}),
            "the report is done",
        )
        chat = modules(engine)["chat"]["module"]["listen"]
        assert asyncio.run(_talked(f"ws://{chat}/chat")) == ["Ada: hello", "Ada: hello"]
        assert call(engine, "/m/chat/people") == (200, {"people": 0})

        assert modules(engine)["catalog"]["module"]["services"][0]["name"] == "prices"
        assert exchanges(engine, kind="invalid") == []
        assert exchanges(engine, name="route_to_module", worker="shop", direction="out")
        left = engine.descendants()
        assert engine.stop() == 0
    until(lambda: not any(map(alive, left)), "nothing of them is left")


async def _talked(url: str) -> list[str]:
    """Return what two people hear when one of them says hello."""
    from websockets.asyncio.client import connect

    async with connect(url) as ada, connect(url) as bob:
        await ada.send("Ada: hello")
        async with asyncio.timeout(PATIENCE_S):
            return [str(await each.recv()) for each in (ada, bob)]


def test_two_modules_talk_while_one_is_saved_and_nothing_is_lost(
    own_places: Path, running: Running, until: Until
) -> None:
    saves = 2
    folder = own_places / "pair"
    folder.mkdir()
    (folder / "kiket.toml").write_text(PROJECT)
    (folder / "echo.py").write_text(ECHO)
    (folder / "caller.py").write_text(CALLER)
    with running(folder) as engine:
        wait_ready(engine, until, 2)
        answers: list[dict[str, int]] = []
        builds = 0
        while builds < saves or answers[-1]["build"] < saves:
            status, said = call(engine, f"/m/caller/ask/{len(answers)}/20")
            assert status == 200, said
            answers += said
            if answers[-1]["build"] == builds and builds < saves:
                builds += 1
                code = re.sub(r"BUILD = \d", f"BUILD = {builds}", ECHO)
                (folder / "echo.py").write_text(code)

        assert [each["number"] for each in answers] == list(range(len(answers)))
        seen = [each["build"] for each in answers]
        assert seen == sorted(seen), "an older module answered after a newer one"
        assert set(seen) == set(range(saves + 1))

        def all_recorded() -> bool:
            asked = exchanges(engine, name="route_to_module", worker="caller", direction="out")
            told = exchanges(engine, name="routed_module_message", worker="echo", direction="in")
            return len(asked) == len(answers) == len(told)

        until(all_recorded, "each message is a row, on the way to and from the orchestrator")
        assert exchanges(engine, kind="invalid") == []
        assert engine.status()["dropped_frames"] == 0
