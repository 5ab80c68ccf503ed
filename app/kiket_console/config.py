"""Settings, and where each came from.

    defaults < user's config.toml < project's kiket.toml, table [console] < project's .env
             < KIKET_CONSOLE_… of the environment < command line

Both files hold the same keys. A key or value that makes no sense is a sentence, never ignored.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct, field
from msgspec.structs import replace

from kiket_console import settings_file
from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.settings import BY_NAME, ENVIRONMENT_PREFIX, NAMES
from kiket_console.settings_file import PROJECT_FILE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from kiket_console.env_file import EnvFile

COMMAND_LINE: Final = "the command line"


class Config(Struct, frozen=True):
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
    """Which deliveries are tried again when they fail: one of `settings.RETRIES`."""
    retry_speed: float = 1.0
    """How many times faster than the platform's schedule."""
    session_secrets: bool = False
    """Whether secrets are kept in memory alone, where no keyring can be had."""
    producer_url: str = ""
    """Where messages to a producer go unless it is said; empty: to the engine's own sink."""
    producer_profile: str = ""
    """The AWS profile that signs them; empty: as AWS's own tools choose it."""
    producer_region: str = ""
    """The region that they are signed for, and the only one that the sink takes; empty: that of
    the URL or the profile, and any."""
    telemetry: bool = True
    """Whether what happens is measured: how often, how fast, by which code."""
    scrape: bool = True
    """Whether what modules tell at their `/metrics` is read."""
    locals: bool = True
    """Whether the exceptions of extensions tell what their frames held."""
    sources: Mapping[str, str] = field(default_factory=dict)

    def project_file(self, name: str) -> str:
        """Return which of the project's files says *name*, and its line; empty: none of them."""
        from kiket_console.paths import config_file

        source = self.sources.get(name, "")
        is_persons = source.startswith((str(config_file()), ENVIRONMENT_PREFIX))
        return "" if is_persons or source == COMMAND_LINE else source


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
    return _with(config, said, {}, COMMAND_LINE)


def parsed(name: str, text: str) -> object:
    """Return *text* as the kind of value that the setting *name* takes."""
    setting = BY_NAME.get(name)
    try:
        return setting.parse(text) if setting else text
    except ValueError:
        return text  # the check of values has the sentence


def checked(name: str, value: object, source: str) -> Any:
    """Return *value* as the setting *name* is used; raises `ConsoleError` when it cannot be."""
    setting = BY_NAME.get(name)
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
