"""What is in a project folder, found without running or importing any of it.

`kiket.toml` says it; without one the folder is one extension when a manifest or a `KiketSDK` is
there, or one module when its code uses `pywatt_sdk`; what was guessed is told in words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from kiket_console import entry as entries
from kiket_console import extension_table, found_module, module_table, worker_table
from kiket_console.declared import Declared, plain, read_manifest
from kiket_console.errors import ConsoleError
from kiket_console.extension_table import ExtensionTable
from kiket_console.model import Problem
from kiket_console.paths import shown
from kiket_console.settings_file import PROJECT_FILE
from kiket_console.wire import ERAS, ES256, EVERY_ERA
from kiket_console.worker_spec import ExtensionSpec, ModuleSpec, WorkerSpec
from kiket_console.worker_table import EXTENSION, OURS, WorkerTable, cannot_run, refused

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_TEACHING = (
    "Put an extension.yaml beside a main.py that makes a KiketSDK, or a @pywatt_module into "
    'main.py, or write kiket.toml with [[extension]] and entry = "main:sdk".'
)
_Spec = TypeVar("_Spec", ExtensionSpec, ModuleSpec)


class Project(Struct, frozen=True):
    """A folder and its workers: one at least, each with a name of its own."""

    name: str
    folder: Path
    extensions: tuple[ExtensionSpec, ...]
    modules: tuple[ModuleSpec, ...] = ()

    @property
    def workers(self) -> tuple[WorkerSpec, ...]:
        """Return the extensions, then the modules."""
        return (*self.extensions, *self.modules)


def find(folder: Path) -> Project:
    """Return what is in *folder*.

    A table of several that cannot be used is a problem of its worker alone. Raises `ConsoleError`
    when the folder cannot be read, has no worker, or a `kiket.toml` that cannot be understood.
    """
    try:
        return _find(folder.resolve())
    except (OSError, RuntimeError) as error:  # the latter: links in a circle
        raise _unreadable(folder, error) from error


def with_known_names(project: Project, known: Sequence[WorkerSpec]) -> Project:
    """Return *project* with the names under which its workers are *known*.

    A name that nobody gave comes from a manifest or a folder; it would change while somebody
    edits those, and look like another worker.
    """
    names = {spec.name for spec in project.workers}
    lost = {(spec.kind, spec.folder): spec.name for spec in known if spec.name not in names}
    names_known = {spec.name for spec in known}

    def renamed(spec: _Spec) -> _Spec:
        if spec.is_named or spec.name in names_known:
            return spec
        return replace(spec, name=lost.pop((spec.kind, spec.folder), spec.name))

    return replace(
        project,
        extensions=tuple(map(renamed, project.extensions)),
        modules=tuple(map(renamed, project.modules)),
    )


def _find(folder: Path) -> Project:
    if not folder.is_dir():
        raise refused(f"There is no folder {folder}.", "Name the folder of your project.")
    try:
        str(folder).encode()
    except UnicodeEncodeError:
        sentence = f"The path {shown(folder)} is not UTF-8."
        raise refused(sentence, "Give the folder another name.") from None
    said = [
        (word, raw, number)
        for word, raws in worker_table.raw_tables(folder).items()
        for number, raw in enumerate(raws, start=1)
    ]
    if not said:
        return _guessed(folder)
    if len(said) == 1:
        word, raw, _ = said[0]
        return _project(folder, [_worker(folder, word, raw, 0)])
    found: list[WorkerSpec] = []
    errors: list[ConsoleError] = []
    for word, raw, number in said:
        try:
            found.append(_worker(folder, word, raw, number))
        except ConsoleError as error:
            errors.append(error)
            found.append(_unusable(folder, word, raw, number, error))
        except (OSError, RuntimeError) as error:
            errors.append(_unreadable(folder, error))
            found.append(_unusable(folder, word, raw, number, errors[-1]))
    if len(errors) == len(found):
        raise errors[0]
    _check_apart(found)
    return _project(folder, found)


def _guessed(folder: Path) -> Project:
    """Return what is in a folder of which `kiket.toml` says nothing."""
    try:
        return _project(folder, [_extension(folder, ExtensionTable())])
    except ConsoleError:
        module = found_module.guessed(folder)
        if module is not None:
            return _project(folder, [module])
        if any(folder.glob("messages/*.json")):  # templates: messages are sent from here
            return _project(folder, [])
        raise


def _project(folder: Path, found: Sequence[WorkerSpec]) -> Project:
    return Project(
        folder.name,
        folder,
        tuple(spec for spec in found if isinstance(spec, ExtensionSpec)),
        tuple(spec for spec in found if isinstance(spec, ModuleSpec)),
    )


def _worker(folder: Path, word: str, raw: dict[str, object], number: int) -> WorkerSpec:
    if word == EXTENSION:
        return _extension(folder, extension_table.read(raw, number))
    return found_module.said(folder, module_table.read(raw, number))


def _extension(folder: Path, table: ExtensionTable) -> ExtensionSpec:
    where = table.inside(folder, "path", table.path)
    manifest, declared, problem = read_manifest(where)
    entry, import_roots, guessed, uses_sdk = _entry(where, table, manifest)
    interpreter = table.interpreter(folder, where)
    if problem is None and not table.command:
        problem = cannot_run(interpreter)
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
        watch=(where, *(table.inside(folder, "watch", each) for each in table.watch)),
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
    folder: Path, word: str, raw: dict[str, object], number: int, error: ConsoleError
) -> WorkerSpec:
    """Return the worker of a table that cannot be used, so that it is seen why."""
    name, path = raw.get("name"), raw.get("path")
    is_named = isinstance(name, str) and worker_table.is_name(name)
    try:
        place = WorkerTable().inside(folder, "path", path if isinstance(path, str) else ".")
    except ConsoleError:
        place = folder
    make = ExtensionSpec if word == EXTENSION else ModuleSpec
    return make(
        name=str(name) if is_named else f"{word}-{number}",
        folder=place,
        entry="",
        import_roots=(),
        interpreter=OURS,
        watch=(),
        declared=Declared(),
        era=EVERY_ERA if word == EXTENSION else "",
        is_named=is_named,
        problem=Problem(str(error)),
    )


def _check_apart(found: list[WorkerSpec]) -> None:
    """Raise `ConsoleError` for two workers of one name, or on one port."""
    by_name: dict[str, WorkerSpec] = {}
    by_port: dict[int, WorkerSpec] = {}
    for spec in found:
        other = by_name.setdefault(spec.name, spec)
        if other is not spec:
            both = f"{spec.kind}s" if other.kind == spec.kind else "workers"
            raise refused(
                f'{PROJECT_FILE} has two {both} called "{spec.name}".',
                f"Give each [[{spec.kind}]] a name of its own.",
            )
        if spec.port is not None and by_port.setdefault(spec.port, spec) is not spec:
            name = by_port[spec.port].name
            raise refused(
                f'{PROJECT_FILE} gives port = {spec.port} to both "{name}" and "{spec.name}".',
                "Give each its own, or none: a free port is found then.",
            )


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
        raise refused(f"There is no extension and no module in {folder}.", _TEACHING)
    if found is None:
        return "", (folder,), "no entry found", False
    roots = (folder,) if found.root == folder else (found.root, folder)
    guessed = f"entry {found.spec} guessed from {found.file.relative_to(folder)}"
    return found.spec, roots, guessed, found.is_sdk


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
