"""`logs` prints lines for a person, and all that is known of them as JSON."""

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


@pytest.fixture
def project(own_places: Path) -> Path:
    folder = own_places / "marketing"
    folder.mkdir()
    paths = ProjectPaths(folder)
    paths.make()
    scene.write_store(paths.store)
    return folder


def run(folder: Path, *arguments: str) -> list[str]:
    result = CliRunner().invoke(cli.cli, ["-C", str(folder), "logs", *arguments])
    assert result.exit_code == 0
    return result.output.splitlines()


def test_locals_stand_below_their_frame_when_they_are_asked_for(project: Path) -> None:
    plain = run(project, "--filter", "has:locals")
    assert len(plain) == 7
    shown = run(project, "--filter", "has:locals", "--locals")
    code = next(at for at, each in enumerate(shown) if each.endswith('contacts[issue["reporter"]]'))
    said = shown[code + 1].partition("│ ")[2]
    assert said == 'self = Crm(base="https://crm.test", api_key=[redacted])'
    assert [each for each in shown if "│" not in each] == plain


def test_json_has_the_frames_of_an_exception(project: Path) -> None:
    told = [json.loads(line) for line in run(project, "--json")]
    (failed,) = [line for line in told if line["frames"]]
    assert (failed["level"], failed["exchange_id"]) == ("ERROR", 1191)
    frame = failed["frames"][1]
    assert (frame["function"], frame["line"], frame["first"]) == ("contact_of", 17, 15)
    assert ["issue", '{"id": 43, "key": "KIK-43", "title": "Größe"}'] in frame["values"]


def test_lines_are_asked_for_by_what_they_belong_to(project: Path) -> None:
    assert len(run(project, "--filter", "event:issue.transitioned level:>=warn")) == 8
    assert run(project, "--filter", "event:sla.breach", "--json") == []
