"""Channels of one's own: over TCP, TLS and Unix sockets, with losses."""

from __future__ import annotations

import asyncio
import os
import socket
from typing import TYPE_CHECKING, Any

import pytest
from tests.pywatt_sdk.communication.conftest import serving

from pywatt_sdk import _connecting
from pywatt_sdk.communication.channel_types import ChannelCapabilities, ChannelPreferences
from pywatt_sdk.communication.connection_config import (
    ConnectionConfig,
    IpcConnectionConfig,
    ReconnectPolicy,
    TlsConfig,
)
from pywatt_sdk.communication.ipc_channel import IpcChannel
from pywatt_sdk.communication.message import EncodedMessage, EncodingFormat, Message
from pywatt_sdk.communication.message_channel import ConnectionState
from pywatt_sdk.communication.tcp_channel import TcpChannel
from pywatt_sdk.core.error import ConfigError, NetworkError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.certificates import Certificates

SOON = ReconnectPolicy.fixed(0.01)
PING = Message({"ping": 1})


def to(port: int, **options: Any) -> ConnectionConfig:
    return ConnectionConfig("127.0.0.1", port, reconnect_policy=SOON, **options)


async def lost(channel: TcpChannel) -> None:
    """Wait until a channel has noticed that its connection is gone."""
    async with asyncio.timeout(120):
        while channel.state is ConnectionState.CONNECTED:  # noqa: ASYNC110  # nothing tells
            await asyncio.sleep(0)


class TestTcp:
    async def test_carries_messages_both_ways(self) -> None:
        async with serving() as server, TcpChannel(to(server.port)) as channel:
            states = [channel.state]
            await channel.send(PING)
            await channel.send(EncodedMessage(b"\0\1", EncodingFormat.BINARY))
            assert Message.decode(await channel.receive()) == PING
            assert await channel.receive() == EncodedMessage(b"\0\1", EncodingFormat.BINARY)
        states.append(channel.state)
        assert states == [ConnectionState.CONNECTED, ConnectionState.DISCONNECTED]

    async def test_waits_no_longer_than_it_is_told(self) -> None:
        async with serving() as server, TcpChannel(to(server.port)) as channel:
            with pytest.raises(TimeoutError):
                await channel.receive(0.01)
            await channel.send(PING)  # and goes on
            assert Message.decode(await channel.receive()) == PING

    async def test_connects_again_when_the_connection_is_lost(self) -> None:
        async with serving() as server, TcpChannel(to(server.port)) as channel:
            async with asyncio.TaskGroup() as tasks:
                waiting = tasks.create_task(channel.receive())
                await asyncio.sleep(0)
                server.drop()
                await server.has(2)
                await channel.send(PING)
            assert Message.decode(waiting.result()) == PING

    async def test_keeps_what_came_before_the_loss(self) -> None:
        async with serving() as server, TcpChannel(to(server.port)) as channel:
            for number in range(3):
                await channel.send(Message(number))
            assert Message.decode(await channel.receive()).content == 0
            server.drop()
            await lost(channel)
            await channel.send(Message("again"))
            received = [Message.decode(await channel.receive()).content for _ in range(3)]
        assert received == [1, 2, "again"]

    async def test_gives_up_as_its_policy_says(self) -> None:
        async with serving() as server:
            config = to(server.port).with_reconnect_policy(ReconnectPolicy.none())
            channel = TcpChannel(config)
            await channel.connect()
        with pytest.raises(NetworkError, match="has ended"):
            await channel.receive()
        assert channel.state is ConnectionState.FAILED
        await channel.disconnect()

    async def test_says_where_nobody_answers_and_why(self) -> None:
        with socket.socket() as nobody:
            nobody.bind(("127.0.0.1", 0))
            channel = TcpChannel(to(nobody.getsockname()[1]).with_timeout(0.05))
            while channel._last_fault is None:  # the time may be over before the first answer
                with pytest.raises(NetworkError):
                    await channel.connect()
            with pytest.raises(NetworkError, match=r"127\.0\.0\.1:\d+ .*0\.05 s.*refused"):
                await channel.connect()
        assert channel.state is ConnectionState.FAILED

    async def test_says_what_a_peer_sent_that_is_no_frame(self) -> None:
        async def babble(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 400 Bad Request\r\n")

        async with serving(babble) as server, TcpChannel(to(server.port)) as channel:
            with pytest.raises(NetworkError, match="unknown format 47"):
                await channel.receive()

    async def test_does_not_read_faster_than_it_is_asked(self) -> None:
        sent = 0

        async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal sent
            frame = EncodedMessage(b"x" * 100_000).to_frame()
            for _ in range(1000):
                writer.write(frame)
                await writer.drain()
                sent += 1

        async with serving(flood) as server, TcpChannel(to(server.port)) as channel:
            await channel.receive()
            before = -1
            while before != sent:  # until the flood stands still
                before = sent
                await asyncio.sleep(0.02)
            assert sent < 600
            for _ in range(999):
                await channel.receive()
        assert sent == 1000


class TestTls:
    async def test_proves_who_the_server_is(self, certificates: Certificates) -> None:
        tls = TlsConfig(ca_cert_path=certificates.ca)
        async with (
            serving(tls=certificates.server()) as server,
            TcpChannel(to(server.port, tls_config=tls)) as channel,
        ):
            await channel.send(PING)
            assert Message.decode(await channel.receive()) == PING

    @pytest.mark.parametrize(
        ("name", "is_known"), [("module.test", True), ("other.test", False), (None, True)]
    )
    async def test_expects_the_name_that_it_is_told(
        self, certificates: Certificates, name: str | None, is_known: bool
    ) -> None:
        tls = TlsConfig(ca_cert_path=certificates.ca, server_name=name)
        async with serving(tls=certificates.server()) as server:
            config = to(server.port, tls_config=tls).with_timeout(10)
            channel = TcpChannel(config.with_reconnect_policy(ReconnectPolicy.none()))
            if is_known:
                await channel.connect()
                await channel.disconnect()
            else:
                with pytest.raises(NetworkError, match="certificate verify failed"):
                    await channel.connect()

    async def test_trusts_no_stranger(self, certificates: Certificates) -> None:
        async with serving(tls=certificates.server()) as server:
            config = to(server.port, tls_config=TlsConfig()).with_timeout(10)
            with pytest.raises(NetworkError, match="certificate verify failed"):
                await TcpChannel(config.with_reconnect_policy(ReconnectPolicy.none())).connect()

    async def test_shows_a_certificate_where_it_is_asked_for_one(
        self, certificates: Certificates
    ) -> None:
        tls = TlsConfig(certificates.ca, certificates.certificate, certificates.key)
        async with (
            serving(tls=certificates.server(asks_for_client=True)) as server,
            TcpChannel(to(server.port, tls_config=tls)) as channel,
        ):
            await channel.send(PING)
            assert Message.decode(await channel.receive()) == PING

    def test_says_which_file_is_no_certificate(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match=str(tmp_path / "none.pem")):
            TlsConfig(ca_cert_path=tmp_path / "none.pem").context()


class TestOtherMachines:
    @pytest.mark.parametrize(
        "config",
        [
            ConnectionConfig("192.0.2.1", 9000),
            ConnectionConfig("example.org", 9000, tls_config=TlsConfig(verify_server=False)),
        ],
    )
    async def test_are_not_spoken_to_without_proof(self, config: ConnectionConfig) -> None:
        with pytest.raises(ConfigError, match="another machine"):
            await TcpChannel(config).connect()

    @pytest.mark.parametrize(
        "config",
        [
            ConnectionConfig("192.0.2.1", 9000, insecure_peer=True),
            ConnectionConfig("example.org", 9000, tls_config=TlsConfig()),
            ConnectionConfig("127.8.9.1", 9000),
            ConnectionConfig("localhost", 9000, tls_config=TlsConfig(verify_server=False)),
        ],
    )
    def test_are_where_there_is_proof_or_leave(self, config: ConnectionConfig) -> None:
        config.check()

    @pytest.mark.parametrize(("host", "port"), [("", 1), ("localhost", 0), ("localhost", 65_536)])
    def test_have_an_address(self, host: str, port: int) -> None:
        with pytest.raises(ConfigError, match="nothing can be reached"):
            ConnectionConfig(host, port).socket_addr()


class TestUnixSockets:
    async def test_carry_messages_both_ways(self, tmp_path: Path) -> None:
        path = tmp_path / "s"
        async with serving(path=path), IpcChannel(IpcConnectionConfig(path)) as channel:
            await channel.send(PING)
            assert Message.decode(await channel.receive()) == PING

    async def test_are_waited_for(self, tmp_path: Path) -> None:
        path = tmp_path / "s"
        channel = IpcChannel(IpcConnectionConfig(path, reconnect_policy=SOON))
        async with asyncio.TaskGroup() as tasks:
            connecting = tasks.create_task(channel.connect())
            await asyncio.sleep(0.02)
            assert not connecting.done()
            async with serving(path=path):
                await connecting
                await channel.disconnect()

    async def test_have_to_be_sockets(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        (tmp_path / "link").symlink_to("s")
        for name, reason in (("none", "there is no socket"), ("file", "no socket"), ("link", "no")):
            config = IpcConnectionConfig(tmp_path / name, 1, ReconnectPolicy.none())
            with pytest.raises(NetworkError, match=reason):
                await IpcChannel(config).connect()

    async def test_have_to_belong_to_this_user(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = tmp_path / "s"
        config = IpcConnectionConfig(path, 1, ReconnectPolicy.none())
        async with serving(path=path):
            monkeypatch.setattr(_connecting, "_trusted", lambda: frozenset({os.getuid() + 1}))
            with pytest.raises(NetworkError, match="belongs to another user"):
                await IpcChannel(config).connect()

    async def test_have_to_be_served_by_this_user(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = tmp_path / "s"
        config = IpcConnectionConfig(path, 1, ReconnectPolicy.none())
        async with serving(path=path):
            monkeypatch.setattr(_connecting, "peer_uid", lambda _: os.getuid() + 1)
            with pytest.raises(NetworkError, match="served by another user"):
                await IpcChannel(config).connect()

    async def test_in_a_folder_that_others_may_write_to_are_not_trusted(
        self, tmp_path: Path
    ) -> None:
        path = tmp_path / "s"
        async with serving(path=path):
            os.chmod(tmp_path, 0o777)  # noqa: PTH101, S103  # what is looked for
            with pytest.raises(NetworkError, match="others may write"):
                await IpcChannel(IpcConnectionConfig(path, 1, ReconnectPolicy.none())).connect()


class TestPolicies:
    @pytest.mark.parametrize(
        ("policy", "pauses_s"),
        [
            (ReconnectPolicy.none(), []),
            (ReconnectPolicy.fixed(0.5, 3), [0.5, 0.5, 0.5]),
            (ReconnectPolicy.exponential(max_attempts=10), [0.1 * 2**n for n in range(9)] + [30.0]),
        ],
    )
    def test_say_when_to_try_again(self, policy: ReconnectPolicy, pauses_s: list[float]) -> None:
        assert list(policy.pauses_s()) == pytest.approx(pauses_s)

    def test_may_never_give_up(self) -> None:
        pauses_s = ReconnectPolicy().pauses_s()
        assert [next(pauses_s) for _ in range(50)][-1] == 30.0

    def test_presets_are_those_of_the_specification(self) -> None:
        """Section 5.5: TCP, IPC, local IPC first, remote TCP first, fallback."""
        presets = {
            ChannelPreferences(): "TTTTT",
            ChannelPreferences.tcp_only(): "TFFTF",
            ChannelPreferences.ipc_only(): "FTTFF",
            ChannelPreferences.prefer_ipc(): "TTTFT",
            ChannelPreferences.prefer_tcp(): "TTFTT",
        }
        for preset, flags in presets.items():
            found = (getattr(preset, name) for name in preset.__struct_fields__)
            assert "".join("T" if flag else "F" for flag in found) == flags
        assert ChannelCapabilities().max_message_size is None
        assert ChannelCapabilities.high_performance().max_message_size == 1024**3
