"""Paths that a project ignores when it compares: read from kiket.toml and written there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kiket_console import ignored_paths
from kiket_console.errors import ConsoleError
from kiket_console.worker_table import raw_tables

if TYPE_CHECKING:
    from pathlib import Path

TOML = """\
# ours
[[extension]]
name = "a"  # the first

[compare]
ignore = ["$.a"]  # volatile
"""


def test_they_are_read_and_none_are_there_without_a_file(tmp_path: Path) -> None:
    assert ignored_paths.load(tmp_path) == ()
    (tmp_path / "kiket.toml").write_text(TOML)
    assert ignored_paths.load(tmp_path) == ("$.a",)
    assert raw_tables(tmp_path)["extension"] == [{"name": "a"}]  # its table disturbs nobody


def test_writing_touches_no_other_line_and_keeps_the_files_mode(tmp_path: Path) -> None:
    file = tmp_path / "kiket.toml"
    file.write_text(TOML)
    file.chmod(0o644)
    assert ignored_paths.save(tmp_path, ("$.a", '$["b c"]')) == file
    assert file.read_text() == TOML.replace('["$.a"]', '["$.a", "$[\\"b c\\"]"]')
    assert file.stat().st_mode & 0o777 == 0o644
    assert ignored_paths.load(tmp_path) == ("$.a", '$["b c"]')


def test_a_project_without_a_file_gets_one(tmp_path: Path) -> None:
    ignored_paths.save(tmp_path, ("$.a",))
    assert (tmp_path / "kiket.toml").read_text().strip() == '[compare]\nignore = ["$.a"]'
    ignored_paths.save(tmp_path, ())
    assert ignored_paths.load(tmp_path) == ()


@pytest.mark.parametrize(
    "table", ['ignore = "$.a"', "ignore = [1]", 'ignore = ["a.b"]', "other = 1", "ignore = [[]]"]
)
def test_what_cannot_be_understood_is_refused_with_a_sentence(tmp_path: Path, table: str) -> None:
    (tmp_path / "kiket.toml").write_text(f"[compare]\n{table}\n")
    with pytest.raises(ConsoleError, match="compare"):
        ignored_paths.load(tmp_path)


def test_a_list_on_several_lines_is_left_to_the_person(tmp_path: Path) -> None:
    text = '[compare]\nignore = [\n  "$.a",\n]\n'
    (tmp_path / "kiket.toml").write_text(text)
    with pytest.raises(ConsoleError, match="several lines"):
        ignored_paths.save(tmp_path, ("$.a", "$.b"))
    assert (tmp_path / "kiket.toml").read_text() == text
