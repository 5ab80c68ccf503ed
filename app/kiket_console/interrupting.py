"""What ctrl+c does while a command is still being loaded: end it at once, without a word.

A module that is being loaded may make another error of KeyboardInterrupt, and one that is written
in C may crash.
"""

from __future__ import annotations

import os
import signal

TYPE_CHECKING = False  # as in `typing`, which takes its time
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

INTERRUPTED = 130
"""`errors.ExitCode.INTERRUPTED`, without loading it."""
_ERRORS = 2
_LOADING = "<frozen importlib._bootstrap>"

before_the_end: list[Callable[[], object]] = []
"""What is to be done first, as long as `interrupt` is what hears ctrl+c."""


def listen() -> None:
    """Hear ctrl+c, unless a script wants it to be ignored."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, interrupt)


def listen_no_more() -> None:
    """Let ctrl+c be what it always is: asyncio then ends in order."""
    if signal.getsignal(signal.SIGINT) is interrupt:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def interrupt(_signal: int, frame: FrameType | None) -> None:
    """Raise KeyboardInterrupt, but end the process at once while a module is being loaded."""
    for each in before_the_end:
        each()
    while frame is not None:
        if frame.f_code.co_filename == _LOADING:
            if os.isatty(_ERRORS):  # the shell goes on below the ^C
                os.write(_ERRORS, b"\n")
            os._exit(INTERRUPTED)
        frame = frame.f_back
    raise KeyboardInterrupt
