"""An extension gets listed variables, the secrets that its manifest names, and no more."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from kiket_console import project as projects
from kiket_console.engine.surroundings import Surrounder
from kiket_console.engine.vault import open_vault
from kiket_console.errors import ConsoleError
from kiket_core.secret import redactor

if TYPE_CHECKING:
    from pathlib import Path

    from kiket_console.store.records import NewLog
    from kiket_console.worker_spec import ExtensionSpec

SHELL = {
    "PATH": "/usr/bin",
    "LANG": "C.UTF-8",
    "KIKET_SDK_DEBUG": "1",
    "KIKET_SECRET_MINE": "of-mine",
    "KIKET_SECRET_THEIRS": "of-theirs",
    "KIKET_STRIPE_TOKEN": "of-nobody",
    "KIKET_EMPTY_TOKEN": "",
    "AWS_SECRET_ACCESS_KEY": "of-aws",
    "LD_PRELOAD": "/evil.so",
    "LD_LIBRARY_PATH": "/evil",
    "PYTHONPATH": "/evil",
    "PYTHONSTARTUP": "/evil.py",
    "NODE_OPTIONS": "--require /evil.js",
    "HTTPS_PROXY": "http://evil",
    "VIRTUAL_ENV": "/other",
    "SHOP_REGION": "eu",
}


@pytest.fixture
def specs(own_places: Path) -> dict[str, ExtensionSpec]:
    """Return two extensions of one project."""
    folder = own_places / "project"
    for name in ("mine", "theirs"):
        (folder / name).mkdir(parents=True)
        (folder / name / "extension.yaml").write_text(
            f"id: {name}\nsecrets: [{name}]\nconfiguration:\n  properties:\n"
            "    region: {default: 'env:SHOP_REGION'}\n"
        )
    (folder / "kiket.toml").write_text(
        "".join(f"[[extension]]\npath = '{name}'\ncommand = 'x'\n" for name in ("mine", "theirs"))
    )
    return {spec.name: spec for spec in projects.find(folder).extensions}


@pytest.fixture
async def surrounder(own_places: Path) -> tuple[Surrounder, list[NewLog]]:
    """Return what composes surroundings, and what it logs."""
    logs: list[NewLog] = []
    vault = await open_vault("key", own_places / "vault-index.json", "session")
    variables = {"KIKET_BASE_URL": "http://127.0.0.1:1"}
    return Surrounder("key", own_places, vault, SHELL, variables, logs.append), logs


async def test_variables_are_those_of_a_list(
    surrounder: tuple[Surrounder, list[NewLog]], specs: dict[str, ExtensionSpec]
) -> None:
    """What would put other code into a process, or its traffic elsewhere, is on none."""
    given = await surrounder[0].surround(specs["mine"], "mine#1")
    plain = dict(given.environment)
    plain.pop("VIRTUAL_ENV", None)
    assert plain.pop("PATH").endswith("/usr/bin")
    assert plain == {
        "LANG": "C.UTF-8",
        "KIKET_SDK_DEBUG": "1",
        "KIKET_BASE_URL": "http://127.0.0.1:1",
        "KIKET_CONSOLE_WORKER": "key/mine#1/",
    }


async def test_secrets_are_those_that_its_own_manifest_names(
    surrounder: tuple[Surrounder, list[NewLog]], specs: dict[str, ExtensionSpec]
) -> None:
    made = {name: await surrounder[0].surround(spec, f"{name}#1") for name, spec in specs.items()}
    for name, given in made.items():
        assert given.secrets.keys() == {
            "KIKET_WEBHOOK_SECRET",
            "KIKET_WORKSPACE_TOKEN",
            f"KIKET_SECRET_{name.upper()}",
            "SHOP_REGION",
        }
        assert given.secrets[f"KIKET_SECRET_{name.upper()}"] == f"of-{name}"
        assert given.declared == ((name, True),)
        assert "of-" not in repr(given)
    for variable in ("KIKET_WEBHOOK_SECRET", "KIKET_WORKSPACE_TOKEN"):
        assert made["mine"].secrets[variable] != made["theirs"].secrets[variable]


async def test_a_secret_of_the_shell_that_is_not_handed_on_is_told_once(
    surrounder: tuple[Surrounder, list[NewLog]], specs: dict[str, ExtensionSpec]
) -> None:
    composes, logs = surrounder
    for number in range(3):
        await composes.surround(specs["mine"], f"mine#{number}")
    assert [(line.worker, line.text) for line in logs] == [
        ("mine", f"{name} of your shell is not handed on: its manifest asks for no such secret")
        for name in ("KIKET_SECRET_THEIRS", "KIKET_STRIPE_TOKEN")
    ]


async def test_a_file_of_variables_gives_what_the_shell_does_not(
    surrounder: tuple[Surrounder, list[NewLog]], specs: dict[str, ExtensionSpec], tmp_path: Path
) -> None:
    """The shell wins, what points at this engine wins over both, and secrets go their own way."""
    file = tmp_path / ".env"
    file.write_text(
        "LANG=de\nSHOP_REGION=eu\nSHOP_NAME=corner\nSTRIPE_TOKEN=tok_from_file\n"
        "KIKET_BASE_URL=https://me:hunter2@elsewhere\nKIKET_CONSOLE_PORT=1\n"
        "DATABASE_URL=postgres://me:hunter2@db/shop\nKIKET_WEBHOOK_SECRET=of-the-file\n"
    )
    composes = replace(surrounder[0], env_file=file)
    given = await composes.surround(specs["mine"], "mine#1")

    assert given.environment["LANG"] == "C.UTF-8"
    assert given.environment["SHOP_NAME"] == "corner"
    assert given.environment["KIKET_BASE_URL"] == "http://127.0.0.1:1"
    assert "KIKET_CONSOLE_PORT" not in given.environment
    assert given.secrets["STRIPE_TOKEN"] == "tok_from_file"
    assert given.secrets["DATABASE_URL"] == "postgres://me:hunter2@db/shop"
    assert given.secrets["SHOP_REGION"] == SHELL["SHOP_REGION"]
    assert given.secrets["KIKET_WEBHOOK_SECRET"] == "of-the-file"
    assert not given.secrets.keys() & given.environment.keys()
    assert redactor.redact("tok_from_file at db with hunter2") == (
        "[secret:STRIPE_TOKEN] at db with [secret:DATABASE_URL]"
    )

    file.write_text("SHOP_NAME=other\n")
    again = await composes.surround(specs["mine"], "mine#2")
    assert again.environment["SHOP_NAME"] == "other"
    assert "STRIPE_TOKEN" not in again.secrets

    file.write_text("SHOP_NAME='\n")
    with pytest.raises(ConsoleError, match=r"\.env:1 cannot be understood"):
        await composes.surround(specs["mine"], "mine#3")


async def test_a_module_is_given_variables_and_asks_for_its_secrets(
    surrounder: tuple[Surrounder, list[NewLog]], own_places: Path
) -> None:
    """What the person set wins, what is in the vault is looked up when it asks."""
    folder = own_places / "module"
    folder.mkdir()
    (folder / ".env").write_text(
        "PAGER=of-the-file\nLIMIT=3\nSTRIPE_TOKEN=tok_from_file\nKIKET_WEBHOOK_SECRET=of-another\n"
    )
    (folder / "kiket.toml").write_text(
        '[[module]]\nname = "search"\ncommand = "x"\nsecrets = ["mine", "PAGER", "kept", "none"]\n'
        'env = { RUST_LOG = "debug", PYWATT_LOG_LEVEL = "" }\n'
    )
    (spec,) = projects.find(folder).modules
    composes = replace(surrounder[0], env_file=folder / ".env")
    await composes.vault.set("kept", "of-the-vault")
    given = await composes.surround(spec, "search#1")

    assert given.declared == (("mine", True), ("PAGER", True), ("kept", True), ("none", False))
    assert given.answers == {"mine": "of-mine", "PAGER": "of-the-file"}
    assert given.secrets == {"STRIPE_TOKEN": "tok_from_file"}
    assert "of-" not in repr(given)
    plain = {name: given.environment[name] for name in given.environment.keys() - {"PATH"}}
    plain.pop("VIRTUAL_ENV", None)
    assert plain == {
        "LANG": "C.UTF-8",
        "KIKET_SDK_DEBUG": "1",
        "LIMIT": "3",
        "RUST_LOG": "debug",
        "PYWATT_MODULE_ID": "search",
        "KIKET_CONSOLE_WORKER": "key/search#1/",
    }
