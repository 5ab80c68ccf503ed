#!/bin/sh
# Pin again (pins that exist are kept unless --upgrade is passed). What is written names no URL, index or host.
set -eu
cd "$(dirname "$0")/../.."
in=packaging/requirements
pin="uv pip compile -q --universal --no-header --no-annotate --generate-hashes"
oldest="--python-version 3.11"
$pin $oldest "$@" --extra flask --extra otlp pyproject.toml $in/build.in -o $in/app.txt
$pin $oldest "$@" pyproject.toml $in/build.in $in/dev.in -c $in/app.txt -o $in/dev.txt
$pin "$@" --python-version 3.12 $in/peers.in -o $in/peers.txt # what mitmproxy needs
if grep -nE '://|--(extra-)?index-url|--find-links' $in/*.txt; then
    echo "A pinned file names a place; pin again without index settings." >&2
    exit 1
fi
