"""Read an extension's manifest, in whichever of three dialects it is written.

The SDK style has `id`, `version`, `delivery.callback.secret` and `configuration.properties`; the
platform style nests everything under `extension`, where `delivery` is only the word http or
internal and `callback` stands beside it; other SDKs write `delivery_secret` and a `settings` list.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from kiket_sdk.exceptions import KiketSDKError
from kiket_sdk.utils import environment_reference, environment_secret_name, resolve_env_reference

DEFAULT_MANIFEST_FILENAMES = (
    "extension.yaml",
    "extension.yml",
    "manifest.yaml",
    "manifest.yml",
    ".kiket/manifest.yaml",
    ".kiket/manifest.yml",
)
MANIFEST_LIMIT_BYTES = 1024 * 1024
_FAST_NESTING = 500
"""Brackets and columns up to which values are nested little enough for the fast parser."""

# The platform style's kinds of delivery; public words, so never a secret.
_DELIVERY_KINDS = {"http", "internal"}


class ManifestNotFoundError(FileNotFoundError):
    """The manifest that was asked for is not there."""


class ManifestError(KiketSDKError, ValueError):
    """A manifest cannot be read; the text names file, line and column."""

    def __init__(self, message: str, line: int = 0) -> None:
        super().__init__(message)
        self.line = line
        """The line to correct, from 1; 0 when it is about the whole file."""


@dataclass(slots=True)
class ExtensionManifest:
    """A manifest: where it was found and what it says."""

    path: Path
    raw: dict[str, Any] = field(repr=False)

    @property
    def extension_id(self) -> str | None:
        """Return the extension's id."""
        return _text(self._value("id"))

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

    def _value(self, key: str) -> Any:
        """Return a value of the root or, failing that, of `extension`."""
        nested = self.raw.get("extension")
        return self.raw.get(key) or (nested.get(key) if isinstance(nested, Mapping) else None)

    def _declared_secret(self) -> Any:
        delivery = self._value("delivery")
        if isinstance(delivery, str) and delivery not in _DELIVERY_KINDS:
            return delivery
        callback = (
            delivery.get("callback") if isinstance(delivery, Mapping) else self._value("callback")
        )
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


def apply_secret_env_overrides(
    settings: Mapping[str, Any], secret_keys: Iterable[str]
) -> dict[str, Any]:
    """Return `settings` with every secret that KIKET_SECRET_<KEY> holds put in."""
    names = {key: environment_secret_name(key) for key in secret_keys}
    return {**settings, **{k: os.environ[n] for k, n in names.items() if n in os.environ}}


def _read(path: Path) -> ExtensionManifest:
    try:
        with path.open("rb") as file:
            raw_text = file.read(MANIFEST_LIMIT_BYTES + 1)
    except OSError as exc:
        raise ManifestError(f"{path} cannot be opened ({exc.strerror}); make it readable.") from exc
    if len(raw_text) > MANIFEST_LIMIT_BYTES:
        raise ManifestError(
            f"{path} is larger than {MANIFEST_LIMIT_BYTES} bytes; "
            "keep data that long in files of its own."
        )
    try:
        content = _parsed(raw_text)
    except yaml.MarkedYAMLError as exc:
        mark = exc.problem_mark or exc.context_mark
        line = mark.line + 1 if mark else 0
        place = f"{path}:{line}:{mark.column + 1}" if mark else path
        raise ManifestError(
            f"{place}: {exc.problem or exc.context}; correct that line and save.", line
        ) from exc
    except yaml.reader.ReaderError as exc:
        line = raw_text.count(b"\n", 0, exc.position) + 1
        column = exc.position - (raw_text.rfind(b"\n", 0, exc.position) + 1) + 1
        raise ManifestError(
            f"{path}:{line}:{column}: not text in UTF-8 ({exc.reason}); save it as UTF-8.", line
        ) from exc
    except (RecursionError, ValueError) as exc:
        raise ManifestError(f"{path} cannot be understood ({exc}); simplify it and save.") from exc
    return ExtensionManifest(path, content if isinstance(content, dict) else {})


def _parsed(raw_text: bytes) -> Any:
    """Parse YAML ten times as fast as usual where that is safe; raises what `safe_load` does.

    The fast parser crashes when values are nested too deep, and words errors in its own way.
    """
    columns = max(map(len, raw_text.splitlines()), default=0)
    if columns + raw_text.count(b"[") + raw_text.count(b"{") <= _FAST_NESTING and hasattr(
        yaml, "CSafeLoader"
    ):
        with contextlib.suppress(yaml.YAMLError, ValueError):
            return yaml.load(raw_text, yaml.CSafeLoader)
    return yaml.safe_load(raw_text)


def _text(value: Any) -> str | None:
    return str(value) if value is not None and value != "" else None
