"""Settings, and where each came from.

    defaults < user's config.toml < project's kiket.toml, table [console] < project's .env
             < KIKET_CONSOLE_… of the environment < command line

Both files hold the same keys. A key or value that makes no sense is a sentence, never ignored.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from kiket_console import settings_file
from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.settings_file import PROJECT_FILE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from kiket_console.env_file import EnvFile

ENVIRONMENT_PREFIX: Final = "KIKET_CONSOLE_"
DURABILITIES: Final = ("full", "process")
RETRIES: Final = ("never", "unattended", "always")
"""Which deliveries are tried again: none, those that no person sent, or all."""
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
    heartbeats: bool = False
    """Whether the heartbeats of modules are recorded too."""
    retry: str = "unattended"
    """Which deliveries are tried again when they fail: one of `RETRIES`."""
    retry_speed: float = 1.0
    """How many times faster than the platform's schedule."""
    sources: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Setting:
    """What can be said of one setting."""

    name: str
    meaning: str
    wanted: str
    """What it takes."""
    check: Callable[[object], Any]
    """Return the value as it is used, or None when it makes no sense."""
    parse: Callable[[str], object] = str
    """Return a text as the kind of value that it takes; raises ValueError."""

    @property
    def variable(self) -> str:
        """Return the environment variable that sets it."""
        return ENVIRONMENT_PREFIX + self.name.upper()


def load(
    folder: Path, flags: Mapping[str, Any] | None = None, env_file: EnvFile | None = None
) -> Config:
    """Return the settings for the project in *folder*; *flags* that are None or empty say nothing.

    *env_file* is given by who knows that the person trusts the project. Raises `ConsoleError` for
    a file that cannot be read, an unknown key or a bad value.
    """
    from kiket_console.paths import config_file

    user_file, project_file = config_file(), folder / PROJECT_FILE
    config = _with_file(Config(), user_file, "")
    config = _with_file(config, project_file, "console")
    given = {} if env_file is None else env_file.variables
    for variable, text in sorted(given.items()):
        if env_file is not None and variable.startswith(ENVIRONMENT_PREFIX):
            config = _with(config, _named(variable, text), {}, env_file.source(variable))
    for variable, text in sorted(os.environ.items()):
        if variable.startswith(ENVIRONMENT_PREFIX):
            config = _with(config, _named(variable, text), {}, variable)
    said = {name: value for name, value in (flags or {}).items() if value not in (None, ())}
    return _with(config, said, {}, "the command line")


def parsed(name: str, text: str) -> object:
    """Return *text* as the kind of value that the setting *name* takes."""
    setting = _BY_NAME.get(name)
    try:
        return setting.parse(text) if setting else text
    except ValueError:
        return text  # the check of values has the sentence


def checked(name: str, value: object, source: str) -> Any:
    """Return *value* as the setting *name* is used; raises `ConsoleError` when it cannot be."""
    setting = _BY_NAME.get(name)
    if setting is None:
        from difflib import get_close_matches

        near = get_close_matches(name, NAMES, n=1)
        hint = f'Did you mean "{near[0]}"?' if near else f"There are: {', '.join(NAMES)}."
        raise _bad(f'{source} has an unknown setting "{name}".', hint)
    used = setting.check(value)
    if used is None:
        raise _bad(f'The setting "{name}" of {source} is {value!r}.', f"It takes {setting.wanted}.")
    return used


def change(file: Path, table: str, name: str, written: str | None) -> bool:
    """Write `name = written` into *table* of *file*, or take that line out when it is None.

    Every other line stays, a link to the file stays one, and so does who may read it. Returns
    whether anything changed. Raises `ConsoleError` for a file that cannot be read, written, or
    changed without touching other lines. *written* is TOML.
    """
    settings_file.read(file)  # what is wrong with it is said with its line
    text = settings_file.text_of(file)
    changed = settings_file.with_line(text, table, name, written)
    if changed is None:
        said = f'"{name}" of {file} cannot be changed without touching other lines.'
        raise _bad(said, "Change it there with an editor.")
    if changed == text:
        return False
    settings_file.rewrite(file, changed)
    return True


def _named(variable: str, text: str) -> dict[str, object]:
    name = variable.removeprefix(ENVIRONMENT_PREFIX).lower()
    return {name: parsed(name, text)}


def _with_file(config: Config, file: Path, table: str) -> Config:
    """Return *config* with what *file* says in *table* on top."""
    said = settings_file.read(file)
    if table:
        said = said.get(table, {})
        if not isinstance(said, dict):
            raise _bad(f"[{table}] of {file} is not a table.", f"Write `[{table}]`.")
    else:
        said.pop("keys", None)  # a person's own keys, which the screen reads
    if not said:
        return config
    lines = settings_file.key_lines(settings_file.text_of(file), table)
    return _with(config, said, lines, str(file))


def _with(config: Config, said: Mapping[str, Any], lines: Mapping[str, int], source: str) -> Config:
    """Return *config* with what *source* says on top, each on one of its *lines* if known."""
    for name, value in said.items():
        where = f"{source}:{lines[name]}" if name in lines else source
        used = checked(name, value, where)
        config = replace(config, **{name: used}, sources={**config.sources, name: where})
    return config


def _bad(message: str, hint: str) -> ConsoleError:
    return ConsoleError(message, hint=hint, exit_code=ExitCode.CONFIG)


def _whole(least: int, most: int) -> Callable[[object], int | None]:
    """Return the check of a whole number."""

    def check(value: object) -> int | None:
        is_good = isinstance(value, int) and not isinstance(value, bool) and least <= value <= most
        return value if is_good and isinstance(value, int) else None

    return check


def _seconds(value: object) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    good = is_number and isinstance(value, int | float) and 0 < value <= 3600
    return float(value) if good and isinstance(value, int | float) else None


def _speed(value: object) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    good = is_number and isinstance(value, int | float) and 1 <= value <= 100_000
    return float(value) if good and isinstance(value, int | float) else None


def _hosts(value: object) -> tuple[str, ...] | None:
    names = list(value) if isinstance(value, list | tuple) else None
    good = names is not None and all(
        isinstance(each, str) and each and not set(each) & set("/:@ *") for each in names
    )
    return tuple(names) if good and names is not None else None


def _yes_or_no(text: str) -> bool:
    words = {"true": True, "1": True, "false": False, "0": False}
    found = words.get(text.strip().lower())
    if found is None:
        raise ValueError(text)
    return found


def _split(text: str) -> list[str]:
    return [host.strip() for host in text.split(",") if host.strip()]


SETTINGS: Final = (
    Setting(
        "port",
        "the gateway's port, exactly; without it 8700 or the next free one",
        "a port from 1 to 65535",
        _whole(1, 65535),
        int,
    ),
    Setting(
        "allow_hosts",
        "host names besides loopback under which webhooks are taken, as a tunnel sends them",
        'a list of host names without port, as ["demo.example.com"]',
        _hosts,
        _split,
    ),
    Setting(
        "durability",
        "when an answer is given: full, once the exchange is on disk; process, once it would "
        "survive the end of the engine, but not a power cut",
        " or ".join(DURABILITIES),
        lambda value: value if value in DURABILITIES else None,
    ),
    Setting(
        "theme",
        "the colours of the console",
        "the name of a theme",
        lambda value: value if isinstance(value, str) and value else None,
    ),
    Setting(
        "held_s",
        "how long a delivery waits for a worker that is being started",
        "seconds, above 0 and at most 3600",
        _seconds,
        float,
    ),
    Setting(
        "forward_timeout_s",
        "how long a worker may take to answer",
        "seconds, above 0 and at most 3600",
        _seconds,
        float,
    ),
    Setting(
        "body_mib",
        "how large the body of a delivery or of an answer may be",
        f"whole MiB from 1 to {MOST_BODY_MIB}",
        _whole(1, MOST_BODY_MIB),
        int,
    ),
    Setting(
        "retention_days",
        "how long exchanges are kept that nobody pinned",
        "whole days up to 3650, 0 to keep for ever",
        _whole(0, 3650),
        int,
    ),
    Setting(
        "retention_mb",
        "how large the store may grow before the oldest are let go that nobody pinned",
        "whole MB up to 1000000, 0 for no limit",
        _whole(0, 1_000_000),
        int,
    ),
    Setting(
        "heartbeats",
        "whether the heartbeats of modules are recorded as their other messages are",
        "true or false",
        lambda value: value if isinstance(value, bool) else None,
        _yes_or_no,
    ),
    Setting(
        "retry",
        "which deliveries are tried again when they fail: never, none; unattended, those that no "
        "person sent; always, all",
        f"{', '.join(RETRIES[:-1])} or {RETRIES[-1]}",
        lambda value: value if value in RETRIES else None,
    ),
    Setting(
        "retry_speed",
        "how many times faster than the platform's schedule they are tried again (30 s, 1 m, 5 m, "
        "30 m, 2 h, 8 h)",
        "a number from 1 to 100000",
        _speed,
        float,
    ),
)
"""Every setting, as fields of `Config`."""
NAMES: Final = tuple(each.name for each in SETTINGS)
_BY_NAME: Final = {each.name: each for each in SETTINGS}
