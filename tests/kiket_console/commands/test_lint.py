"""`lint` and `setup` from a shell."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.kiket_console.linting.conftest import MANIFEST, SCHEMA

from kiket_console.cli import run

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a sound extension."""
    for name, text in ((".kiket/manifest.yaml", MANIFEST), (".kiket/modules/p/schema.yml", SCHEMA)):
        path = tmp_path / name
        path.parent.mkdir(parents=True)
        path.write_text(text)
    return tmp_path


def spoil(folder: Path, old: str, new: str) -> None:
    path = folder / ".kiket" / "manifest.yaml"
    path.write_text(path.read_text().replace(old, new, 1))


def test_nothing_to_correct(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["-C", str(folder), "lint"]) == 0
    assert capsys.readouterr().out == "2 files: nothing to correct.\n"


def test_findings_are_told_with_their_place(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil(folder, "timeout: 15000", "timeout: 99")
    spoil(folder, 'version: "1.4.0"', "version: 1.4")
    assert run(["-C", str(folder), "lint"]) == 1
    assert (
        capsys.readouterr().out
        == """\
.kiket/manifest.yaml:5:3: warning: extension.version: is read as a number, so that 1.10 would be \
1.1; put it in quotes. [version]
.kiket/manifest.yaml:15:5: error: extension.callback.timeout: is 99; it has to be 100 to 60000. \
[range]
1 error and 1 warning in 2 files; --fix corrects 1.
"""
    )


def test_warnings_alone_pass(folder: Path) -> None:
    spoil(folder, 'version: "1.4.0"', "version: 1.4")
    assert run(["-C", str(folder), "lint"]) == 0


def test_json_says_the_same(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spoil(folder, "timeout: 15000", "timeout: 99")
    assert run(["lint", str(folder), "--json"]) == 1
    said = json.loads(capsys.readouterr().out)
    file = str(folder / ".kiket" / "manifest.yaml")
    assert said == {
        "schema": 1,
        "files": [file, str(folder / ".kiket" / "modules" / "p" / "schema.yml")],
        "errors": 1,
        "warnings": 0,
        "findings": [
            {
                "severity": "error",
                "file": file,
                "line": 15,
                "column": 5,
                "key": "extension.callback.timeout",
                "message": "is 99; it has to be 100 to 60000.",
                "rule": "range",
                "fixable": False,
            }
        ],
        "corrected": [],
    }


def test_fix_corrects_and_tells_what_is_left(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil(folder, "timeout: 15000", "timeout: 99")
    spoil(folder, 'version: "1.4.0"', "version: 1.4")
    assert run(["-C", str(folder), "lint", "--fix"]) == 1
    out = capsys.readouterr().out
    assert out.startswith(".kiket/manifest.yaml:5:3: corrected: extension.version\n")
    assert out.endswith("\n1 error and 0 warnings in 2 files.\n")
    spoil(folder, "timeout: 99", "timeout: 15000")
    assert (folder / ".kiket" / "manifest.yaml").read_text() == MANIFEST.replace("1.4.0", "1.4")


def test_one_file_can_be_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spoil(folder, "timeout: 15000", "timeout: 99")
    assert run(["-C", str(folder), "lint", ".kiket/modules/p/schema.yml"]) == 0
    assert run(["-C", str(folder), "lint", ".kiket/manifest.yaml"]) == 1
    assert "in 1 file" in capsys.readouterr().out
    assert run(["-C", str(folder), "lint", "nowhere"]) == 2
    assert 'There is no "nowhere".' in capsys.readouterr().err
    (folder / "main.py").write_text("x = 1")
    assert run(["-C", str(folder), "lint", "main.py"]) == 2
    assert '"main.py" is no YAML.' in capsys.readouterr().err


def test_every_extension_of_a_project_is_checked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of several, one in another language may do without a manifest."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    (tmp_path / "one" / "extension.yaml").write_text("id: Bad\n")
    (tmp_path / "kiket.toml").write_text(
        '[[extension]]\npath = "one"\n[[extension]]\npath = "two"\ncommand = "ruby app.rb"\n'
    )
    run(["-C", str(tmp_path), "lint"])
    out = capsys.readouterr().out
    assert "one/extension.yaml:1:1: warning: id:" in out
    assert "two: warning: has no manifest" in out


def test_what_a_manifest_says_cannot_act_on_a_terminal(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil(folder, "delivery: http", 'delivery: "\\e[2J"\n  "\\e]0;": 1')
    assert run(["-C", str(folder), "lint"]) == 1
    assert "\x1b" not in capsys.readouterr().out


def test_the_wizard_is_shown_step_by_step(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["-C", str(folder), "setup"]) == 0
    out = capsys.readouterr().out
    assert [out.count(f"── {number} of 5 ─") for number in range(1, 6)] == [1] * 5
    assert run(["setup", str(folder), "--step", "4"]) == 0
    out = capsys.readouterr().out
    assert "4 of 5" in out
    assert "pager.testConnection" in out
    assert "PAGER_API_TOKEN" not in out
    assert run(["setup", str(folder), "--step", "6"]) == 2
    assert "manifest.yaml describes 5 steps." in capsys.readouterr().err


def test_the_wizard_speaks_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spoil(folder, "action: pager.testConnection", "required: 1")
    assert run(["-C", str(folder), "setup", "--json", "--step", "4"]) == 1
    said = json.loads(capsys.readouterr().out)
    (step,) = said["steps"]
    assert (said["name"], said["file"]) == ("Pager", ".kiket/manifest.yaml")
    assert (step["number"], step["kind"], step["title"]) == (4, "test", "Try")
    assert run(["-C", str(folder), "setup", "--json", "--step", "2"]) == 1
    severity, limit = json.loads(capsys.readouterr().out)["steps"][0]["fields"]
    assert severity["options"][1] == {"value": "high", "label": "high"}
    assert (severity["shown_when"], severity["default"]) == (None, "high")
    assert limit["shown_when"] == {"field": "SEVERITY", "value": "high"}
    assert [each["rule"] for each in step["findings"]] == ["shape", "setup-test"]


def test_an_extension_without_a_setup_is_taught(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "extension.yaml").write_text("id: a.b\n")
    assert run(["-C", str(tmp_path), "setup"]) == 0
    assert "extension.yaml describes no setup." in capsys.readouterr().err
    assert run(["-C", str(tmp_path), "setup", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["steps"] == []
