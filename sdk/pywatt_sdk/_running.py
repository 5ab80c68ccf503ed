"""Run a module as a program: streams, logs, event loop, exit status."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import importlib.util
import logging
import os
import sys
import threading
from typing import TYPE_CHECKING, Any, Final

from kiket_core import env
from pywatt_sdk import _stdout
from pywatt_sdk._lifecycle import Life
from pywatt_sdk.core.error import PyWattSDKError
from pywatt_sdk.core.logging import use_logging_of_program

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from pywatt_sdk._assembly import Plan

AUTORUN_VARIABLE: Final = "PYWATT_AUTORUN"
"""`0` keeps a file with a module from running it: who started it does so."""

LEAVE_WITHIN_S: Final = 2.0
"""From a module's end to its process's, for threads to end."""

_logger = logging.getLogger("pywatt_sdk")


def streams() -> _stdout.Streams:
    """Take this process's stdin and stdout for a module's life, and see that it logs."""
    _Process.has_lived = True
    use_logging_of_program()
    taken = _stdout.take()
    if taken.reader.isatty():
        _logger.info(
            "This is a module: it waits for an orchestrator's first line on stdin. "
            "`kiket-console` in its folder starts it; Ctrl-C ends it."
        )
    return taken


async def live(plan: Plan) -> None:
    """Live the life of a module over this process's stdin and stdout; raises as `Life.run` does."""
    await Life(plan).run(streams())


def run(plan: Plan) -> int:
    """Live the life of a module; return the exit status: 0 at an orderly end, else 1.

    What went wrong is in the log.
    """
    _stdout.take()  # before there is an event loop, which would take the numbers of closed streams
    gc.freeze()  # the collector need not go through what is imported, and what follows imports more
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(_live_and_leave(plan))
    except KeyboardInterrupt:
        return 0
    except PyWattSDKError as error:
        _logger.critical("The module cannot run. %s", error)
        return 1
    except Exception:  # the module's own code
        _logger.critical("The module ended by an error of its own.", exc_info=True)
        return 1
    return 0


async def _live_and_leave(plan: Plan) -> None:
    """Live; then, if a thread will not end, as a handler that hangs, end the process without it."""
    status = 1
    try:
        await live(plan)
        status = 0
    finally:
        watch = threading.Timer(LEAVE_WITHIN_S, _leave, (status,))
        watch.daemon = True
        watch.start()


def _leave(status: int) -> None:
    _logger.warning("A thread of this module does not end; the process ends without it.")
    _stdout.settle()
    os._exit(status)


def run_as_program(module: Any, frame: FrameType | None) -> None:
    """Run `module` if it is being defined by the program itself; end the program with it.

    The rest of the file is carried out before, so that what is defined further down is there.
    It does nothing inside a function or a running event loop, or with PYWATT_AUTORUN=0.
    """
    while frame is not None and frame.f_globals.get("__name__") == __package__ + ".module":
        frame = frame.f_back
    if frame is None or frame.f_code.co_name != "<module>" or _is_loop_running():
        return
    if _Process.is_claimed or not env.flag(AUTORUN_VARIABLE, True):
        return
    from pywatt_sdk._rest_of_file import carry_out_rest

    _Process.is_claimed = True
    use_logging_of_program()
    _stdout.take()
    carry_out_rest(module, frame)
    sys.exit(0 if _Process.has_lived else run(module.__plan__))


class _Process:
    """What this process has done already."""

    is_claimed = False
    """A module runs itself: the first that the program defines."""
    has_lived = False
    """A module's life was begun, by itself or by what the program says further down."""


def _is_loop_running() -> bool:
    with contextlib.suppress(RuntimeError):
        asyncio.get_running_loop()
        return True
    return False


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    if importlib.util.find_spec("uvloop") is None:
        return None
    import uvloop

    return uvloop.new_event_loop
