"""Tens of connections that send signed webhooks to the gateway, and write down what they hear."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.torture.sample import ID_HEADER, ROUTE, SECRET

from kiket_sdk import _signing

if TYPE_CHECKING:
    import random
    from collections.abc import AsyncIterator

    from tests.torture.ledger import Ledger
    from tests.torture.subject import Subject

ANSWER_LIMIT_S = 45.0
"""Longer than any limit of the program: past it a request hangs."""
_FILLER = 'Grüße aus der Folter \u202e\u0000 € 𝄞 \\ " '
_LARGE_BYTES = 100_000


def raw_body(chance: random.Random, delivery_id: str, **more: Any) -> bytes:
    """Return a body: mostly small, now and then large, one in three with a secret in it."""
    size = _LARGE_BYTES if chance.random() < 0.005 else chance.randrange(50, 1500)
    payload: dict[str, Any] = {"event": "torture.delivered", "id": delivery_id, **more}
    payload["text"] = (_FILLER * (size // len(_FILLER) + 1))[:size]
    if chance.random() < 1 / 3:
        payload["quoted"] = f"my secret is {SECRET}, twice: {SECRET}"
    return json.dumps(payload, ensure_ascii=chance.random() < 0.5).encode()


def raw_request(delivery_id: str, body: bytes) -> bytes:
    """Return a whole signed request."""
    dialect = ("k0", "sw1", "kr", "k1")[len(body) % 4]
    signed = _signing.sign(
        dialect, SECRET, body, message_id=delivery_id, timestamp=int(time.time())
    )
    lines = "".join(f"{name}: {value}\r\n" for name, value in signed.items())
    return (
        f"POST {ROUTE} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"{ID_HEADER}: {delivery_id}\r\n{lines}Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body


async def read_answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Read one answer; raises OSError or EOFError when the connection ends first."""
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    length = next(
        (
            int(line.partition(":")[2])
            for line in lines
            if line.lower().startswith("content-length:")
        ),
        0,
    )
    return int(lines[0].split()[1]), await reader.readexactly(length)


@dataclass
class Senders:
    """A number of connections at work while `sending` lasts."""

    subject: Subject
    ledger: Ledger
    chance: random.Random
    connections: int = 32
    pause_s: float = 0.01
    """At most so long between an answer and the next request."""
    run: int = 1
    """Which run of the engine is being sent to; part of each id."""
    hung: list[str] = field(default_factory=list)
    """Deliveries that were not answered at all by an engine that lived."""
    first_success_s: float | None = None
    """When the first 2xx came since `begin_run`, on the monotonic clock."""
    refused: int = 0
    """How often the answer was that nothing is accepted just now: 503 or 507."""
    full: int = 0
    """How often it was that the disk is full."""
    _count: int = 0
    _asked_s: float = 0.0

    def begin_run(self, run: int) -> None:
        """Send to another engine from now on."""
        self.run = run
        self.await_success()

    def await_success(self) -> None:
        """Forget when a 2xx came, to see when one does to what is sent from now on."""
        self.first_success_s = None
        self._asked_s = time.monotonic()

    async def sending(self, stop: asyncio.Event) -> None:
        """Send until *stop*, then wait for what is under way."""
        async with asyncio.TaskGroup() as tasks:
            for _ in range(self.connections):
                tasks.create_task(self._connection(stop))

    async def send_one(self, **more: Any) -> tuple[str, int, bytes]:
        """Send one over a connection of its own; raises OSError, EOFError, TimeoutError."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.subject.port)
        try:
            return await self._send(reader, writer, **more)
        finally:
            writer.close()

    async def _connection(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", self.subject.port)
            except OSError:
                await asyncio.sleep(0.02)
                continue
            try:
                async for _ in self._requests(stop):
                    await self._send(reader, writer)
            except (OSError, EOFError):
                await asyncio.sleep(0.005)
            except TimeoutError:
                continue
            finally:
                writer.close()

    async def _requests(self, stop: asyncio.Event) -> AsyncIterator[None]:
        while not stop.is_set():
            yield
            await asyncio.sleep(self.chance.random() * self.pause_s)

    async def _send(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, **more: Any
    ) -> tuple[str, int, bytes]:
        self._count += 1
        begun_s, delivery_id = time.monotonic(), f"{self.run}-{self._count}"
        body = raw_body(self.chance, delivery_id, **more)
        request = raw_request(delivery_id, body)
        self.ledger.send(delivery_id, hashlib.sha256(body).hexdigest())
        writer.write(request)
        try:
            async with asyncio.timeout(ANSWER_LIMIT_S):
                status, answer = await read_answer(reader)
        except TimeoutError:
            self.hung.append(delivery_id)
            raise
        self.ledger.answer(delivery_id, status, hashlib.sha256(answer).hexdigest())
        self.refused += status in (503, 507)
        self.full += status == 507
        if 200 <= status < 300 and begun_s >= self._asked_s and self.first_success_s is None:
            self.first_success_s = time.monotonic()
        return delivery_id, status, answer


def run_of(delivery_id: str) -> int:
    """Return to which run of the engine a delivery was sent."""
    return int(delivery_id.partition("-")[0])
