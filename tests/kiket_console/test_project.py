"""What is in a folder is found by reading it; what cannot be used is said with what to do."""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING

import pytest

from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.project import find, with_known_names

if TYPE_CHECKING:
    from pathlib import Path

SDK = "from kiket_sdk import KiketSDK\nsdk = KiketSDK()\n"


@pytest.fixture
def folder(own_places: Path) -> Path:
    folder = own_places / "shop"
    folder.mkdir()
    (folder / "main.py").write_text(SDK)
    return folder


@pytest.mark.parametrize(
    "name",
    [
        "extension.yaml",
        "extension.yml",
        "manifest.yaml",
        "manifest.yml",
        ".kiket/manifest.yaml",
        ".kiket/manifest.yml",
    ],
)
def test_a_manifest_and_an_entry_make_an_extension(folder: Path, name: str) -> None:
    (folder / ".kiket").mkdir()
    (folder / name).write_text("extension:\n  id: com.example.shop\n  version: 1.4\n")
    extension = find(folder).extensions[0]
    assert extension.name == "com.example.shop"
    assert extension.declared.version == "1.4"
    assert extension.manifest == folder / name
    assert extension.entry == "main:sdk"
    assert extension.import_roots == (folder,)
    assert extension.guessed == "entry main:sdk guessed from main.py"
    assert extension.watch == (folder,)


def test_an_sdk_alone_is_an_extension_named_after_its_folder(folder: Path) -> None:
    project = find(folder)
    assert project.name == project.extensions[0].name == "shop"
    assert project.extensions[0].manifest is None
    assert project.extensions[0].problem is None


def test_a_manifest_says_which_secrets_events_and_variables_it_needs(folder: Path) -> None:
    (folder / "extension.yaml").write_text(
        "id: shop\n"
        "delivery: {callback: {secret: env:SHOP_SECRET}}\n"
        "events: [{name: issue.created, version: v1}, {name: sla, version: 2}, plain]\n"
        "hooks: [{event: workflow.before_transition}, broken]\n"
        "activationEvents: [issue.created]\n"
        "secrets: [{key: PAGER}, OTHER]\n"
        "configuration:\n  properties:\n    api.key: {secret: true}\n"
        "    region: {default: 'env:REGION'}\n    limit: 3\n"
    )
    declared = find(folder).extensions[0].declared
    assert declared.secrets == ("api.key", "PAGER", "OTHER")
    assert declared.variables == ("SHOP_SECRET", "REGION")
    assert declared.events == (
        "issue.created@v1",
        "sla@2",
        "plain",
        "workflow.before_transition",
    )


@pytest.mark.parametrize("text", ["", "- a\n", "null\n", "extension:\nconfiguration: []\n"])
def test_a_manifest_without_much_in_it_will_do(folder: Path, text: str) -> None:
    (folder / "extension.yaml").write_text(text)
    project = find(folder)
    assert project.extensions[0].problem is None
    assert project.extensions[0].name == "shop"


def test_a_manifest_that_is_no_yaml_is_a_problem_with_its_line(folder: Path) -> None:
    (folder / "extension.yaml").write_text("id: shop\nversion: [1,\n")
    problem = find(folder).extensions[0].problem
    assert problem is not None
    assert problem.file == "extension.yaml"
    assert problem.line >= 2
    assert problem.sentence.startswith(f"extension.yaml:{problem.line}:1: ")
    assert problem.sentence.count("extension.yaml") == 1
    assert problem.sentence.endswith("; correct that line and save.")


def test_an_empty_folder_teaches(own_places: Path) -> None:
    with pytest.raises(ConsoleError, match="There is no extension and no module in") as refused:
        find(own_places)
    assert refused.value.exit_code is ExitCode.CONFIG
    assert "extension.yaml" in refused.value.hint
    assert "kiket.toml" in refused.value.hint


def test_a_folder_of_messages_to_send_is_a_project_with_nothing_to_run(own_places: Path) -> None:
    messages = own_places / "shop" / "messages"
    messages.mkdir(parents=True)
    (messages / "order.json").write_text("{}")
    found = find(messages.parent)
    assert (found.name, found.workers) == ("shop", ())


def test_a_web_app_without_a_manifest_is_not_taken_for_an_extension(folder: Path) -> None:
    (folder / "main.py").write_text("from fastapi import FastAPI\napp = FastAPI()\n")
    with pytest.raises(ConsoleError, match="There is no extension"):
        find(folder)
    (folder / "kiket.toml").write_text("[[extension]]\nentry = 'main:app'\n")
    assert find(folder).extensions[0].entry == "main:app"


def test_a_manifest_without_an_entry_is_a_problem_that_a_save_can_solve(folder: Path) -> None:
    (folder / "main.py").unlink()
    (folder / "extension.yaml").write_text("id: shop\n")
    problem = find(folder).extensions[0].problem
    assert problem is not None
    assert "No app was found in main.py, app.py, extension.py or src/." in problem.sentence


def test_kiket_toml_says_it_all(folder: Path, own_places: Path) -> None:
    (folder / "ext" / "src").mkdir(parents=True)
    (folder / "ext" / "src" / "web.py").write_text(SDK)
    (folder / "lib").mkdir()
    python = own_places / "python"
    python.symlink_to(sys.executable)
    (folder / "kiket.toml").write_text(
        '[[extension]]\nname = "orders"\npath = "ext"\nentry = "web:sdk"\n'
        f'python = "{python}"\nwatch = ["lib"]\ndialect = "sw1"\n'
    )
    extension = find(folder).extensions[0]
    assert extension.name == "orders"
    assert extension.folder == folder / "ext"
    assert extension.import_roots == (folder / "ext" / "src", folder / "ext")
    assert extension.interpreter == python
    assert extension.watch == (folder / "ext", folder / "lib")
    assert extension.dialects == ("sw1",)
    assert extension.guessed == ""


@pytest.mark.parametrize(
    ("said", "era", "dialects", "is_unsigned"),
    [
        ("", "all", (), False),
        ("era = 'v0'", "v0", ("k0",), False),
        ("era = 'newest'", "newest", ("es256",), True),
        ("dialect = 'es256'", "all", ("es256",), True),
        ("era = 'april-2026'\ndialect = 'sw1'", "april-2026", ("sw1",), False),
    ],
)
def test_an_era_says_the_dialect_too_unless_that_is_said(
    folder: Path, said: str, era: str, dialects: tuple[str, ...], is_unsigned: bool
) -> None:
    (folder / "main.py").write_text(SDK)
    (folder / "kiket.toml").write_text(f"[[extension]]\nname = 'a'\n{said}\n")
    found = find(folder).extensions[0]

    assert (found.era, found.dialects, found.is_unsigned) == (era, dialects, is_unsigned)


def test_the_projects_own_interpreter_is_used_when_it_has_one(folder: Path) -> None:
    assert str(find(folder).extensions[0].interpreter) == sys.executable
    own = folder / ".venv" / "bin" / "python"
    own.parent.mkdir(parents=True)
    own.symlink_to(sys.executable)
    assert find(folder).extensions[0].interpreter == own  # the link: its target has other packages


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[[extension]\n", r"kiket.toml cannot be understood: .*line 1"),
        ("[module]\n", r"Write it as \[\[module\]\]"),
        ("[other]\n", r"has 'other', which is not known"),
        ("[extension]\n", r"Write it as \[\[extension\]\]"),
        ("[[extension]]\nentrie = 'main:app'\n", r"has 'entrie' .* not known. Use name, path"),
        ("[[extension]]\nentry = 3\n", r"has entry = 3, but needs a text"),
        ("[[extension]]\nwatch = 'lib'\n", r"has watch = 'lib', but needs a list of texts"),
        ("[[extension]]\nentry = 'main'\n", r"entry = 'main', which is not module:name"),
        ("[[extension]]\nentry = 'ma in:x'\n", r"which is not module:name"),
        ("[[extension]]\npath = 'nowhere'\n", r"path = 'nowhere': no such folder"),
        ("[[extension]]\npython = 'nowhere'\n", r"python = 'nowhere': no such file"),
        ("[[extension]]\ndialect = 'k9'\n", r"dialect = 'k9', which is not known. Use k0"),
        ("[[extension]]\nera = 'v9'\n", r"era = 'v9', which is not known. Use all, v0"),
        ('[[extension]]\nname = "a\\u0000b"\n', r"name = 'a.x00b', but needs a text"),
        (f"[[extension]]\npath = '{'a' * 256}'\n", r"no such folder"),
        (f"[[extension]]\nentry = '{'a' * 253}:b'\n", r"cannot be read: .*too long"),
        ("[[extension]]\npython = '~nobody-of-that-name/python'\n", r"no such file"),
        (f"a = {'[' * 20_000}\n", r"kiket.toml cannot be understood: .*recursion"),
        (f"# {'-' * 70_000}\n", r"kiket.toml has more than 64 KiB"),
    ],
)
def test_settings_that_cannot_be_used_are_told(folder: Path, text: str, told: str) -> None:
    (folder / "kiket.toml").write_text(text)
    with pytest.raises(ConsoleError, match=told) as refused:
        find(folder)
    assert refused.value.exit_code is ExitCode.CONFIG


def test_a_name_that_no_variable_or_screen_can_hold_is_none(folder: Path) -> None:
    (folder / "extension.yaml").write_text(
        'id: "a\\0b"\nversion: "\\e[31m"\nevents: ["\\e[2J", e]\n'
    )
    extension = find(folder).extensions[0]
    assert extension.name == folder.name
    assert extension.declared.extension_id == extension.declared.version == ""
    assert extension.declared.events == ("e",)


def test_a_manifest_with_half_a_character_declares_nothing(folder: Path) -> None:
    (folder / "extension.yaml").write_text('id: "\\ud800"\nevents: [e]\n')
    extension = find(folder).extensions[0]
    assert extension.name == folder.name
    assert extension.declared.events == ()


def test_a_folder_whose_path_is_not_unicode_is_refused(own_places: Path) -> None:
    """What is told of it, by JSON and on screen, is text."""
    folder = own_places / os.fsdecode(b"caf\xe9")
    folder.mkdir()
    with pytest.raises(ConsoleError) as refused:
        find(folder)
    assert refused.value.message.endswith("caf\\xe9 is not UTF-8.")


def test_a_folder_that_is_not_there_is_told(own_places: Path) -> None:
    with pytest.raises(ConsoleError, match="There is no folder"):
        find(own_places / "nowhere")


def with_tables(folder: Path, *tables: str) -> Path:
    """Write a kiket.toml of several extensions, whose folders are there."""
    for name in ("orders", "refunds"):
        (folder / name).mkdir(exist_ok=True)
        (folder / name / "main.py").write_text(SDK)
    (folder / "kiket.toml").write_text("".join(f"[[extension]]\n{table}\n" for table in tables))
    return folder


def test_a_project_may_have_several_extensions_in_the_order_of_their_tables(folder: Path) -> None:
    with_tables(folder, "path = 'refunds'", "path = 'orders'", "name = 'web'\ncommand = 'node x'")
    (folder / "orders" / "extension.yaml").write_text("id: com.example.orders\n")
    found = find(folder).extensions
    assert [spec.name for spec in found] == ["refunds", "com.example.orders", "web"]
    assert [spec.runs for spec in found] == ["main:sdk", "main:sdk", "node x"]
    assert [spec.is_named for spec in found] == [False, False, True]
    assert all(spec.problem is None for spec in found)


def test_several_extensions_may_share_a_folder(folder: Path) -> None:
    with_tables(folder, "name = 'a'\nentry = 'main:one'", "name = 'b'\nentry = 'main:two'")
    assert [(spec.name, spec.entry, spec.folder) for spec in find(folder).extensions] == [
        ("a", "main:one", folder),
        ("b", "main:two", folder),
    ]


@pytest.mark.parametrize(
    ("tables", "told"),
    [
        (("name = 'a'", "name = 'a'"), r'two extensions called "a"\. Give each .* a name'),
        (("", ""), r'two extensions called "shop"'),
        (
            ("command = 'x'\nname = 'a'\nport = 80", "command = 'y'\nname = 'b'\nport = 80"),
            r'gives port = 80 to both "a" and "b"',
        ),
        (("entri = 1",) * 33, r"names 33 extensions, and 32 are the most"),
        (("entri = 1", "entri = 2"), r"\[\[extension\]\] number 1, has 'entri'"),
    ],
)
def test_tables_that_do_not_go_together_are_told(
    folder: Path, tables: tuple[str, ...], told: str
) -> None:
    with_tables(folder, *tables)
    with pytest.raises(ConsoleError) as refused:
        find(folder)
    assert re.search(told, str(refused.value))


@pytest.mark.parametrize(
    ("table", "name", "told"),
    [
        ("name = 'b'\nentri = 3", "b", r"kiket.toml, .* \"b\", has 'entri' .* is not known"),
        ("path = 'nowhere'", "extension-2", r"number 2, has path = 'nowhere': no such folder"),
        ("name = 'b/c'", "extension-2", r"has name = 'b/c', which is no name for it"),
        ("name = 'b'\npython = 'no'", "b", r"has python = 'no': no such file"),
        (f"name = 'b'\nentry = '{'a' * 253}:b'", "b", r"cannot be read: .*too long"),
    ],
)
def test_a_table_that_cannot_be_used_harms_its_own_extension_alone(
    folder: Path, table: str, name: str, told: str
) -> None:
    with_tables(folder, "path = 'orders'", table, "path = 'refunds'")
    good, bad, other = find(folder).extensions
    assert good.problem is None
    assert other.problem is None
    assert bad.name == name
    assert bad.problem is not None
    assert re.search(told, bad.problem.sentence)


def test_a_project_may_keep_one_environment_for_all_its_extensions(folder: Path) -> None:
    with_tables(folder, "path = 'orders'", "path = 'refunds'")
    for place in (folder, folder / "orders"):
        (place / ".venv" / "bin").mkdir(parents=True)
        (place / ".venv" / "bin" / "python").symlink_to(sys.executable)
    assert [spec.interpreter for spec in find(folder).extensions] == [
        folder / "orders" / ".venv" / "bin" / "python",
        folder / ".venv" / "bin" / "python",
    ]


def test_a_command_needs_no_app_and_names_what_runs_it(folder: Path) -> None:
    (folder / "main.py").unlink()
    (folder / "extension.yaml").write_text("id: shop\nsecrets: [API_KEY]\n")
    (folder / "kiket.toml").write_text(
        "[[extension]]\ncommand = ['node', 'my server.js']\nport = 9090\n"
    )
    spec = find(folder).extensions[0]
    assert spec.name == "shop"
    assert spec.command == ("node", "my server.js")
    assert spec.runs == "node 'my server.js'"
    assert spec.run_by == ""
    assert spec.port == 9090
    assert spec.declared.secrets == ("API_KEY",)
    assert spec.problem is None


def test_an_extension_keeps_its_name_while_its_manifest_is_being_edited(folder: Path) -> None:
    """A name that nobody gave would change with the file that it comes from."""
    with_tables(folder, "path = 'orders'", "path = 'refunds'", "name = 'c'\ncommand = 'x'")
    manifest = folder / "orders" / "extension.yaml"
    manifest.write_text("id: com.example.orders\n")
    before = find(folder).extensions
    manifest.write_text("id: com.exam\n")
    after = find(folder)
    assert [spec.name for spec in after.extensions] == ["com.exam", "refunds", "c"]
    known = with_known_names(after, before).extensions
    assert [spec.name for spec in known] == ["com.example.orders", "refunds", "c"]


def test_an_extension_that_is_given_another_name_is_another_one(folder: Path) -> None:
    with_tables(folder, "path = 'orders'\nname = 'a'")
    before = find(folder).extensions
    with_tables(folder, "path = 'orders'\nname = 'b'")
    assert [spec.name for spec in with_known_names(find(folder), before).extensions] == ["b"]


def test_an_environment_whose_interpreter_is_gone_is_told(folder: Path) -> None:
    own = folder / ".venv" / "bin" / "python"
    own.parent.mkdir(parents=True)
    own.symlink_to("/opt/python3.9/bin/python")
    problem = find(folder).extensions[0].problem
    assert problem is not None
    assert problem.sentence == (
        f"{own} leads to /opt/python3.9/bin/python, which is gone; install it again, or make the "
        "link anew."
    )


def test_an_interpreter_that_cannot_be_run_is_told(folder: Path) -> None:
    (folder / "kiket.toml").write_text("[[extension]]\nentry = 'main:sdk'\npython = 'main.py'\n")
    problem = find(folder).extensions[0].problem
    assert problem is not None
    place = folder / "main.py"
    assert problem.sentence == f"{place} is not executable; allow it with `chmod +x {place}`."
