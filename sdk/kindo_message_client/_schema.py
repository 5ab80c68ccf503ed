"""Whether a message has the structure that the producer takes (Kindo specification §7.2, §7.3)."""

from __future__ import annotations

import json
import os
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from kindo_message_client.config import SCHEMA_PATH, ConfigError

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError
    from jsonschema.protocols import Validator

_MAX_SCHEMA: Final = 1024 * 1024  # bytes
_MAX_SENTENCE: Final = 500  # characters of what a library says of a message
_NAMES_ONLY: Final = frozenset({"required", "additionalProperties"})
"""Rules whose errors name properties and show no value."""
_NOTHING: Final[tuple[Any, None]] = ((), None)
"""The rule of a name that the schema does not know: nothing is an instance of no type."""


class SchemaFileError(ConfigError):
    """A schema file is missing, too large, no JSON, or no JSON schema."""


def validate(message: Any, schema_path: str | os.PathLike[str] | None = None) -> None:
    """Check *message* against the built-in schema, or that of a file.

    Raises:
        ValueError: if it has another structure. Nothing of a sensitive payload is in the text.
        SchemaFileError: if the file cannot be used.
    """
    if schema_path is None and _is_plainly_good(message):
        return
    checker = validator(schema_path)
    from jsonschema.exceptions import best_match
    from referencing.exceptions import Unresolvable

    try:
        error = best_match(checker.iter_errors(message))
    except Unresolvable as unresolvable:
        raise SchemaFileError(
            f"The schema file {schema_path} refers to {unresolvable.ref!r}, which is not in it; "
            "references to other files and addresses are not followed."
        ) from None
    if error is not None:
        # Without the cause: its text shows the whole message.
        raise ValueError(f"Invalid message structure: {_sentence(error, message)}") from None


def validator(schema_path: str | os.PathLike[str] | None = None) -> Validator:
    """Return what checks messages against the built-in schema, or that of a file.

    A relative path starts at the working directory; what is not there, is looked for in the folder
    of this package, as releases did. Schemas say their draft in `$schema`; without it, it is 7.
    References to other files or addresses are not followed. A file that changed is read again.

    Raises:
        SchemaFileError: if the file cannot be used.
    """
    if schema_path is None:
        return _of_package()
    path = Path(schema_path)
    if not path.is_absolute() and not path.exists():
        path = Path(__file__).parent / path
    try:
        found = path.stat()
    except OSError as error:
        raise SchemaFileError(
            f"The schema file {os.fspath(schema_path)} cannot be read ({error.strerror}); give "
            "schema_path= a JSON schema, or leave it out for the built-in one."
        ) from error
    return _of_file(path, found.st_mtime_ns, found.st_size)


def _is_plainly_good(message: Any) -> bool:
    """Tell whether *message* meets the built-in schema, in a twentieth of jsonschema's time.

    Where it does not, jsonschema is asked, which says why.
    """
    required, properties = _plain_rules()
    return (
        isinstance(message, dict)
        and required <= message.keys()
        and all(
            isinstance(value, (rule := properties.get(name, _NOTHING))[0])
            and (rule[1] is None or value in rule[1])
            for name, value in message.items()
        )
    )


@lru_cache(maxsize=1)
def _plain_rules() -> tuple[frozenset[str], dict[str, tuple[type, frozenset[str] | None]]]:
    """Return the names that are required, and the type and values of each, by the schema."""
    schema: Any = _of_package().schema
    types: dict[str, type] = {"string": str, "object": dict}
    properties = {
        name: (
            types[rule.get("type", "string")],
            frozenset(rule["enum"]) if "enum" in rule else None,
        )
        for name, rule in schema["properties"].items()
    }
    return frozenset(schema["required"]), properties


@lru_cache(maxsize=1)
def _of_package() -> Validator:
    return _read(Path(SCHEMA_PATH))


@lru_cache(maxsize=16)
def _of_file(path: Path, modified_ns: int, size: int) -> Validator:  # noqa: ARG001  # they are the key
    if size > _MAX_SCHEMA:
        raise SchemaFileError(
            f"The schema file {path} has {size:,} bytes; at most {_MAX_SCHEMA:,} are read."
        )
    return _read(path)


def _read(path: Path) -> Validator:
    from jsonschema import Draft7Validator
    from jsonschema.exceptions import SchemaError
    from jsonschema.validators import validator_for
    from jsonschema_specifications import REGISTRY  # type: ignore[import-untyped]  # it has none

    try:
        schema = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise SchemaFileError(
            f"The schema file {path} cannot be read as JSON: {error}; correct it, or leave "
            "schema_path out for the built-in schema."
        ) from error
    if not isinstance(schema, dict):
        raise SchemaFileError(
            f"The schema file {path} is no JSON schema, which is an object; correct it, or leave "
            "schema_path out for the built-in schema."
        )
    kind = validator_for(schema, default=Draft7Validator)
    try:
        kind.check_schema(schema)
    except SchemaError as error:
        raise SchemaFileError(
            f"The schema file {path} is no JSON schema: {error.json_path} {error.message}; "
            "correct it, or leave schema_path out for the built-in schema."
        ) from error
    # References are looked for in this registry, of the drafts alone; else the network is asked.
    return kind(schema, registry=REGISTRY)


def _sentence(error: ValidationError, message: Any) -> str:
    """Return what is wrong in jsonschema's words; of a sensitive payload only where and by what."""
    is_sensitive = isinstance(message, dict) and message.get("security_level") == "sensitive"
    shows_payload = (
        error.absolute_path[0] == "payload"
        if error.absolute_path
        else error.validator not in _NAMES_ONLY
    )
    said = error.message
    if is_sensitive and shows_payload:
        said = f"{error.json_path} does not meet {error.validator!r}: {error.validator_value!r}"
    return said if len(said) <= _MAX_SENTENCE else f"{said[:_MAX_SENTENCE]}…"
