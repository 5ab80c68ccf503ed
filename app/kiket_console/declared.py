"""What an extension's manifest says about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct

from kiket_console import contract
from kiket_console.model import Problem

if TYPE_CHECKING:
    from pathlib import Path

    from kiket_console.contract import Contract
    from kiket_sdk.manifest import ExtensionManifest

PLAIN_LIMIT = 256
"""Characters of a name that a project gives; a longer one is taken for none."""


class Declared(Struct, frozen=True):
    """What an extension's manifest says about it."""

    extension_id: str = ""
    version: str = ""
    secrets: tuple[str, ...] = ()
    """Names of the secrets it asks for."""
    events: tuple[str, ...] = ()
    """Events it names, as `event` or `event@version`."""
    variables: tuple[str, ...] = ()
    """Environment variables that its values refer to."""
    contract: Contract = contract.NOTHING
    """How the platform is to deliver."""


def read_manifest(folder: Path) -> tuple[Path | None, Declared, Problem | None]:
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
    return path, _declared(manifest), None


def plain(value: object) -> str:
    """Return a text that a variable, a table and a screen can hold as it is; else nothing."""
    fits = isinstance(value, str) and len(value) <= PLAIN_LIMIT and value.isprintable()
    return str(value) if fits else ""


def _declared(manifest: ExtensionManifest) -> Declared:
    from kiket_sdk.utils import environment_reference

    nested = manifest.raw.get("extension")
    parts = [manifest.raw, nested if isinstance(nested, dict) else {}]
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
        extension_id=plain(manifest.extension_id),
        version=plain(manifest.version),
        secrets=_texts([*manifest.secret_keys(), *keys]),
        events=_texts(
            f"{each.name}@{each.version}" if each.version else each.name for each in manifest.events
        ),
        variables=_texts(references),
        contract=contract.read(manifest),
    )


def _items(part: dict[str, Any], key: str) -> list[Any]:
    found = part.get(key)
    return found if isinstance(found, list) else []


def _texts(values: Any) -> tuple[str, ...]:
    """Return what is plain among *values*, each once, in order."""
    return tuple(dict.fromkeys(filter(None, map(plain, values))))
