"""`python -m kiket_console` is the command `kiket-console`; both begin here.

Nothing is loaded before ctrl+c is listened for: what reads the command line alone takes some time.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False  # as in `typing`, which takes its time
if TYPE_CHECKING:
    from types import FrameType

INTERRUPTED = 130
"""`errors.ExitCode.INTERRUPTED`, without loading it."""
LOADING = "<frozen importlib._bootstrap>"


def main() -> None:
    """Run the program and exit with its status; interrupted while it loads, end without a word."""
    try:
        import signal

        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, interrupt)  # else a script wants it to be ignored
        from kiket_console.cli import main as program

        program()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def interrupt(_signal: int, frame: FrameType | None) -> None:
    """Raise KeyboardInterrupt, but end the process at once while a module is being loaded.

    Some modules make another error of it there, and some that are written in C crash.
    """
    while frame is not None:
        if frame.f_code.co_filename == LOADING:
            import os

            os._exit(INTERRUPTED)
        frame = frame.f_back
    raise KeyboardInterrupt


if __name__ == "__main__":
    if not sys.flags.safe_path:
        # `-m` puts the working folder first: a project's `yaml.py` would be taken for the library.
        del sys.path[0]
    main()
