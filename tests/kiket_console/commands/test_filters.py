"""Filters on the command line: they narrow lists, are saved, and are refused in place."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

from kiket_console import cli
from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.model import Message, Source, State
from kiket_console.paths import ProjectPaths
from kiket_console.store.records import AttemptEnd, NewAttempt, NewExchange
from kiket_console.store.writer import Writer

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def project(own_places: Path) -> Path:
    """Return a project with three exchanges: one answered 200, one 500, one of another worker."""
    folder = own_places / "project"
    folder.mkdir()
    paths = ProjectPaths(folder)
    paths.make()
    writer = Writer(paths.store)
    for number, (worker, status) in enumerate((("shop", 200), ("shop", 500), ("mail", 500)), 1):
        arrival = NewExchange(
            number, Source.WEBHOOK, worker, f"event.{number}", "v1", "POST", "/", number,
            State.RECEIVED, Message(),
        )  # fmt: skip
        end = AttemptEnd(number, 1, State.FORWARDED, status, 5, answer=Message())
        writer.submit([arrival, NewAttempt(number, 1, worker, number), end]).result(120)
    writer.close()
    return folder


def run(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli.cli, ["-C", str(folder), "traffic", *arguments])


def listed(folder: Path, *arguments: str) -> list[int]:
    lines = run(folder, "list", "--json", *arguments).stdout.splitlines()
    return [json.loads(line)["id"] for line in lines]


def test_a_list_is_narrowed_by_a_filter(project: Path) -> None:
    assert listed(project) == [1, 2, 3]
    assert listed(project, "--filter", "status:>=500") == [2, 3]
    assert listed(project, "--filter", "status:>=500", "--limit", "1") == [3]
    assert listed(project, "--filter", "status:>=500", "--worker", "shop") == [2]
    assert listed(project, "--filter", "") == [1, 2, 3]


def test_nothing_that_matches_is_said(project: Path) -> None:
    result = run(project, "list", "--filter", "status:404")

    assert (result.stdout, result.stderr) == ("", "Nothing matches the filter.\n")
    assert result.exit_code == 0


def test_a_filter_that_cannot_be_read_is_pointed_at(project: Path) -> None:
    result = run(project, "list", "--filter", "event:x staus:500")

    assert isinstance(result.exception, ConsoleError)
    assert result.exception.exit_code == ExitCode.USAGE
    assert result.stderr == "  event:x staus:500\n          ^^^^^\n"


def test_what_may_surprise_is_said_beside_the_data(project: Path) -> None:
    result = run(project, "list", "--json", "--filter", "event:event.1 OR status:500 ext:mail")

    assert result.stderr == "Read as: event:event.1 OR (status:500 AND ext:mail)\n"
    assert len(result.stdout.splitlines()) == 2


def test_filters_are_saved_used_and_forgotten(project: Path) -> None:
    (project / "kiket.toml").write_text('[filters]\nours = "ext:mail"\n')

    assert run(project, "filters", "save", "bad", "status:>=500").exit_code == 0
    assert listed(project, "--filter", "@bad -@ours") == [2]
    shown = [json.loads(line) for line in run(project, "filters", "--json").stdout.splitlines()]
    assert [(each["name"], each["text"], each["project"]) for each in shown] == [
        ("bad", "status:>=500", False),
        ("ours", "ext:mail", True),
    ]
    assert run(project, "filters", "forget", "@bad").exit_code == 0
    assert run(project, "filters").stdout == "@ours  ext:mail   (of the project)\n"


def test_the_language_explains_itself(project: Path) -> None:
    lines = run(project, "filters", "--fields").stdout

    assert "event:issue.*" in lines
    assert "status:>=500" in lines


def test_an_empty_filter_sends_nothing_again(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """It would mean everything, and comes from an empty variable of a script."""
    assert cli.run(["-C", str(project), "replay", "--filter", " "]) == ExitCode.USAGE
    assert "@all means every delivery" in capfd.readouterr().err
