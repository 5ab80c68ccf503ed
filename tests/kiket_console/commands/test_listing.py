"""`traffic list` in an order that is asked for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from tests.snap import scene

from kiket_console import cli
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
