"""`traffic timeline` prints bars for a person, and the same as JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result
from tests.snap import scene

from kiket_console import cli
from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.paths import ProjectPaths

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def project(own_places: Path) -> Path:
    folder = own_places / "marketing"
    folder.mkdir()
    paths = ProjectPaths(folder)
    paths.make()
    scene.write_store(paths.store)
    return folder


def run(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli.cli, ["-C", str(folder), "traffic", "timeline", *arguments])


def test_a_call_is_shown_with_what_caused_it_and_what_went_on_beside_it(project: Path) -> None:
    lines = run(project, "1193").output.splitlines()
    assert lines[1].strip() == "the most time went into its own code, 8.1 ms of 20.3 ms (40 %)"
    told = [" ".join(line.split()[:3]) for line in lines[3:]]
    assert told == [
        "webhook 1191 issue.transitioned",
        "handler issue.transitioned v1",
        "api 1192 GET",
        "log warning retrying",
        "▸ api 1193",
        "log error issue.transitioned",
    ]
    assert max(map(len, lines)) <= 120


def test_json_tells_each_bar_with_what_it_is_a_part_of(project: Path) -> None:
    told = json.loads(run(project, "1193", "--json").output)
    assert (told["asked"], told["longest"], told["took_us"]) == ("exchange:1193", "span:1", 20_300)
    bars = {bar["id"]: bar for bar in told["bars"]}
    assert bars["exchange:1193"]["parent"] == "span:1"
    assert bars["span:1"]["parent"] == "exchange:1191"
    assert {bar["kind"] for bar in bars.values()} == {"exchange", "span", "log"}
    assert bars["exchange:1193"]["status"] == 429
    assert bars["exchange:1191"]["waited_us"] == 1_400


def test_what_is_not_there_is_said(project: Path) -> None:
    error = run(project, "7").exception
    assert isinstance(error, ConsoleError)
    assert error.message == "No exchange 7 is recorded for this project."
    assert error.exit_code == ExitCode.USAGE
