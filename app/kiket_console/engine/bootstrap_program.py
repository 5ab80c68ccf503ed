"""What runs inside a worker that is a program of its own, a module: standard library alone.

`bootstrap.py` loads this file by path.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import inspect
import json
import os
import signal
import sys
import time
import traceback
import types
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from kiket_console.engine import bootstrap_output as output

ORPHAN_LIMIT_S = 2.0
"""How long a program may go on once the engine is gone."""
_HERE = os.path.dirname(__file__)  # noqa: PTH120 (pathlib costs 10 ms of every start)


def run(start: dict[str, Any], code_of: Callable[[str, bytes], types.CodeType]) -> None:
    """Run `main.py` as a program, or import `main` and run what `main:create_app` names.

    *code_of* compiles a file. Raises SystemExit where that ends the program by itself.
    """
    entry: str = start["entry"]
    if entry.endswith(".py"):
        _run_file(os.path.join(start["folder"], entry), code_of)  # noqa: PTH118 (as above)
        return
    module_name, _, attribute = entry.partition(":")
    sys.argv = [module_name]
    _take_streams()
    found: Any = importlib.import_module(module_name)
    for part in attribute.split("."):
        found = getattr(found, part)
    if hasattr(found, "__plan__"):
        sys.exit(importlib.import_module("pywatt_sdk._running").run(found.__plan__))
    result = found()
    if inspect.iscoroutine(result):
        asyncio.run(result)


def _take_streams() -> None:
    """Keep what is printed while the code is imported out of the protocol."""
    with contextlib.suppress(ImportError):
        importlib.import_module("pywatt_sdk._stdout").take()


def _run_file(path: str, code_of: Callable[[str, bytes], types.CodeType]) -> None:
    sys.argv = [path]
    with open(path, "rb") as opened:  # noqa: PTH123 (as above)
        raw_source = opened.read()
    if b"@pywatt_module" in raw_source or b".pywatt_module" in raw_source:
        _take_streams()
    main = types.ModuleType("__main__")
    main.__file__ = path
    sys.modules["__main__"] = main
    code = code_of(path, raw_source)
    exec(code, main.__dict__)  # noqa: S102 - the developer's own, which was said yes to


def follow(channel: output.Channel, report: Callable[[], None]) -> None:
    """Tell what is asked for, until the engine is gone; then end."""
    with contextlib.suppress(OSError, ValueError):
        for raw in channel.received:
            if json.loads(raw)["type"] == "report":
                report()
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(ORPHAN_LIMIT_S)
    os._exit(0)


def show(error: BaseException) -> None:
    """Write to standard error how the program ended, as Python does, without our own frames."""
    frames = error.__traceback__
    while frames is not None and frames.tb_frame.f_code.co_filename.startswith(_HERE):
        frames = frames.tb_next
    traceback.print_exception(type(error), error, frames)
