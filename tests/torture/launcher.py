"""Run the program with something wrong in it, so that none of that is in the program itself.

python -m tests.torture.launcher [--mutant NAME]… [--failpoint NAME[:PASS] --fuse FILE]
                                 [--clock FILE] -- ARGUMENTS OF kiket-console
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.torture import clock, failpoints, mutants


def main(arguments: list[str]) -> None:
    """Arm what is asked for, then be `kiket-console`."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--mutant", choices=sorted(mutants.MUTANTS), action="append", default=[])
    parser.add_argument("--failpoint", default="")
    parser.add_argument("--fuse", type=Path)
    parser.add_argument("--clock", type=Path)
    at = arguments.index("--")
    asked = parser.parse_args(arguments[:at])
    for name in asked.mutant:
        mutants.MUTANTS[name]()
    if asked.failpoint:
        name, _, count = asked.failpoint.partition(":")
        fuse = failpoints.Fuse(asked.fuse, int(count or 1), of_mutant=bool(asked.mutant))
        failpoints.POINTS[name](fuse)
    if asked.clock:
        clock.move_by(asked.clock)
    from kiket_console.cli import main as program

    program(arguments[at + 1 :])


if __name__ == "__main__":
    main(sys.argv[1:])
