"""The `[[module]]` tables of `kiket.toml`, each checked for itself."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from kiket_console.wire_secrets import SECRET_NAME
from kiket_console.worker_spec import CHANNELS
from kiket_console.worker_table import (
    KINDS,
    MODULE,
    Kinds,
    WorkerTable,
    check,
    check_together,
    command_of,
    place_of,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

_KINDS: Final[Mapping[str, Kinds]] = {
    **KINDS,
    "env": (dict,),
    "secrets": (list,),
    "channels": (list,),
    "missing_secret": (str,),
    "announce_s": (int, float),
}
EMPTY: Final = "empty"
STOP: Final = "stop"
SECRET: Final = re.compile(SECRET_NAME)
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)


class ModuleTable(WorkerTable, frozen=True, kw_only=True):
    """What one table says; what it does not say is empty."""

    env: tuple[tuple[str, str], ...] = ()
    secrets: tuple[str, ...] | None = None
    """None: those that its code names."""
    channels: tuple[str, ...] = CHANNELS
    missing_secret: str = STOP
    announce_s: float = 30.0


def read(raw: Mapping[str, Any], number: int = 0) -> ModuleTable:
    """Return what a table says; *number* counts from 1, and is 0 for the only one.

    Raises `ConsoleError` for a key that is not known, has the wrong kind or excludes another.
    """
    where = place_of(MODULE, raw, number)
    for key, value in raw.items():
        check(where, MODULE, _KINDS, key, value)
    secrets = raw.get("secrets")
    table = ModuleTable(
        where=where,
        name=raw.get("name", ""),
        path=raw.get("path", "."),
        entry=raw.get("entry", ""),
        command=command_of(where, raw.get("command")),
        python=raw.get("python", ""),
        watch=tuple(raw.get("watch", ())),
        port=raw.get("port"),
        env=tuple(raw.get("env", {}).items()),
        secrets=None if secrets is None else tuple(dict.fromkeys(secrets)),
        channels=tuple(dict.fromkeys(raw.get("channels", CHANNELS))),
        missing_secret=raw.get("missing_secret", STOP),
        announce_s=float(raw.get("announce_s", 30.0)),
        is_said=True,
    )
    check_together(table)
    _check_words(table)
    return table


def _check_words(table: ModuleTable) -> None:
    for channel in table.channels:
        if channel not in CHANNELS:
            known = f"Use {' and '.join(CHANNELS)}; standard input and output are always there."
            raise table.refused("channels", channel, ", which is not known", known)
    for name, value in table.env:
        if not _VARIABLE.fullmatch(name) or "\0" in value:
            raise table.refused("env", name, ", which no variable can be called or hold")
    for name in table.secrets or ():
        if not SECRET.fullmatch(name):
            hint = "Use letters, digits, dots, dashes and underscores."
            raise table.refused("secrets", name, ", which no secret can be called", hint)
    if table.missing_secret not in (STOP, EMPTY):
        hint = f'Use "{STOP}" or "{EMPTY}".'
        raise table.refused("missing_secret", table.missing_secret, ", which is not known", hint)
