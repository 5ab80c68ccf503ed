"""What is in a project folder, found without running or importing any of it.

`kiket.toml` says it; without one the folder is one extension when a manifest or a `KiketSDK` is
there, and what was guessed about it is told in words.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kiket_console import entry as entries
from kiket_console import settings_file
from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.model import Problem
from kiket_console.settings_file import PROJECT_FILE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PLAIN_LIMIT = 256
"""Characters of a name that a project gives; a longer one is taken for none."""
_KEYS = {
    "name": str,
    "path": str,
    "entry": str,
    "python": str,
    "watch": list,
    "dialect": (str, list),
}
_TEACHING = (
    "Put an extension.yaml beside a main.py that makes a KiketSDK, or write kiket.toml with "
    '[[extension]] and entry = "main:sdk".'
)


@dataclass(frozen=True, slots=True)
class Declared:
    """What an extension's manifest says about it."""

    extension_id: str = ""
    version: str = ""
    secrets: tuple[str, ...] = ()
    """Names of the secrets it asks for."""
    events: tuple[str, ...] = ()
    """Events it names, as `event` or `event@version`."""
    variables: tuple[str, ...] = ()
    """Environment variables that its values refer to."""


@dataclass(frozen=True, slots=True)
class ExtensionSpec:
    """How to run one extension."""

    name: str
    folder: Path
    entry: str
    """Module and attribute: `main:sdk`; empty when none was found."""
    import_roots: tuple[Path, ...]
    """Folders for the import path, first one first."""
    interpreter: Path
    watch: tuple[Path, ...]
    manifest: Path | None
    declared: Declared
    dialects: tuple[str, ...]
    """The ways to sign that its code accepts, where `kiket.toml` says so; else empty."""
    guessed: str
    """What was guessed, in words; empty when `kiket.toml` says it."""
    uses_sdk: bool
    command: tuple[str, ...] = ()
    """What to run instead of Python code; empty for an entry."""
    port: int | None = None
    """Where the command has to listen; None: on any port that it is given."""
    problem: Problem | None = None
    """Why it cannot start, when that is known without starting it."""


@dataclass(frozen=True, slots=True)
class Project:
    """A folder and the extensions in it, one at least."""

    name: str
    folder: Path
    extensions: tuple[ExtensionSpec, ...]


def find(folder: Path) -> Project:
    """Return what is in *folder*.

    Raises `ConsoleError` when it cannot be read, has no extension, or a `kiket.toml` that cannot
    be understood.
    """
    try:
        return _find(folder.resolve())
    except (OSError, RuntimeError) as error:  # the latter: links in a circle
        raise _refused(f"{folder} cannot be read: {error}.", "Make it readable.") from error


def _find(folder: Path) -> Project:
    if not folder.is_dir():
        raise _refused(f"There is no folder {folder}.", "Name the folder of your project.")
    settings = _settings(folder)
    where = _inside(folder, settings.get("path", "."), "path")
    manifest, declared, problem = _manifest(where)
    entry, import_roots, guessed, uses_sdk = _entry(where, settings, manifest)
    name = settings.get("name") or declared.extension_id or _plain(where.name) or "extension"
    if not entry and problem is None:
        problem = Problem(
            f"No app was found in {', '.join(entries.FILE_NAMES)} or src/. "
            f'Write `sdk = KiketSDK()` in main.py, or entry = "module:name" in {PROJECT_FILE}.'
        )
    extension = ExtensionSpec(
        name=name,
        folder=where,
        entry=entry,
        import_roots=import_roots,
        interpreter=_interpreter(where, settings),
        watch=(where, *(_inside(folder, each, "watch") for each in settings.get("watch", ()))),
        manifest=manifest,
        declared=declared,
        dialects=_dialects(settings),
        guessed=guessed,
        uses_sdk=uses_sdk,
        problem=problem,
    )
    return Project(folder.name, folder, (extension,))


def _settings(folder: Path) -> Mapping[str, Any]:
    """Return the `[[extension]]` table of `kiket.toml`, or nothing."""
    file = folder / PROJECT_FILE
    settings = settings_file.read(file)
    for word in settings.keys() - {"extension", "console"}:  # [console] is read by config
        later = word == "module"
        raise _refused(
            f"{file} has {word!r}, which "
            + ("comes later: modules cannot be run yet." if later else "is not known."),
            "It has [[extension]] tables.",
        )
    tables = settings.get("extension", [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise _refused(f"{file} has an [extension] table.", "Write it as [[extension]].")
    if len(tables) > 1:
        raise _refused(
            f"{file} names {len(tables)} extensions; several in one project come later.",
            "Keep one [[extension]], and start one console in each extension's folder.",
        )
    table: dict[str, Any] = tables[0] if tables else {}
    for key, value in table.items():
        _check(file, key, value)
    return table


def _check(file: Path, key: str, value: object) -> None:
    if key in ("command", "port"):
        raise _refused(
            f"{file} has {key!r} in [[extension]]: other commands than Python come later.",
            'Give an entry = "module:name" instead.',
        )
    kind = _KEYS.get(key)
    if kind is None:
        raise _refused(
            f"{file} has {key!r} in [[extension]], which is not known.", f"Use {', '.join(_KEYS)}."
        )
    items = value if isinstance(value, list) else [value]
    if not isinstance(value, kind) or not all(map(_plain, items)):  # type: ignore[arg-type]  # a table of types
        wanted = "a list of texts" if kind is list else "a text"
        raise _refused(f"{file} has {key} = {value!r}, but needs {wanted}.", "Correct it there.")


def _inside(folder: Path, path: str, key: str) -> Path:
    try:
        place = (folder / path).resolve()
        known = place.is_dir()
    except (RuntimeError, OSError):  # links in a circle, or a name too long for any folder
        known = False
    if not known:
        raise _refused(f"{PROJECT_FILE} has {key} = {path!r}: no such folder.", "Correct it there.")
    return place


def _entry(
    folder: Path, settings: Mapping[str, Any], manifest: Path | None
) -> tuple[str, tuple[Path, ...], str, bool]:
    """Return (entry, import roots, what was guessed, whether it is a KiketSDK)."""
    source = folder / "src"
    given = settings.get("entry")
    if given:
        module, colon, attribute = given.partition(":")
        if not colon or not all(map(str.isidentifier, [*module.split("."), *attribute.split(".")])):
            raise _refused(
                f"{PROJECT_FILE} has entry = {given!r}, which is not module:name.",
                'Write it as entry = "main:sdk".',
            )
        first = module.split(".")[0]
        in_source = any((source / each).exists() for each in (first, f"{first}.py"))
        in_folder = any((folder / each).exists() for each in (first, f"{first}.py"))
        roots = (source, folder) if in_source and not in_folder else (folder,)
        return given, roots, "", True
    found = entries.guess(folder)
    if (found is None and manifest is None) or (found and not found.is_sdk and manifest is None):
        if settings:
            return "", (folder,), "", False
        raise _refused(f"There is no extension in {folder}.", _TEACHING)
    if found is None:
        return "", (folder,), "no entry found", False
    roots = (folder,) if found.root == folder else (found.root, folder)
    guessed = f"entry {found.spec} guessed from {found.file.relative_to(folder)}"
    return found.spec, roots, guessed, found.is_sdk


def _interpreter(folder: Path, settings: Mapping[str, Any]) -> Path:
    given = settings.get("python")
    if given:
        try:
            interpreter = folder / Path(given).expanduser()
        except RuntimeError:  # `~somebody` whom nobody knows
            interpreter = folder / given
        if not interpreter.is_file():
            raise _refused(
                f"{PROJECT_FILE} has python = {given!r}: no such file.", "Correct it there."
            )
        return interpreter
    own = folder / ".venv" / "bin" / "python"
    return own if own.is_file() else Path(sys.executable)


def _dialects(settings: Mapping[str, Any]) -> tuple[str, ...]:
    from kiket_sdk._signing import DIALECTS

    given = settings.get("dialect", ())
    names = (given,) if isinstance(given, str) else tuple(given)
    for name in names:
        if name not in DIALECTS:
            raise _refused(
                f"{PROJECT_FILE} has dialect = {name!r}, which is not known.",
                f"Use {', '.join(DIALECTS)}.",
            )
    return names


def _manifest(folder: Path) -> tuple[Path | None, Declared, Problem | None]:
    """Read the folder's manifest; one that is broken is a problem of the extension, not of ours."""
    from kiket_sdk.manifest import DEFAULT_MANIFEST_FILENAMES, ManifestError, load_manifest

    places = (folder / name for name in DEFAULT_MANIFEST_FILENAMES)
    path = next((place for place in places if place.is_file()), None)
    if path is None:
        return None, Declared(), None
    try:
        manifest = load_manifest(path)
    except ManifestError as error:
        file = str(path.relative_to(folder))
        sentence = str(error).replace(str(path), file)
        return path, Declared(), Problem(sentence, file, error.line)
    if manifest is None:
        return path, Declared(), None
    nested = manifest.raw.get("extension")
    parts = [manifest.raw, nested if isinstance(nested, dict) else {}]
    return path, _declared(manifest, parts), None


def _declared(manifest: Any, parts: list[dict[str, Any]]) -> Declared:
    from kiket_sdk.utils import environment_reference

    listed = [item for part in parts for item in _items(part, "secrets")]
    keys = [item.get("key") if isinstance(item, dict) else item for item in listed]
    properties = manifest.configuration_properties().values()
    references = [
        manifest.delivery_secret_reference,
        *(
            environment_reference(each.get("default"))
            for each in properties
            if isinstance(each, dict)
        ),
    ]
    return Declared(
        extension_id=_plain(manifest.extension_id),
        version=_plain(manifest.version),
        secrets=_texts([*manifest.secret_keys(), *keys]),
        events=_texts(event for part in parts for event in _events(part)),
        variables=_texts(references),
    )


def _events(part: dict[str, Any]) -> Iterator[object]:
    for item in _items(part, "events"):
        if isinstance(item, dict):
            name, version = item.get("name") or item.get("event"), item.get("version")
            yield f"{name}@{version}" if name and version else name
        else:
            yield item
    for item in _items(part, "hooks"):
        yield item.get("event") if isinstance(item, dict) else None
    for key in ("activationEvents", "activation_events", "lifecycleEvents"):
        yield from _items(part, key)


def _items(part: dict[str, Any], key: str) -> list[Any]:
    found = part.get(key)
    return found if isinstance(found, list) else []


def _texts(values: Any) -> tuple[str, ...]:
    """Return what is plain among *values*, each once, in order."""
    return tuple(dict.fromkeys(filter(None, map(_plain, values))))


def _plain(value: object) -> str:
    """Return a text that a variable, a table and a screen can hold as it is; else nothing."""
    fits = isinstance(value, str) and len(value) <= PLAIN_LIMIT and value.isprintable()
    return str(value) if fits else ""


def _refused(message: str, hint: str) -> ConsoleError:
    return ConsoleError(message, hint=hint, exit_code=ExitCode.CONFIG)
