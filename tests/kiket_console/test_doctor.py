"""What doctor looks at, and what it advises."""

from __future__ import annotations

import socket
import sqlite3
from contextlib import closing
from importlib import metadata
from typing import TYPE_CHECKING

import keyring
import pytest
from keyring.backends import fail
from tests.snap import scene, trouble

from kiket_console import doctor
from kiket_console.doctor import FAIL, OK, WARN, Finding, examine
from kiket_console.paths import ProjectPaths
from kiket_console.store import files
from kiket_console.store.schema import VERSION
from kiket_console.store.writer import Writer
from kiket_console.trust import Trust
from kiket_console.wire import EngineInfo

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from kiket_console.engine_status import EngineStatus


@pytest.fixture
def paths(extension_folder: Path) -> ProjectPaths:
    return ProjectPaths(extension_folder)


@pytest.fixture(scope="module")
def owners() -> Mapping[str, list[str]]:
    """Return which distributions bring which packages: what takes nearly all of a look."""
    return metadata.packages_distributions()


@pytest.fixture(autouse=True)
def asked_once(monkeypatch: pytest.MonkeyPatch, owners: Mapping[str, list[str]]) -> None:
    """Let all looks share what is installed."""
    monkeypatch.setattr(metadata, "packages_distributions", lambda: owners)


def found(paths: ProjectPaths, name: str) -> Finding:
    return next(finding for finding in examine(paths) if finding.name == name)


def test_everything_that_is_not_fine_comes_with_advice(paths: ProjectPaths) -> None:
    for finding in examine(paths):
        assert finding.sentence
        assert finding.level == OK or finding.advice


def test_a_healthy_project_is_named_with_its_entry(paths: ProjectPaths) -> None:
    finding = found(paths, "project")
    assert finding.level == OK
    assert "main:sdk" in finding.sentence
    assert "not said yes" in finding.sentence


def test_a_manifest_is_checked_by_the_rules(paths: ProjectPaths) -> None:
    """What the rules find keeps nothing from working here: it is no failure."""
    finding = found(paths, "manifest")
    assert finding.level == WARN
    assert finding.sentence == "0 errors and 2 warnings in 1 file."
    assert finding.advice == "`kiket-console lint` lists them."
    manifest = paths.folder / "extension.yaml"
    manifest.write_text('model_version: "1.0"\nid: a.b\nversion: "1"\nsdk: python\n')
    assert found(paths, "manifest") == Finding("manifest", OK, "1 file, nothing to correct.")
    manifest.unlink()
    assert found(paths, "manifest").sentence == "No extension here has one."


def test_an_empty_folder_is_taught(tmp_path: Path) -> None:
    finding = found(ProjectPaths(tmp_path), "project")
    assert finding.level == FAIL
    assert "extension.yaml" in finding.advice


def test_a_broken_setting_is_shown(paths: ProjectPaths) -> None:
    (paths.folder / "kiket.toml").write_text("[console]\nprot = 1\n")
    finding = found(paths, "settings")
    assert (finding.level, finding.advice) == (FAIL, 'Did you mean "port"?')


def test_settings_are_shown_with_their_source(paths: ProjectPaths) -> None:
    (paths.folder / "kiket.toml").write_text("[console]\nport = 8800\n")
    assert found(paths, "settings").sentence.startswith("port from ")


def test_a_project_that_only_sends_is_a_healthy_one(tmp_path: Path) -> None:
    (tmp_path / "messages").mkdir()
    (tmp_path / "messages" / "order.json").write_text("{}")
    finding = found(ProjectPaths(tmp_path), "project")
    assert (finding.level, finding.sentence) == (OK, "It has messages to send, and nothing to run.")


def test_a_file_of_variables_is_named_and_counts_once_the_project_is_trusted(
    paths: ProjectPaths,
) -> None:
    (paths.folder / ".env").write_text("KIKET_CONSOLE_PORT=8801\nSHOP_TOKEN=not-for-eyes\n")
    finding = found(paths, "settings")
    assert finding.level == WARN
    assert f"{paths.folder / '.env'} is not used yet" in finding.sentence
    assert "port" not in finding.sentence
    Trust().trust(paths.folder)
    finding = found(paths, "settings")
    assert finding.level == OK
    assert f"port from {paths.folder / '.env'}:1" in finding.sentence
    assert "not-for-eyes" not in finding.sentence
    (paths.folder / ".env").write_text("A='\n")
    assert found(paths, "settings").level == FAIL


def test_it_says_in_which_encodings_traces_are_read(
    paths: ProjectPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert found(paths, "traces").sentence.endswith("read in protobuf and JSON.")

    def missing(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", missing)
    finding = found(paths, "traces")
    assert finding.level == OK
    assert "kiket-console[otlp]" in finding.sentence


def test_a_second_distribution_with_our_packages_is_a_failure(
    paths: ProjectPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two distributions that own `kiket_sdk` overwrite each other's files."""
    owners = {"kiket_sdk": ["kiket-console", "kiket-sdk"]}
    monkeypatch.setattr(metadata, "packages_distributions", lambda: owners)
    finding = found(paths, "packages")
    assert finding.level == FAIL
    assert "kiket-sdk" in finding.sentence
    assert finding.advice.startswith("Uninstall kiket-sdk")


def test_a_missing_keyring_is_a_warning(
    paths: ProjectPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keyring, "get_keyring", fail.Keyring)
    finding = found(paths, "keyring")
    assert finding.level == WARN
    assert finding.sentence == "Secrets cannot be kept: there is no keyring here."


def test_taken_ports_are_seen(paths: ProjectPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        monkeypatch.setattr(doctor, "FIRST_PORT", port)
        monkeypatch.setattr(doctor, "LAST_PORT", port)
        finding = found(paths, "port")
    assert finding.level == FAIL
    assert finding.advice == "Pass --port."


def test_the_port_that_the_settings_name_is_looked_at(
    paths: ProjectPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        monkeypatch.setenv("KIKET_CONSOLE_PORT", str(port))
        taken = found(paths, "port")
    assert (taken.level, taken.sentence) == (
        FAIL,
        f"Port {port}, which the settings name, is taken.",
    )
    assert found(paths, "port") == Finding("port", OK, f"Port {port} is free.")


def test_a_terminal_that_cannot_draw_is_a_failure(
    paths: ProjectPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("TERM", "dumb")
    assert found(paths, "terminal").level == FAIL
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "70")
    monkeypatch.setenv("LINES", "24")
    assert found(paths, "terminal").sentence == "The terminal has 70 by 24 cells."
    monkeypatch.setenv("COLUMNS", "120")
    assert found(paths, "terminal").level == OK


def test_a_store_is_told_with_its_size_schema_and_how_long_it_is_kept(paths: ProjectPaths) -> None:
    assert found(paths, "store").sentence == "Nothing is recorded for this project yet."
    paths.make()
    with closing(Writer(paths.store)):
        pass
    (paths.folder / "kiket.toml").write_text(
        '[console]\nretention_days = 0\nretention_mb = 9\ndurability = "process"\n'
    )
    finding = found(paths, "store")
    assert finding.level == OK
    assert f"schema {VERSION}, sound at a first look" in finding.sentence
    assert finding.sentence.endswith("durability process; kept for ever, 9 MB at most.")


def test_a_damaged_store_is_a_failure_with_what_will_happen(paths: ProjectPaths) -> None:
    paths.make()
    paths.store.write_bytes(b"this is no database" * 400)
    finding = found(paths, "store")
    assert finding.level == FAIL
    assert finding.sentence == f"{paths.store} is damaged: file is not a database."
    assert "begins a new one" in finding.advice


def test_a_store_of_a_newer_program_is_a_failure(paths: ProjectPaths) -> None:
    paths.make()
    with closing(sqlite3.connect(paths.store)) as connection:
        connection.execute(f"PRAGMA user_version = {VERSION + 1}")
    assert found(paths, "store").level == FAIL


def test_a_store_on_a_network_file_system_is_a_warning(
    paths: ProjectPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "network_kind", lambda _: "nfs4")
    finding = found(paths, "store")
    assert finding.level == WARN
    assert "a network file system (nfs4)" in finding.sentence
    assert "XDG_STATE_HOME" in finding.advice


@pytest.mark.parametrize(("version", "noted"), [((3, 40, 1), True), ((3, 51, 3), False)])
def test_an_sqlite_that_can_damage_a_store_with_two_writers_is_noted(
    paths: ProjectPaths, monkeypatch: pytest.MonkeyPatch, version: tuple[int, ...], noted: bool
) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", version)
    finding = found(paths, "sqlite")
    assert finding.level == OK
    assert ("the engine alone writes" in finding.sentence) == noted


def test_a_state_folder_that_is_none_is_a_failure(
    own_places: Path, extension_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (own_places / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(own_places / "file"))
    finding = found(ProjectPaths(extension_folder), "state folder")
    assert finding.level == FAIL
    assert "XDG_STATE_HOME" in finding.advice


@pytest.mark.parametrize(
    ("degraded", "level", "said"),
    [
        ({}, OK, "pid 8100 serves http://127.0.0.1:8700, and is well."),
        (trouble.DEGRADED, WARN, "The keyring Secret Service is locked. It has been so for "),
        (None, WARN, "cannot be asked: "),
    ],
    ids=["well", "degraded", "gone"],
)
def test_an_engine_is_asked_what_of_it_is_degraded(
    paths: ProjectPaths,
    monkeypatch: pytest.MonkeyPatch,
    degraded: dict[str, object] | None,
    level: str,
    said: str,
) -> None:
    async def status(_: object) -> EngineStatus:
        if degraded is None:
            raise TimeoutError
        return scene.status(**degraded)

    info = EngineInfo(8100, "0.1.0", str(paths.folder), 0, "http://127.0.0.1:8700", "")
    monkeypatch.setattr(doctor, "lock_holder", lambda _: 8100)
    monkeypatch.setattr(doctor, "find_engine", lambda _: info)
    monkeypatch.setattr(doctor, "_status", status)
    finding = doctor._engine(paths)
    assert finding.level == level
    assert said in finding.sentence
