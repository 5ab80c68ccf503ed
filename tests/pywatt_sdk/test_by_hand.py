"""Modules without the decorator: by hand over stdio, or with a router builder (real processes)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.pywatt_sdk.test_running import run, write

if TYPE_CHECKING:
    from pathlib import Path

HEARTBEAT = b'{"op":"heartbeat"}\n'
REQUEST = b'{"op":"http_request","request_id":"h","method":"GET","uri":"/","headers":{}}\n'

BY_HAND = """
import asyncio, ctypes
from pywatt_sdk import (
    AnnounceBlob, ModuleToOrchestrator, process_ipc_messages, read_init, send_announce
)

async def main():
    init = await read_init()
    print("stray")
    send_announce(AnnounceBlob(listen=init.listen))

    async def handle(message):
        if message.op == "heartbeat":
            return ModuleToOrchestrator("heartbeat_ack")

    await process_ipc_messages(handle)

asyncio.run(main())
ctypes.CDLL(None).puts(b"by C code at the end")
"""

FULL = """
import asyncio
from pywatt_sdk import AnnouncedEndpoint, ServeOptions, serve_module_with_lifecycle

def state(init, secrets):
    return {"answer": secrets["KEY"].expose_secret()}

async def router(state):
    async def root(request):
        return PlainTextResponse(f"{state.user_state['answer']} {started}")
    return Starlette(routes=[Route("/", root)])

started = []
asyncio.run(serve_module_with_lifecycle(
    ["KEY"], [AnnouncedEndpoint("/", ["GET"])], state, router,
    options=ServeOptions(bind_http=False),
    on_startup=lambda state: started.append(state.module_id),
    on_shutdown=lambda state: print("over", state.module_id),
))
"""

BOOTSTRAP = """
import asyncio
from pywatt_sdk import AnnouncedEndpoint, bootstrap_module, serve_module

async def main():
    state, handle = await bootstrap_module([], [AnnouncedEndpoint("/x", ["GET"])])
    print("state of", state.module_id)
    await handle

asyncio.run(main())
"""

NAMED = """
import asyncio
from pywatt_sdk import ModuleApp

async def main():
    async with ModuleApp("greeter", lambda state: Starlette()) as module:
        print("state of", module.state.module_id)

asyncio.run(main())
"""


def test_the_protocol_by_hand(tmp_path: Path) -> None:
    ended = run(write(tmp_path, BY_HAND), HEARTBEAT)
    assert (ended.status, [line["op"] for line in ended.said]) == (0, ["announce", "heartbeat_ack"])
    assert {"stray", "by C code at the end"} <= set(ended.stderr.splitlines())


def test_a_router_builder_with_a_say_at_the_beginning_and_the_end(tmp_path: Path) -> None:
    ended = run(write(tmp_path, FULL), REQUEST, secret="forty-two")
    asked, announced, reply = ended.said
    assert (asked["op"], announced["listen"]) == ("get_secret", "127.0.0.1:0")
    assert bytes(reply["content"]["body"]).decode() == "forty-two ['greeter']"
    assert "over greeter" in ended.stderr
    assert ended.status == 0


@pytest.mark.parametrize("text", [BOOTSTRAP, NAMED], ids=["bootstrap_module", "ModuleApp"])
def test_a_module_that_is_started_and_goes_on_beside(tmp_path: Path, text: str) -> None:
    ended = run(write(tmp_path, text))
    assert (ended.status, [line["op"] for line in ended.said]) == (0, ["announce"])
    assert "state of greeter" in ended.stderr
