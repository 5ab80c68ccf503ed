"""A module is found by its table, or by its code alone; what cannot be used is said."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kiket_console.errors import ConsoleError
from kiket_console.module_entry import secrets_of
from kiket_console.project import find, with_known_names

if TYPE_CHECKING:
    from pathlib import Path

MODULE = """
from pywatt_sdk import pywatt_module

KEY = "STRIPE_KEY"

@pywatt_module(secrets=["DATABASE_URL", KEY], rotate=True)
async def create_app(app_state):
    ...
"""
SDK = "from kiket_sdk import KiketSDK\nsdk = KiketSDK()\n"


@pytest.fixture
def folder(own_places: Path) -> Path:
    """Return a folder whose main.py is a module."""
    folder = own_places / "search"
    folder.mkdir()
    (folder / "main.py").write_text(MODULE)
    return folder


def test_code_that_uses_the_sdk_is_a_module(folder: Path) -> None:
    project = find(folder)
    (module,) = project.modules
    assert project.extensions == ()
    assert project.workers == (module,)
    assert (module.name, module.kind, module.entry) == ("search", "module", "main.py")
    assert module.guessed == "entry main.py guessed from its use of pywatt_sdk"
    assert module.declared.secrets == ("DATABASE_URL", "STRIPE_KEY")
    assert module.channels == ("tcp", "uds")
    assert module.import_roots == (folder,)
    assert module.problem is None


def test_a_module_is_found_below_src_and_while_its_code_is_broken(folder: Path) -> None:
    (folder / "main.py").unlink()
    (folder / "src" / "search").mkdir(parents=True)
    (folder / "src" / "search" / "app.py").write_text(f"{MODULE}\n    def broken(:\n")
    (module,) = find(folder).modules
    assert module.entry == "src/search/app.py"
    assert module.import_roots == (folder / "src", folder)
    assert module.declared.secrets == ()


def test_what_has_an_extension_too_is_an_extension(folder: Path) -> None:
    (folder / "app.py").write_text(SDK)
    project = find(folder)
    assert (len(project.extensions), len(project.modules)) == (1, 0)


def test_kiket_toml_says_it_all(folder: Path) -> None:
    (folder / "lib").mkdir()
    (folder / "kiket.toml").write_text(
        '[[module]]\nname = "find"\ncommand = ["./target/find", "-v"]\nport = 8200\n'
        'watch = ["lib"]\nsecrets = ["A", "B", "A"]\nchannels = ["tcp"]\n'
        'env = { COLOUR = "red", PYWATT_MODULE_ID = "" }\nmissing_secret = "empty"\n'
    )
    (module,) = find(folder).modules
    assert module.name == "find"
    assert module.is_named
    assert module.runs == "./target/find -v"
    assert module.declared.secrets == ("A", "B")
    assert (module.port, module.channels, module.empties) == (8200, ("tcp",), True)
    assert module.env == {"COLOUR": "red"}
    assert module.watch == (folder, folder / "lib")


def test_a_project_may_have_both_kinds(folder: Path) -> None:
    for name, text in (("hooks", SDK), ("words", MODULE)):
        (folder / name).mkdir()
        (folder / name / "main.py").write_text(text)
    (folder / "kiket.toml").write_text(
        '[[module]]\npath = "words"\n[[extension]]\npath = "hooks"\nentry = "main:sdk"\n'
        '[[module]]\nname = "more"\nentry = "main:create_app"\n[[module]]\nenv = 3\n'
    )
    project = find(folder)
    assert [spec.name for spec in project.workers] == ["hooks", "words", "more", "module-3"]
    more, broken = project.modules[1:]
    assert more.declared.secrets == ("DATABASE_URL", "STRIPE_KEY")
    assert broken.problem is not None
    assert "env = 3, but needs a table of texts" in broken.problem.sentence


def test_a_module_keeps_its_name_while_the_folders_table_changes(folder: Path) -> None:
    known = find(folder).workers
    (folder / "kiket.toml").write_text('[[module]]\nname = "other"\n')
    assert with_known_names(find(folder), known).modules[0].name == "other"
    (folder / "kiket.toml").write_text("[[module]]\n")
    assert with_known_names(find(folder), known).modules[0].name == "search"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("dialect = 'k1'", r"'dialect' in \[\[module\]\], which is not known. Use name, path"),
        ("entry = 'main'", "which is neither a file nor module:name"),
        ("entry = '../main.py'", "which is neither a file nor module:name"),
        ("channels = ['http']", "channels = 'http', which is not known. Use tcp and uds"),
        ("secrets = ['a b']", "which no secret can be called"),
        ("env = { 'A B' = '' }", "env = 'A B', which no variable can be called"),
        ("env = { A = 3 }", "needs a table of texts"),
        ("missing_secret = 'ask'", "missing_secret = 'ask', which is not known"),
        ("entry = 'main.py'\ncommand = 'x'", "has both entry and command"),
        ("name = 'engine'", "but that is a name of ours"),
    ],
)
def test_a_table_that_cannot_be_used_is_told(folder: Path, text: str, told: str) -> None:
    (folder / "kiket.toml").write_text(f"[[module]]\n{text}\n")
    with pytest.raises(ConsoleError, match=told):
        find(folder)


def test_two_of_one_name_are_told_whatever_they_are(folder: Path) -> None:
    (folder / "kiket.toml").write_text(
        '[[module]]\nname = "a"\n[[extension]]\nname = "a"\ncommand = "x"\n'
    )
    with pytest.raises(ConsoleError, match='two workers called "a"'):
        find(folder)


def test_only_what_is_written_out_is_known_of_its_secrets(folder: Path) -> None:
    file = folder / "main.py"
    file.write_text(
        "NAMES = ('A', 'B', 3)\nrun_module(f, secrets=NAMES)\n"
        "serve_module_full(secret_keys=['C', unknown, made()])\nother(secrets=['D'])\n"
    )
    assert secrets_of(file) == ("A", "B", "C")
    assert secrets_of(folder / "nowhere.py") == ()
