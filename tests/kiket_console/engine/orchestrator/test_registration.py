"""Programs register over TCP, by hand-written frames as the Rust SDK sends them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import struct
import sys
from typing import TYPE_CHECKING, Any

import pytest
from tests.kiket_console.engine.orchestrator.parties import Notes

from kiket_console.engine.orchestrator import programs, registration
from kiket_console.engine.orchestrator.registration import Registration
from kiket_core.secret import RedactorFullError, redactor
from pywatt_sdk._wire_registration import Capabilities, Endpoint, HealthStatus, ModuleInfo
from pywatt_sdk.communication.connection_config import ConnectionConfig
from pywatt_sdk.services.registration import RegistrationClient

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

INFO = {"name": "indexer", "version": "1.0.0", "description": "Indexes."}


class Program:
    """A program's connection, which speaks as the Rust SDK does."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def ask(self, request_type: str, **content: Any) -> Any:
        """Send a wrapped request, and return the bare reply."""
        wrapped = {
            "id": "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee",
            "content": {"request_type": request_type, **content},
            "metadata": {"id": "meta-id-1"},
        }
        return await self.send(json.dumps(wrapped).encode())

    async def send(self, raw: bytes) -> Any:
        """Send a frame, and return the reply."""
        self._writer.write(struct.pack(">IB", len(raw), 1) + raw)
        async with asyncio.timeout(120):
            length, form = struct.unpack(">IB", await self._reader.readexactly(5))
            assert form == 1
            return json.loads(await self._reader.readexactly(length))

    async def is_closed(self) -> bool:
        """Tell whether the other end hangs up."""
        async with asyncio.timeout(120):
            with contextlib.suppress(ConnectionError):
                return not await self._reader.read(1)
        return True

    def close(self) -> None:
        """Hang up."""
        self._writer.close()


class House:
    """A port on which programs register."""

    def __init__(self) -> None:
        self.tape = Notes()
        self.notes: list[str] = []
        self.registration = Registration(self.tape, self.notes.append, port=0)
        self._stack = contextlib.AsyncExitStack()

    async def connect(self) -> Program:
        """Return a new connection."""
        async with asyncio.timeout(120):
            while not self.registration.registrations.address:  # noqa: ASYNC110 - once, at first
                await asyncio.sleep(0)
        host, _, port = self.registration.registrations.address.partition(":")
        program = Program(*await asyncio.open_connection(host, int(port)))
        self._stack.callback(program.close)
        return program

    async def close(self) -> None:
        """Hang up everywhere."""
        await self._stack.aclose()


@pytest.fixture
async def house() -> AsyncIterator[House]:
    made = House()
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(made.registration.run())
        yield made
        await made.close()
        running.cancel()


async def test_a_program_registers_lives_and_leaves(house: House) -> None:
    program = await house.connect()
    registered = await program.ask("register", module_info=INFO)
    assert registered["response_type"] == "register"
    assert registered["success"] is True
    module = registered["module"]
    host, _, port = house.registration.registrations.address.partition(":")
    assert (module["info"], module["orchestrator_host"]) == (INFO, host)
    assert module["orchestrator_port"] == int(port)
    known = {"module_id": module["id"], "token": module["token"]}

    other = await house.connect()  # a heartbeat may come over a connection of its own
    beat = await other.ask("heartbeat", **known, status="Degraded", details={"queue": "9"})
    assert beat == {"response_type": "heartbeat", "success": True, "status": "Degraded"}
    endpoints = [{"path": "/search", "methods": ["GET"]}]
    said = await program.ask("capabilities", **known, capabilities={"endpoints": endpoints})
    assert said == {"response_type": "capabilities", "success": True}
    (found,) = house.registration.registrations.programs
    assert (found.name, found.status, found.endpoints[0].path) == (
        "indexer",
        "degraded",
        "/search",
    )

    left = await program.ask("unregister", **known)
    assert left == {"response_type": "unregister", "success": True}
    assert house.registration.registrations.programs == ()
    assert {(frame.module, frame.channel) for frame in house.tape.frames} == {("indexer", "tcp")}


async def test_the_sdks_own_client_registers(house: House) -> None:
    await house.connect()  # it listens by now
    host, _, port = house.registration.registrations.address.partition(":")
    info = ModuleInfo("indexer", "1.0", "Indexes.")
    async with RegistrationClient(ConnectionConfig(host, int(port))) as client:
        module = await client.register(info)
        await client.advertise(Capabilities((Endpoint("/search", ("GET",)),)))
        assert await client.heartbeat(HealthStatus.HEALTHY) is HealthStatus.HEALTHY

        (found,) = house.registration.registrations.programs
        assert (found.id, found.status, found.endpoints[0].path) == (
            module.id,
            "healthy",
            "/search",
        )
        await client.unregister()
    assert house.registration.registrations.programs == ()


async def test_older_python_modules_are_understood_and_answered_as_rust_does(house: House) -> None:
    program = await house.connect()
    registered = await program.ask("registration", module_info=INFO)
    known = {"module_id": registered["module"]["id"], "token": registered["module"]["token"]}

    assert registered["response_type"] == "register"
    assert (await program.ask("heartbeat", **known, status="healthy"))["status"] == "Healthy"
    assert (await program.ask("unregistration", **known))["response_type"] == "unregister"


async def test_a_token_of_somebody_else_opens_nothing(house: House) -> None:
    program = await house.connect()
    module = (await program.ask("register", module_info=INFO))["module"]
    forged = {"module_id": module["id"], "token": "x" * 64}

    beat = await program.ask("heartbeat", **forged, status="Healthy")
    left = await program.ask("unregister", **forged)

    assert (beat["success"], beat["status"]) == (False, "Healthy")  # it is there on failure, too
    assert "register first" in left["error"]
    assert len(house.registration.registrations.programs) == 1


async def test_a_token_is_kept_out_of_sight(house: House) -> None:
    program = await house.connect()
    token = (await program.ask("register", module_info=INFO))["module"]["token"]

    assert token not in redactor.redact(f"token {token}")


@pytest.mark.parametrize(
    ("raw", "kind", "why"),
    [
        (b'{"request_type":"dance"}', "unknown", "Unknown request type"),
        (b"[1]", "unknown", "Unknown request type"),
        (b"{", "unknown", "Unknown request type"),
        (b'{"request_type":"register"}', "register", "module_info"),
        (b'{"request_type":"heartbeat","module_id":"x"}', "heartbeat", "token"),
        (b'{"request_type":"capabilities"}', "capabilities", "module_id"),
        (b'{"request_type":"unregister"}', "unregister", "module_id"),
    ],
)
async def test_what_is_no_request_is_answered_in_the_form_that_is_awaited(
    house: House, raw: bytes, kind: str, why: str
) -> None:
    reply = await (await house.connect()).send(raw)

    assert (reply["response_type"], reply["success"]) == (kind, False)
    assert why in reply["error"]


async def test_a_frame_beyond_the_limit_ends_the_connection(house: House) -> None:
    program = await house.connect()
    program._writer.write(struct.pack(">IB", 2**32 - 1, 1) + b"{}")

    assert await program.is_closed()


async def test_who_belongs_to_another_user_is_turned_away(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registration, "_uid_of", lambda *_: os.getuid() + 1)

    for _ in range(3):
        assert await (await house.connect()).is_closed()
    assert ["another user" in note for note in house.notes].count(True) == 1


async def test_the_system_tells_whose_a_connection_is(house: House) -> None:
    program = await house.connect()
    near = program._writer.get_extra_info("sockname")
    far = program._writer.get_extra_info("peername")

    assert registration._uid_of(near, far) == os.getuid()
    assert registration._uid_of(near, ("127.0.0.1", 1)) == registration._NOBODY


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells whose a connection is")
def test_whose_it_is_is_told_of_ipv4_by_way_of_ipv6_too() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("::ffff:127.0.0.1", port)):
            connection, near = server.accept()
            with connection:
                assert registration._uid_of(near, connection.getsockname()) == os.getuid()


async def test_who_has_gone_already_is_nobody(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registration, "_uid_of", lambda *_: registration._NOBODY)

    assert await (await house.connect()).is_closed()
    assert not any("another user" in note for note in house.notes)


async def test_a_port_that_is_taken_is_said() -> None:
    notes: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        listening = Registration(Notes(), notes.append, port=taken)
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(listening.run())
            async with asyncio.timeout(120):
                while not listening.registrations.address:  # noqa: ASYNC110 - once, at first
                    await asyncio.sleep(0)
            running.cancel()

    assert f"Port {taken} is taken; programs register on 127.0.0.1:" in notes[0]


async def test_only_so_many_register_and_the_silent_are_forgotten(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(programs, "PROGRAMS", 1)
    program = await house.connect()
    assert (await program.ask("register", module_info=INFO))["success"]
    assert "1 programs are registered" in (await program.ask("register", module_info=INFO))["error"]

    monkeypatch.setattr(programs, "FORGOTTEN_S", -1.0)
    assert (await program.ask("register", module_info=INFO))["success"]


async def test_without_room_for_a_token_nobody_registers(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: str) -> None:
        raise RedactorFullError

    program = await house.connect()
    monkeypatch.setattr(redactor, "add", full)

    answer = await program.ask("register", module_info=INFO)

    assert answer["error"] == "No token more can be kept out of sight."
    assert house.registration.registrations.programs == ()


async def test_programs_that_come_and_go_leave_nothing_behind(house: House) -> None:
    for programs_left in (1, 2):  # more come in both rounds than may be there at once
        for _ in range(registration.CONNECTIONS - 10):
            (await house.connect()).close()
        await (await house.connect()).ask("register", module_info=INFO)

        async with asyncio.timeout(120):
            while len(house.registration._connections) > programs_left:  # noqa: ASYNC110 - they end
                await asyncio.sleep(0)


async def test_who_comes_as_it_ends_is_sent_away() -> None:
    class Late:
        is_open = True

        def close(self) -> None:
            self.is_open = False

    ending, late = House(), Late()
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(ending.registration.run())
        await (await ending.connect()).ask("register", module_info=INFO)  # it is at work
        await ending.close()
        running.cancel()
    ending.registration.came(late)  # type: ignore[arg-type]  # as much of a connection as is used
    assert not late.is_open


async def test_a_name_that_is_empty_or_too_long_is_refused(house: House) -> None:
    program = await house.connect()
    for name, why in (("", "is empty"), ("x" * 2001, "is longer than")):
        answer = await program.ask("register", module_info=INFO | {"name": name})
        assert why in answer["error"]


async def test_a_program_may_choose_its_id_if_it_is_a_uuid(house: House) -> None:
    program = await house.connect()
    wished = "11111111-2222-4333-8444-555555555555"

    first = await program.ask("register", module_info=INFO | {"id": wished})
    second = await program.ask("register", module_info=INFO | {"id": wished})
    third = await program.ask("register", module_info=INFO | {"id": "../etc"})

    assert first["module"]["id"] == wished
    assert len({each["module"]["id"] for each in (first, second, third)}) == 3
    assert third["module"]["id"] != "../etc"
