"""Secrets go between a `.env` and the vault as planned: the same text, no other line touched."""

from __future__ import annotations

import random
import stat
import subprocess
from io import StringIO
from typing import TYPE_CHECKING

import pytest
from dotenv import dotenv_values

from kiket_console import dotenv_secrets as secrets
from kiket_console.dotenv_secrets import Comparison, Row
from kiket_console.errors import ConsoleError

if TYPE_CHECKING:
    from pathlib import Path

PEM = "-----BEGIN PRIVATE KEY-----\nMIIB+/=\n-----END PRIVATE KEY-----\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / ".env"


def plan(file: Path, kept: dict[str, str], *wanted: str) -> dict[str, Row]:
    found = secrets.read(file)
    assert found is not None
    return {row.name: row for row in secrets.to_import(found, kept, wanted)}


def test_an_import_says_of_each_name_what_would_become_of_it(file: Path) -> None:
    file.write_text(
        "API_KEY=key-of-the-file\nDB_PASSWORD=same-as-kept\nOLD_TOKEN=another-than-kept\n"
        "REGION=eu-central-1\nWORD=asked-for\nEMPTY_KEY=\nKIKET_CONSOLE_PORT=8701\n"
        f"{'L' * 129}=too-long-a-name\n"
    )
    rows = plan(file, {"DB_PASSWORD": "same-as-kept", "OLD_TOKEN": "kept-as-this"}, "WORD")
    assert {name: (row.comparison, row.chosen) for name, row in rows.items()} == {
        "API_KEY": ("new", True),
        "DB_PASSWORD": ("same", False),
        "OLD_TOKEN": ("different", True),
        "REGION": ("new", False),
        "WORD": ("new", True),
        "EMPTY_KEY": ("unusable", False),
        "KIKET_CONSOLE_PORT": ("unusable", False),
        "L" * 129: ("unusable", False),
    }
    assert rows["EMPTY_KEY"].reason == "it has no value"
    assert rows["KIKET_CONSOLE_PORT"].reason == "a setting of kiket-console"
    assert rows["OLD_TOKEN"].line == 3
    assert [row.usable for row in rows.values()] == [True, False, True, True, True, *[False] * 3]


def test_values_are_in_no_representation_of_a_plan(file: Path) -> None:
    file.write_text("API_KEY=not-for-eyes")
    assert "not-for-eyes" not in repr(plan(file, {}))


def test_an_export_keeps_all_other_lines_and_is_for_this_user_alone(file: Path) -> None:
    file.write_text("# of the shop\nexport API_KEY='old one' # here\n\nREGION=eu\nDB=same")
    file.chmod(0o644)
    kept = {"API_KEY": "new one", "DB": "same", "crm.apiKey": "value", "CERT": PEM, "NUL": "\0"}
    rows = secrets.to_export(kept, secrets.read(file))
    assert {row.name: (row.comparison, row.reason) for row in rows} == {
        "API_KEY": ("different", ""),
        "CERT": ("new", ""),
        "DB": ("same", ""),
        "NUL": ("unusable", "no variable can hold a NUL character"),
        "crm.apiKey": ("new", ""),
    }
    assert [row.name for row in rows] == ["API_KEY", "CERT", "crm.apiKey", "DB", "NUL"]
    secrets.export(file, [row for row in rows if row.chosen])
    assert file.read_text() == (
        "# of the shop\nexport API_KEY='new one'\n\nREGION=eu\nDB=same\n"
        'CERT="-----BEGIN PRIVATE KEY-----\\nMIIB+/=\\n-----END PRIVATE KEY-----\\n"\n'
        "KIKET_SECRET_CRM_APIKEY=value\n"
    )
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert dotenv_values(file)["CERT"] == PEM


def test_a_declared_secret_is_known_by_its_variable(file: Path) -> None:
    """The SDK reads a manifest's crm.apiKey from KIKET_SECRET_CRM_APIKEY."""
    file.write_text("# crm\nKIKET_SECRET_CRM_APIKEY=of-the-file\nKIKET_SECRET_ELSE=of-nobody\n")
    rows = plan(file, {"crm.apiKey": "of-the-file"}, "crm.apiKey")
    assert [*rows] == ["crm.apiKey", "KIKET_SECRET_ELSE"]
    assert rows["crm.apiKey"].comparison is Comparison.SAME
    assert secrets.take_out(file, rows.values()) == ("crm.apiKey", "KIKET_SECRET_ELSE")
    assert file.read_text() == "# crm\n"


def test_two_secrets_of_one_variable_are_not_mixed_up(file: Path) -> None:
    file.write_text("API_KEY=one\nKIKET_SECRET_API_KEY=another\n")
    rows = plan(file, {}, "API_KEY")
    assert rows["API_KEY"].value == "one"
    assert rows["KIKET_SECRET_API_KEY"].reason == "the secret of API_KEY, which stands there, too"
    clash = secrets.to_export({"a.b": "1", "a-b": "2"}, None)
    assert [row.reason for row in clash] == [
        "a.b is in the same variable, KIKET_SECRET_A_B",
        "a-b is in the same variable, KIKET_SECRET_A_B",
    ]


def test_a_new_file_is_written_and_what_is_set_twice_changes_where_it_counts(file: Path) -> None:
    secrets.export(file, secrets.to_export({"A": "1"}, None))
    assert file.read_text() == "A=1\n"
    assert secrets.with_values("A=1\r\nB=2\r\nA=3\r\n", {"A": "4", "C": "5"}) == (
        "A=1\r\nB=2\r\nA=4\r\nC=5\r\n"
    )


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ("sk_live/+=:@.-", "A=sk_live/+=:@.-"),
        ("two words # no comment", "A='two words # no comment'"),
        ("costs $5 `now`", "A='costs $5 `now`'"),
        ("it's", 'A="it\'s"'),
        ("C:\\new", r'A="C:\\new"'),
        ("one\ntwo", r'A="one\ntwo"'),
        ("$one\ntwo's", "A='$one\ntwo\\'s'"),
        ("ünïcode", "A='ünïcode'"),
    ],
)
def test_a_value_is_quoted_as_it_needs(value: str, line: str) -> None:
    """Between single quotes where something would be filled in: there shells leave it alone."""
    assert secrets.assignment("A", value) == line


def test_any_text_comes_back_the_same() -> None:
    chance = random.Random(7)  # noqa: S311 - no secret is made
    alphabet = "ab Z09'\"\\$`{}#=\n\r\t\v\f\a\b\x1b~!&;üé\u2028\x85🔑nrt"
    values = {
        f"V{number}": "".join(chance.choices(alphabet, k=chance.randint(1, 12)))
        for number in range(900)
    }
    text = secrets.with_values("", values)
    assert dotenv_values(stream=StringIO(text), interpolate=False) == values
    assert secrets.without(text, values) == ""


def test_what_was_imported_is_taken_out_and_nothing_else(file: Path) -> None:
    file.write_text(
        "# keys\nAPI_KEY=key-of-the-file\n\n# more\nCERT='first\nsecond'\nREGION=eu\n"
        "API_KEY=key-that-counts\nCHANGED=now\n"
    )
    file.chmod(0o640)
    rows = plan(file, {})
    earlier = Row("CHANGED", Comparison.NEW, "when it was read")
    gone = secrets.take_out(file, [rows["API_KEY"], rows["CERT"], earlier])
    assert gone == ("API_KEY", "CERT")
    assert file.read_text() == "# keys\n\n# more\nREGION=eu\nCHANGED=now\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o640


def test_nothing_is_written_through_a_link(file: Path, tmp_path: Path) -> None:
    target = tmp_path / "elsewhere"
    target.write_text("A=1\n")
    file.symlink_to(target)
    row = Row("A", Comparison.DIFFERENT, "2")
    for change in (secrets.export, secrets.take_out):
        with pytest.raises(ConsoleError, match="is a link"):
            change(file, [row])
    assert target.read_text() == "A=1\n"


def test_what_would_not_be_read_again_is_not_written(file: Path) -> None:
    file.write_text("A=1\n")
    rows = [Row(f"V{number}", Comparison.NEW, "x" * 60_000) for number in range(5)]
    with pytest.raises(ConsoleError, match="more than 256 KiB"):
        secrets.export(file, rows)
    assert file.read_text() == "A=1\n"


def test_git_is_asked_whether_it_would_take_the_file(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(secrets, "_GIT_LIMIT_S", 120)
    assert not secrets.seen_by_git(file)
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    assert secrets.seen_by_git(file)
    (tmp_path / ".gitignore").write_text(".env\n")
    assert not secrets.seen_by_git(file)
