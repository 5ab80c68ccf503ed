#!/bin/sh
# Print the path of each Python 3.11, 3.12 and 3.13 that is there and works, one per line.
# Looks on PATH, then among pyenv's versions; PYTHONS="/a/python3.12 python3.13" says it outright.
set -eu

works() { "$1" -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

if [ -n "${PYTHONS:-}" ]; then
    for python in $PYTHONS; do
        works "$python" || { echo "$python is no working Python 3.11 or newer." >&2; exit 2; }
        command -v "$python"
    done
    exit 0
fi
for minor in 11 12 13; do
    for python in "python3.$minor" "${PYENV_ROOT:-$HOME/.pyenv}/versions/3.$minor".*/bin/python3; do
        if works "$python"; then
            command -v "$python"
            break
        fi
    done
done
