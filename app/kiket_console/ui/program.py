"""The console from its start to its exit status."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kiket_console import interrupting
from kiket_console.engine_status import what_stopped
from kiket_console.errors import ExitCode
from kiket_console.ui.app import ConsoleApp
from kiket_console.ui.ending import complain, stop_engine, tell_what_goes_on
from kiket_console.ui.key_order import tell_digits_from_signs

if TYPE_CHECKING:
    import subprocess

    from kiket_console.paths import ProjectPaths


def run_console(
    paths: ProjectPaths,
    *,
    engine: subprocess.Popen[bytes] | None = None,
    demo: bool = False,
    **personal: Any,
) -> int:
    """Show the console until it is left; return the exit status.

    *engine* is the process that was started for it, if any, so that stopping waits for its end.
    *personal*: theme, keys and settings, as `ConsoleApp` takes them. Raises `ConsoleError` for an
    unknown theme, and with the engine's own sentence when it could not start.
    """
    app = ConsoleApp(paths, engine=engine, demo=demo, **personal)
    tell_digits_from_signs()
    interrupting.listen_no_more()
    stop = app.run()
    if app.crash is not None:
        complain(app.crash)
        if not demo:
            tell_what_goes_on(paths)
        return int(ExitCode.FAILURE)
    if (status := app.signals.status(demo=demo)) is not None:
        return status
    ours = app.own_engine.process()
    if stop:
        last = app.status if app.link.up else None
        return stop_engine(paths, ours, "" if demo else what_stopped(paths.folder.name, last))
    if ours is not None and app.own_engine.could_not_start:
        from kiket_console.engine_process import start_failure

        raise start_failure(paths, ours.returncode)
    if not demo:
        tell_what_goes_on(paths)
    return int(ExitCode.INTERRUPTED if stop is None else ExitCode.OK)
