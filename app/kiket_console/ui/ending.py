"""After the screen: say what went wrong, and stop what was asked to be stopped."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from kiket_console.errors import ConsoleError, ExitCode

if TYPE_CHECKING:
    import subprocess

    from kiket_console.paths import ProjectPaths

STOPPING_TIMEOUT_S = 15.0


def complain(error: ConsoleError) -> None:
    """Say on standard error what went wrong, and what to do about it."""
    hint = f"       {error.hint}\n" if error.hint else ""
    sys.stderr.write(f"Error: {error.message}\n{hint}")


def stop_engine(paths: ProjectPaths, engine: subprocess.Popen[bytes] | None) -> int:
    """Stop the engine and its workers, wait for their end, and return the exit status."""
    from kiket_console.client import Client, EngineGone, call, lock_holder

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
            return int(ExitCode.OK)
        time.sleep(0.02)
    sys.stderr.write("Error: The engine was asked to stop and still runs.\n")
    return int(ExitCode.NETWORK)
