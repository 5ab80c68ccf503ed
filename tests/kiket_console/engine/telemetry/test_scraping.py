"""What a module tells at its /metrics becomes values by name; whatever else it tells is bounded."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest
from tests.snap import scene

from kiket_console.engine.forward import Forwarder
from kiket_console.engine.ports import Target
from kiket_console.engine.telemetry import scraping
from kiket_console.engine.telemetry.scraping import Scraper, UnreadableError, announced, values
from kiket_console.module_facts import ModuleEndpoint

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from kiket_console.model import Worker
    from kiket_console.store.records import NewLog

TOLD = b"""\
# HELP jobs_total Jobs that were done.
# TYPE jobs_total counter
jobs_total{queue="mail \\"fast\\"",kind="a"} 12
# TYPE depth gauge
depth 3
ratio NaN
# TYPE took histogram
took_bucket{le="1"} 2
took_bucket{le="+Inf"} 2
took_sum 0.5
took_count 2
"""


def test_values_are_named_as_prometheus_writes_them() -> None:
    assert values(TOLD) == (
        {
            'jobs_total{kind="a",queue="mail \\"fast\\""}': 12.0,
            "depth": 3.0,
            "took_sum": 0.5,
            "took_count": 2.0,
        },
        1,
    )


def test_more_values_than_can_be_kept_are_left_out_and_counted() -> None:
    raw = b"".join(b'many{id="%d"} 1\n' % number for number in range(3_000))
    found = values(raw + b'long{id="' + b"x" * 300 + b'"} 1\n')
    assert (len(found.by_name), found.left_out) == (scraping.VALUES, 2_001)


@pytest.mark.parametrize(
    "raw", [b"<html>no</html>", b"\xff\xfe", b"depth three\n", b'depth{a="b} 1\n', b"depth{ 1\n"]
)
def test_what_is_another_format_is_said_to_be(raw: bytes) -> None:
    with pytest.raises(UnreadableError, match="not in Prometheus' text format"):
        values(raw)


@pytest.mark.parametrize(
    ("endpoint", "path"),
    [
        (ModuleEndpoint("/metrics", ("GET",)), "/metrics"),
        (ModuleEndpoint("metrics", ("get", "head")), "/metrics"),
        (ModuleEndpoint("/v1/metrics", ("GET",)), "/v1/metrics"),
        (ModuleEndpoint("/metrics", ("GET",), "jwt"), ""),
        (ModuleEndpoint("/metrics", ("POST",)), ""),
        (ModuleEndpoint("/admin/metrics", ("GET",)), ""),
    ],
)
def test_a_module_is_asked_where_it_announced_to_tell(endpoint: ModuleEndpoint, path: str) -> None:
    assert announced(scene.module(endpoints=(endpoint,))) == path
    assert announced(scene.worker()) == ""


class Modules:
    """One module, served by a test, and what was noted of it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.seen: list[Mapping[str, object]] = []
        self.values: dict[str, float] = {}
        self.logs: list[NewLog] = []
        self.came = asyncio.Event()

    def workers(self) -> tuple[Worker, ...]:
        return (scene.module(endpoints=(ModuleEndpoint("/v1/metrics", ("GET",)),)), scene.worker())

    def serving(self, name: str) -> Target | None:
        return Target(name, f"{name}#1", port=self._port)

    def noted(self, name: str, **changes: object) -> None:
        assert name == "billing"
        self.seen.append(changes)
        self.came.set()

    def add(self, worker: str, values: Mapping[str, float]) -> None:
        assert worker == "billing"
        self.values |= values

    async def said(self) -> object:
        await self.came.wait()
        self.came.clear()
        return self.seen[-1]["metrics"]


@contextlib.asynccontextmanager
async def scraped(
    answers: dict[str, tuple[int, bytes]], monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Modules]:
    """Have a module read again and again; it gives *answers* by path."""
    writers: list[asyncio.StreamWriter] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        with contextlib.suppress(asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                status, raw = answers.get(head.split()[1].decode(), (404, b""))
                length = f"HTTP/1.1 {status} X\r\nContent-Length: {len(raw)}\r\n\r\n"
                writer.write(length.encode() + raw)

    monkeypatch.setattr(scraping, "LIMIT_S", 120.0)
    monkeypatch.setattr(scraping, "EVERY_S", 0.0)
    monkeypatch.setattr(scraping, "LOOK_EVERY_S", 0.01)
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    modules = Modules(server.sockets[0].getsockname()[1])
    forwarder = Forwarder()
    scraper = Scraper(modules, forwarder, modules.add, modules.logs.append)
    async with asyncio.timeout(120), asyncio.TaskGroup() as tasks:
        running = tasks.create_task(scraper.run())
        yield modules
        running.cancel()
    await forwarder.close()
    server.close()
    for writer in writers:
        writer.close()


async def test_a_module_is_read_while_it_serves_at_the_path_that_it_serves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with scraped({"/metrics": (200, TOLD)}, monkeypatch) as modules:
        assert await modules.said() == "4 values, 1 left out"
        assert modules.values["depth"] == 3.0
    assert modules.logs == []


async def test_trouble_is_told_once_however_long_it_lasts(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {"/v1/metrics": (500, b"")}
    async with scraped(answers, monkeypatch) as modules:
        for _ in range(3):
            assert await modules.said() == "cannot be read: it answers 404."
        answers["/v1/metrics"] = (200, b"x" * (scraping.BYTES + 1))
        while await modules.said() != "cannot be read: it has more than 1,024 KiB.":
            continue
    assert [line.level for line in modules.logs] == ["WARNING", "WARNING"]
    assert modules.values == {}
