"""A module in a project folder, as a table of `kiket.toml` or its code alone says it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kiket_console import module_entry
from kiket_console.declared import Declared, plain
from kiket_console.model import Problem
from kiket_console.module_table import EMPTY, ModuleTable
from kiket_console.settings_file import PROJECT_FILE
from kiket_console.worker_spec import ModuleSpec
from kiket_console.worker_table import cannot_run

if TYPE_CHECKING:
    from pathlib import Path


def said(folder: Path, table: ModuleTable) -> ModuleSpec:
    """Return the module that *table* of *folder*'s `kiket.toml` describes.

    Raises `ConsoleError` for what it names and is not there.
    """
    where = table.inside(folder, "path", table.path)
    interpreter = table.interpreter(folder, where)
    problem = None if table.command else cannot_run(interpreter)
    found = None if table.command or table.entry else module_entry.guess(where)
    file = found.file if found else _file(where, table)
    secrets = table.secrets
    if secrets is None:
        secrets = module_entry.secrets_of(file) if file else ()
    if file is None and not table.command:
        problem = problem or Problem(
            f"No module was found in {', '.join(module_entry.FILE_NAMES)} or src/. Write a "
            f'@pywatt_module into main.py, or entry = "main.py" in {PROJECT_FILE}.'
        )
    return ModuleSpec(
        name=table.name or plain(where.name) or "module",
        folder=where,
        entry=found.spec if found else table.entry,
        import_roots=_roots(where, file),
        interpreter=interpreter,
        watch=(where, *(table.inside(folder, "watch", each) for each in table.watch)),
        declared=Declared(secrets=secrets),
        guessed=f"entry {found.spec} guessed from its use of pywatt_sdk" if found else "",
        command=table.command,
        port=table.port,
        is_named=bool(table.name),
        problem=problem,
        variables=table.env,
        channels=table.channels,
        announce_s=table.announce_s,
        empties=table.missing_secret == EMPTY,
    )


def guessed(folder: Path) -> ModuleSpec | None:
    """Return the module that a folder without `kiket.toml` is, None when it looks like none."""
    return said(folder, ModuleTable()) if module_entry.guess(folder) else None


def _file(folder: Path, table: ModuleTable) -> Path | None:
    """Return the file of an entry that is said; None for a command.

    Raises `ConsoleError` for an entry that names no file.
    """
    if table.command or not table.entry:
        return None
    file = module_entry.file_of(folder, table.entry)
    if file is None:
        hint = 'Write it as entry = "main.py", or entry = "main:create_app".'
        raise table.refused("entry", table.entry, ", which is neither a file nor module:name", hint)
    return file


def _roots(folder: Path, file: Path | None) -> tuple[Path, ...]:
    """Return the import path as it is for a program: the folder of its file comes first."""
    if file is None:
        return ()
    source = folder / "src"
    first = source if source in file.parents else file.parent
    return tuple(dict.fromkeys((first, folder)))
