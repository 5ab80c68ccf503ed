"""Messages to begin with: those of the program, and the project's own files."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from kiket_console.errors import ConsoleError
from kiket_console.producing import templates

if TYPE_CHECKING:
    from pathlib import Path


def test_the_projects_files_are_templates_by_their_names(tmp_path: Path) -> None:
    """What a file is about is said; one that is no message is listed all the same, to mend it."""
    folder = tmp_path / templates.FOLDER
    folder.mkdir()
    (folder / "shipped.json").write_text(
        '{"event_type": "order.shipped", "message_channel": "sms", "payload": {"a": 1, "b": 2}}'
    )
    (folder / "broken.json").write_text("{")
    (folder / "bytes.json").write_bytes(b"\xff\xfe")
    (folder / "notes.txt").write_text("no template")
    found = templates.of_project(tmp_path)
    assert [(each.name, each.meaning, each.file) for each in found] == [
        ("broken", "no JSON yet", "messages/broken.json"),
        ("shipped", "order.shipped · sms · 2 fields", "messages/shipped.json"),
    ]
    assert templates.named(tmp_path, "shipped").text == found[1].text
    assert templates.named(tmp_path, "payment").file == ""


def test_a_project_without_a_folder_has_no_templates(tmp_path: Path) -> None:
    assert templates.of_project(tmp_path) == []
    with pytest.raises(ConsoleError, match='There is no template "nothing"') as caught:
        templates.named(tmp_path, "nothing")
    assert "notification" in caught.value.hint


def test_a_message_is_kept_under_a_name_and_replaced_only_when_that_is_meant(
    tmp_path: Path,
) -> None:
    file = templates.save(tmp_path, "order shipped.json", '{"a": 1}')
    assert file == tmp_path / "messages" / "order shipped.json"
    with pytest.raises(ConsoleError, match="is there already"):
        templates.save(tmp_path, "order shipped", "{}")
    templates.save(tmp_path, "order shipped", '{"a": 2}', replace=True)
    assert json.loads(file.read_text()) == {"a": 2}


@pytest.mark.parametrize("name", ["", "../out", "a/b", ".hidden", "x" * 81])
def test_a_name_stays_in_the_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConsoleError, match="letters, digits"):
        templates.save(tmp_path, name, "{}")
    assert not (tmp_path / "messages").exists()


def test_a_folder_that_leads_out_of_the_project_is_left_alone(tmp_path: Path) -> None:
    """A project comes from strangers: it must not choose where a person's files are written."""
    project, elsewhere = tmp_path / "project", tmp_path / "elsewhere"
    project.mkdir()
    elsewhere.mkdir()
    (project / "messages").symlink_to(elsewhere)
    with pytest.raises(ConsoleError, match="leads out of the project"):
        templates.save(project, "a", "{}")
    assert not list(elsewhere.iterdir())
