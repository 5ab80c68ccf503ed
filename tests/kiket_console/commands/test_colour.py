"""Lines are coloured where somebody sees it, and nowhere that says no."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING

import click
import pytest
from tests.snap import scene

from kiket_console.commands import colour
from kiket_console.commands.lines import exchange_line, log_lines
from kiket_console.model import LogLine
from kiket_console.store.reader import Reader

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def no_word(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "CLICOLOR", "CLICOLOR_FORCE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")


@pytest.mark.parametrize(
    ("said", "on_terminal", "wanted"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"NO_COLOR": "1"}, True, False),
        ({"NO_COLOR": ""}, True, True),
        ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, True, False),
        ({"FORCE_COLOR": "1"}, False, True),
        ({"FORCE_COLOR": "0"}, True, False),
        ({"CLICOLOR_FORCE": "1"}, False, True),
        ({"CLICOLOR": "0"}, True, False),
        ({"CLICOLOR": "1"}, False, False),
        ({"TERM": "dumb"}, True, False),
        ({"TERM": "dumb", "FORCE_COLOR": "1"}, True, True),
    ],
)
def test_what_the_environment_says_counts(
    said: dict[str, str], on_terminal: bool, wanted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stream(io.StringIO):
        def isatty(self) -> bool:
            return on_terminal

    stdout = Stream()
    monkeypatch.setattr(sys, "stdout", stdout)
    for name, value in said.items():
        monkeypatch.setenv(name, value)
    assert colour.is_wanted() is wanted
    colour.echo(colour.paint()("error", "failed"))
    assert stdout.getvalue() == ("\x1b[31mfailed\x1b[0m\n" if wanted else "failed\n")


def test_a_painted_line_is_the_plain_one_with_colours_and_nothing_else(tmp_path: Path) -> None:
    story = scene.Story()
    story.webhook("issue.created", "v1\x1b[2J", scene.issue(1), 500, 3_000)
    scene.write_store(tmp_path / "store.sqlite3", story)
    with Reader(tmp_path / "store.sqlite3") as reader:
        [exchange] = reader.page(reader.ids())
    painted = exchange_line(exchange, paint=colour.coloured)
    assert "\x1b[31m500 ✗" in painted
    assert click.unstyle(painted) == exchange_line(exchange)
    line = LogLine(1, 5, "m", "stderr", "", "", "broke\x1b]0;x\x07", "", None)
    assert [click.unstyle(each) for each in log_lines(line, colour.coloured)] == log_lines(line)
