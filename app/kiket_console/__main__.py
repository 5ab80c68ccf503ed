"""`python -m kiket_console` is the command `kiket-console`."""

from __future__ import annotations

import sys

if __name__ == "__main__":
    if not sys.flags.safe_path:
        # `-m` puts the working folder first: a project's `yaml.py` would be taken for the library.
        del sys.path[0]
    from kiket_console.cli import main

    main()
