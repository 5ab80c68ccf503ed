from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from kiket_console import cli
from kiket_console.errors import ExitCode
from kiket_console.paths import ProjectPaths
from kiket_console.store.records import NewLog
from kiket_console.store.writer import Writer

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def project(tmp_path: Path, own_places: Path) -> ProjectPaths:
    """Return the places of a project with three recorded log lines."""
    (tmp_path / "kiket.toml").write_text('[[extension]]\nname = "m"\ncommand = "true"\n')
    paths = ProjectPaths(tmp_path)
    paths.make()
    writer = Writer(paths.store)
    writer.submit([NewLog(5, "m", "stdout", "", "", "hi") for _ in range(3)])
    writer.close()
    return paths


def run(project: ProjectPaths, *arguments: str) -> int:
    return cli.run(["verify", "-C", str(project.folder), *arguments])


def test_it_says_that_all_is_as_recorded(
    project: ProjectPaths, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(project) == ExitCode.OK
    assert (
        capsys.readouterr().out == "0 exchanges with 0 bodies and 3 log lines: all as recorded.\n"
    )


def test_it_names_what_was_changed_and_ends_with_a_status_of_its_own(
    project: ProjectPaths, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(sqlite3.connect(project.store)) as connection:
        connection.execute("UPDATE log SET text = 'another' WHERE id = 2")
        connection.commit()

    assert run(project) == ExitCode.VERIFICATION
    said = capsys.readouterr()
    assert said.out == "log line 2: was changed\n"
    assert said.err.startswith(f"Error: 1 row of the store {project.store} is not as recorded.\n")

    assert run(project, "--json") == ExitCode.VERIFICATION
    assert json.loads(capsys.readouterr().out) == {
        "schema": 1,
        "exchanges": 0,
        "bodies": 0,
        "logs": 3,
        "undigested": 0,
        "findings": [{"row": "log line 2", "what": "was changed"}],
    }


def test_a_file_that_is_no_store_is_told_of(
    project: ProjectPaths, capsys: pytest.CaptureFixture[str]
) -> None:
    project.store.write_bytes(b"no database at all, but long enough to look" * 50)

    assert run(project) == ExitCode.VERIFICATION
    assert capsys.readouterr().err.startswith(
        f"Error: The store {project.store} cannot be read: file is not a database.\n"
    )


def test_without_a_store_there_is_nothing_to_compare(
    tmp_path: Path, own_places: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["verify", "-C", str(tmp_path)]) == ExitCode.OK
    assert capsys.readouterr().err == "Nothing is recorded for this project yet.\n"
