"""What a mutant starts its workers with in place of the life-line: the command, and nothing else.

Run by path, as `engine/lifeline.py` is.
"""

from __future__ import annotations

import os
import sys

if __name__ == "__main__":
    os.close(int(sys.argv[1].split(",")[0]))
    os.execvp(sys.argv[2], sys.argv[2:])  # noqa: S606 - as the life-line does
