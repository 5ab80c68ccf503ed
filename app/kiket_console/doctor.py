"""Find what could keep the program from working: each finding says what to do about it."""

from __future__ import annotations

import asyncio
import os
import platform
import shlex
import shutil
import socket
import sqlite3
import sys
import time
from contextlib import closing
from importlib import metadata
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from kiket_console import config, env_file, project
from kiket_console.engine_process import find_engine, lock_holder
from kiket_console.errors import ConsoleError
from kiket_console.linting.lint import lint
from kiket_console.store import files, schema
from kiket_console.text import age, plural, size
from kiket_console.trust import Trust

if TYPE_CHECKING:
    from collections.abc import Callable

    from kiket_console.engine_status import EngineStatus
    from kiket_console.paths import ProjectPaths

OK: Final = "ok"
WARN: Final = "warn"
FAIL: Final = "fail"

OLDEST_SQLITE: Final = (3, 38, 0)
"""JSON functions that the store's queries use are built in from here on."""
MENDED_SQLITE: Final = (3, 51, 3)
"""Before it two connections could reset the write-ahead log under each other."""
STORE_LIMIT_S: Final = 1.5
"""How long the store is looked at."""
ANSWER_LIMIT_S: Final = 3.0
"""How long an engine is given to say how it is."""
FIRST_PORT, LAST_PORT = 8700, 8719


class Finding(Struct, frozen=True):
    """One thing that was looked at."""

    name: str
    level: str
    """`ok`, `warn` or `fail`."""
    sentence: str
    advice: str = ""
    """What to do about it; empty when there is nothing to do."""


def examine(paths: ProjectPaths) -> list[Finding]:
    """Look at everything, in the order in which it would matter."""
    looks: tuple[Callable[[ProjectPaths], Finding], ...] = (
        _python,
        _platform,
        _sqlite,
        _distributions,
        _traces,
        _state,
        _store,
        _keyring,
        _terminal,
        _config,
        _project,
        _manifest,
        _engine,
        _port,
    )
    return [look(paths) for look in looks]


def _python(_: ProjectPaths) -> Finding:
    found = ".".join(str(part) for part in sys.version_info[:3])
    return Finding("python", OK, f"Python {found} ({sys.executable})")


def _platform(_: ProjectPaths) -> Finding:
    system = platform.system()
    if system == "Linux":
        return Finding("platform", OK, "Linux is supported and tested.")
    if system == "Darwin":
        return Finding("platform", WARN, "macOS is meant to work, but is best effort.", "Tell us.")
    return Finding("platform", FAIL, f"{system} is not supported yet.", "Use Linux, or WSL.")


def _sqlite(_: ProjectPaths) -> Finding:
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        return Finding(
            "sqlite",
            FAIL,
            f"SQLite {sqlite3.sqlite_version} is too old for the store.",
            "Use a Python that is built with SQLite 3.38 or newer.",
        )
    if sqlite3.sqlite_version_info < MENDED_SQLITE:
        mended = ".".join(str(part) for part in MENDED_SQLITE)
        return Finding(
            "sqlite",
            OK,
            f"SQLite {sqlite3.sqlite_version}: before {mended} two programs that write one store "
            "can damage it; here the engine alone writes.",
        )
    return Finding("sqlite", OK, f"SQLite {sqlite3.sqlite_version}")


def _distributions(_: ProjectPaths) -> Finding:
    """Look for another distribution that brings packages of the names of ours."""
    owners = metadata.packages_distributions()
    doubles = {
        package: sorted(set(owners.get(package, ())) - {"kiket-console"})
        for package in ("kiket_sdk", "kiket_core")
    }
    foreign = {package: names for package, names in doubles.items() if names}
    if foreign:
        package, names = next(iter(foreign.items()))
        return Finding(
            "packages",
            FAIL,
            f"{package} is installed by {', '.join(names)} too; which one is imported is chance.",
            f"Uninstall {names[0]}: kiket-console brings {package} along.",
        )
    return Finding("packages", OK, "The SDK packages are installed once.")


def _traces(_: ProjectPaths) -> Finding:
    """Look for what reads traces in the encoding that most exporters send."""
    try:
        metadata.version("opentelemetry-proto")
    except metadata.PackageNotFoundError:
        return Finding(
            "traces",
            OK,
            "Traces of OpenTelemetry are read in JSON; in protobuf too where kiket-console[otlp] "
            "is installed.",
        )
    return Finding("traces", OK, "Traces of OpenTelemetry are read in protobuf and JSON.")


def _state(paths: ProjectPaths) -> Finding:
    try:
        paths.make()
        free = shutil.disk_usage(paths.state).free
    except ConsoleError as error:
        return Finding("state folder", FAIL, error.message, error.hint)
    if free < files.LOW_DISK_BYTES:
        return Finding(
            "state folder",
            WARN,
            f"{free // 1024**2} MB are free at {paths.state}.",
            "Make room: nothing is accepted that cannot be recorded.",
        )
    return Finding("state folder", OK, f"{paths.state} is writable and private.")


def _store(paths: ProjectPaths) -> Finding:
    name = "store"
    network = files.network_kind(paths.state)
    if network:
        return Finding(
            name,
            WARN,
            f"{paths.state} is on a network file system ({network}): slower, and only as durable "
            "as its server.",
            "Set XDG_STATE_HOME to a folder on a disk of this machine.",
        )
    if not paths.store.is_file():
        return Finding(name, OK, "Nothing is recorded for this project yet.")
    bytes_used = files.size(paths.store) + files.size(files.beside(paths.store, "-wal"))
    try:
        version, damage = _looked_at(paths)
    except ConsoleError as error:
        return Finding(name, FAIL, error.message, error.hint)
    except sqlite3.Error as error:
        version, damage = 0, str(error)
    if damage:
        return Finding(
            name,
            FAIL,
            f"{paths.store} is damaged: {damage}.",
            "Start the engine: it keeps this file, and begins a new one with what it can read.",
        )
    try:
        settings = config.load(paths.folder)
    except ConsoleError:  # the settings have a finding of their own
        settings = config.Config()
    kept = f"{plural(settings.retention_days, 'day')}" if settings.retention_days else "for ever"
    most = f", {settings.retention_mb:,} MB at most" if settings.retention_mb else ""
    return Finding(
        name,
        OK,
        f"{size(bytes_used)}, schema {version}, sound at a first look (`kiket-console verify` "
        f"compares each row); durability {settings.durability}; kept {kept}{most}.",
    )


def _looked_at(paths: ProjectPaths) -> tuple[int, str]:
    """Return the store's schema and what is wrong with it, looking for `STORE_LIMIT_S` at most."""
    with closing(sqlite3.connect(f"{paths.store.as_uri()}?mode=ro", uri=True)) as connection:
        version = schema.user_version(connection)
        schema.refuse_newer(version)
        deadline = time.monotonic() + STORE_LIMIT_S
        connection.set_progress_handler(lambda: time.monotonic() > deadline, 10_000)
        try:
            [found] = connection.execute("PRAGMA quick_check(1)").fetchone()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
                raise
            return version, ""
    return version, "" if found == "ok" else found.splitlines()[-1]


def _keyring(paths: ProjectPaths) -> Finding:
    from kiket_console.engine.secrets.vault import open_vault

    try:
        vault = asyncio.run(open_vault(paths))
    except ConsoleError as error:
        return Finding("keyring", FAIL, error.message, error.hint)
    if vault.is_session_only:
        return Finding(
            "keyring",
            WARN,
            vault.facts.problem,
            "Unlock or install one (Linux: gnome-keyring, KWallet), or use --session-secrets.",
        )
    told = f"{vault.description} keeps the secrets; what runs as you can ask it for them."
    return Finding("keyring", OK, told)


def _terminal(_: ProjectPaths) -> Finding:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return Finding(
            "terminal", WARN, "This is no terminal.", "Use `run --headless` where there is none."
        )
    columns, lines = shutil.get_terminal_size()
    kind = os.environ.get("TERM", "")
    if kind in {"", "dumb"}:
        return Finding("terminal", FAIL, f'TERM is "{kind}".', "Use a terminal that can draw.")
    if columns < 80 or lines < 24:
        return Finding(
            "terminal", WARN, f"The terminal has {columns} by {lines} cells.", "80 by 24 fit all."
        )
    return Finding("terminal", OK, f"{kind}, {columns} by {lines} cells")


def _config(paths: ProjectPaths) -> Finding:
    try:
        variables, is_used, settings = _settings(paths)
    except ConsoleError as error:
        return Finding("settings", FAIL, error.message, error.hint)
    said = ", ".join(f"{name} from {source}" for name, source in settings.sources.items())
    said = f"{said}." if said else "All settings are the defaults."
    if variables is not None and not is_used:
        advice = "Say yes to this project once, or name the file with --env-file."
        return Finding("settings", WARN, f"{said} {variables.path} is not used yet.", advice)
    used = f" Workers get the variables of {variables.path}." if variables else ""
    return Finding("settings", OK, said + used)


def _settings(paths: ProjectPaths) -> tuple[env_file.EnvFile | None, bool, config.Config]:
    """Return the project's `.env`, whether it is used, and the settings."""
    variables = env_file.find(paths.folder)
    is_used = variables is not None and Trust().is_trusted(paths.folder)
    return variables, is_used, config.load(paths.folder, env_file=variables if is_used else None)


def _project(paths: ProjectPaths) -> Finding:
    try:
        found = project.find(paths.folder)
    except ConsoleError as error:
        return Finding("project", FAIL, error.message, error.hint)
    bad = next((each for each in found.workers if each.problem is not None), None)
    if bad is not None and bad.problem is not None:
        whose = f"{bad.name}: " if len(found.workers) > 1 else ""
        sentence = f"{whose}{bad.problem.sentence}"
        return Finding("project", FAIL, sentence, "Correct it; the engine goes on.")
    said = "; ".join(
        f"{each.name}: {shlex.join(each.command)}"
        if each.command
        else f"{each.name}: {each.entry}, run by {each.interpreter}"
        for each in found.workers
    )
    if not said:
        return Finding("project", OK, "It has messages to send, and nothing to run.")
    if not Trust().is_trusted(paths.folder):
        return Finding("project", OK, f"{said}; you have not said yes to running it yet.")
    return Finding("project", OK, said)


def _manifest(paths: ProjectPaths) -> Finding:
    try:
        folders = [each.folder for each in project.find(paths.folder).extensions if each.manifest]
    except ConsoleError:
        return Finding("manifest", OK, "There is no extension to look for one of.")
    results = [lint(folder) for folder in dict.fromkeys(folders)]
    files = plural(sum(len(result.texts) for result in results), "file")
    errors = sum(result.errors for result in results)
    warnings = sum(len(result.findings) for result in results) - errors
    if not results:
        return Finding("manifest", OK, "No extension here has one.")
    if errors or warnings:
        said = f"{plural(errors, 'error')} and {plural(warnings, 'warning')} in {files}."
        return Finding("manifest", WARN, said, "`kiket-console lint` lists them.")
    return Finding("manifest", OK, f"{files}, nothing to correct.")


def _engine(paths: ProjectPaths) -> Finding:
    pid = lock_holder(paths)
    if pid is None:
        return Finding("engine", OK, "No engine runs here.")
    found = find_engine(paths)
    if found is None:
        return Finding(
            "engine",
            WARN,
            f"An engine (pid {pid}) is starting or stopping.",
            f"If it stays so, look into {paths.engine_log}.",
        )
    try:
        status = asyncio.run(_status(paths))
    except (ConsoleError, TimeoutError) as error:
        why = str(error) or f"it did not answer within {ANSWER_LIMIT_S:g} s"
        said = f"pid {found.pid} is to serve {found.gateway_url}, but cannot be asked: {why}"
        return Finding("engine", WARN, said, f"Look into {paths.engine_log}, or stop it.")
    if status.degraded:
        now_s = time.time()
        said = " ".join(
            f"{each.sentence} It has been so for {age(now_s - each.since_us / 1e6)}."
            for each in status.degraded
        )
        advice = "Processes and `kiket-console status` tell until it is over."
        return Finding("engine", WARN, f"pid {found.pid} is degraded. {said}", advice)
    return Finding("engine", OK, f"pid {found.pid} serves {found.gateway_url}, and is well.")


async def _status(paths: ProjectPaths) -> EngineStatus:
    from kiket_console.client import Client

    async with asyncio.timeout(ANSWER_LIMIT_S), Client(paths) as client:
        return await client.status()


def _port(paths: ProjectPaths) -> Finding:
    engine = find_engine(paths)
    if engine is not None:
        return Finding("port", OK, f"The engine has {engine.gateway_url}.")
    try:
        _, _, settings = _settings(paths)
    except ConsoleError:  # the settings have a finding of their own
        settings = config.Config()
    if (asked := settings.port) is not None:
        if _is_free(asked):
            return Finding("port", OK, f"Port {asked} is free.")
        advice = "Stop what uses it, or pass another as --port."
        return Finding("port", FAIL, f"Port {asked}, which the settings name, is taken.", advice)
    free = next((port for port in range(FIRST_PORT, LAST_PORT + 1) if _is_free(port)), None)
    if free is None:
        return Finding(
            "port", FAIL, f"Ports {FIRST_PORT} to {LAST_PORT} are all taken.", "Pass --port."
        )
    if free != FIRST_PORT:
        return Finding(
            "port", WARN, f"Port {FIRST_PORT} is taken; {free} would be used.", "Or pass --port."
        )
    return Finding("port", OK, f"Port {FIRST_PORT} is free.")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
