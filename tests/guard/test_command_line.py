"""Every command explains itself, speaks JSON, completes what it names, and is in the reference."""

from __future__ import annotations

import platform
import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest
from tests.rows import Rows

from kiket_console.cli import PROGRAM, CommandTree, cli
from kiket_console.commands import completing
from kiket_console.errors import ExitCode

ROOT = Path(__file__).parents[2]
WITHOUT_JSON = {
    "console": "draws on a terminal",
    "attach": "draws on a terminal",
    "demo": "prints nothing but JSON when it draws nothing",
    "completion": "prints a script for a shell",
}
COMPLETED = {
    "exchange_id": completing.exchange_ids,
    "exchange_ids": completing.exchange_ids,
    "event": completing.events,
    "extension": completing.worker_names,
    "worker": completing.worker_names,
    "filter_text": completing.saved_filters,
    "directory": completing.folders,
}
"""By parameter: what a shell is offered for it."""


def commands() -> list[tuple[str, click.Command]]:
    """Return every command by the words that call it, without the program's own."""
    root = click.Context(cli, info_name=PROGRAM)
    found: list[tuple[str, click.Command]] = []

    def walk(group: click.Group, words: str) -> None:
        names = CommandTree.places if group is cli else group.commands
        for name in names:
            command = group.get_command(root, name)
            assert command is not None
            path = f"{words} {name}".strip()
            found.append((path, command))
            if isinstance(command, click.Group):
                walk(command, path)

    walk(cli, "")
    return found


COMMANDS = commands()


def test_it_says_what_it_does_and_what_each_option_is() -> None:
    with Rows() as checked:
        for path, command in COMMANDS:
            with checked.row(path):
                assert command.help, path
                assert command.help.strip().split("\n\n")[0].endswith(".")
                for parameter in command.params:
                    if isinstance(parameter, click.Option) and not parameter.hidden:
                        assert parameter.help, (path, parameter.name)
                        assert parameter.help.rstrip()[-1] in ".;)", (path, parameter.name)


def test_it_speaks_json_or_has_a_reason() -> None:
    with Rows() as checked:
        for path, command in COMMANDS:
            with checked.row(path):
                if isinstance(command, click.Group) and not command.invoke_without_command:
                    continue  # its commands speak
                speaks = any("--json" in parameter.opts for parameter in command.params)
                assert speaks != (path in WITHOUT_JSON), path


def test_what_it_names_can_be_completed() -> None:
    with Rows() as checked:
        for path, command in COMMANDS:
            with checked.row(path):
                for parameter in command.params:
                    wanted = COMPLETED.get(parameter.name or "")
                    if wanted is not None:
                        assert parameter._custom_shell_complete is wanted, (path, parameter.name)


def test_its_examples_are_lines_that_it_takes() -> None:
    with Rows() as checked:
        for path, command in COMMANDS:
            with checked.row(path):
                _, _, examples = (command.epilog or "").partition("Examples:\n")
                assert examples or "Examples" not in (command.epilog or "")
                for line in examples.partition("\n\n")[0].splitlines():
                    calls = re.findall(rf"(?:^|\s|\(){PROGRAM} ([^|)]*)", line)
                    assert calls, (path, line)
                    for call in calls:
                        words = shlex.split(re.sub(r"\s{2,}\S.*$", "", call))
                        context = cli.make_context(PROGRAM, words)
                        name, found, rest = cli.resolve_command(
                            context, [*context._protected_args, *context.args]
                        )
                        while found is not None:
                            inner = found.make_context(
                                name, rest, parent=context
                            )  # raises for what is wrong
                            if not isinstance(found, click.Group) or not inner._protected_args:
                                break
                            name, found, rest = found.resolve_command(
                                inner, [*inner._protected_args, *inner.args]
                            )
                            context = inner


def test_the_man_page_and_the_reference_are_as_the_program_is() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "packaging" / "reference.py", "--check"],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_no_reference_tells_which_python_wrote_it() -> None:
    """Another Python writes the same pages."""
    here = platform.python_version()
    pages = [*ROOT.glob("docs/**/reference.md"), ROOT / "packaging" / "man" / "kiket-console.1"]

    assert [page for page in pages if here in page.read_text()] == []


@pytest.mark.needs("mandoc", "man")
def test_the_man_page_renders_without_a_warning() -> None:
    page = ROOT / "packaging" / "man" / "kiket-console.1"
    for judge in (["mandoc", "-T", "lint", "-W", "warning"], ["man", "--warnings", "-l"]):
        done = subprocess.run([*judge, page], capture_output=True, text=True, timeout=120)
        assert (done.returncode, done.stderr) == (0, ""), judge
    for path, command in COMMANDS:
        assert path == "console" or command.hidden or f"{PROGRAM} {path}" in done.stdout


def test_the_readme_has_the_exit_codes_as_they_are() -> None:
    table = (ROOT / "README.md").read_text().partition("| exit code |")[2].partition("\n\n")[0]
    said = {
        int(number): told for number, told in re.findall(r"^\| (\d+) \| (.*?) \|$", table, re.M)
    }
    assert said == {code.value: code.meaning for code in ExitCode}
