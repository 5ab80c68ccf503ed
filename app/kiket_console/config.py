"""Settings, and where each came from.

    defaults < user's config.toml < project's kiket.toml, table [console]
             < KIKET_CONSOLE_… of the environment < command line

Both files hold the same keys. A key or value that makes no sense is a sentence, never ignored.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, Final

from kiket_console import settings_file
from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.settings_file import PROJECT_FILE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

ENVIRONMENT_PREFIX: Final = "KIKET_CONSOLE_"
DURABILITIES: Final = ("full", "process")
MOST_BODY_MIB: Final = 25
"""Several of these at once must fit the memory that waits for the disk."""


@dataclass(frozen=True, slots=True)
class Config:
    """Every setting, and in `sources` where those that are no defaults came from."""

    port: int | None = None
    """The gateway's port, exactly; None means 8700 or the next free one."""
    allow_hosts: tuple[str, ...] = ()
    """Host names besides loopback under which the gateway takes webhooks."""
    durability: str = "full"
    """`full`: an answer is given when the exchange is on disk; `process`: when it would survive
    the end of the engine, but not a power cut."""
    theme: str = "kiket-dusk"
    held_s: float = 10.0
    """How long a delivery waits for a worker that is being started."""
    forward_timeout_s: float = 30.0
    """How long a worker may take to answer."""
    body_mib: int = 5
    """How large the body of a delivery or of an answer may be."""
    retention_days: int = 7
    """How long exchanges are kept that nobody pinned; 0: for ever."""
    retention_mb: int = 500
    """How large the store may grow before the oldest are let go that nobody pinned; 0: without
    limit."""
    sources: Mapping[str, str] = field(default_factory=dict)


NAMES: Final = tuple(each.name for each in fields(Config) if each.name != "sources")


def load(folder: Path, flags: Mapping[str, Any] | None = None) -> Config:
    """Return the settings for the project in *folder*; *flags* that are None or empty say nothing.

    Raises `ConsoleError` for a file that cannot be read, an unknown key or a bad value.
    """
    from kiket_console.paths import config_file

    config = Config()
    user_file, project_file = config_file(), folder / PROJECT_FILE
    config = _with(config, settings_file.read(user_file), str(user_file))
    table = settings_file.read(project_file).get("console", {})
    if not isinstance(table, dict):
        raise _bad(f"[console] of {project_file} is not a table.", "Write `[console]`.")
    config = _with(config, table, f"{project_file} [console]")
    for variable, text in sorted(os.environ.items()):
        if variable.startswith(ENVIRONMENT_PREFIX):
            name = variable.removeprefix(ENVIRONMENT_PREFIX).lower()
            config = _with(config, {name: _parsed(name, text)}, variable)
    said = {name: value for name, value in (flags or {}).items() if value not in (None, ())}
    return _with(config, said, "the command line")


def _parsed(name: str, text: str) -> object:
    """Return an environment variable's text as the kind of value that *name* takes."""
    if name == "allow_hosts":
        return [host.strip() for host in text.split(",") if host.strip()]
    number = _NUMBERS.get(name)
    if number is None:
        return text
    try:
        return number(text)
    except ValueError:
        return text  # the check of values has the sentence


def _with(config: Config, said: Mapping[str, Any], source: str) -> Config:
    """Return *config* with what *source* says on top."""
    for name, value in said.items():
        if name not in NAMES:
            from difflib import get_close_matches

            near = get_close_matches(name, NAMES, n=1)
            hint = f'Did you mean "{near[0]}"?' if near else f"There are: {', '.join(NAMES)}."
            raise _bad(f'{source} has an unknown setting "{name}".', hint)
        checked, wanted = _CHECKS[name](value)
        if checked is None:
            raise _bad(f'The setting "{name}" of {source} is {value!r}.', f"It takes {wanted}.")
        config = replace(config, **{name: checked}, sources={**config.sources, name: source})
    return config


def _bad(message: str, hint: str) -> ConsoleError:
    return ConsoleError(message, hint=hint, exit_code=ExitCode.CONFIG)


def _whole(least: int, most: int, wanted: str) -> Callable[[object], tuple[int | None, str]]:
    """Return the check of a whole number, *wanted* saying which."""

    def check(value: object) -> tuple[int | None, str]:
        if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
            return value, wanted
        return None, wanted

    return check


def _seconds(value: object) -> tuple[float | None, str]:
    good = isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= 3600
    return (float(value) if good and isinstance(value, int | float) else None), (
        "seconds, above 0 and at most 3600"
    )


def _hosts(value: object) -> tuple[tuple[str, ...] | None, str]:
    names = list(value) if isinstance(value, list | tuple) else None
    good = names is not None and all(
        isinstance(each, str) and each and not set(each) & set("/:@ *") for each in names
    )
    return (tuple(names) if good and names is not None else None), (
        'a list of host names without port, as ["demo.example.com"]'
    )


def _durability(value: object) -> tuple[str | None, str]:
    return (str(value) if value in DURABILITIES else None), " or ".join(DURABILITIES)


def _theme(value: object) -> tuple[str | None, str]:
    return (value if isinstance(value, str) and value else None), "the name of a theme"


_CHECKS: Final[dict[str, Callable[[object], tuple[Any, str]]]] = {
    "port": _whole(1, 65535, "a port from 1 to 65535"),
    "allow_hosts": _hosts,
    "durability": _durability,
    "theme": _theme,
    "held_s": _seconds,
    "forward_timeout_s": _seconds,
    "body_mib": _whole(1, MOST_BODY_MIB, f"whole MiB from 1 to {MOST_BODY_MIB}"),
    "retention_days": _whole(0, 3650, "whole days up to 3650, 0 to keep for ever"),
    "retention_mb": _whole(0, 1_000_000, "whole MB up to 1000000, 0 for no limit"),
}
_NUMBERS: Final[dict[str, Callable[[str], float]]] = {
    "port": int,
    "held_s": float,
    "forward_timeout_s": float,
    "body_mib": int,
    "retention_days": int,
    "retention_mb": int,
}
"""How a variable's text becomes the number that a setting takes."""
