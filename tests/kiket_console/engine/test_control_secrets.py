"""Secrets over the control API: each call arrives as it was meant; a value leaves on *reveal*."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import uvicorn

from kiket_console.client import Client
from kiket_console.engine.control import control_app
from kiket_console.engine.hub import Hub
from kiket_console.engine.private_socket import OwnPeers, bind_private
from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.model import Notice
from kiket_console.paths import ProjectPaths
from kiket_console.wire import Rotation, RotationAck
from kiket_console.wire_secrets import Generate, SecretEntry, SecretsState, SecretUse, VaultFacts
from kiket_core.guard import Server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

NOBODY: Any = None
ENTRY = SecretEntry("API_KEY", False, "shared", 1, 2, previous_until_us=3, hides_shared=True)
STATE = SecretsState(
    VaultFacts("Secret Service", "keyring", "It is locked.", locked=True),
    (ENTRY, SecretEntry("OTHER", True, uses=(SecretUse("shop", 4, "pipe", 2),))),
)
ROTATION = Rotation("API_KEY", "r", (RotationAck("m", "success"),), ("shop",), 3, "It is short.")


class Desk:
    """Remember what was asked of secrets."""

    def __init__(self) -> None:
        self.asked: list[object] = []

    async def state(self) -> SecretsState:
        return STATE

    async def set(self, name: str, value: str, scope: str, version: int | None) -> Rotation:
        if version == 1:
            raise ConsoleError("It was changed.", exit_code=ExitCode.VERIFICATION)
        self.asked.append(("set", name, value, scope, version))
        return ROTATION

    async def rotate(
        self, name: str, new: str | Generate | None, scope: str, timeout_s: float
    ) -> Rotation:
        self.asked.append(("rotate", name, new, scope, timeout_s))
        return ROTATION

    async def delete(self, name: str, scope: str) -> SecretEntry:
        self.asked.append(("delete", name, scope))
        return ENTRY

    async def restore(self, name: str, scope: str) -> Rotation:
        self.asked.append(("restore", name, scope))
        return ROTATION

    async def reveal(self, name: str, scope: str) -> str:
        self.asked.append(("reveal", name, scope))
        return "its value"

    async def vault(self, mode: str) -> VaultFacts:
        self.asked.append(("vault", mode))
        return VaultFacts("KWallet", "keyring", moved=("API_KEY",))


@asynccontextmanager
async def engine(folder: Path, desk: Desk) -> AsyncIterator[ProjectPaths]:
    """Serve the control API over *desk*."""
    paths = ProjectPaths(folder)
    paths.make()
    hub = Hub(Notice(0, 0, 0, 0))
    app = control_app(NOBODY, NOBODY, NOBODY, NOBODY, hub, NOBODY, NOBODY, desk, NOBODY)
    listener = bind_private(paths.control_socket)
    listener.listen()
    server = Server(uvicorn.Config(app, http=OwnPeers, lifespan="off", log_config=None, ws="none"))
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(server.serve([listener]))
        await server.wait_started()
        yield paths
        hub.close()
        server.should_exit = True


async def test_each_call_arrives_as_it_was_meant(own_places: Path) -> None:
    desk = Desk()
    async with engine(own_places, desk) as paths, Client(paths) as client:
        assert await client.secrets.state() == STATE
        assert await client.secrets.set("API_KEY", "v") == ROTATION
        await client.secrets.set("API_KEY", "v", scope="shared", version=0)
        await client.secrets.rotate("API_KEY", "w", timeout_s=9)
        await client.secrets.rotate("API_KEY", generate=Generate("uuid", 16), scope="shared")
        await client.secrets.rotate("API_KEY")
        assert await client.secrets.delete("KEY.1") == ENTRY
        await client.secrets.delete("API_KEY", scope="shared")
        assert await client.secrets.restore("API_KEY", scope="project") == ROTATION
        assert await client.secrets.reveal("API_KEY") == "its value"
        facts = await client.secrets.vault("keyring")
    assert facts == VaultFacts("KWallet", "keyring", moved=("API_KEY",))
    assert desk.asked == [
        ("set", "API_KEY", "v", "project", None),
        ("set", "API_KEY", "v", "shared", 0),
        ("rotate", "API_KEY", "w", "", 9.0),
        ("rotate", "API_KEY", Generate("uuid", 16), "shared", 5.0),
        ("rotate", "API_KEY", None, "", 5.0),
        ("delete", "KEY.1", ""),
        ("delete", "API_KEY", "shared"),
        ("restore", "API_KEY", "project"),
        ("reveal", "API_KEY", ""),
        ("vault", "keyring"),
    ]


async def test_what_makes_no_sense_never_reaches_the_vault(own_places: Path) -> None:
    desk = Desk()
    transport_of = httpx.AsyncHTTPTransport
    async with (
        engine(own_places, desk) as paths,
        Client(paths) as client,
        httpx.AsyncClient(
            transport=transport_of(uds=str(paths.control_socket)), base_url="http://engine"
        ) as http,
    ):
        with pytest.raises(ConsoleError, match="It was changed") as refused:
            await client.secrets.set("API_KEY", "v", version=1)
        refusals = [
            await http.request(method, f"/v1/secrets/{path}", json=body)
            for method, path, body in (
                ("PUT", "A", {"value": "canary", "scope": "everybody"}),
                ("PUT", "A", {"values": "canary"}),
                ("POST", "A/rotate", {"generate": {"form": "hex", "size": 7}}),
                ("POST", "A/rotate", {"generate": {"form": "dice"}}),
                ("POST", "A/rotate", {"generate": {"form": "hex"}, "value": "canary"}),
                ("POST", "A/rotate", {"timeout_s": 61}),
                ("POST", "vault", {"mode": "file"}),
            )
        ]
    assert refused.value.exit_code is ExitCode.VERIFICATION
    assert {each.status_code for each in refusals} == {400}
    assert "canary" not in "".join(each.text for each in refusals)
    assert desk.asked == []
