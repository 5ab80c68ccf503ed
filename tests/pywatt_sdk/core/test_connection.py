"""A module dials the channels that it is offered, says who it is, and dials again."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING, Any, TypeVar

import psutil
import pytest
from tests.pywatt_sdk.living import Living, greeter

from pywatt_sdk import _lifecycle
from pywatt_sdk import _protocol as p
from pywatt_sdk._assembly import Plan
from pywatt_sdk._channels import Frames
from pywatt_sdk._connecting import connect_tcp
from pywatt_sdk._handshake import proof
from pywatt_sdk._link import Link
from pywatt_sdk.core import connection
from pywatt_sdk.core.connection import ConnectionConfig, TlsConfig, tcp_settings
from pywatt_sdk.core.error import BootstrapError, ConfigError

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator
    from pathlib import Path

M = TypeVar("M")
OURS = "kiket-console/0.1"


class Listener:
    """An orchestrator's end of a framed channel: what it heard, on whichever connection."""

    def __init__(self) -> None:
        self.connections: asyncio.Queue[Frames] = asyncio.Queue()
        self.heard: asyncio.Queue[bytes] = asyncio.Queue()

    def make(self) -> Frames:
        return _Accepted(self)

    async def connected(self) -> Frames:
        """Wait for a module to connect."""
        return await asyncio.wait_for(self.connections.get(), 120)

    async def hear(self, kind: type[M]) -> M:
        """Return the next frame's message, which must be of that kind."""
        message = p.decode_to_orchestrator(await asyncio.wait_for(self.heard.get(), 120))
        assert isinstance(message, kind), message
        return message


class _Accepted(Frames):
    """A connection, which its listener knows of once it is open."""

    def __init__(self, listener: Listener) -> None:
        super().__init__(listener.heard.put_nowait)
        self._listener = listener

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._listener.connections.put_nowait(self)


@contextlib.asynccontextmanager
async def listening(
    path: Path | None = None, tls: ssl.SSLContext | None = None
) -> AsyncIterator[tuple[Listener, dict[str, Any]]]:
    """Listen on TCP, or on a Unix socket; give what an init line offers of it."""
    listener, loop = Listener(), asyncio.get_running_loop()
    if path is not None:
        server = await loop.create_unix_server(listener.make, path)
        offer: dict[str, Any] = {"ipc_channel": {"socket_path": str(path), "required": True}}
    else:
        server = await loop.create_server(listener.make, "127.0.0.1", 0, ssl=tls)
        port = server.sockets[0].getsockname()[1]
        offer = {"tcp_channel": tcp_offer(port, is_encrypted=tls is not None)}
    async with server:
        yield listener, offer


def tcp_offer(port: int, *, required: bool = True, is_encrypted: bool = False) -> dict[str, Any]:
    return {"address": f"127.0.0.1:{port}", "tls_enabled": is_encrypted, "required": required}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def say(frames: Frames, message: p.ToModule) -> None:
    frames.send(p.encode_frame(message, to="module"))


@pytest.mark.parametrize("kind", ["tcp", "uds"])
async def test_a_heartbeat_in_a_frame_is_answered_in_a_frame(kind: str, own_places: Path) -> None:
    path = own_places / "r" / "c.sock" if kind == "uds" else None
    async with listening(path) as (far, offer), Living(**offer) as module:
        frames = await far.connected()
        await module.hear(p.Announce)
        say(frames, p.Heartbeat())
        await far.hear(p.HeartbeatAck)


async def test_who_speaks_first_is_answered_by_the_same_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What comes may be read before the module's own task goes on."""
    is_heard = asyncio.Event()
    hear = Link.heard

    def heard(link: Link, name: str, raw: bytes) -> None:
        hear(link, name, raw)
        is_heard.set()

    async def late(make: Any, config: ConnectionConfig) -> Frames:
        frames: Frames = await connect_tcp(make, config)
        await is_heard.wait()
        return frames

    monkeypatch.setattr(Link, "heard", heard)
    monkeypatch.setattr(connection, "connect_tcp", late)
    async with listening() as (far, offer), Living(**offer) as module:
        say(await far.connected(), p.Heartbeat())
        await far.hear(p.HeartbeatAck)
        await module.hear(p.Announce)


async def test_it_proves_that_it_knows_its_token_before_anything_else() -> None:
    async with (
        listening() as (far, offer),
        Living(orchestrator=OURS, auth_token="t0ken", **offer) as module,
    ):
        frames = await far.connected()
        await module.hear(p.Hello)
        await module.hear(p.Announce)
        say(frames, p.Challenge("ab" * 32))
        identify = await far.hear(p.Identify)
    assert identify == p.Identify("greeter", proof("t0ken", "ab" * 32, "greeter"))


async def test_what_rust_sends_in_frames_goes_over_the_framed_channel() -> None:
    links: list[Any] = []

    def create(state: Any) -> Any:
        links.append(state.link)
        return greeter(state)

    async with listening() as (far, offer), Living(Plan(factory=create), **offer) as module:
        frames = await far.connected()
        await module.hear(p.Announce)
        kind = p.ServiceType.CACHE
        async with asyncio.TaskGroup() as group:
            asking = group.create_task(links[0].ask(p.DiscoverServiceProviders(kind)))
            await far.hear(p.DiscoverServiceProviders)
            say(frames, p.DiscoverServiceProvidersResponse(success=True, providers=()))
        assert asking.result().success


async def test_a_shutdown_in_a_frame_ends_the_module() -> None:
    async with listening() as (far, offer), Living(**offer) as module:
        frames = await far.connected()
        await module.hear(p.Announce)
        say(frames, p.Shutdown())
        assert await module.ended() is None


async def test_a_channel_that_breaks_is_dialled_again_and_the_module_lives_on() -> None:
    async with listening() as (far, offer), Living(**offer) as module:
        first = await far.connected()
        await module.hear(p.Announce)
        first.close()
        again = await far.connected()
        say(again, p.Heartbeat())
        await far.hear(p.HeartbeatAck)
        module.say(p.HttpRequest("h", "GET", "/", {}))
        assert (await module.hear(p.HttpResponse)).status_code == 200


async def test_a_required_channel_that_is_not_there_ends_the_start_unannounced() -> None:
    async with Living(tcp_channel=tcp_offer(free_port())) as module:
        failure = await module.ended()
    assert isinstance(failure, BootstrapError)
    assert "required channel failed to initialize: TCP - 127.0.0.1:" in str(failure)
    assert module.heard.empty()


async def test_without_a_channel_that_is_not_required_it_starts_all_the_same(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with Living(tcp_channel=tcp_offer(free_port(), required=False)) as module:
        await module.hear(p.Announce)
    assert "is not there yet" in caplog.text


async def test_a_channel_that_the_code_does_not_want_is_not_dialled() -> None:
    plan = Plan(factory=greeter, enable_tcp=False)
    async with Living(plan, tcp_channel=tcp_offer(free_port())) as module:
        await module.hear(p.Announce)


async def test_another_machine_is_not_spoken_to_in_the_clear() -> None:
    offer = {"address": "192.0.2.1:9000", "tls_enabled": False, "required": True}
    async with Living(tcp_channel=offer) as module:
        failure = await module.ended()
    assert "192.0.2.1 is another machine" in str(failure)


def test_tcp_config_is_read_from_a_dict() -> None:
    given = {"host": "127.0.0.9", "port": 9000, "timeout": 3, "tls": {"server_name": "hub"}}
    assert tcp_settings(given) == ConnectionConfig(
        "127.0.0.9", 9000, timeout_s=3, tls_config=TlsConfig(server_name="hub")
    )


def test_a_field_of_tcp_config_that_is_unknown_is_an_error() -> None:
    with pytest.raises(ConfigError, match="tcp_config cannot be used"):
        tcp_settings({"hots": "localhost"})


async def test_a_channel_that_the_code_wants_and_nobody_offers_is_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Seed 002: enable_tcp=True with an address to listen on."""
    plan = Plan(
        factory=greeter,
        enable_tcp=True,
        enable_ipc=True,
        tcp_config={"host": "0.0.0.0", "port": 9000},  # noqa: S104  # the seed's
    )
    async with Living(plan) as module:
        await module.hear(p.Announce)
    assert "offers no TCP channel" in caplog.text
    assert "offers no Unix socket" in caplog.text


async def test_a_channel_that_never_answers_does_not_hold_up_the_start(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(_lifecycle, "FIRST_TRY_S", 0.01)
    with socket.create_server(("127.0.0.1", 0), backlog=0) as silent:  # it accepts nobody
        port = silent.getsockname()[1]
        waiting = [socket.socket() for _ in range(3)]
        for each in waiting:  # and its queue is full
            each.setblocking(False)
            each.connect_ex(("127.0.0.1", port))
        async with Living(tcp_channel=tcp_offer(port, required=False)) as module:
            await module.hear(p.Announce)
        for each in waiting:
            each.close()
    assert "it does not answer" in caplog.text


async def test_a_channel_that_breaks_many_times_leaves_nothing_behind() -> None:
    """F-48: half frames are dropped, and neither descriptors nor tasks pile up."""
    quickly = {"initial_s": 0.001, "multiplier": 1, "max_s": 0.001}
    plan = Plan(factory=greeter, tcp_config={"reconnect_policy": quickly})

    def held() -> int:
        return psutil.Process().num_fds() + len(asyncio.all_tasks())

    async with listening() as (far, offer), Living(plan, **offer) as module:
        frames = await far.connected()
        await module.hear(p.Announce)
        before = held()
        for _ in range(50):
            frames.send(b'\0\0\0\x13\x01{"op":')
            frames.close()
            frames = await far.connected()
        say(frames, p.Heartbeat())
        await far.hear(p.HeartbeatAck)
        assert held() <= before + 2
