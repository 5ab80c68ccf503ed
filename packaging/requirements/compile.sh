#!/bin/sh
# Pin again (pins that exist are kept unless --upgrade is passed). What is written names no URL, index or host.
set -eu
cd "$(dirname "$0")/../.."
out=packaging/requirements
pin="uv pip compile -q --universal --no-header --no-annotate --python-version 3.11 --generate-hashes"
$pin "$@" pyproject.toml -o $out/app.txt
$pin "$@" pyproject.toml $out/dev.in -o $out/dev.txt
if grep -nE '://|--(extra-)?index-url|--find-links' $out/*.txt; then
    echo "A pinned file names a place; pin again without index settings." >&2
    exit 1
fi
