"""Exports on the command line are bounded."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from kiket_console import cli
from kiket_console.errors import ExitCode
from kiket_console.exporting import reading
from kiket_console.model import Body, Message, Source, State
from kiket_console.paths import ProjectPaths
from kiket_console.store.records import NewExchange
from kiket_console.store.writer import Writer

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_more_than_fits_memory_is_refused_before_it_is_read(
    own_places: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    paths = ProjectPaths(own_places)
    paths.make()
    writer = Writer(paths.store)
    rows = [
        NewExchange(
            number, Source.WEBHOOK, "shop", "event", "v1", "POST", "/", number,
            State.RECEIVED, Message(body=Body(b"x" * 600)),
        )
        for number in (1, 2)
    ]  # fmt: skip
    writer.submit(rows).result(120)
    writer.close()
    monkeypatch.setattr(reading, "MOST_BYTES", 1000)

    assert cli.run(["-C", str(own_places), "traffic", "export", "1"]) == ExitCode.OK
    assert capfd.readouterr().out.count("\n") == 1
    assert cli.run(["-C", str(own_places), "traffic", "export", "1", "2"]) == ExitCode.USAGE
    assert "too much for one file" in capfd.readouterr().err


def test_calls_go_along_behind_the_delivery_that_caused_them(
    own_places: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    paths = ProjectPaths(own_places)
    paths.make()
    writer = Writer(paths.store)
    sources = ((1, Source.WEBHOOK, None), (2, Source.WEBHOOK, None), (3, Source.API, 1))
    rows = [
        NewExchange(
            number, source, "shop", "event", "v1", "POST", "/", number,
            State.RECEIVED, Message(body=Body(b"{}")), parent_id=parent,
        )
        for number, source, parent in sources
    ]  # fmt: skip
    writer.submit(rows).result(120)
    writer.close()

    def exported(*arguments: str) -> list[int]:
        assert cli.run(["-C", str(own_places), "traffic", "export", *arguments]) == ExitCode.OK
        return [json.loads(line)["id"] for line in capfd.readouterr().out.splitlines()]

    assert exported("1", "2") == [1, 2]
    assert exported("1", "2", "3", "--calls") == [1, 3, 2]
    assert exported("--filter", "src:webhook", "--calls") == [1, 3, 2]


def test_a_command_of_curl_asks_a_module_through_the_gateway(
    own_places: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    paths = ProjectPaths(own_places)
    paths.make()
    writer = Writer(paths.store)
    row = NewExchange(
        1, Source.IPC, "shop", "http_request", "", "GET", "/price/tea", 1,
        State.FORWARDED, Message(), kind="req", direction="in", channel="http",
    )  # fmt: skip
    writer.submit([row]).result(120)
    writer.close()

    assert cli.run(["-C", str(own_places), "traffic", "curl", "1"]) == ExitCode.OK
    assert "/m/shop/price/tea" in capfd.readouterr().out
