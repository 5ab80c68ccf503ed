"""Modules that behave as those of the Rust SDK do start, serve, rotate and stop, every time.

`make siege` tries it a hundred times.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sys
import tempfile
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.kiket_console.engine.orchestrator.playing import (
    PATIENCE_S,
    Others,
    Tape,
    Vault,
    init_line,
    module_spec,
    until,
)
from tests.ports import free_port

from kiket_console.engine.orchestrator.ports import Errand
from kiket_console.engine.orchestrator.session import ModuleSession
from kiket_console.engine.surroundings import Surroundings
from kiket_console.model import State
from pywatt_sdk import _protocol as p

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SCRIPT = Path(__file__).parent / "rust_like.py"
TRIES = int(os.environ.get("KIKET_TORTURE_STARTS", "4"))
AT_ONCE = 8


class Answering(Others):
    """Opens every service, and answers what modules ask each other for itself."""

    def heard(self, peer: Any, message: Any, exchange_id: int | None, channel: str) -> None:
        """Answer at once, on the channel that it came by."""
        super().heard(peer, message, exchange_id, channel)
        match message:
            case p.ServiceRequest():
                kind, opened = message.service_type, "conn-1"
                reply: Any = p.ServiceResponse(message.id, kind, True, connection_id=opened)
            case p.ServiceOperation():
                reply = p.ServiceOperationResult.to(message, result="pong")
            case p.RouteToModule():
                payload = p.Payload(b'{"pong":1}')
                reply = p.RoutedModuleResponse("other", message.request_id, payload)
            case _:
                return
        peer.send(reply, Errand(channel=channel, answers=exchange_id))


class Life:
    """A process and its session."""

    def __init__(self, session: ModuleSession, process: asyncio.subprocess.Process) -> None:
        self.session = session
        self.process = process
        self.tape = Tape()
        self.vault = Vault()
        self.over = asyncio.Event()

    async def get(self, path: str) -> tuple[int, bytes]:
        """Ask over HTTP, as soon as it listens: it announces before."""
        assert self.session.address is not None
        while True:
            try:
                reader, writer = await asyncio.open_connection(*self.session.address)
                break
            except ConnectionError:
                assert self.process.returncode is None
                await asyncio.sleep(0.02)
        writer.write(f"GET {path} HTTP/1.0\r\n\r\n".encode())
        async with asyncio.timeout(120):
            head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        writer.close()
        return int(head.split()[1]), body

    async def stop(self) -> int:
        """Walk down the ladder until it has ended."""
        self.session.shut_down()
        self.session.close_stdin()
        async with asyncio.timeout(120):
            return await self.process.wait()


@asynccontextmanager
async def life(*options: str, channels: tuple[str, ...] = ("tcp", "uds")) -> AsyncIterator[Life]:
    """Start a module of that kind, with the secrets A and B."""
    folder = Path(tempfile.mkdtemp(prefix="kc"))
    tape, vault = Tape(), Vault(A="alpha", B="beta")
    stdin, to_stdin = os.pipe()
    from_stdout, stdout = os.pipe()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-S", str(SCRIPT)),
        *options,
        stdin=stdin,
        stdout=stdout,
        stderr=asyncio.subprocess.DEVNULL,
    )
    os.close(stdin)
    os.close(stdout)
    session = ModuleSession(
        module_spec(folder, secrets=("A", "B"), command=("rust",), channels=channels),
        "search#1",
        init_line(listen=f"127.0.0.1:{free_port()}"),
        Surroundings(folder, "mark", {}, {}, (), {}),
        tape=tape,
        orchestrating=Answering(),
        vault=vault,
        on_change=lambda: None,
        note=lambda _level, _sentence: None,
        pid=lambda: process.pid,
        beat_s=0.1,
    )
    alive = Life(session, process)
    alive.tape, alive.vault = tape, vault
    try:
        async with asyncio.TaskGroup() as tasks:
            ends = (
                os.fdopen(to_stdin, "wb", buffering=0),
                os.fdopen(from_stdout, "rb", buffering=0),
            )
            tasks.create_task(session.run(*ends))
            try:
                yield alive
            finally:
                if process.returncode is None:
                    process.kill()
                await process.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def one_whole_life() -> None:
    """Start, serve over HTTP and over stdio, operate, ask another, rotate, stop."""
    async with life("--secrets", "A,B", "--subscribe") as module:
        async with asyncio.timeout(120):
            await module.session.announced
        assert await module.get("/secret/A") == (200, b"alpha")
        module.session.became_ready()
        request = p.HttpRequest(p.new_uuid(), "GET", "/hello", {})
        answer = await module.session.http(request, PATIENCE_S)
        assert (answer.status_code, answer.body) == (200, b'{"hello":"world"}')
        assert json.loads((await module.get("/operate"))[1])["result"] == "pong"
        assert await module.get("/ask/other") == (200, b'{"pong":1}')
        await module.vault.set("A", "omega")
        ack = await module.session.rotate(("A",), "rot-1", PATIENCE_S)
        assert ack is not None
        assert ack.status == "success"
        async with asyncio.timeout(120):
            while (await module.get("/secret/A"))[1] != b"omega":  # noqa: ASYNC110  # its time
                await asyncio.sleep(0.02)
        session = module.session
        await until(lambda: {each.state for each in session.facts.channels} == {"connected"})
        await until(lambda: session.facts.handshake == "ready")  # where heartbeats are answered
        assert [each.name for each in session.facts.channels] == ["stdio", "tcp", "uds"]
        assert session.facts.stray == 0
        assert await module.stop() == 0
    assert [each.frame.op for each in module.tape.taken if not each.ended] == []


async def test_it_lives_a_whole_life_every_time() -> None:
    for begun in range(0, TRIES, AT_ONCE):
        async with asyncio.TaskGroup() as tasks:
            for _ in range(min(AT_ONCE, TRIES - begun)):
                tasks.create_task(one_whole_life())


async def test_without_a_tcp_channel_it_announces_and_dies() -> None:
    async with life(channels=()) as module:
        async with asyncio.timeout(120):
            await module.session.announced
            assert await module.process.wait() == 1


async def test_it_lingers_after_shutdown_until_its_input_is_closed() -> None:
    async with life() as module:
        await module.session.announced
        await module.get("/hello")
        module.session.shut_down()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await module.process.wait()
        module.session.close_stdin()
        assert await module.process.wait() == 0


async def test_the_macro_family_has_no_channels_and_ends_by_a_signal_alone() -> None:
    async with life("--family", "macro", "--secrets", "A") as module:
        await module.session.announced
        assert await module.get("/secret/A") == (200, b"alpha")
        assert module.session.facts.heartbeats == 0
        module.session.shut_down()
        module.session.close_stdin()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await module.process.wait()
        module.process.send_signal(signal.SIGTERM)
        assert await module.process.wait() == -signal.SIGTERM


async def test_a_process_that_is_not_the_modules_gets_no_channel() -> None:
    async with life() as module:
        await module.session.announced
        await until(lambda: module.session.facts.channels[1].state == "connected")
        raw = json.loads(module.tape.of("init").frame.raw)
        host, _, port = raw["tcp_channel"]["address"].rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        assert await reader.read() == b""
        writer.close()
        assert module.session.facts.channels[1].state == "connected"


async def test_silence_to_a_request_is_said() -> None:
    async with life() as module:
        await module.session.announced
        module.process.send_signal(signal.SIGSTOP)
        with pytest.raises(TimeoutError):
            await module.session.http(p.HttpRequest("h", "GET", "/hello", {}), 0.2)
        assert module.tape.of("http_request").state == State.FAILED
