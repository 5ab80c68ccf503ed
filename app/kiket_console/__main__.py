"""`python -m kiket_console` is the command `kiket-console`; both begin here.

Nothing is loaded before ctrl+c is listened for: what reads the command line alone takes some time.
"""

from __future__ import annotations

import sys


def main() -> None:
    """Run the program and exit with its status; interrupted while it loads, end without a word."""
    try:
        from kiket_console import interrupting

        interrupting.listen()
        from kiket_console.cli import main as program

        program()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    if not sys.flags.safe_path:
        # `-m` puts the working folder first: a project's `yaml.py` would be taken for the library.
        del sys.path[0]
    main()
