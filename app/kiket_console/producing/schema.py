"""The schema of a message (JSON Schema, draft 7), and what is wrong with one that does not fit."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from kiket_console.errors import ConsoleError, ExitCode


@lru_cache(maxsize=1)
def built_in() -> dict[str, Any]:
    """Return the schema of the producer service (Kiket and Kindo specification §7.2)."""
    from kindo_message_client.config import SCHEMA_PATH

    schema: dict[str, Any] = json.loads(Path(SCHEMA_PATH).read_text("utf-8"))
    return schema


def problem(fields: dict[str, Any], schema_file: Path | None = None) -> str:
    """Return in one sentence why a message does not fit, or nothing.

    Raises `ConsoleError` (`CONFIG`) for a *schema_file* that is no schema. What it refers to is
    not fetched from anywhere.
    """
    from referencing.exceptions import Unresolvable

    from kindo_message_client._schema import SchemaFileError, validate

    try:
        validate(fields, schema_file and schema_file.absolute())
    except ValueError as error:
        said = str(error).removeprefix("Invalid message structure: ").rstrip(".")
        return f"The message does not fit the schema: {said}."
    except SchemaFileError as error:
        raise _bad(str(error).partition("; ")[0]) from None
    except Unresolvable as missing:
        said = f"The schema file {schema_file} refers to {missing.ref!r}, which it does not have"
        raise _bad(said) from None
    return ""


def _bad(what: str) -> ConsoleError:
    return ConsoleError(
        f"{what.rstrip('.')}.",
        hint="Correct it, or leave it out: the producer's own schema is built in.",
        exit_code=ExitCode.CONFIG,
    )
