"""What a shell may complete: commands, options, and what this project has to name.

A shell's script (`packaging/completions`) runs the program with the variable `ASKED_BY_A_SHELL`
set to the shell's name, and reads a line for each way to go on: kind, value and help, with tabs
between them. Whatever goes wrong, or takes longer than `LIMIT_S`, there is nothing to complete.
"""

from __future__ import annotations

import os
import re
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem, ShellComplete, split_arg_string

from kiket_console.commands import ASKED_BY_A_SHELL

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from kiket_console.paths import ProjectPaths

BREAKS = "_KIKET_CONSOLE_BREAKS"
"""The characters at which bash breaks words, beside those at which a shell does."""
LIMIT_S = 5.0
"""In all: a moment, and longer where processes queue for the processor."""
ENGINE_LIMIT_S = 1.0
NEWEST = 20
"""So many ids are offered."""
HELP_LIMIT = 70
_SAFE = re.compile(r"[\w@%+=:,./-]+", re.ASCII)
"""What stands for itself on a command line: names come from outside, and nobody reads what a key
has completed before they run it."""


def answer(cli: click.Command, program: str, arguments: Sequence[str]) -> int:
    """Print the ways to go on with a command line; return the exit status, which is always 0."""
    import signal

    signal.signal(signal.SIGALRM, lambda *_: os._exit(0))
    signal.setitimer(signal.ITIMER_REAL, LIMIT_S)
    with suppress(Exception):  # a shell's key must never fail
        words, incomplete = _words(arguments)
        asked = ShellComplete(cli, {}, program, ASKED_BY_A_SHELL)
        ways = asked.get_completions(words, incomplete)
        option, equals, _ = incomplete.partition("=")
        before = option + equals if option.startswith("--") and equals else ""
        cut = _kept_by_bash(incomplete)
        lines = [_line(way, before, cut) for way in ways]
        click.echo("".join(f"{line}\n" for line in lines if line), nl=False)
    signal.setitimer(signal.ITIMER_REAL, 0)  # Python ends without our handler
    return 0


def _words(arguments: Sequence[str]) -> tuple[list[str], str]:
    """Return the words before the one at the cursor, and that one as far as it is typed."""
    if os.environ[ASKED_BY_A_SHELL] != "bash":
        *words, incomplete = arguments
        return [*words], incomplete
    line = arguments[0]  # bash takes words apart where others do not
    words = split_arg_string(line)[1:]
    return (words, "") if line[-1:].isspace() or not words else (words[:-1], words[-1])


def _kept_by_bash(incomplete: str) -> int:
    """Return how many characters bash leaves alone when it puts a completed word in place.

    A break ends what it leaves alone, except `@`, with which a new word begins.
    """
    breaks = set(os.environ.get(BREAKS, ""))
    ends = (
        place + (each != "@")
        for place, each in enumerate(incomplete)
        if each in breaks and each in "@:="
    )
    return max(ends, default=0)


def _line(way: CompletionItem[Any], before: str, cut: int) -> str:
    """Return a way as a line: *before* stands in front of it, *cut* of it is there already."""
    kind = {"dir": "folder", "file": "file"}.get(way.type, "word")
    if kind != "word":
        return f"{kind}\t.\t"
    word = f"{before}{way.value}"
    if not _SAFE.fullmatch(word):
        return ""
    told = " ".join((way.help or "").split()).replace("...", "…")
    shown = told if told.isprintable() else ""
    return f"word\t{word[cut:]}\t{shown[:HELP_LIMIT]}"


# What a project has to name


def folders(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """Complete a folder."""
    return [CompletionItem(incomplete, type="dir")]


def events(
    context: click.Context, _: click.Parameter, incomplete: str
) -> list[CompletionItem[str]]:
    """Complete EVENT or EVENT@VERSION: what the workers handle, else what the manifests name."""
    workers = _ask(context, "/workers")
    named = [
        (f"{each['event']}@{each['version']}", worker["name"])
        for worker in workers
        for each in worker["handlers"]
    ]
    if not named:
        named = [(event, spec.name) for spec in _found(context) for event in spec.declared.events]
    return _matching(named, incomplete)


def worker_names(
    context: click.Context, _: click.Parameter, incomplete: str
) -> list[CompletionItem[str]]:
    """Complete the name of a worker."""
    named = [(spec.name, spec.runs) for spec in _found(context)]
    return _matching(named, incomplete)


def ops(context: click.Context, incomplete: str) -> list[CompletionItem[str]]:
    """Complete the name of a message that can be sent to a module."""
    return _matching(
        ((each["op"], each["meaning"]) for each in _ask(context, "/ipc/ops")), incomplete
    )


def secret_names(context: click.Context, incomplete: str) -> list[CompletionItem[str]]:
    """Complete the name of a secret."""
    found = _ask(context, "/secrets")
    entries = found["entries"] if isinstance(found, dict) else []
    named = ((each["name"], ", ".join(each["declared_by"])) for each in entries)
    return _matching(named, incomplete)


def collections(
    context: click.Context, _: click.Parameter, incomplete: str
) -> list[CompletionItem[str]]:
    """Complete the name of a collection of the platform, whole or its end."""
    found = _ask(context, "/platform")
    known = found["collections"] if isinstance(found, dict) else []
    named = [(each["name"], each["title"]) for each in known]
    ends = [(name.rpartition(".")[2], title) for name, title in named if "." in name]
    return _matching([*ends, *named], incomplete)


def exchange_ids(
    context: click.Context, _: click.Parameter, incomplete: str
) -> list[CompletionItem[str]]:
    """Complete the id of one of the newest exchanges."""
    from kiket_console.store.reader import Reader

    with closing(Reader(_paths(context).store)) as reader:
        newest = reader.recent(NEWEST)
    return _matching(
        (
            (str(each.id), f"{each.name} {each.version} {each.status or each.state}")
            for each in newest
        ),
        incomplete,
    )


def saved_filters(
    context: click.Context, _: click.Parameter, incomplete: str
) -> list[CompletionItem[str]]:
    """Complete the name of a saved filter, with or without its `@`."""
    from kiket_console import saved_filters

    sign = "@" if incomplete.startswith("@") or context.info_name != "forget" else ""
    found = saved_filters.listed(_paths(context).folder)
    return _matching(((sign + each.name, each.text) for each in found), incomplete)


def windows(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """Complete how far back metrics look."""
    from kiket_console.telemetry.report import ALL, WINDOWS

    return _matching(((each, "") for each in (*WINDOWS, ALL)), incomplete)


def counted(
    context: click.Context, _: click.Parameter, incomplete: str
) -> list[CompletionItem[str]]:
    """Complete a field of metrics with what was counted of it, as in `event:issue.created`."""
    from kiket_console.store.reader import Reader
    from kiket_console.telemetry.narrowing import FIELDS

    with closing(Reader(_paths(context).store)) as reader:
        series = reader.series()
    said = (f"{field}:{of(each)}" for field, of in FIELDS.items() for each in series if of(each))
    return _matching(((each, "") for each in said), incomplete)


def _matching(named: Iterable[tuple[str, str]], incomplete: str) -> list[CompletionItem[str]]:
    by_value = {value: told for value, told in named if value.startswith(incomplete)}
    return [CompletionItem(value, help=told) for value, told in by_value.items()]


def _paths(context: click.Context) -> ProjectPaths:
    """Return the places of the project that the line names so far."""
    from pathlib import Path

    from kiket_console.paths import ProjectPaths

    lineage = (context.find_root(), context)
    return ProjectPaths(Path(*(each.params.get("directory") or "" for each in lineage)))


def _found(context: click.Context) -> Iterator[Any]:
    from kiket_console import project

    yield from project.find(_paths(context).folder).workers


def _ask(context: click.Context, path: str) -> Any:
    """Return what the engine says at *path*; nothing when none runs.

    The program's own client takes 0.1 s to import, which is long for a key.
    """
    import json
    import socket
    from http.client import HTTPConnection

    from kiket_console.wire import API

    class Local(HTTPConnection):
        def connect(self) -> None:
            self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.sock.settimeout(ENGINE_LIMIT_S)
            self.sock.connect(str(_paths(context).control_socket))

    try:
        with closing(Local("localhost")) as connection:
            connection.request("GET", API + path)
            response = connection.getresponse()
            return json.load(response) if response.status == 200 else []
    except (OSError, ValueError):
        return []
