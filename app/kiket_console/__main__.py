"""`python -m kiket_console` is the command `kiket-console`."""

from __future__ import annotations

from kiket_console.cli import main

if __name__ == "__main__":
    main()
