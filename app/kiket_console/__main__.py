"""`python -m kiket_console` is the command `kiket-console`; both begin here.

Nothing is loaded before ctrl+c is listened for: what reads the command line alone takes some time.
"""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run the program and exit with its status; interrupted while it loads, end without a word."""
    try:
        fill_standard_streams()
        from kiket_console import interrupting

        interrupting.listen()
        from kiket_console.cli import main as program

        program()
    except KeyboardInterrupt:
        sys.exit(130)


def fill_standard_streams() -> None:
    """Open the standard streams that were closed: no socket or file may be taken for one."""
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(number, True)
    os.close(number)
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:  # Python's sign for one that was closed
            mode = "w" if number else "r"
            stream = open(number, mode, encoding="utf-8", closefd=False)  # noqa: SIM115 (stays)
            setattr(sys, name, stream)


if __name__ == "__main__":
    if not sys.flags.safe_path:
        # `-m` puts the working folder first: a project's `yaml.py` would be taken for the library.
        del sys.path[0]
    main()
