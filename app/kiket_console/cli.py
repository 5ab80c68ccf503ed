"""The argument tree, and the one place where an error becomes words and an exit status.

Only click is imported here; a command's module is imported when the command is asked for, and what
it works with inside its function, so that `--version` and `--help` stay quick.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

import click

from kiket_console import __version__
from kiket_console.commands import ASKED_BY_A_SHELL
from kiket_console.commands.group import CommandGroup
from kiket_console.errors import DISK_FULL, ConsoleError, ExitCode

PROGRAM = "kiket-console"
ASKED_FOR_JSON = f"{__name__}.json"
"""Where a context keeps whether the line has `--json`, for what is answered before it is read."""

ASKED_IN_WORDS = {"help": "--help", "version": "--version"}
"""`help trigger` means `trigger --help`, unless there is a folder of this name."""


class CommandTree(CommandGroup):
    """Commands by name, each imported when it is needed; no name at all means the console."""

    places: ClassVar[dict[str, str]] = {
        "console": "kiket_console.commands.console:console",
        "demo": "kiket_console.commands.demo:demo",
        "run": "kiket_console.commands.run:run",
        "attach": "kiket_console.commands.console:attach",
        "stop": "kiket_console.commands.engine:stop",
        "status": "kiket_console.commands.engine:status",
        "workers": "kiket_console.commands.workers:workers",
        "modules": "kiket_console.commands.modules:modules",
        "restart": "kiket_console.commands.workers:restart",
        "start": "kiket_console.commands.workers:start",
        "kill": "kiket_console.commands.workers:kill",
        "logs": "kiket_console.commands.logs:logs",
        "metrics": "kiket_console.commands.metrics:metrics",
        "trigger": "kiket_console.commands.deliver:trigger",
        "replay": "kiket_console.commands.again:replay",
        "send": "kiket_console.commands.again:send",
        "retry": "kiket_console.commands.retry:retry",
        "ipc": "kiket_console.commands.ipc:ipc",
        "produce": "kiket_console.commands.produce:produce",
        "secrets": "kiket_console.commands.secrets:secrets",
        "platform": "kiket_console.commands.platform:platform",
        "traffic": "kiket_console.commands.traffic:traffic",
        "lint": "kiket_console.commands.lint:lint",
        "setup": "kiket_console.commands.setup:setup",
        "verify": "kiket_console.commands.verify:verify",
        "doctor": "kiket_console.commands.doctor:doctor",
        "config": "kiket_console.commands.config:config",
        "completion": "kiket_console.commands.completion:completion",
    }
    default = "console"
    _before_command: ClassVar[frozenset[str]] = frozenset({"-C", "--directory"})

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the commands in the order of `--help`."""
        return [name for name in self.places if name != self.default]

    def get_command(
        self,
        ctx: click.Context,  # noqa: ARG002 - click's signature
        cmd_name: str,
    ) -> click.Command | None:
        """Import and return one command."""
        place = self.places.get(cmd_name)
        if place is None:
            return None
        module, _, attribute = place.partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Let `kiket-console`, `kiket-console DIR` and `kiket-console --trust` mean the console."""
        ctx.meta[ASKED_FOR_JSON] = "--json" in args
        position = 0
        while position < len(args) and args[position] in self._before_command:
            position += 2
        rest = args[position:]
        if ctx.resilient_parsing and not rest:
            return super().parse_args(ctx, args)  # a shell asks what can stand here
        if rest and rest[0] in ASKED_IN_WORDS and not Path(rest[0]).is_dir():
            rest = [*rest[1:], ASKED_IN_WORDS[rest[0]]]
            args = [*args[:position], *rest]
        if not rest or (rest[0] not in self.places and not self._is_own_option(rest[0])):
            is_word = bool(rest) and not rest[0].startswith("-")
            if is_word and not Path(*args[1:position:2], rest[0]).is_dir():
                rest = rest[:1]  # a misspelt command: it is named, and not what stands behind it
            args = [*args[:position], self.default, *rest]
        return super().parse_args(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[Any]:
        """Return what a shell may put here: a command, or what the console itself takes."""
        found: list[Any] = super().shell_complete(ctx, incomplete)
        console = self.get_command(ctx, self.default)
        if console is not None and (incomplete.startswith("-") or not found):
            with console.make_context(
                self.default, [], parent=ctx, resilient_parsing=True
            ) as inner:
                known = {each.value for each in found}
                found += [
                    each
                    for each in console.shell_complete(inner, incomplete)
                    if each.value not in known
                ]
        return found

    def _is_own_option(self, word: str) -> bool:
        return word in {"--help", "-h", "--version", "-V", "--json"} or word.startswith(
            "--directory="
        )


def _say_version(context: click.Context, _: click.Parameter, is_asked: bool) -> None:
    """Print the version and exit."""
    if not is_asked or context.resilient_parsing:
        return
    if context.meta[ASKED_FOR_JSON]:
        from kiket_console.commands.version import document

        click.echo(document(PROGRAM))
    else:
        click.echo(f"{PROGRAM} {__version__}")
    context.exit()


def _folders(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[Any]:
    from kiket_console.commands.completing import folders

    return [*folders(context, parameter, incomplete)]


@click.command(
    cls=CommandTree,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Without a command: open the console for the project in this folder.",
)
@click.option(
    "-C",
    "--directory",
    type=click.Path(path_type=Path),
    default=Path(),
    metavar="DIR",
    shell_complete=_folders,
    help="Work on the project in DIR instead of here.",
)
@click.option(
    "-V",
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_say_version,
    help="Show the version and exit; with --json also of what it stands on.",
)
@click.option("--json", "as_json", is_flag=True, hidden=True)
@click.pass_context
def cli(context: click.Context, directory: Path, as_json: bool) -> None:
    """Run and watch your extensions and modules, and replay what they get, locally and offline."""
    context.obj = directory
    if as_json:
        raise click.UsageError("--json stands behind a command.", context)


def main(arguments: list[str] | None = None) -> None:
    """Run the program and exit with its status."""
    # httpx loads a command line of its own where rich is installed: a third of what it takes.
    sys.modules["httpx._main"] = None  # type: ignore[assignment]  # Python's sign for "not there"
    sys.exit(run(arguments))


def run(arguments: list[str] | None = None) -> int:
    """Run the program and return its exit status; no exception gets past this."""
    if ASKED_BY_A_SHELL in os.environ:
        from kiket_console.commands import completing

        return completing.answer(cli, PROGRAM, sys.argv[1:] if arguments is None else arguments)
    try:
        answer: Any = cli.main(arguments, PROGRAM, standalone_mode=False)
        return answer if isinstance(answer, int) else ExitCode.OK
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except ConsoleError as error:
        return say(error)
    except (click.Abort, KeyboardInterrupt):
        return ExitCode.INTERRUPTED
    except (BrokenPipeError, SystemExit) as left:
        if isinstance(left, SystemExit) and left.code != 1:  # what click makes of a broken pipe
            raise
        _close_stdout()
        return ExitCode.OK
    except Exception as error:  # the last fence: a person gets a sentence, never a traceback
        given = sys.argv[1:] if arguments is None else arguments
        if isinstance(error, UnicodeEncodeError) and not all(map(_is_text, given)):
            return say(ConsoleError("An argument is not UTF-8.", exit_code=ExitCode.USAGE))
        if isinstance(error, OSError) and error.errno in DISK_FULL and error.filename is None:
            _close_stdout()
            return say(
                ConsoleError(
                    f"What there is to say could not be written: {error.strerror}.",
                    hint="Make room on that disk, or write elsewhere.",
                )
            )
        if isinstance(error, FileNotFoundError) and not _is_somewhere():
            return say(
                ConsoleError(
                    "The folder that this terminal is in is gone.",
                    hint="Go to one that is there; where it was made anew, `cd` to it again.",
                    exit_code=ExitCode.USAGE,
                )
            )
        from kiket_console.crash import record

        return say(record(error))


def _is_text(argument: str) -> bool:
    """Tell whether an argument is text; names of files may be any bytes, which come as halves."""
    try:
        argument.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_somewhere() -> bool:
    """Tell whether the folder in which the program was called is still there."""
    try:
        os.getcwd()  # noqa: PTH109 (what `Path.cwd` calls)
    except FileNotFoundError:
        return False
    return True


def say(error: ConsoleError) -> int:
    """Print what happened and what to do next on stderr; return the exit status."""
    from kiket_console.text import visible

    click.echo(f"Error: {visible(error.message)}", err=True)
    if error.hint:
        click.echo(f"  {visible(error.hint)}", err=True)
    return error.exit_code


def _close_stdout() -> None:
    """Keep the interpreter from flushing into a pipe that nobody reads any more."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
