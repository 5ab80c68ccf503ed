"""Corrections: what a program can correct, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml
from tests.kiket_console.linting.conftest import MANIFEST, SCHEMA
from tests.kiket_console.linting.test_lint import SPOILED

from kiket_console.errors import ConsoleError
from kiket_console.linting.fixing import fix
from kiket_console.linting.lint import lint

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.mark.parametrize(
    ("old", "new", "corrected"),
    [
        ('version: "1.4.0"', "version: 1.10 # why", 'version: "1.10" # why'),
        ("delivery: http", "delivery: HTTP", "delivery: http"),
        ("sdk: python", "sdk: 'TypeScript'", "sdk: node"),
        ("timeout: 15000", 'timeout: "15000"', "timeout: 15000"),
        ("    required: true\n  act", "    required: 'True'\n  act", "required: true\n  act"),
        ("activationEvents:", "ActivationEvents:", "activationEvents:"),
        ("type: api_key", "type: api-key", "type: api_key"),
        ("LOG_LEVEL: info", "LOG_LEVEL: 3", 'LOG_LEVEL: "3"'),
        ('model_version: "1.0"\n', "# hello\n---\n", '# hello\n---\nmodel_version: "1.0"\nexten'),
    ],
)
def test_what_is_corrected_is_all_that_changes(
    sound: Path, write: Callable[..., Path], old: str, new: str, corrected: str
) -> None:
    path = write(MANIFEST.replace(old, new, 1))
    before = path.read_text()
    done = fix(lint(sound))
    assert len(done) == 1
    after = path.read_text()
    assert corrected in after
    assert lint(sound).findings == ()
    untouched = [line for line in before.splitlines() if line in after.splitlines()]
    assert len(untouched) >= len(before.splitlines()) - 1


def test_the_language_is_added_where_the_files_tell_it(
    sound: Path, write: Callable[..., Path]
) -> None:
    path = write(MANIFEST.replace("  sdk: python\n", ""))
    assert fix(lint(sound)) == []
    write("", "main.py")
    fix(lint(sound))
    assert yaml.safe_load(path.read_text())["extension"]["sdk"] == "python"
    assert lint(sound).findings == ()


def test_null_keys_are_put_in_quotes(sound: Path, write: Callable[..., Path]) -> None:
    name = ".kiket/modules/pages/schema.yml"
    path = write(SCHEMA.replace('"null"', "null").replace("\n", "\r\n"), name)
    fix(lint(sound))
    assert path.read_bytes() == SCHEMA.replace("\n", "\r\n").encode()


def test_what_was_corrected_is_not_found_again(sound: Path, write: Callable[..., Path]) -> None:
    corrected = 0
    for old, new, *_ in SPOILED:
        path = write(MANIFEST.replace(old, new, 1))
        before = lint(sound)
        done = fix(before)
        if not done:
            continue
        corrected += len(done)
        left = lint(sound).findings
        assert len(left) <= len(before.findings), path
        assert not {(each.rule, each.key) for each in left} & {(e.rule, e.key) for e in done}
    assert corrected >= 10


def test_a_guess_is_for_a_person_to_take(sound: Path, write: Callable[..., Path]) -> None:
    """Only what is the same word, spelled otherwise, is written anew."""
    path = write(MANIFEST.replace("sdk: python", "sdk: pyton").replace("tags:", "tahs:"))
    before = path.read_bytes()
    assert fix(lint(sound)) == []
    assert path.read_bytes() == before


def test_a_value_that_others_refer_to_is_left_alone(
    sound: Path, write: Callable[..., Path]
) -> None:
    """To write it anew would take the name away that they refer to."""
    text = MANIFEST.replace("timeout: 15000", 'timeout: &long "15000"')
    path = write(text.replace("timeout: 3000", "timeout: *long"))
    before = path.read_bytes()
    assert lint(sound).errors == 2
    assert fix(lint(sound)) == []
    assert path.read_bytes() == before


def test_a_file_that_changed_meanwhile_is_left_alone(
    sound: Path, write: Callable[..., Path]
) -> None:
    write(MANIFEST.replace("sdk: python", "sdk: Python"))
    result = lint(sound)
    path = write(MANIFEST)
    with pytest.raises(ConsoleError, match="changed meanwhile"):
        fix(result)
    assert path.read_text() == MANIFEST


def test_mode_and_links_are_kept(sound: Path, write: Callable[..., Path]) -> None:
    real = write(MANIFEST.replace("sdk: python", "sdk: Python"), "elsewhere.yaml")
    real.chmod(0o640)
    link = sound / ".kiket" / "manifest.yaml"
    link.unlink()
    link.symlink_to(real)
    fix(lint(sound))
    assert link.is_symlink()
    assert real.read_text() == MANIFEST
    assert real.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_other_encodings_are_left_alone(sound: Path, encoding: str) -> None:
    path = sound / ".kiket" / "manifest.yaml"
    path.write_bytes(MANIFEST.replace("sdk: python", "sdk: Python").encode(encoding))
    before = path.read_bytes()
    result = lint(sound)
    assert [each.key for each in result.findings] == ["extension.sdk"]
    assert fix(result) == []
    assert path.read_bytes() == before
