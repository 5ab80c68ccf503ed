"""Read an extension's manifest, in whichever of three styles it is written.

The SDK style has `id`, `version`, `delivery.callback.secret` and `configuration.properties`; the
platform style nests everything under `extension`, where `delivery` is only the word http or
internal and `callback` stands beside it; other SDKs write `delivery_secret` and a `settings` list.
"""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from kiket_sdk._manifest_delivery import (
    Callback,
    DeclaredEvent,
    callback_of,
    custom_data_of,
    events_of,
)
from kiket_sdk._manifest_modules import (
    COLUMN_TYPES,
    Column,
    Index,
    ModuleSchema,
    Permission,
    Table,
    load_module_schemas,
)
from kiket_sdk._manifest_source import (
    MANIFEST_LIMIT_BYTES,
    Finding,
    Keys,
    ManifestError,
    Source,
    parse_early,
)
from kiket_sdk._manifest_types import typed_value
from kiket_sdk.utils import environment_reference, environment_secret_name, resolve_env_reference

__all__ = [
    "COLUMN_TYPES",
    "DEFAULT_MANIFEST_FILENAMES",
    "MANIFEST_LIMIT_BYTES",
    "Callback",
    "Column",
    "DeclaredEvent",
    "ExtensionManifest",
    "Finding",
    "Index",
    "ManifestError",
    "ManifestNotFoundError",
    "ModuleSchema",
    "Permission",
    "Table",
    "apply_secret_env_overrides",
    "load_manifest",
    "load_module_schemas",
]

DEFAULT_MANIFEST_FILENAMES = (
    "extension.yaml",
    "extension.yml",
    "manifest.yaml",
    "manifest.yml",
    ".kiket/manifest.yaml",
    ".kiket/manifest.yml",
)

_logger = logging.getLogger("kiket_sdk")

# The platform style's kinds of delivery; public words, so never a secret.
_DELIVERY_KINDS = {"http", "internal"}
_NUMBER_BITS = 1024
"""How long a number may be that is read as a text; of too long ones Python writes none."""


class ManifestNotFoundError(FileNotFoundError):
    """The manifest that was asked for is not there."""


@dataclass(slots=True)
class ExtensionManifest:
    """A manifest: where it was found and what it says."""

    path: Path
    raw: dict[str, Any] = field(repr=False)

    @property
    def style(self) -> Literal["sdk", "platform", "flat"]:
        """Return how it is written; `flat` is what the SDKs of other languages read."""
        nested = self.raw.get("extension")
        if isinstance(nested, Mapping) and (
            isinstance(nested.get("delivery"), str) or "callback" in nested
        ):
            return "platform"
        is_flat = "delivery_secret" in self.raw or isinstance(self.raw.get("settings"), list)
        return "flat" if is_flat else "sdk"

    @property
    def extension_id(self) -> str | None:
        """Return the extension's id."""
        return _text(self._value("id"))

    @property
    def name(self) -> str | None:
        """Return what people call the extension."""
        return _text(self._value("name"))

    @property
    def version(self) -> str | None:
        """Return the extension's version, as text even where YAML read a number."""
        return _text(self._value("version"))

    @property
    def delivery_secret(self) -> str | None:
        """Return the webhook secret after environment references, None when there is none."""
        return _text(resolve_env_reference(self._declared_secret()))

    @property
    def delivery_secret_reference(self) -> str | None:
        """Return the environment variable that the webhook secret refers to, if it does."""
        return environment_reference(self._declared_secret())

    @property
    def callback(self) -> Callback:
        """Return where deliveries go to, and how long one may take."""
        return callback_of(self._parts())

    @property
    def events(self) -> tuple[DeclaredEvent, ...]:
        """Return the events that it asks for, in whichever list they stand."""
        return events_of(self._parts())

    @property
    def permissions(self) -> tuple[str, ...]:
        """Return what it asks to be allowed, as `issues:read`."""
        listed = self._value("permissions")
        return tuple(each for each in _items(listed) if isinstance(each, str))

    @property
    def custom_data(self) -> tuple[tuple[str, tuple[str, ...]], ...] | None:
        """Return the modules of custom data that it asks for, and what it may do with each.

        The latter are some of read, write, delete and admin; None where nothing is said.
        """
        return custom_data_of(self._parts())

    def configuration_properties(self) -> dict[str, Any]:
        """Return the declared settings: key → description."""
        configuration = self._value("configuration")
        if isinstance(configuration, Mapping):
            properties = configuration.get("properties", configuration)
            return dict(properties) if isinstance(properties, Mapping) else {}
        settings = self._value("settings")
        if not isinstance(settings, list):
            return {}
        return {
            each["key"]: each
            for each in settings
            if isinstance(each, Mapping) and isinstance(each.get("key"), str)
        }

    def settings_defaults(self) -> dict[str, Any]:
        """Return the settings that have a default, after environment references."""
        defaults = {
            key: resolve_env_reference(described.get("default"))
            for key, described in self.configuration_properties().items()
            if isinstance(described, Mapping)
        }
        return {key: value for key, value in defaults.items() if value is not None}

    def secret_keys(self) -> tuple[str, ...]:
        """Return the keys of settings that are secrets."""
        return tuple(
            key
            for key, described in self.configuration_properties().items()
            if isinstance(described, Mapping) and described.get("secret")
        )

    def typed(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Return settings with each text turned into the type that its property declares.

        An integer's, number's, boolean's, object's or array's; secrets and all else stay as they
        are. Raises ManifestError, which names file, line and key, for a text that is no such value.
        """
        properties = self.configuration_properties()
        return {
            key: self._typed(key, value, properties.get(key)) for key, value in settings.items()
        }

    def keys_of(self, *keys: Any) -> Keys:
        """Return where a value stands that may be at the root or, failing that, in `extension`."""
        return keys if self.raw.get(keys[0]) else ("extension", *keys)

    def _typed(self, key: str, value: Any, described: Any) -> Any:
        if not isinstance(described, Mapping) or described.get("secret"):
            return value
        kind = described.get("type")
        try:
            return typed_value(value, kind)
        except (ValueError, RecursionError) as exc:  # the latter: nested too deep
            # the value may be the file's or a variable's: in either case the type is said there
            raise Source(self.path).error(
                self._property_keys(key),
                f"the setting is declared as {kind} and its value ({value[:60]!r}) is none; "
                "correct the default, or the variable it is taken from.",
            ) from exc

    def _property_keys(self, key: str) -> Keys:
        configuration = self._value("configuration")
        if not isinstance(configuration, Mapping):
            listed = _items(self._value("settings"))
            names = [each.get("key") if isinstance(each, Mapping) else None for each in listed]
            return self.keys_of("settings", names.index(key))
        has_list = "properties" in configuration
        return self.keys_of("configuration", *(("properties",) if has_list else ()), key)

    def _parts(self) -> Mapping[str, Any]:
        """Return the values of the root over those of `extension`."""
        nested = self.raw.get("extension")
        said = {key: value for key, value in self.raw.items() if value}
        return {**nested, **said} if isinstance(nested, Mapping) else said

    def _value(self, key: str) -> Any:
        """Return a value of the root or, failing that, of `extension`."""
        nested = self.raw.get("extension")
        return self.raw.get(key) or (nested.get(key) if isinstance(nested, Mapping) else None)

    def _declared_secret(self) -> Any:
        delivery = self._value("delivery")
        if isinstance(delivery, str) and delivery.strip().lower() not in _DELIVERY_KINDS:
            return delivery
        inner = delivery.get("callback") if isinstance(delivery, Mapping) else None
        callback = inner if isinstance(inner, Mapping) else self._value("callback")
        if isinstance(callback, Mapping) and callback.get("secret"):
            return callback["secret"]
        return self._value("delivery_secret")


def load_manifest(path: str | os.PathLike[str] | None = None) -> ExtensionManifest | None:
    """Read a manifest: the one named, else the first default name in the current folder.

    Raises ManifestNotFoundError when the named one is missing and ManifestError when it cannot be
    read; returns None when none was named and none is there.
    """
    if path is not None:
        named = Path(path)
        if not named.is_file():
            raise ManifestNotFoundError(f"Manifest file not found at {named}")
        return _read(named)
    for name in DEFAULT_MANIFEST_FILENAMES:
        candidate = Path(name)
        if candidate.is_file():
            return _read(candidate)
    return None


def read_early() -> None:
    """Parse the manifest that `load_manifest()` is going to read, should it stay as it is."""
    for name in DEFAULT_MANIFEST_FILENAMES:
        candidate = Path(name)
        if candidate.is_file():
            with suppress(ManifestError):  # said to who reads it
                parse_early(candidate)
            return


def apply_secret_env_overrides(
    settings: Mapping[str, Any], secret_keys: Iterable[str]
) -> dict[str, Any]:
    """Return `settings` with every secret that KIKET_SECRET_<KEY> holds put in."""
    names = {key: environment_secret_name(key) for key in secret_keys}
    for name, count in Counter(names.values()).items():
        if count > 1 and name in os.environ:
            alike = ", ".join(key for key in names if names[key] == name)
            _logger.warning("%s holds several secrets at once: %s; rename one.", name, alike)
    return {**settings, **{k: os.environ[n] for k, n in names.items() if n in os.environ}}


def _read(path: Path) -> ExtensionManifest:
    source = Source(path)
    manifest = ExtensionManifest(path, source.content if isinstance(source.content, dict) else {})
    for key in ("id", "version"):
        value = manifest._value(key)
        is_endless = isinstance(value, int) and value.bit_length() > _NUMBER_BITS
        if is_endless or isinstance(value, Mapping | list):
            raise source.error(manifest.keys_of(key), "is no text; write one, in quotes.")
    return manifest


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any) -> str | None:
    return str(value) if value is not None and value != "" else None
