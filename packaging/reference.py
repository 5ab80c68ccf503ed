"""Write what there is to know of the command line from the command line itself.

python packaging/reference.py            the man page, and the pages of docs/ listed below
python packaging/reference.py --check    say which of them is not as it would be written
"""

from __future__ import annotations

import inspect
import re
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click
from sdk_reference import reference
from typed_names import typed_names

import kiket_sdk
import kindo_message_client
import pywatt_sdk
from kiket_console import __version__
from kiket_console.cli import PROGRAM, cli
from kiket_console.config import Config
from kiket_console.errors import ExitCode
from kiket_console.settings import SETTINGS

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]
SUMMARY = "run and watch your extensions and modules, and replay what they get, locally and offline"
ABOUT = (
    (
        "The developer console for people who write event-driven extensions and modules. Without "
        "a command it opens on the project in this folder: it starts an engine for it, which runs "
        "your code under hot reload, takes signed webhooks, stands in for the platform and for the "
        "modules' orchestrator, and records all of it; or it attaches to the engine that runs "
        "already."
    ),
    (
        "Data goes to standard output, all that is said to a person to standard error. With "
        "--json a command prints one JSON document, or one in each line, that has the number of "
        "its schema."
    ),
)
VARIABLES = (
    ("KIKET_CONSOLE_…", "A setting, as listed above; it wins over files, and an option over it."),
    ("NO_COLOR", "When it is set, nothing has colour."),
    ("FORCE_COLOR, CLICOLOR_FORCE", "When one is set, and not to 0, lines have colour anyway."),
    ("CLICOLOR=0, TERM=dumb", "Lines have no colour; a screen cannot be drawn with the latter."),
    ("VISUAL, EDITOR", "What opens a file of your project from the console."),
    ("XDG_STATE_HOME, XDG_CONFIG_HOME, XDG_RUNTIME_DIR", "Where the files below are."),
)
FILES = (
    ("~/.config/kiket-console/config.toml", "Your settings."),
    ("kiket.toml", "In a project: what it consists of, and its settings in the table [console]."),
    (
        ".env",
        (
            "In a project: variables for its workers, and settings by KIKET_CONSOLE_…; what stands "
            "in the real environment wins, nothing is put in for ${…}, and it is read once you "
            "trust the project. Variables that look like secrets are redacted like secrets."
        ),
    ),
    ("~/.local/state/kiket-console/trusted.json", "Which folders may run."),
    ("~/.local/state/kiket-console/projects/", "What was recorded, and the logs of engines."),
)


@dataclass(frozen=True)
class Page:
    """What there is to know of one command."""

    path: str
    usage: str
    sentences: list[str]
    options: list[tuple[str, str]]
    examples: list[str]
    is_group: bool


def pages() -> Iterator[Page]:
    """Return each command, a group before those that are in it; the console first."""
    root = click.Context(cli, info_name=PROGRAM)
    console = cli.get_command(root, "console")
    if console is None:
        raise LookupError("There is no command for the console.")
    own = page(console, click.Context(console, root, ""), PROGRAM)
    common = page(cli, root, PROGRAM)
    known = {names for names, _ in own.options}
    more = [option for option in common.options if option[0] not in known]
    yield Page(PROGRAM, own.usage, own.sentences, own.options + more, own.examples, False)
    yield from _below(cli, root)


def _below(group: click.Group, context: click.Context) -> Iterator[Page]:
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is None or command.hidden:
            continue
        inner = click.Context(command, context, name)
        yield page(command, inner, inner.command_path)
        if isinstance(command, click.Group):
            yield from _below(command, inner)


def page(command: click.Command, context: click.Context, path: str) -> Page:
    """Return what a command says of itself."""
    usage = " ".join([path, *command.collect_usage_pieces(context)])
    options = [
        (re.sub(r" (INTEGER|FLOAT|NUMBER)( RANGE)?", " N", record[0]), record[1])
        for parameter in command.get_params(context)
        if isinstance(parameter, click.Option) and "--help" not in parameter.opts
        if (record := parameter.get_help_record(context)) is not None
    ]
    text = inspect.cleandoc(command.help or "")
    sentences = [" ".join(part.split()) for part in text.split("\n\n") if part.strip()]
    examples, more = _epilog(command)
    return Page(
        path,
        usage,
        sentences + more,
        options,
        examples,
        isinstance(command, click.Group),
    )


def _epilog(command: click.Command) -> tuple[list[str], list[str]]:
    """Return the examples that a command ends with, and the sentences after them."""
    before, _, behind = inspect.cleandoc(command.epilog or "").partition("Examples:\n")
    listed, _, rest = behind.partition("\n\n")
    examples = [line.strip() for line in listed.splitlines() if line.strip()]
    parts = [*before.replace("\b", "").split("\n\n"), *rest.replace("\b", "").split("\n\n")]
    return examples, [" ".join(part.split()) for part in parts if part.strip()]


# For a terminal


def manual() -> str:
    """Return the man page."""
    listed = [*pages()]
    lines = [
        '.\\" Written by packaging/reference.py; do not edit.',
        f'.TH KIKET-CONSOLE 1 {_released()} "kiket-console {__version__}" "User Commands"',
        ".SH NAME",
        f"kiket\\-console \\- {roff(SUMMARY)}",
        ".SH SYNOPSIS",
        ".nf",
        *(_bold(each.usage) for each in listed if not each.is_group or each.options),
        ".fi",
        ".SH DESCRIPTION",
        *_paragraphs(ABOUT),
        ".SH COMMANDS",
    ]
    for each in listed:
        lines += [f'.SS "{roff(each.path)}"', *_paragraphs(each.sentences)]
        for names, told in each.options:
            lines += [".TP", _bold(names), roff(told)]
        if each.examples:
            lines += [".PP", "Examples:", ".PP", ".nf", ".RS 4"]
            lines += [*map(roff, each.examples), ".RE", ".fi"]
    lines += [
        ".SH SETTINGS",
        "Shown by",
        f"{_bold('kiket-console config')}.",
        *(
            line
            for each in SETTINGS
            for line in (
                ".TP",
                f"{_bold(each.name)} (default: {roff(default(each.name))})",
                roff(f"{each.meaning}; takes {each.wanted}"),
            )
        ),
        ".SH ENVIRONMENT",
        *(line for name, told in VARIABLES for line in (".TP", _bold(name), roff(told))),
        ".SH FILES",
        *(line for name, told in FILES for line in (".TP", f".I {roff(name)}", roff(told))),
        ".SH EXIT STATUS",
        *(line for code in ExitCode for line in (".TP", f".B {code.value}", roff(code.meaning))),
    ]
    return "\n".join(lines) + "\n"


def default(name: str) -> str:
    """Return a setting's default as a person writes it."""
    value = getattr(Config(), name)
    if value is None or value in ((), ""):
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def roff(text: str) -> str:
    """Return *text* as it stands, for a line of a man page."""
    safe = text.replace("\\", "\\e").replace("-", "\\-").replace("…", "...").replace("'", "\\(aq")
    safe = safe.replace('"', "\\(dq").replace("^", "\\(ha").replace("~", "\\(ti")
    return f"\\&{safe}" if safe.startswith(".") else safe


def _bold(text: str) -> str:
    return f"\\fB{roff(text)}\\fR"


def _paragraphs(texts: tuple[str, ...] | list[str]) -> list[str]:
    return [line for number, text in enumerate(texts) for line in
            ([".PP"] if number else []) + [roff(text)]]  # fmt: skip


def _released() -> str:
    """Return the day of the newest release in the changelog."""
    found = re.search(r"^## \[\d[^]]*\] - (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    if found is None:
        raise LookupError("CHANGELOG.md names no release.")
    return found[1]


# For a browser


def markdown() -> str:
    """Return docs/commands.md."""
    lines = [
        "# Commands",
        "",
        (
            "Written by `make reference` from the program itself; the man page "
            "(`man kiket-console`) has the same."
        ),
        "",
        *(line for text in ABOUT for line in (text, "")),
    ]
    for each in pages():
        depth = "##" if len(each.path.split()) < 3 else "###"
        lines += [f"{depth} {each.path}", "", f"    {each.usage}", ""]
        lines += [line for text in each.sentences for line in (text, "")]
        if each.options:
            lines += ["| option | does |", "| --- | --- |"]
            lines += [f"| `{names}` | {_cell(told)} |" for names, told in each.options] + [""]
        if each.examples:
            lines += ["Examples:", "", *(f"    {example}" for example in each.examples), ""]
    lines += [
        "## Settings",
        "",
        "`kiket-console config` shows each value and where it comes from.",
        "",
        "| setting | default | variable | is |",
        "| --- | --- | --- | --- |",
        *(
            f"| `{each.name}` | `{default(each.name)}` | `{each.variable}` | "
            f"{_cell(each.meaning)}; takes {_cell(each.wanted)} |"
            for each in SETTINGS
        ),
        "",
        "## Environment",
        "",
        "| variable | is |",
        "| --- | --- |",
        *(f"| `{name}` | {_cell(told)} |" for name, told in VARIABLES),
        "",
        "## Files",
        "",
        "| file | is |",
        "| --- | --- |",
        *(f"| `{name}` | {_cell(told)} |" for name, told in FILES),
        "",
        "## Exit codes",
        "",
        "| exit code | means |",
        "| --- | --- |",
        *(f"| {code.value} | {_cell(code.meaning)} |" for code in ExitCode),
    ]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def keys() -> str:
    """Return docs/keys.md."""
    from kiket_console.ui.command import Scope, shown_key
    from kiket_console.ui.registry import COMMANDS

    lines = [
        "# Keys",
        "",
        (
            "Written by `make reference` from the program itself. Each id may get other keys in "
            "the table `[keys]` of your config.toml (console.md, *Keys of your own*); what has a "
            "name can be typed after `:`."
        ),
    ]
    for scope in Scope:
        lines += ["", f"## {scope.value[0].upper()}{scope.value[1:]}", ""]
        lines += ["| id | keys | name | what it does |", "| --- | --- | --- | --- |"]
        for each in (command for command in COMMANDS if command.scope is scope):
            shown = " ".join(f"`` {shown_key(key)} ``" for key in each.key_names)
            names = ", ".join(f"`{name}`" for name in each.all_names) if each.palette else ""
            lines.append(f"| `{each.id}` | {_cell(shown)} | {names} | {_cell(each.help)} |")
    return "\n".join(lines) + "\n"


WRITTEN = {
    "packaging/man/kiket-console.1": manual,
    "docs/commands.md": markdown,
    "docs/keys.md": keys,
    "docs/sdk/reference.md": partial(reference, kiket_sdk),
    "docs/pywatt/reference.md": partial(reference, pywatt_sdk),
    "docs/kindo/reference.md": partial(reference, kindo_message_client),
    "sdk/pywatt_sdk/__init__.pyi": typed_names,
}


def main() -> int:
    """Write them, or with `--check` compare them; return the exit status."""
    stale = 0
    for name, make in WRITTEN.items():
        file, text = ROOT / name, make()
        if file.is_file() and file.read_text(encoding="utf-8") == text:
            continue
        if "--check" in sys.argv[1:]:
            print(f"{name} is not as the program is; run `make reference`.", file=sys.stderr)
            stale = 1
        else:
            file.write_text(text, encoding="utf-8")
            print(name, file=sys.stderr)
    return stale


if __name__ == "__main__":
    sys.exit(main())
