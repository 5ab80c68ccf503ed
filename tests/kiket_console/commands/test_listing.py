"""`traffic list` in an order that is asked for, and what names an exchange."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import msgspec
import pytest
from click.testing import CliRunner
from tests.kiket_console.ui.test_paint import EXCHANGE
from tests.snap import scene

from kiket_console import cli
from kiket_console.commands import lines
from kiket_console.errors import ExitCode
from kiket_console.paths import ProjectPaths

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("--limit 2", [1195, 1196]),
        ("--limit 2 --reverse", [1196, 1195]),
        ("--order duration --limit 3", [1191, 1193, 1192]),
        ("--order status --limit 4", [1191, 1193, 1194, 1189]),
        ("--order duration --reverse --limit 2 --filter status:200", [1188, 1190]),
        ("--order time --limit 2 --worker marketing", [1180, 1181]),
    ],
)
def test_the_first_are_listed_in_an_order(
    own_places: Path, arguments: str, expected: list[int]
) -> None:
    folder = own_places / "marketing"
    folder.mkdir()
    paths = ProjectPaths(folder)
    paths.make()
    scene.write_store(paths.store)
    told = CliRunner().invoke(
        cli.cli, ["-C", str(folder), "traffic", "list", "--json", *arguments.split()]
    )
    assert [json.loads(line)["id"] for line in told.output.splitlines()] == expected


@pytest.mark.parametrize("words", ["traffic show 0", "replay 12 x", "traffic diff 1 1_000"])
def test_what_is_no_number_of_an_exchange_is_told_where_there_are_some(words: str) -> None:
    told = CliRunner().invoke(cli.cli, words.split())
    assert told.exit_code == ExitCode.USAGE
    assert " is not the number of an exchange; `kiket-console traffic list` lists" in told.output


def test_a_long_name_of_a_worker_is_shortened_to_what_tells_it_from_others() -> None:
    row = msgspec.structs.replace(EXCHANGE, worker="com.example.billing")
    assert lines.exchange_line(row, worker=True).split()[2] == "billing"
