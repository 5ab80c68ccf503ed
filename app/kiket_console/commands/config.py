"""Show settings and where each comes from, name every place on disk, and change a setting."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from kiket_console.commands.group import CommandGroup
from kiket_console.commands.keys import keys
from kiket_console.commands.options import directory_option, json_option, paths_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from kiket_console.config import Config
    from kiket_console.env_file import EnvFile
    from kiket_console.paths import ProjectPaths

PLACES = (
    "project",
    "project-settings",
    "variables",
    "settings",
    "trusted",
    "crashes",
    "state",
    "store",
    "engine-log",
    "control-socket",
)


@click.group(
    cls=CommandGroup,
    invoke_without_command=True,
    epilog="""\b
Examples:
  kiket-console config --explain
  kiket-console config set retention_days 30
  kiket-console config set port 8710 --project""",
)
@click.option("--explain", is_flag=True, help="Say what each setting means and takes, too.")
@click.option(
    "--env-file",
    type=click.Path(dir_okay=False, resolve_path=True),
    metavar="FILE",
    help="Take variables from FILE instead of the project's .env.",
)
@directory_option
@json_option
@click.pass_context
def config(
    context: click.Context,
    explain: bool,
    env_file: str | None,
    directory: Path | None,
    as_json: bool,
) -> None:
    """Show every setting, its value, and where that comes from."""
    from pathlib import Path

    if context.invoked_subcommand is not None:
        context.obj = Path(context.obj or "", directory or "")
        return
    from kiket_console.config import load

    paths = paths_of(context, directory)
    variables, unused = _variables(paths, Path(env_file) if env_file else None)
    found = load(paths.folder, env_file=variables)
    if as_json:
        from kiket_console.commands.documents import document
        from kiket_console.settings import SETTINGS

        click.echo(
            document(
                settings=[_members(found, each) for each in SETTINGS],
                env_file=_env_members(variables, unused),
            )
        )
        return
    lines = _lines(found, explain=explain)
    if variables is not None:
        names = ", ".join(_given(variables)) or "none"
        lines += ["", f"Variables for workers, from {variables.path}: {names}"]
    click.echo("\n".join(_visible(lines)))
    if unused is not None:
        click.echo(
            _visible([f"{unused} is not used before you have said yes to this project."])[0],
            err=True,
        )


def _visible(lines: Sequence[str]) -> list[str]:
    from kiket_console.text import visible

    return [visible(line) for line in lines]


def _variables(paths: ProjectPaths, named: Path | None) -> tuple[EnvFile | None, Path | None]:
    """Return (what the workers' file says, the file of a project that is not trusted yet)."""
    from kiket_console import env_file
    from kiket_console.trust import Trust

    if named is not None or Trust().is_trusted(paths.folder):
        return env_file.find(paths.folder, named), None
    file = paths.folder / env_file.FILE_NAME
    return None, file if file.exists() else None


def _given(variables: EnvFile) -> list[str]:
    from kiket_console.settings import ENVIRONMENT_PREFIX

    return [name for name in variables.variables if not name.startswith(ENVIRONMENT_PREFIX)]


def _env_members(variables: EnvFile | None, unused: Path | None) -> dict[str, Any] | None:
    if variables is None:
        return None if unused is None else {"file": str(unused), "used": False, "variables": []}
    return {"file": str(variables.path), "used": True, "variables": _given(variables)}


def _members(found: Config, setting: Any) -> dict[str, Any]:
    from kiket_console.config import Config

    return {
        "name": setting.name,
        "value": getattr(found, setting.name),
        "source": found.sources.get(setting.name, "default"),
        "default": getattr(Config(), setting.name),
        "meaning": setting.meaning,
        "takes": setting.wanted,
        "variable": setting.variable,
    }


def _lines(found: Config, *, explain: bool) -> list[str]:
    from kiket_console.settings import SETTINGS

    rows = [_members(found, each) for each in SETTINGS]
    names, values = (
        max(len(str(cell)) for cell in column)
        for column in zip(*((row["name"], _shown(row["value"])) for row in rows), strict=True)
    )
    lines: list[str] = []
    for row in rows:
        lines.append(f"{row['name']:<{names}}  {_shown(row['value']):<{values}}  {row['source']}")
        if explain:
            told = f"{row['meaning']}. It takes {row['takes']}; {row['variable']} sets it."
            lines += [*click.wrap_text(told, 80, "    ", "    ").split("\n"), ""]
    return lines[:-1] if explain else lines


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(value) or "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}"
    return "automatic" if value is None else str(value) or "none"


@config.command()
@click.argument("place", required=False, metavar="[PLACE]", type=click.Choice(PLACES))
@directory_option
@json_option
@click.pass_context
def locate(
    context: click.Context, place: str | None, directory: Path | None, as_json: bool
) -> None:
    """Name every place on disk, whether it is there or not, or print the path of PLACE alone.

    PLACE is one of the names that are listed without it.
    """
    from kiket_console.env_file import FILE_NAME
    from kiket_console.paths import config_file, state_dir
    from kiket_console.settings_file import PROJECT_FILE

    paths = paths_of(context, directory)
    found = (
        paths.folder,
        paths.folder / PROJECT_FILE,
        paths.folder / FILE_NAME,
        config_file(),
        state_dir() / "trusted.json",
        state_dir() / "crashes",
        paths.state,
        paths.store,
        paths.engine_log,
        paths.control_socket,
    )
    places = {name: path for name, path in zip(PLACES, found, strict=True) if place in (None, name)}
    if as_json:
        from kiket_console.commands.documents import document

        members = {
            name: {"path": str(path), "exists": path.exists()} for name, path in places.items()
        }
        click.echo(document(places=members))
    elif place is not None:
        click.echo(places[place])
    else:
        for name, path in places.items():
            there = "" if path.exists() else "   (not there)"
            click.echo(_visible([f"{name:<16} {path}{there}"])[0])


def _names(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    from kiket_console.settings import SETTINGS

    return [
        CompletionItem(each.name, help=each.meaning)
        for each in SETTINGS
        if each.name.startswith(incomplete)
    ]


def _values(
    context: click.Context, _: click.Parameter, incomplete: str
) -> list[CompletionItem[str]]:
    from kiket_console.settings import DURABILITIES

    known = DURABILITIES if context.params.get("name") == "durability" else ()
    return [CompletionItem(each) for each in known if each.startswith(incomplete)]


project_option = click.option(
    "--project", is_flag=True, help="In the project's kiket.toml, not in your own settings."
)


@config.command("set")
@click.argument("name", shell_complete=_names)
@click.argument("value", shell_complete=_values)
@project_option
@directory_option
@json_option
@click.pass_context
def set_value(
    context: click.Context,
    name: str,
    value: str,
    project: bool,
    directory: Path | None,
    as_json: bool,
) -> None:
    """Give setting NAME a VALUE; every comment and every other line of the file stays.

    VALUE is written as in the environment: a number, a word, or names with commas.
    """
    import json

    from kiket_console.config import checked, parsed

    used = checked(name, parsed(name, value), "the command line")
    if name == "theme":
        _check_theme(value)
    written = json.dumps(list(used) if isinstance(used, tuple) else used, ensure_ascii=False)
    paths = paths_of(context, directory)
    _change(paths, name, written, in_project=project, as_json=as_json)


def _check_theme(name: str) -> None:
    """Raise `ConsoleError` when there is no theme *name*: no console would open any more."""
    from textual.theme import BUILTIN_THEMES

    from kiket_console.paths import config_file
    from kiket_console.ui.own_themes import load
    from kiket_console.ui.themes import THEMES, known
    from kiket_console.ui.wardrobe import FOLDER

    own, _ = load(config_file().parent / FOLDER)
    known(name, {theme.name for theme in (*own, *THEMES)} | BUILTIN_THEMES.keys())


@config.command()
@click.argument("name", shell_complete=_names)
@project_option
@directory_option
@json_option
@click.pass_context
def unset(
    context: click.Context, name: str, project: bool, directory: Path | None, as_json: bool
) -> None:
    """Take setting NAME out of the file; every other line stays."""
    _change(paths_of(context, directory), name, None, in_project=project, as_json=as_json)


def _change(
    paths: ProjectPaths, name: str, written: str | None, *, in_project: bool, as_json: bool
) -> None:
    """Write one line of a file of settings, or take it out; say where."""
    from kiket_console import settings_file
    from kiket_console.config import change
    from kiket_console.paths import config_file

    file = paths.folder / settings_file.PROJECT_FILE if in_project else config_file()
    changed = change(file, "console" if in_project else "", name, written)
    if as_json:
        from kiket_console.commands.documents import document

        click.echo(document(file=str(file), changed=changed))
        return
    said = f"{name} = {written}" if written is not None else f"no {name}"
    click.echo(_visible([f"{file} has {said}; it counts from the next start on."])[0], err=True)


config.add_command(keys)
