"""After the screen: say what went wrong, and stop what was asked to be stopped."""

from __future__ import annotations

import os
import select
import shlex
import signal
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.text import visible

if TYPE_CHECKING:
    import asyncio
    import subprocess
    from collections.abc import Callable

    from kiket_console.paths import ProjectPaths

STOPPING_TIMEOUT_S = 15.0
RESTORING_S = 3.0
"""How long giving the terminal back may take: one that is gone takes nothing any more."""


class Signals:
    """Ends the console in order when it is told to by a signal, so that the terminal is restored.

    *leave* ends the screen. A second signal ends the process as it would without this.
    """

    NUMBERS = (signal.SIGTERM, signal.SIGHUP)

    def __init__(self, leave: Callable[[], object]) -> None:
        self._leave = leave
        self.came: signal.Signals | None = None
        """The one that came."""

    def listen(self, loop: asyncio.AbstractEventLoop) -> None:
        """Hear signals from now on."""
        for number in self.NUMBERS:
            loop.add_signal_handler(number, self._take, loop, number)

        if sys.stdin.isatty() and hasattr(select, "poll"):
            threading.Thread(target=_outlast, args=(sys.stdin.fileno(),), daemon=True).start()

    def _take(self, loop: asyncio.AbstractEventLoop, number: signal.Signals) -> None:
        self.came = number
        for each in self.NUMBERS:
            loop.remove_signal_handler(each)
        _end_soon(number)
        self._leave()

    def status(self, *, demo: bool) -> int | None:
        """Say which signal ended the console and return the exit status; None without one."""
        if self.came is None:
            return None
        with suppress(OSError):  # the terminal may be gone
            what = "demo." if demo else "console; the engine goes on."
            sys.stderr.write(f"{self.came.name} ended the {what}\n")
        return 128 + self.came


def _outlast(terminal: int) -> None:
    """Take the loss of the terminal, a file descriptor, for SIGHUP, which not every program hears.

    The system sends it only to who owns the terminal; one that reads a lost terminal reads nothing
    without end, and one that writes to it waits for ever.
    """
    lost = select.poll()
    lost.register(terminal, 0)  # a hang-up is told whatever is asked for
    lost.poll()
    _end_soon(signal.SIGHUP)
    os.kill(os.getpid(), signal.SIGHUP)


def _end_soon(number: signal.Signals) -> None:
    """End the process in a few seconds if it has not ended by itself."""
    last = threading.Timer(RESTORING_S, os._exit, (128 + number,))
    last.daemon = True
    last.start()


def complain(error: ConsoleError) -> None:
    """Say on standard error what went wrong, and what to do about it."""
    hint = f"       {error.hint}\n" if error.hint else ""
    sys.stderr.write(f"Error: {error.message}\n{hint}")


def tell_what_goes_on(paths: ProjectPaths) -> None:
    """Say on standard error whether the engine goes on, and how to come back to it or to end it."""
    from kiket_console.engine_process import lock_holder

    name, command = visible(paths.folder.name), "kiket-console"
    if not _is_here(paths.folder):
        command += f" -C {shlex.quote(visible(str(paths.folder)))}"
    if lock_holder(paths) is None:
        said = f"No engine runs for {name} any more; `{command}` starts one."
    else:
        said = f"{name} goes on; `{command}` shows it, `{command} stop` ends it."
    sys.stderr.write(f"{said}\n")


def _is_here(folder: Path) -> bool:
    try:
        return folder.samefile(Path.cwd())
    except OSError:  # one of them is gone
        return False


def stop_engine(
    paths: ProjectPaths, engine: subprocess.Popen[bytes] | None, stopped: str = ""
) -> int:
    """Stop the engine and its workers, wait for their end, and return the exit status.

    *stopped* is said on standard error when that was done.
    """
    from kiket_console.client import Client, EngineGone, call
    from kiket_console.engine_process import lock_holder

    async def stop() -> None:
        async with Client(paths) as client:
            await client.stop()

    try:
        call(stop())
    except EngineGone:
        if engine is None or engine.poll() is not None:
            return int(ExitCode.OK)
        engine.terminate()  # it is still starting, and cannot be asked yet
    except ConsoleError as error:
        complain(error)
        return int(error.exit_code)
    deadline = time.monotonic() + STOPPING_TIMEOUT_S
    while time.monotonic() < deadline:
        ended = engine.poll() is not None if engine is not None else lock_holder(paths) is None
        if ended:
            if stopped:
                sys.stderr.write(f"{stopped}\n")
            return int(ExitCode.OK)
        time.sleep(0.02)
    sys.stderr.write("Error: The engine was asked to stop and still runs.\n")
    return int(ExitCode.NETWORK)
