"""Channels over real pipes and sockets."""

from __future__ import annotations

import asyncio
import os
import socket
import tracemalloc
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

import pytest
from tests.clocks import passing

from kiket_core.frames import encode_length
from pywatt_sdk._channels import Channel, ChannelClosedError, Frames, Invalid, Lines
from pywatt_sdk._pipes import open_pipes

if TYPE_CHECKING:
    from pathlib import Path

C = TypeVar("C", bound=Channel[Any])
HEARTBEAT = bytes.fromhex("00000012017b226f70223a22686561727462656174227d")


class Consumer:
    """Takes what a channel gives, and lets a test wait for it."""

    def __init__(self) -> None:
        self.messages: list[bytes] = []
        self.invalid: list[Invalid] = []
        self.ends: list[Exception | None] = []
        self._news = asyncio.Event()

    def options(self) -> dict[str, Any]:
        return {
            "on_message": self._add(self.messages),
            "on_invalid": self._add(self.invalid),
            "on_closed": self._add(self.ends),
        }

    def _add(self, to: list[Any]) -> Any:
        def add(each: Any) -> None:
            to.append(each)
            self._news.set()

        return add

    async def until(self, count: int) -> list[bytes]:
        """Wait until there are so many messages."""
        while len(self.messages) < count:
            self._news.clear()
            await self._news.wait()
        return self.messages

    async def end(self) -> Exception | None:
        """Wait until the channel is closed."""
        while not self.ends:
            self._news.clear()
            await self._news.wait()
        return self.ends[0]


async def over_socket(channel: C) -> tuple[C, socket.socket]:
    """Open a channel over one end of a pair of sockets; give the other."""
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    await asyncio.get_running_loop().create_connection(lambda: channel, sock=ours)
    return channel, theirs


async def sendall(peer: socket.socket, raw: bytes) -> None:
    await asyncio.get_running_loop().sock_sendall(peer, raw)


class TestLines:
    async def test_come_and_go_over_pipes(self) -> None:
        consumer = Consumer()
        there, back = os.pipe(), os.pipe()
        near = Lines(**consumer.options())
        far = Lines(lambda raw: far.send(raw.upper()))
        await open_pipes(near, os.fdopen(back[0], "rb", 0), os.fdopen(there[1], "wb", 0))
        await open_pipes(far, os.fdopen(there[0], "rb", 0), os.fdopen(back[1], "wb", 0))
        near.send(b"one\n")
        near.send(b"two\n")
        assert await consumer.until(2) == [b"ONE\n", b"TWO\n"]
        near.close_sending()  # as the end of stdin tells a module to go
        far.close()
        assert await consumer.end() is None
        near.close()

    async def test_are_whole_however_they_arrive(self) -> None:
        consumer = Consumer()
        channel, peer = await over_socket(Lines(**consumer.options()))
        for part in (b"ha", b"lf\r\n\n\nwhole\nla", b"st"):
            await sendall(peer, part)
        peer.close()
        assert await consumer.end() is None
        assert consumer.messages == [b"half\r\n", b"whole\n", b"last"]
        channel.close()

    async def test_over_the_limit_are_reported_once_and_cost_no_memory(self) -> None:
        consumer = Consumer()
        channel = Lines(**consumer.options(), limit_bytes=1_000_000)
        part = b"x" * 262_144
        tracemalloc.start()
        for _ in range(800):  # 200 MB
            channel.data_received(part)
        channel.data_received(b"\nnext\n")
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 4_000_000
        ((reason, excerpt, size),) = consumer.invalid
        assert (excerpt, size) == (b"", 800 * 262_144)
        assert reason == f"A line of {size} bytes is over the limit of 1000000."
        assert consumer.messages == [b"next\n"]

    async def test_may_come_from_and_go_to_files(self, tmp_path: Path) -> None:
        """As in `python module.py < init.json > said.jsonl`."""
        consumer = Consumer()
        (tmp_path / "in").write_bytes(b"one\ntwo")
        channel = Lines(**consumer.options())
        await open_pipes(channel, (tmp_path / "in").open("rb"), (tmp_path / "out").open("wb"))
        assert consumer.messages == [b"one\n", b"two"]
        assert consumer.ends == [None]
        channel.send(b"three\n")
        await channel.drain()
        assert (tmp_path / "out").read_bytes() == b"three\n"
        channel.close()


class TestFrames:
    @pytest.mark.parametrize(
        "frame",
        [HEARTBEAT, HEARTBEAT[:4] + b"\2" + HEARTBEAT[5:], b"\0\0\0\x18\3eyJvcCI6ImhlYXJ0YmVhdCJ9"],
        ids=["json", "binary", "base64"],
    )
    async def test_hold_json_in_every_format(self, frame: bytes) -> None:
        consumer = Consumer()
        channel, peer = await over_socket(Frames(**consumer.options()))
        await sendall(peer, frame)
        assert await consumer.until(1) == [b'{"op":"heartbeat"}']
        channel.close()
        peer.close()

    @pytest.mark.parametrize(
        ("header", "reason"),
        [
            ("0000000100", "unknown format 0"),
            ("0000000109", "unknown format 9"),
            ("ffffffff01", "4294967295 bytes is over the limit"),
            ("8000000001", "2147483648 bytes is over the limit"),
        ],
    )
    async def test_with_a_wrong_header_end_the_channel_at_once(
        self, header: str, reason: str
    ) -> None:
        consumer = Consumer()
        _, peer = await over_socket(Frames(**consumer.options()))
        await sendall(peer, HEARTBEAT + bytes.fromhex(header))
        assert isinstance(await consumer.end(), ConnectionAbortedError)
        assert consumer.messages == [b'{"op":"heartbeat"}']
        assert reason in consumer.invalid[0].reason
        assert await asyncio.get_running_loop().sock_recv(peer, 1) == b""
        peer.close()

    async def test_that_dawdle_end_the_channel(self) -> None:
        consumer = Consumer()
        _, peer = await over_socket(Frames(**consumer.options(), deadline_s=0.05))
        await sendall(peer, HEARTBEAT + HEARTBEAT[:7])
        fault = await consumer.end()
        assert str(fault) == "A frame was not complete 0.05 s after it began."
        assert len(consumer.messages) == 1
        peer.close()

    async def test_may_be_far_between(self, monkeypatch: pytest.MonkeyPatch) -> None:
        pass_by = passing(monkeypatch)
        consumer = Consumer()
        channel, peer = await over_socket(Frames(**consumer.options(), deadline_s=60.0))
        await sendall(peer, HEARTBEAT[:7])
        await sendall(peer, HEARTBEAT[7:])
        await consumer.until(1)
        pass_by(61)  # while nothing is under way
        await asyncio.sleep(0.001)  # and all timers of before strike
        await sendall(peer, HEARTBEAT)
        await consumer.until(2)
        assert consumer.invalid == []
        channel.close()
        peer.close()

    async def test_that_are_cut_short_are_reported(self) -> None:
        consumer = Consumer()
        _, peer = await over_socket(Frames(**consumer.options()))
        await sendall(peer, HEARTBEAT[:7])
        peer.close()
        await consumer.end()
        ((reason, excerpt, size),) = consumer.invalid
        assert reason == "The stream ended inside a frame, after 7 of its bytes."
        assert (excerpt, size) == (HEARTBEAT[:7], 7)

    async def test_that_are_not_base64_are_reported_and_passed_over(self) -> None:
        consumer = Consumer()
        channel, peer = await over_socket(Frames(**consumer.options()))
        await sendall(peer, b"\0\0\0\1\3!" + HEARTBEAT)
        await consumer.until(1)
        assert consumer.invalid[0].reason.startswith("A frame of format 3 is not base64: ")
        channel.close()
        peer.close()


class TestSending:
    async def test_joins_what_is_said_in_one_turn(self) -> None:
        channel, peer = await over_socket(Lines(print))
        for word in (b"one\n", b"two\n", b"three\n"):
            channel.send(word)
        assert channel.backlog_bytes == 14
        assert await asyncio.get_running_loop().sock_recv(peer, 100) == b"one\ntwo\nthree\n"
        channel.close()
        peer.close()

    async def test_of_what_waits_is_done_before_closing(self) -> None:
        channel, peer = await over_socket(Lines(print))
        channel.send(b"last words\n")
        channel.close()
        assert await asyncio.get_running_loop().sock_recv(peer, 100) == b"last words\n"
        with pytest.raises(ChannelClosedError, match="closed"):
            channel.send(b"too late\n")
        peer.close()

    async def test_is_impossible_before_the_channel_is_open(self) -> None:
        with pytest.raises(ChannelClosedError):
            Lines(print).send(b"too early\n")

    async def test_can_wait_for_a_peer_that_lags(self) -> None:
        channel, peer = await over_socket(Lines(print))
        channel.send(b"x" * 2_000_000)
        async with asyncio.TaskGroup() as tasks:
            waiting = tasks.create_task(channel.drain())
            await asyncio.sleep(0)
            assert not waiting.done()
            assert channel.backlog_bytes > 1_000_000
            read = 0
            while read < 2_000_000:
                read += len(await asyncio.get_running_loop().sock_recv(peer, 262_144))
        assert channel.backlog_bytes == 0
        channel.close()
        peer.close()

    async def test_gives_up_a_peer_that_never_reads(self) -> None:
        consumer = Consumer()
        channel, peer = await over_socket(Lines(**consumer.options(), backlog_limit_bytes=500_000))
        channel.send(b"x" * 2_000_000)
        fault = await consumer.end()
        assert isinstance(fault, ConnectionAbortedError)
        assert "does not read" in str(fault)
        assert not channel.can_send
        peer.close()


class TestPausing:
    async def test_holds_messages_and_loses_none(self) -> None:
        taken: list[bytes] = []

        def take_two(raw: bytes) -> None:
            taken.append(raw)
            if len(taken) % 2 == 0:
                channel.pause()

        consumer = Consumer()
        channel = Lines(**(consumer.options() | {"on_message": take_two}))
        _, peer = await over_socket(channel)
        words = [b"%d\n" % number for number in range(7)]
        await sendall(peer, b"".join(words))
        peer.close()
        while not consumer.ends:  # the end, too, comes after what is held
            await asyncio.sleep(0)
            assert len(taken) <= 2 or taken == words[: len(taken)]
            channel.resume()
        assert taken == words
        assert consumer.ends == [None]

    async def test_stops_reading_the_peer(self) -> None:
        consumer = Consumer()
        channel, peer = await over_socket(Frames(**consumer.options()))
        channel.pause()
        frame = encode_length(b"x" * 100_000)
        sent = 0
        with suppress(BlockingIOError):
            while sent < 100_000_000:
                sent += peer.send(frame[sent % len(frame) :])
        assert len(frame) < sent < 10_000_000  # the peer was stopped by what lies between
        await asyncio.sleep(0)
        assert consumer.messages == []
        channel.resume()
        await consumer.until(sent // len(frame))
        channel.abort()
        peer.close()

    async def test_may_end_while_a_message_is_taken(self) -> None:
        taken: list[bytes] = []

        def take(raw: bytes) -> None:
            taken.append(raw)
            channel.pause()
            channel.resume()

        channel = Lines(take)
        channel.data_received(b"1\n2\n3\n")
        assert taken == [b"1\n", b"2\n", b"3\n"]

    async def test_does_not_count_as_dawdling(self, monkeypatch: pytest.MonkeyPatch) -> None:
        pass_by = passing(monkeypatch)
        consumer = Consumer()
        channel, peer = await over_socket(Frames(**consumer.options(), deadline_s=60.0))
        await sendall(peer, HEARTBEAT + HEARTBEAT[:7])
        await consumer.until(1)
        channel.pause()
        pass_by(61)  # while it is we who do not read
        await asyncio.sleep(0.001)  # and all timers of before strike
        channel.resume()
        await sendall(peer, HEARTBEAT[7:])
        await consumer.until(2)
        channel.close()
        peer.close()
