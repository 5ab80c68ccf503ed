"""Try the program on a bundled sample, in a folder of its own that is gone afterwards.

demo ──starts──► demo --headless (engine, script, private home)
│                    └── ends when standard input closes, however we ended
└── screen
"""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Iterator
    from subprocess import Popen

    from kiket_console.paths import ProjectPaths

SHORT_TEMPORARY = Path("/tmp")  # noqa: S108 - a new folder of our own is made in it
LONGEST_TEMPORARY = 24
"""Characters; in a deeper temporary folder, paths of sockets would be too long."""
END_TIMEOUT_S = 12.0


@click.command()
@click.option("--headless", is_flag=True, help="Without a screen: print NDJSON.")
@click.option("--seconds", type=click.FloatRange(min=0.1), help="End after so long (--headless).")
@click.option("--home", type=click.Path(path_type=Path), hidden=True)
def demo(headless: bool, seconds: float | None, home: Path | None) -> int:
    """See a scripted session on a sample extension and module, offline; nothing is left behind."""
    if headless:
        with private_home(home) as place:
            return _serve(place, seconds, until_stdin_closes=home is not None)
    from kiket_console.commands.console import need_terminal

    need_terminal()
    with private_home() as place:
        status = _show(place)
    if not status:
        click.echo("The demo has ended and left nothing behind.", err=True)
    return status


@contextlib.contextmanager
def private_home(given: Path | None = None) -> Iterator[Path]:
    """Make a temporary folder, point the program's places into it, and remove it afterwards.

    Only the report of a fault of our own stays: it goes to the person's own state folder.
    """
    import shutil
    import tempfile

    from kiket_console.crash import reports_kept

    before = dict(os.environ)
    wide = len(tempfile.gettempdir()) > LONGEST_TEMPORARY and SHORT_TEMPORARY.is_dir()
    place = given or Path(tempfile.mkdtemp(prefix="kiket-", dir=SHORT_TEMPORARY if wide else None))
    with reports_kept():
        for variable in [name for name in os.environ if name.startswith("KIKET_")]:
            del os.environ[variable]  # the person's own settings and secrets stay out of it
        for kind in ("STATE", "CONFIG", "DATA", "CACHE"):
            os.environ[f"XDG_{kind}_HOME"] = str(place / kind.lower())
        os.environ["XDG_RUNTIME_DIR"] = str(place / "r")
        try:
            yield place
        finally:
            shutil.rmtree(place, ignore_errors=True)
            os.environ.clear()
            os.environ.update(before)


def _paths(place: Path) -> ProjectPaths:
    from kiket_console.demo import SAMPLE
    from kiket_console.paths import ProjectPaths

    return ProjectPaths(place / SAMPLE)


def _serve(place: Path, seconds: float | None, *, until_stdin_closes: bool) -> int:
    """Run engine and script in this process."""
    from functools import partial

    from kiket_console import config, project
    from kiket_console.commands.headless import Wanted, serve
    from kiket_console.demo import lay_out, play
    from kiket_console.paths import assets_dir

    paths = _paths(place)
    lay_out(assets_dir() / "samples", paths.folder)
    wanted = Wanted(
        config.load(paths.folder),
        session_secrets=True,
        as_json=True,
        until_stdin_closes=until_stdin_closes,
        beside=partial(play, seconds=seconds),
    )
    return serve(paths, project.find(paths.folder), wanted)


def _show(place: Path) -> int:
    """Start the other process, then import the screen and run it."""
    import subprocess

    paths = _paths(place)
    paths.make()
    command = [sys.executable, "-E", "-P", "-m", "kiket_console", "demo", "--headless"]
    log = os.open(paths.engine_log, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    engine = subprocess.Popen(  # noqa: S603 - our own program
        [*command, "--home", str(place)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=log,
        start_new_session=True,
        cwd="/",
    )
    os.close(log)
    try:
        from kiket_console.commands.console import show

        return show(paths, engine, demo=True)
    finally:
        _end(engine)


def _end(engine: Popen[bytes]) -> None:
    """Let the engine end, as it does when its standard input closes; make sure that it does."""
    import subprocess

    assert engine.stdin is not None  # noqa: S101 - it is a pipe
    engine.stdin.close()
    try:
        engine.wait(END_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        engine.kill()
        engine.wait()
