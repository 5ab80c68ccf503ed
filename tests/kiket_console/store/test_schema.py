from __future__ import annotations

import sqlite3
from importlib import resources
from typing import TYPE_CHECKING

import pytest

from kiket_console.errors import ConsoleError
from kiket_console.store import schema

if TYPE_CHECKING:
    from pathlib import Path


def connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, isolation_level=None)


def test_the_version_is_the_newest_scripts_number() -> None:
    scripts = resources.files("kiket_console.store").joinpath("schema").iterdir()

    assert sorted(script.name for script in scripts) == [
        f"{number:04d}.sql" for number in range(1, schema.VERSION + 1)
    ]


def test_migrating_counts_up_and_a_second_time_changes_nothing(path: Path) -> None:
    connection = connect(path)

    schema.migrate(connection)
    made = connection.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()
    schema.migrate(connection)

    assert schema.user_version(connection) == schema.VERSION
    assert (
        connection.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall() == made
    )
    connection.close()


def test_a_script_that_fails_leaves_nothing_half_done(path: Path) -> None:
    """Here the log table is in the way of the script's last statements."""
    connection = connect(path)
    connection.execute("CREATE TABLE log (other TEXT)")

    with pytest.raises(sqlite3.OperationalError, match="already exists"):
        schema.migrate(connection)

    tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    assert tables == [("log",)]
    assert schema.user_version(connection) == 0
    connection.close()


def test_a_store_of_a_newer_program_is_refused_in_a_sentence(path: Path) -> None:
    connection = connect(path)
    connection.execute("PRAGMA user_version = 99")

    with pytest.raises(ConsoleError) as refused:
        schema.migrate(connection)

    assert refused.value.message == (
        f"The store has schema version 99, and this program knows up to {schema.VERSION}."
    )
    assert connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)
    connection.close()
