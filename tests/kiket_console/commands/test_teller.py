"""What a headless run prints, beside a store that has to be mended first."""

from __future__ import annotations

import errno
import json
import sqlite3
from contextlib import closing
from importlib import resources
from typing import TYPE_CHECKING, Any

import pytest
from tests.snap import scene

from kiket_console.commands import colour
from kiket_console.commands import teller as tellers
from kiket_console.commands.teller import Teller
from kiket_console.paths import ProjectPaths
from kiket_console.store.records import NewLog
from kiket_console.store.writer import Writer
from kiket_console.wire import EngineInfo

if TYPE_CHECKING:
    from pathlib import Path

PATIENCE_S = 120
READY = EngineInfo(1, "0", "/x", 5, "http://127.0.0.1:1", "http://127.0.0.1:2")


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a teller say all that is left when it is to stop, however long that takes."""
    monkeypatch.setattr(tellers, "END_TIMEOUT_S", PATIENCE_S)


def line(text: str) -> NewLog:
    return NewLog(5, "m", "stdout", "", "", text)


def damaged(path: Path) -> None:
    """Leave a store with a line in it, its beginning lost."""
    writer = Writer(path)
    writer.submit([line("old")]).result(PATIENCE_S)
    writer.close()
    path.write_bytes(bytes(8192) + path.read_bytes()[8192:])


def of_version_1(path: Path) -> None:
    """Leave a store of the first schema with a line in it."""
    script = resources.files("kiket_console.store").joinpath("schema/0001.sql").read_text("utf-8")
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)
        connection.execute("INSERT INTO log VALUES (1,5,'m','stdout','','','old','',NULL)")
        connection.execute("PRAGMA user_version = 1")
        connection.commit()


@pytest.mark.parametrize("leave", [damaged, of_version_1])
def test_only_what_is_new_is_told_though_the_store_had_to_be_mended(
    leave: Any, tmp_path: Path, own_places: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is made before the engine opens the store, and placed when the engine is ready."""
    paths = ProjectPaths(tmp_path)
    paths.make()
    leave(paths.store)
    teller = Teller(paths, as_json=True)
    teller.start()

    writer = Writer(paths.store)
    teller.ready(READY)
    writer.submit([line("new")]).result(PATIENCE_S)
    teller.wake()
    teller.stopped("asked")
    writer.close()

    told = capsys.readouterr().out
    texts = [each["text"] for each in map(json.loads, told.splitlines()) if each["type"] == "log"]
    assert texts == ["new"]
    assert len(writer.notes) == 1


def test_a_module_that_serves_is_told_with_its_address(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = ProjectPaths(tmp_path)
    paths.make()
    teller = Teller(paths, as_json=False)
    teller.ready(READY)
    teller.start()
    teller.worker(scene.module())
    teller.stopped("asked")

    assert "billing is serving, its routes below http://127.0.0.1:1/m/billing/\n" in (
        capsys.readouterr().err
    )


def test_a_disk_that_is_full_for_a_while_ends_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What could not be told is in the store; what comes when there is room is told."""
    paths = ProjectPaths(tmp_path)
    paths.make()
    echo, fails = colour.echo, [errno.EDQUOT, errno.ENOSPC]

    def echoed(text: str, **options: Any) -> None:
        if fails:
            raise OSError(fails.pop(), "no room")
        echo(text, **options)

    monkeypatch.setattr(colour, "echo", echoed)
    teller = Teller(paths, as_json=False)
    teller.ready(READY)
    teller.worker(scene.module())
    teller.worker(scene.module())
    teller.start()
    teller.stopped("asked")
    assert capsys.readouterr().err.endswith("Stopped.\n")
    assert not fails


def test_lines_for_a_person_scroll_on_standard_output_where_they_are_wanted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    paths = ProjectPaths(tmp_path)
    paths.make()
    writer = Writer(paths.store)
    teller = Teller(paths, as_json=False, to_stdout=True)
    teller.ready(READY)
    teller.start()
    writer.submit([line("to read\x1b[2J")]).result(PATIENCE_S)
    teller.stopped("asked")
    writer.close()

    said = capsys.readouterr()
    assert said.err == ""
    assert "\x1b[36mhttp://127.0.0.1:1/webhooks/{event}\x1b[0m" in said.out
    assert "to read\\x1b[2J" in said.out
    assert said.out.endswith("Stopped.\n")


def test_a_quiet_one_says_what_the_engine_says_and_nothing_of_what_is_recorded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """So the log of an engine behind a console does not grow with its traffic."""
    paths = ProjectPaths(tmp_path)
    paths.make()
    writer = Writer(paths.store)
    teller = Teller(paths, as_json=True, is_quiet=True)
    teller.ready(READY)
    teller.start()
    writer.submit([line("not to be told")]).result(PATIENCE_S)
    teller.wake()
    teller.note("It is late.")
    teller.stopped("asked")
    writer.close()

    told = [json.loads(each)["type"] for each in capsys.readouterr().out.splitlines()]
    assert told == ["ready", "note", "stopped"]
