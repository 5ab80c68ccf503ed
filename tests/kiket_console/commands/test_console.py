"""Nothing runs before the person has seen what it is, and said yes once."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from kiket_console import interrupting
from kiket_console import project as projects
from kiket_console.commands import console as commands
from kiket_console.commands.console import need_trust
from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.paths import ProjectPaths

if TYPE_CHECKING:
    from pathlib import Path

    from kiket_console.project import Project


WRONG = (
    'kiket.toml, [[extension]] "bad", has command = '
    "['node', '\\u202e'], but needs a text or a list of texts. Correct it."
)


@pytest.fixture
def project(own_places: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Return a project of two extensions, in front of a terminal."""
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    folder = own_places / "shop"
    (folder / "web").mkdir(parents=True)
    (folder / "main.py").write_text("from kiket_sdk import KiketSDK\nsdk = KiketSDK()\n")
    (folder / "kiket.toml").write_text(
        "[[extension]]\nname = 'orders'\n"
        "[[extension]]\nname = 'web'\npath = 'web'\ncommand = ['node', 'a b.js']\n"
        "[[extension]]\nname = 'bad'\ncommand = ['node', '\u202e']\n"
    )
    return projects.find(folder)


def test_every_extension_is_named_with_what_would_run(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    need_trust(project, trust=False, ask=lambda *_, **__: True)
    shown = capsys.readouterr().err.splitlines()
    assert shown == [
        f"This folder has not been run here before: {project.folder}",
        "  extension  orders (main:sdk)",
        f"  run by     {sys.executable}",
        "  guessed    entry main:sdk guessed from main.py",
        "  extension  web (node 'a b.js')",
        f"  in         {project.folder / 'web'}",
        "  extension  bad (no entry found)",
        f"  run by     {sys.executable}",
        f"  problem    {WRONG}",
        "Its code will run as you, again on each save.",
    ]


def test_a_yes_is_for_the_folder_and_whatever_is_added_to_it(project: Project) -> None:
    need_trust(project, trust=False, ask=lambda *_, **__: True)
    with (project.folder / "kiket.toml").open("a") as settings:
        settings.write("[[extension]]\nname = 'later'\ncommand = 'x'\n")
    need_trust(projects.find(project.folder), trust=False, ask=pytest.fail)


def test_a_no_is_not_remembered_and_nothing_runs(project: Project) -> None:
    for _ in range(2):
        with pytest.raises(ConsoleError) as refused:
            need_trust(project, trust=False, ask=lambda *_, **__: False)
        assert refused.value.exit_code is ExitCode.AUTH


def test_an_engine_of_a_console_that_never_opens_is_ended(
    own_places: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Started:
        ended = 0

        def terminate(self) -> None:
            self.ended += 1

    def fail(*_: object) -> int:
        raise ConsoleError('There is no theme "nope".')

    engine = Started()
    monkeypatch.setattr(interrupting, "before_the_end", [])
    monkeypatch.setattr(commands, "_show", fail)
    with pytest.raises(ConsoleError):
        commands.show(ProjectPaths(own_places), engine)  # type: ignore[arg-type]  # all it asks
    assert engine.ended == 1
    assert interrupting.before_the_end == [engine.terminate]
