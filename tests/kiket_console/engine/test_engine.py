"""The composition: parts start in order, work together, and leave nothing when they stop."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from contextlib import asynccontextmanager, closing
from typing import TYPE_CHECKING

import httpx
import keyring
import pytest
from tests.kiket_console.engine.secrets.keyrings import HangingKeyring

from kiket_console import project
from kiket_console.client import Client
from kiket_console.config import Config
from kiket_console.engine.engine import Engine
from kiket_console.engine.parts import Events
from kiket_console.engine.secrets import vault
from kiket_console.engine_process import find_engine
from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.model import Message, Source, State
from kiket_console.paths import ProjectPaths
from kiket_console.store.reader import Reader
from kiket_console.store.records import AttemptEnd, NewExchange, SetPinned
from kiket_console.store.writer import Writer
from kiket_console.wire_secrets import VaultFacts

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from kiket_console.engine_status import EngineStatus
    from kiket_console.wire import EngineInfo

PAYLOAD = json.dumps({"issue": {"title": "Bug"}}).encode()


@asynccontextmanager
async def running(
    paths: ProjectPaths, config: Config | None = None, *, session_secrets: bool = True
) -> AsyncIterator[tuple[Engine, list[str]]]:
    """Run an engine in this process; yield it and the notes that it made."""
    ready = asyncio.Event()
    notes: list[str] = []

    def on_ready(_: EngineInfo) -> None:
        ready.set()

    events = Events(on_ready, lambda: None, lambda _: None, notes.append)
    engine = Engine(
        paths,
        project.find(paths.folder),
        config or Config(),
        events,
        session_secrets=session_secrets,
    )
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(engine.run())
        waiting = tasks.create_task(ready.wait())
        await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        try:
            if not task.done():
                yield engine, notes
        finally:
            engine.stop()


async def status_when_serving(client: Client) -> EngineStatus:
    async with asyncio.timeout(120):
        async for _ in client.notices():
            status = await client.status()
            if status.workers[0].serving:
                return status
    raise AssertionError("the engine ended")


async def test_an_engine_serves_is_found_and_puts_everything_away(extension_folder: Path) -> None:
    paths = ProjectPaths(extension_folder)
    began_us = time.time_ns() // 1000
    async with running(paths) as (_, notes):
        info = find_engine(paths)
        assert info is not None
        assert notes == [note for note in notes if note.startswith("Port 8700 is taken")]
        async with Client(paths) as client:
            status = await status_when_serving(client)
            assert status.gateway_url == info.gateway_url
            assert (status.recording, status.vault) == ("ok", "this session only")
            templates = await client.templates()
            assert (templates[0].event, templates[0].handled) == ("issue.created", True)
            result = await client.trigger("issue.created", raw_payload=PAYLOAD)
            assert result.status == 200
            after = await client.status()
            assert after.exchanges >= 1
            assert after.error_share == 0
            assert after.p95_us is not None
            assert after.degraded == ()
            assert began_us <= after.written_us <= time.time_ns() // 1000
            async with httpx.AsyncClient(timeout=120) as prometheus:
                told = await prometheus.get(f"{status.platform_url}/metrics")
            assert (
                'kiket_worker_serving{kind="extension",worker="com.example.sample"} 1.0'
                in told.text
            )
            await client.stop()
    assert find_engine(paths) is None
    assert not paths.control_socket.exists()
    with Reader(paths.store) as reader:
        recorded = reader.recent(10)
        [began] = reader.reloads(0, 2**60)
        measures = reader.measures(900, 0, 2**40)
    assert [each.status for each in recorded if each.source == "webhook"] == [200]
    counted = [(each.series.name, each.series.outcome, each.code_us) for each in measures]
    assert ("issue.created", "2xx", began.at_us) in counted, "with the code that did it"


async def test_an_engine_does_not_wait_for_a_keyring_to_serve(
    extension_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What needs a value waits until it answers, or has been given up."""
    before, hanging = keyring.get_keyring(), HangingKeyring()
    keyring.set_keyring(hanging)
    monkeypatch.setattr(vault, "_LOOK_FOR_S", 0.0)
    paths = ProjectPaths(extension_folder)
    try:
        async with running(paths, session_secrets=False) as (_, notes), Client(paths) as client:
            assert (await client.secrets.state()).vault == VaultFacts("", "looking")
            said = (await client.status()).vault
            assert said == "not known yet: the keyring is being looked for"
            assert not [note for note in notes if "keyring" in note]
        assert find_engine(paths) is None, "it ends while the keyring hangs"
    finally:
        hanging.answers.set()
        keyring.set_keyring(before)


async def test_an_event_that_nobody_knows_is_refused_unless_its_payload_is_given(
    extension_folder: Path,
) -> None:
    """A misspelt name is told at once; what the code answers to a foreign event can be tried."""
    paths = ProjectPaths(extension_folder)
    async with running(paths), Client(paths) as client:
        await status_when_serving(client)
        with pytest.raises(ConsoleError) as refused:
            await client.trigger("isue.created")
        assert refused.value.message == 'No handler and no template knows the event "isue.created".'
        assert refused.value.hint.startswith("Known are issue.created")
        assert "--data" in refused.value.hint
        assert refused.value.exit_code is ExitCode.USAGE
        with pytest.raises(ConsoleError) as refused:
            await client.trigger("qqqq")
        assert refused.value.hint.startswith("Known are issue.created")
        assert (await client.trigger("isue.created", raw_payload=PAYLOAD)).status == 404
        with Reader(paths.store) as reader:
            names = [each.name for each in reader.recent(10) if each.source == "webhook"]
        assert names == ["isue.created"]


async def test_a_restart_is_a_new_process(extension_folder: Path) -> None:
    paths = ProjectPaths(extension_folder)
    async with running(paths), Client(paths) as client:
        before = (await status_when_serving(client)).workers[0]
        await client.worker(before.name, "restart")
        async with asyncio.timeout(120):
            async for _ in client.notices():
                [now] = await client.workers()
                if now.starts == 2 and now.state == "serving":
                    break
        assert now.pid != before.pid
        with pytest.raises(ConsoleError, match="There is no worker"):
            await client.worker("nobody", "restart")


async def test_a_warning_of_the_engine_is_a_log_line_without_secrets(
    extension_folder: Path,
) -> None:
    from kiket_core.secret import redactor

    paths = ProjectPaths(extension_folder)
    redactor.add("CANARY", "engine-canary-secret")
    try:
        async with running(paths):
            logging.getLogger("kiket_console.test").warning("It says engine-canary-secret.")
    finally:
        redactor.discard("CANARY")
    with Reader(paths.store) as reader:
        lines = [line for line in reader.log_page(reader.log_ids()) if line.worker == "engine"]
    assert [(line.level, line.text) for line in lines] == [("WARNING", "It says [secret:CANARY].")]


@pytest.mark.parametrize(("durability", "synchronous"), [("full", 2), ("process", 1)])
def test_durability_is_what_sqlite_is_told(
    tmp_path: Path, durability: str, synchronous: int
) -> None:
    from kiket_console.store.opening import open_store

    with closing(open_store(tmp_path / "store.sqlite3", durability).connection) as connection:
        assert connection.execute("PRAGMA synchronous").fetchone()[0] == synchronous


async def test_a_pinned_exchange_outlives_its_age_and_an_old_one_does_not(
    extension_folder: Path,
) -> None:
    """What is kept how long follows from the settings of the engine that runs."""
    paths = ProjectPaths(extension_folder)
    paths.make()
    then_us = (time.time_ns() // 1000) - 3 * 86_400_000_000
    with closing(Writer(paths.store)) as writer:
        ended = [AttemptEnd(number, 1, State.FORWARDED, 200, 1) for number in (1, 2, 3)]
        rows = [arrived(1, then_us), arrived(2, then_us), arrived(3, time.time_ns() // 1000)]
        writer.submit([*rows, *ended, SetPinned(2, True)]).result(120)
    async with running(paths, Config(retention_days=2)), Client(paths) as client:
        with Reader(paths.store) as reader:
            said: list[str] = []
            async with asyncio.timeout(120):
                async for _ in client.notices():
                    lines = [line.text for line in reader.log_page(reader.log_ids())]
                    if said := [text for text in lines if "limits" in text]:
                        break
            assert list(reader.ids()) == [2, 3]
    assert [each.partition(", ")[2] for each in said] == [
        "1 exchange and 0 log lines were deleted, the oldest first."
    ]


async def test_what_a_person_removes_is_gone_from_every_reader_until_it_is_brought_back(
    extension_folder: Path,
) -> None:
    paths = ProjectPaths(extension_folder)
    async with running(paths), Client(paths) as client:
        await status_when_serving(client)
        result = await client.trigger("issue.created", raw_payload=PAYLOAD)
        with Reader(paths.store) as reader:
            before = list(reader.ids())
            assert before == [result.exchange_id], "what it tells of itself is a span"
            gone = await client.remove([result.exchange_id])
            assert (list(gone.ids), list(reader.ids())) == (before, [])
            back = await client.restore([result.exchange_id])
            assert (back, list(reader.ids())) == (gone, before)
        async with asyncio.timeout(120):
            async for notice in client.notices():  # the answer may come before the notice
                if notice.removals == 2:
                    break


async def test_an_exchange_that_an_earlier_engine_left_is_counted_and_told(
    extension_folder: Path,
) -> None:
    paths = ProjectPaths(extension_folder)
    paths.make()
    with closing(Writer(paths.store)) as writer:
        writer.submit([arrived(1, time.time_ns() // 1000)]).result(120)
    async with running(paths) as (_, notes), Client(paths) as client:
        assert "An earlier run ended in the middle of 1 exchange." in notes
        assert (await client.status()).interrupted == 1


def arrived(number: int, started_us: int) -> NewExchange:
    return NewExchange(
        number, Source.WEBHOOK, "sample", "issue.created", "v1", "POST", "/", started_us,
        State.RECEIVED, Message(),
    )  # fmt: skip
