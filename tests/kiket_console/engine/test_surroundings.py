"""An extension gets listed variables, the secrets that its manifest names, and no more."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from kiket_console import project as projects
from kiket_console.engine.secret_uses import SecretUses
from kiket_console.engine.secrets.vault import Vault, open_vault
from kiket_console.engine.surroundings import Surrounder
from kiket_console.errors import ConsoleError
from kiket_console.paths import ProjectPaths
from kiket_core.secret import redactor

if TYPE_CHECKING:
    from pathlib import Path

    from kiket_console.store.records import NewLog
    from kiket_console.worker_spec import ExtensionSpec

URL = "http://127.0.0.1:8800/otlp"
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
    vault = await open_vault(ProjectPaths(own_places), "session")
    variables = {"KIKET_BASE_URL": "http://127.0.0.1:1"}
    uses = SecretUses(vault.version)
    return Surrounder("key", own_places, vault, SHELL, variables, logs.append, uses), logs


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


async def test_traces_of_a_worker_come_here_unless_the_project_says_otherwise(
    surrounder: tuple[Surrounder, list[NewLog]], specs: dict[str, ExtensionSpec], own_places: Path
) -> None:
    """What stands in the person's shell is for other programs."""
    shell = {**SHELL, "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4317"}
    file = own_places / ".env"
    composes = replace(surrounder[0], inherited=shell, otlp_url=URL, env_file=file)
    file.write_text("OTEL_SERVICE_NAME=orders\n")
    given = (await composes.surround(specs["mine"], "mine#1")).environment
    assert given["OTEL_EXPORTER_OTLP_ENDPOINT"] == f"{URL}/mine"
    assert given["OTEL_SERVICE_NAME"] == "orders"

    file.write_text("OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4317\n")
    composes = replace(composes, inherited=SHELL)
    given = (await composes.surround(specs["mine"], "mine#2")).environment
    assert {name: value for name, value in given.items() if name.startswith("OTEL_")} == {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4317",
        "OTEL_SERVICE_NAME": "mine",
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
        assert f"of-{name}" not in repr(given)
    for variable in ("KIKET_WEBHOOK_SECRET", "KIKET_WORKSPACE_TOKEN"):
        assert made["mine"].secrets[variable] != made["theirs"].secrets[variable]


async def test_what_a_person_has_set_waits_for_no_keyring(
    surrounder: tuple[Surrounder, list[NewLog]], specs: dict[str, ExtensionSpec], own_places: Path
) -> None:
    own = {"KIKET_WEBHOOK_SECRET": "wh-of-mine", "KIKET_WORKSPACE_TOKEN": "wk-of-mine"}
    unknown = Vault(ProjectPaths(own_places))  # nobody has looked for its keyring yet
    composes = replace(surrounder[0], vault=unknown, inherited={**SHELL, **own})
    async with asyncio.timeout(120):
        given = await composes.surround(specs["mine"], "mine#1")
    assert given.secrets == {**own, "KIKET_SECRET_MINE": "of-mine", "SHOP_REGION": "eu"}
    assert composes.uses.by_name() == {}


async def test_what_is_rotated_comes_with_what_it_took_the_place_of(
    surrounder: tuple[Surrounder, list[NewLog]], specs: dict[str, ExtensionSpec]
) -> None:
    """For a day, as senders learn of it later; the first secret of a person replaces our own."""
    composes = replace(surrounder[0], inherited={})
    made = (await composes.surround(specs["mine"], "mine#1")).webhook_secrets
    seen = [made]
    for value in ("set-by-a-person", "rotated-later"):
        await composes.vault.set("KIKET_WEBHOOK_SECRET", value)
        given = await composes.surround(specs["mine"], "mine#2")
        seen.append(given.webhook_secrets)
        left = datetime.fromisoformat(
            given.secrets["KIKET_WEBHOOK_SECRET_PREVIOUS_UNTIL"]
        ) - datetime.now(UTC)
        assert timedelta(hours=23, minutes=59) < left < timedelta(hours=24, minutes=1)
    await composes.vault.delete("KIKET_WEBHOOK_SECRET")
    seen.append((await composes.surround(specs["mine"], "mine#3")).webhook_secrets)

    assert seen == [
        made,
        ("set-by-a-person", *made),
        ("rotated-later", "set-by-a-person"),
        (*made, "rotated-later"),
    ]
    assert len(made) == 1


async def test_what_the_person_sets_elsewhere_comes_alone(
    surrounder: tuple[Surrounder, list[NewLog]], specs: dict[str, ExtensionSpec]
) -> None:
    composes = surrounder[0]
    for value in ("of-the-vault", "of-the-vault-later"):
        await composes.vault.set("mine", value)

    given = await composes.surround(specs["mine"], "mine#1")
    assert given.secrets["KIKET_SECRET_MINE"] == "of-mine"
    assert "KIKET_SECRET_MINE_PREVIOUS" not in given.secrets
    given = await replace(composes, inherited={}).surround(specs["mine"], "mine#2")
    assert given.secrets["KIKET_SECRET_MINE"] == "of-the-vault-later"
    assert given.secrets["KIKET_SECRET_MINE_PREVIOUS"] == "of-the-vault"


async def test_it_is_noted_what_a_start_is_given_and_how(
    surrounder: tuple[Surrounder, list[NewLog]], specs: dict[str, ExtensionSpec]
) -> None:
    """By a pipe, or by an environment, which others may read."""
    composes = replace(surrounder[0], inherited={})
    await composes.vault.set("mine", "of-the-vault")
    await composes.surround(specs["mine"], "mine#1")
    await composes.surround(replace(specs["theirs"], command=()), "theirs#1")

    seen = {
        name: [(use.worker, use.how, use.version) for use in uses]
        for name, uses in composes.uses.by_name().items()
    }
    mine, theirs = ("mine", "environment", 0), ("theirs", "pipe", 0)
    assert seen == {
        f"{name}{suffix}": uses
        for name in ("KIKET_WEBHOOK_SECRET", "KIKET_WORKSPACE_TOKEN")
        for suffix, uses in (("", [mine, theirs]), (".mine", [mine]), (".theirs", [theirs]))
    } | {"mine": [("mine", "environment", 1)]}


async def test_an_extensions_own_secret_can_be_rotated_alone(
    surrounder: tuple[Surrounder, list[NewLog]], specs: dict[str, ExtensionSpec]
) -> None:
    composes = replace(surrounder[0], inherited={})
    made = {
        name: (await composes.surround(spec, f"{name}#1")).webhook_secret
        for name, spec in specs.items()
    }
    await composes.vault.set("KIKET_WEBHOOK_SECRET.mine", "rotated-by-a-person")

    mine = await composes.surround(specs["mine"], "mine#2")
    theirs = await composes.surround(specs["theirs"], "theirs#2")
    assert mine.webhook_secrets == ("rotated-by-a-person", made["mine"])
    assert theirs.webhook_secrets == (made["theirs"],)


async def test_a_folders_name_never_leads_to_another_secret(
    surrounder: tuple[Surrounder, list[NewLog]], specs: dict[str, ExtensionSpec]
) -> None:
    """Where a vault keeps the value before the last change, a name ends with `@previous`."""
    composes = replace(surrounder[0], inherited={})
    rotated = "KIKET_WEBHOOK_SECRET.mine"
    await composes.vault.set(rotated, "the-first-value")
    await composes.vault.set(rotated, "the-second-value")
    odd = replace(specs["mine"], name="mine@previous")
    assert (await composes.surround(odd, "odd#1")).webhook_secret.startswith("wh_local_")
    previous = await composes.vault.previous(rotated)
    assert previous is not None
    assert previous.value == "the-first-value"


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
    shown = repr(given)
    assert not [each for each in (*given.answers.values(), "tok_from_file") if each in shown]
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


async def test_messages_go_to_the_sink_unless_the_person_says_another_place(
    surrounder: tuple[Surrounder, list[NewLog]], specs: dict[str, ExtensionSpec], own_places: Path
) -> None:
    """Each worker has a path of its own there, by which its messages are known."""
    name = "KINDO_MESSAGE_PRODUCER_URL"
    composes = replace(
        surrounder[0], producer_url="http://127.0.0.1:2/producer", env_file=own_places / ".env"
    )

    default = await composes.surround(specs["mine"], "mine#1")
    (own_places / ".env").write_text(f"{name}=https://of.file/\n")
    of_file = await composes.surround(specs["mine"], "mine#1")
    shell = replace(composes, inherited={name: "https://of.shell/"})
    of_shell = await shell.surround(specs["mine"], "mine#1")

    assert [each.environment[name] for each in (default, of_file, of_shell)] == [
        "http://127.0.0.1:2/producer/mine",
        "https://of.file/",
        "https://of.shell/",
    ]
