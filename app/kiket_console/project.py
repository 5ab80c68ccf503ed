"""What is in a project folder, found without running or importing any of it.

`kiket.toml` says it; without one the folder is one extension when a manifest or a `KiketSDK` is
there, and what was guessed about it is told in words.
"""

from __future__ import annotations

import shlex
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from kiket_console import entry as entries
from kiket_console import extension_table, programs
from kiket_console.declared import Declared, plain, read_manifest
from kiket_console.errors import ConsoleError
from kiket_console.extension_table import ExtensionTable, refused
from kiket_console.model import Problem
from kiket_console.settings_file import PROJECT_FILE
from kiket_console.wire import ERAS, ES256, EVERY_ERA

if TYPE_CHECKING:
    from collections.abc import Sequence

_OURS = Path(sys.executable)
_TEACHING = (
    "Put an extension.yaml beside a main.py that makes a KiketSDK, or write kiket.toml with "
    '[[extension]] and entry = "main:sdk".'
)


@dataclass(frozen=True, slots=True)
class ExtensionSpec:
    """How to run one extension."""

    name: str
    folder: Path
    entry: str
    """Module and attribute: `main:sdk`; empty when none was found, and for a command."""
    import_roots: tuple[Path, ...]
    """Folders for the import path, first one first."""
    interpreter: Path
    """What runs an entry; a command finds the programs beside it first."""
    watch: tuple[Path, ...]
    manifest: Path | None
    declared: Declared
    dialects: tuple[str, ...]
    """The ways to sign that its code accepts, where `kiket.toml` says so, be it by an era; else
    empty."""
    era: str
    """The release of the SDK that deliveries are made for, one of `wire.ERAS`."""
    guessed: str
    """What was guessed, in words; empty when `kiket.toml` says it."""
    uses_sdk: bool
    command: tuple[str, ...] = ()
    """What to run instead of Python code; empty for an entry."""
    port: int | None = None
    """Where the command has to listen; None: on any port that it is given."""
    is_named: bool = False
    """Whether `kiket.toml` names it, so that its name is no guess either."""
    problem: Problem | None = None
    """Why it cannot start, when that is known without starting it."""

    def runs_like(self, other: ExtensionSpec) -> bool:
        """Tell whether it is run just as *other*; a guess about the code is told, not run."""
        return replace(self, guessed=other.guessed, uses_sdk=other.uses_sdk) == other

    @property
    def is_unsigned(self) -> bool:
        """Whether its deliveries have no signature, but a runtime token alone."""
        return self.dialects == (ES256,)

    @property
    def runs(self) -> str:
        """Return what it runs in one line: the entry, or the command as a shell would take it."""
        return shlex.join(self.command) or self.entry

    @property
    def run_by(self) -> str:
        """Return the interpreter of an entry; a command says its own."""
        return "" if self.command else str(self.interpreter)

    @property
    def note(self) -> str:
        """Say what a person should know of how it is run."""
        return "its secrets are in its environment" if self.command else ""


@dataclass(frozen=True, slots=True)
class Project:
    """A folder and the extensions in it, one at least, each with a name of its own."""

    name: str
    folder: Path
    extensions: tuple[ExtensionSpec, ...]


def find(folder: Path) -> Project:
    """Return what is in *folder*.

    A table of several that cannot be used is a problem of its extension alone. Raises
    `ConsoleError` when the folder cannot be read, has no extension, or a `kiket.toml` that cannot
    be understood.
    """
    try:
        return _find(folder.resolve())
    except (OSError, RuntimeError) as error:  # the latter: links in a circle
        raise _unreadable(folder, error) from error


def with_known_names(project: Project, known: Sequence[ExtensionSpec]) -> Project:
    """Return *project* with the names under which its extensions are *known*.

    A name that nobody gave comes from a manifest or a folder; it would change while somebody
    edits those, and look like another extension.
    """
    names = {spec.name for spec in project.extensions}
    lost = {spec.folder: spec.name for spec in known if spec.name not in names}
    names_known = {spec.name for spec in known}
    return replace(
        project,
        extensions=tuple(
            spec
            if spec.is_named or spec.name in names_known
            else replace(spec, name=lost.pop(spec.folder, spec.name))
            for spec in project.extensions
        ),
    )


def _find(folder: Path) -> Project:
    if not folder.is_dir():
        raise refused(f"There is no folder {folder}.", "Name the folder of your project.")
    raw_tables = extension_table.raw_tables(folder)
    if len(raw_tables) < 2:
        table = extension_table.read(raw_tables[0]) if raw_tables else ExtensionTable()
        return Project(folder.name, folder, (_extension(folder, table),))
    found: list[ExtensionSpec] = []
    errors: list[ConsoleError] = []
    for number, raw in enumerate(raw_tables, start=1):
        try:
            found.append(_extension(folder, extension_table.read(raw, number)))
        except ConsoleError as error:
            errors.append(error)
            found.append(_unusable(folder, raw, number, error))
        except (OSError, RuntimeError) as error:
            errors.append(_unreadable(folder, error))
            found.append(_unusable(folder, raw, number, errors[-1]))
    if len(errors) == len(found):
        raise errors[0]
    _check_apart(found)
    return Project(folder.name, folder, tuple(found))


def _extension(folder: Path, table: ExtensionTable) -> ExtensionSpec:
    where = _inside(folder, table, "path", table.path)
    manifest, declared, problem = read_manifest(where)
    entry, import_roots, guessed, uses_sdk = _entry(where, table, manifest)
    interpreter = _interpreter(folder, where, table)
    if problem is None and not table.command:
        problem = _cannot_run(interpreter)
    if not entry and not table.command and problem is None:
        problem = Problem(
            f"No app was found in {', '.join(entries.FILE_NAMES)} or src/. "
            f'Write `sdk = KiketSDK()` in main.py, or entry = "module:name" in {PROJECT_FILE}.'
        )
    return ExtensionSpec(
        name=table.name or declared.extension_id or plain(where.name) or "extension",
        folder=where,
        entry=entry,
        import_roots=import_roots,
        interpreter=interpreter,
        watch=(where, *(_inside(folder, table, "watch", each) for each in table.watch)),
        manifest=manifest,
        declared=declared,
        dialects=_dialects(table),
        era=_era(table),
        guessed=guessed,
        uses_sdk=uses_sdk,
        command=table.command,
        port=table.port,
        is_named=bool(table.name),
        problem=problem,
    )


def _unusable(
    folder: Path, raw: dict[str, object], number: int, error: ConsoleError
) -> ExtensionSpec:
    """Return the extension of a table that cannot be used, so that it is seen why."""
    name, path = raw.get("name"), raw.get("path")
    is_named = isinstance(name, str) and extension_table.is_name(name)
    try:
        place = _inside(folder, ExtensionTable(), "path", path if isinstance(path, str) else ".")
    except ConsoleError:
        place = folder
    return ExtensionSpec(
        name=str(name) if is_named else f"extension-{number}",
        folder=place,
        entry="",
        import_roots=(),
        interpreter=_OURS,
        watch=(),
        manifest=None,
        declared=Declared(),
        dialects=(),
        era=EVERY_ERA,
        guessed="",
        uses_sdk=False,
        is_named=is_named,
        problem=Problem(str(error)),
    )


def _check_apart(found: list[ExtensionSpec]) -> None:
    """Raise `ConsoleError` for two extensions of one name, or on one port."""
    by_name: dict[str, ExtensionSpec] = {}
    by_port: dict[int, ExtensionSpec] = {}
    for spec in found:
        if by_name.setdefault(spec.name, spec) is not spec:
            raise refused(
                f'{PROJECT_FILE} has two extensions called "{spec.name}".',
                "Give each [[extension]] a name of its own.",
            )
        if spec.port is not None and by_port.setdefault(spec.port, spec) is not spec:
            other = by_port[spec.port].name
            raise refused(
                f'{PROJECT_FILE} gives port = {spec.port} to both "{other}" and "{spec.name}".',
                "Give each its own, or none: a free port is found then.",
            )


def _inside(folder: Path, table: ExtensionTable, key: str, path: str) -> Path:
    try:
        place = (folder / path).resolve()
        known = place.is_dir()
    except (RuntimeError, OSError):  # links in a circle, or a name too long for any folder
        known = False
    if not known:
        raise table.refused(key, path, ": no such folder")
    return place


def _entry(
    folder: Path, table: ExtensionTable, manifest: Path | None
) -> tuple[str, tuple[Path, ...], str, bool]:
    """Return (entry, import roots, what was guessed, whether it is a KiketSDK)."""
    source = folder / "src"
    if table.command:
        return "", (), "", False
    if table.entry:
        module, colon, attribute = table.entry.partition(":")
        if not colon or not all(map(str.isidentifier, [*module.split("."), *attribute.split(".")])):
            hint = 'Write it as entry = "main:sdk".'
            raise table.refused("entry", table.entry, ", which is not module:name", hint)
        first = module.split(".")[0]
        in_source = any((source / each).exists() for each in (first, f"{first}.py"))
        in_folder = any((folder / each).exists() for each in (first, f"{first}.py"))
        roots = (source, folder) if in_source and not in_folder else (folder,)
        return table.entry, roots, "", True
    found = entries.guess(folder)
    if (found is None and manifest is None) or (found and not found.is_sdk and manifest is None):
        if table.is_said:
            return "", (folder,), "", False
        raise refused(f"There is no extension in {folder}.", _TEACHING)
    if found is None:
        return "", (folder,), "no entry found", False
    roots = (folder,) if found.root == folder else (found.root, folder)
    guessed = f"entry {found.spec} guessed from {found.file.relative_to(folder)}"
    return found.spec, roots, guessed, found.is_sdk


def _interpreter(project: Path, folder: Path, table: ExtensionTable) -> Path:
    """Return the interpreter that is said, else the nearest `.venv`'s, else ours."""
    if table.python:
        try:
            interpreter = folder / Path(table.python).expanduser()
        except RuntimeError:  # `~somebody` whom nobody knows
            interpreter = folder / table.python
        if not interpreter.is_file():
            raise table.refused("python", table.python, ": no such file")
        return interpreter
    own = (place / ".venv" / "bin" / "python" for place in (folder, project))
    return next((place for place in own if place.is_symlink() or place.is_file()), _OURS)


def _cannot_run(interpreter: Path) -> Problem | None:
    try:
        programs.check(interpreter)
    except programs.CannotRunError as error:
        return Problem(str(error))
    return None


def _dialects(table: ExtensionTable) -> tuple[str, ...]:
    from kiket_sdk._signing import DIALECTS

    known = (*DIALECTS, ES256)
    for name in table.dialects:
        if name not in known:
            raise table.refused("dialect", name, ", which is not known", f"Use {', '.join(known)}.")
    only = ERAS.get(table.era)
    return table.dialects or ((only,) if only else ())


def _era(table: ExtensionTable) -> str:
    if table.era and table.era not in ERAS:
        raise table.refused("era", table.era, ", which is not known", f"Use {', '.join(ERAS)}.")
    return table.era or EVERY_ERA


def _unreadable(folder: Path, error: Exception) -> ConsoleError:
    return refused(f"{folder} cannot be read: {error}.", "Make it readable.")
