"""A session with a test at its other end, in the place of a module's process."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import struct
import sys
import tempfile
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kiket_console.declared import Declared
from kiket_console.engine.orchestrator.session import ModuleSession
from kiket_console.engine.surroundings import Surroundings
from kiket_console.wire_secrets import SecretEntry
from kiket_console.worker_spec import ModuleSpec
from pywatt_sdk import _protocol as p

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from kiket_console.engine.orchestrator.ports import Frame
    from kiket_console.model import State
    from kiket_console.module_facts import ModuleService

PATIENCE_S = 120.0
"""For what comes for certain, on a machine however busy."""
HEADER = struct.Struct(">IB")
HELLO = {"op": "hello", "sdk": "pywatt_sdk", "version": "0.1.0", "accepts": ["body_base64"]}
ANNOUNCE = {"op": "announce", "listen": "127.0.0.1:8080", "endpoints": []}


@dataclass
class Took:
    """What the tape has of one exchange."""

    frame: Frame
    ended: bool = False
    reply: Frame | None = None
    status: int | None = None
    state: State | None = None
    error: str = ""


@dataclass
class Tape:
    """A tape that keeps everything."""

    taken: list[Took] = field(default_factory=list)

    def request(self, frame: Frame, **_: Any) -> int | None:
        """Keep what waits for a reply."""
        self.taken.append(Took(frame))
        return len(self.taken) - 1

    def lone(self, frame: Frame, **_: Any) -> int | None:
        """Keep what nobody answers."""
        self.taken.append(Took(frame, ended=True))
        return len(self.taken) - 1

    def traceparent(self, exchange_id: int | None) -> str | None:
        """Know of no trace."""
        del exchange_id
        return None

    def reply(self, exchange_id: int | None, frame: Frame | None, **how: Any) -> None:
        """Keep how a request ended."""
        if exchange_id is not None and not self.taken[exchange_id].ended:
            took = self.taken[exchange_id]
            took.ended, took.reply = True, frame
            took.status, took.error = how.get("status"), how.get("error", "")
            took.state = how.get("state")

    def ops(self) -> list[str]:
        """Name what was taken down, in order."""
        return [each.frame.op for each in self.taken]

    def of(self, op: str) -> Took:
        """Return the newest exchange called *op*."""
        return next(each for each in reversed(self.taken) if each.frame.op == op)


@dataclass
class Others:
    """Who decides for others; keeps what it hears."""

    heard_of: list[tuple[Any, int | None, str]] = field(default_factory=list)
    ready: list[str] = field(default_factory=list)
    over: list[str] = field(default_factory=list)
    passed_on: dict[str, int | None] = field(default_factory=dict)

    def heard(self, peer: Any, message: Any, exchange_id: int | None, channel: str) -> None:
        """Keep a message that is for others."""
        del peer
        self.heard_of.append((message, exchange_id, channel))

    def services_of(self, label: str) -> tuple[ModuleService, ...]:
        """Know of no service."""
        del label
        return ()

    def answered(self, peer: Any, message: Any) -> int | None:
        """Know what the test says."""
        del peer
        return self.passed_on.get(message.request_id)

    def joined(self, peer: Any) -> None:
        """Keep who is ready."""
        self.ready.append(peer.label)

    def gone(self, peer: Any) -> None:
        """Keep who is gone."""
        self.over.append(peer.label)


class Vault:
    """Secrets of the test's choice."""

    def __init__(self, **values: str) -> None:
        self.values = values
        self.asked: list[str] = []

    async def get(self, name: str) -> str | None:
        """Return what the test chose."""
        self.asked.append(name)
        return self.values.get(name)

    async def set(self, name: str, value: str) -> SecretEntry:
        """Keep another."""
        self.values[name] = value
        return SecretEntry(name, present=True)

    async def delete(self, name: str) -> bool:
        """Forget one."""
        return self.values.pop(name, None) is not None

    async def names(self) -> Sequence[Any]:
        """List none."""
        return ()


@dataclass
class Stage:
    """A session and the module's ends of its channels."""

    session: ModuleSession
    tape: Tape
    others: Others
    vault: Vault
    notes: list[tuple[str, str]]
    reader: asyncio.StreamReader
    to_session: int
    init: dict[str, Any] = field(default_factory=dict)
    wires: list[Wire] = field(default_factory=list)

    def write(self, raw: bytes) -> None:
        """Write to the module's standard output as it is."""
        os.write(self.to_session, raw)

    def say(self, *messages: dict[str, Any]) -> None:
        """Write messages to the module's standard output."""
        self.write(b"".join(json.dumps(each).encode() + b"\n" for each in messages))

    async def hears(self) -> dict[str, Any]:
        """Return the next line of the module's standard input."""
        async with asyncio.timeout(PATIENCE_S):
            line = await self.reader.readline()
        assert line, "standard input is closed"
        return dict(json.loads(line))

    async def hears_one(self, op: str) -> dict[str, Any]:
        """Return the next line with *op*, past any other."""
        while (message := await self.hears()).get("op") != op:
            pass
        return message

    async def is_still(self, op: str) -> bool:
        """Tell whether no line with *op* is repeated any more; of a module of another SDK.

        What is repeated has its turn before a line that began later has been so three times.
        """
        self.session.send(p.PortResponse("is it still?", True, 1))
        while (await self.hears())["op"] != "port_response":
            pass  # it was written before
        for _ in range(3):
            while (message := await self.hears())["op"] != "port_response":
                if message["op"] == op:
                    return False
        return True

    async def connects(self, channel: str = "tcp") -> Wire:
        """Connect as the init line says."""
        if channel == "tcp":
            host, _, port = self.init["tcp_channel"]["address"].rpartition(":")
            ends = await asyncio.open_connection(host, int(port))
        else:
            ends = await asyncio.open_unix_connection(self.init["ipc_channel"]["socket_path"])
        self.wires.append(Wire(*ends))
        return self.wires[-1]

    def end(self) -> None:
        """Close the module's standard output, as its end does."""
        if self.to_session >= 0:
            os.close(self.to_session)
            self.to_session = -1


class Wire:
    """The module's end of a TCP or Unix connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer

    def say(self, content: dict[str, Any]) -> None:
        """Send one wrapped message."""
        raw = json.dumps({"id": "m", "content": content, "metadata": {}}).encode()
        self.writer.write(HEADER.pack(len(raw), 1) + raw)

    async def hears(self) -> dict[str, Any]:
        """Return the next message; empty when the connection is closed."""
        async with asyncio.timeout(PATIENCE_S):
            try:
                length, _ = HEADER.unpack(await self._reader.readexactly(HEADER.size))
                return dict(json.loads(await self._reader.readexactly(length)))
            except (asyncio.IncompleteReadError, ConnectionError):
                return {}

    async def hears_one(self, op: str) -> dict[str, Any]:
        """Return the next message with *op*, past any other."""
        while (message := await self.hears()).get("op") != op:
            assert message, "the connection is closed"
        return message

    async def is_closed(self) -> bool:
        """Tell that the other end closes it, past any message."""
        while await self.hears():
            pass
        return True

    def close(self) -> None:
        """Begin to close it."""
        self.writer.close()

    async def closes(self) -> None:
        """Close it, whatever is left of it."""
        self.writer.close()
        with suppress(ConnectionError):
            await self.writer.wait_closed()


def module_spec(
    folder: Path, *, secrets: tuple[str, ...] = (), command: tuple[str, ...] = (), **facts: Any
) -> ModuleSpec:
    """Return how to run a module called `search`."""
    return ModuleSpec(
        **{
            "name": "search",
            "folder": folder,
            "entry": "" if command else "main.py",
            "import_roots": (),
            "interpreter": Path(sys.executable),
            "watch": (),
            "declared": Declared(secrets=secrets),
            "command": command,
            **facts,
        }
    )


def init_line(module: str = "search", listen: str = "127.0.0.1:8080") -> p.Init:
    """Return the init line before its channels."""
    return p.Init(
        orchestrator_api="http://localhost:9900",
        module_id=module,
        env={},
        listen=listen,
        orchestrator="kiket-console/0",
    )


@asynccontextmanager
async def on_stage(
    *,
    spec: dict[str, Any] | None = None,
    answers: dict[str, str] | None = None,
    pid: int | None = None,
    **choices: Any,
) -> AsyncIterator[Stage]:
    """Run a session of a module that has just been started; the test plays the module."""
    folder = Path(tempfile.mkdtemp(prefix="kc"))
    tape, others, vault = Tape(), Others(), choices.pop("vault", Vault())
    notes: list[tuple[str, str]] = []
    stdin, to_stdin = os.pipe()
    from_stdout, stdout = os.pipe()
    session = ModuleSession(
        module_spec(folder, **(spec or {})),
        "search#1",
        init_line(),
        Surroundings(folder, "mark", {}, {}, (), answers or {}),
        tape=tape,
        orchestrating=others,
        vault=vault,
        on_change=choices.pop("on_change", lambda: None),
        note=lambda level, sentence: notes.append((level, sentence)),
        pid=lambda: os.getpid() if pid is None else pid,
        **choices,
    )
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(stdin, "rb", buffering=0)
    )
    stage = Stage(session, tape, others, vault, notes, reader, stdout)
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(
                session.run(
                    os.fdopen(to_stdin, "wb", buffering=0),
                    os.fdopen(from_stdout, "rb", buffering=0),
                )
            )
            try:
                stage.init = await stage.hears()
                yield stage
            finally:
                stage.end()
    finally:
        for wire in stage.wires:
            await wire.closes()
        transport.close()
        shutil.rmtree(folder, ignore_errors=True)


async def until(holds: Any, limit_s: float = PATIENCE_S) -> None:
    """Wait until *holds* does."""
    async with asyncio.timeout(limit_s):
        while not holds():  # noqa: ASYNC110  # whatever a test looks at
            await asyncio.sleep(0.002)
