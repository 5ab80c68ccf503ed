"""The `[[extension]]` tables of `kiket.toml`, each checked for itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from kiket_console.worker_table import (
    EXTENSION,
    KINDS,
    Kinds,
    WorkerTable,
    check,
    check_together,
    command_of,
    place_of,
    refused,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

_KINDS: Final[Mapping[str, Kinds]] = {**KINDS, "dialect": (str, list), "era": (str,)}


class ExtensionTable(WorkerTable, frozen=True, kw_only=True):
    """What one table says; what it does not say is empty."""

    dialects: tuple[str, ...] = ()
    era: str = ""


def read(raw: Mapping[str, Any], number: int = 0) -> ExtensionTable:
    """Return what a table says; *number* counts from 1, and is 0 for the only one.

    Raises `ConsoleError` for a key that is not known, has the wrong kind or excludes another.
    """
    where = place_of(EXTENSION, raw, number)
    for key, value in raw.items():
        check(where, EXTENSION, _KINDS, key, value)
    table = ExtensionTable(
        where=where,
        name=raw.get("name", ""),
        path=raw.get("path", "."),
        entry=raw.get("entry", ""),
        command=command_of(where, raw.get("command")),
        python=raw.get("python", ""),
        watch=tuple(raw.get("watch", ())),
        dialects=_each(raw.get("dialect", ())),
        era=raw.get("era", ""),
        port=raw.get("port"),
        is_said=True,
    )
    check_together(table)
    if table.port is not None and not table.command:
        raise refused(
            f"{table.where} has a port, but no command: a Python app is handed its socket.",
            "Remove port, or give a command.",
        )
    return table


def _each(value: str | list[str] | tuple[str, ...]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)
