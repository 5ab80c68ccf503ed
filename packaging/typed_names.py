"""Write sdk/pywatt_sdk/__init__.pyi: the names that load on first use, for type checkers."""

from __future__ import annotations

from pywatt_sdk import _HOMES

WIDTH = 100
HEAD = """\
# Written by `make reference` from `_HOMES` of __init__.py; do not edit.

"""


def typed_names() -> str:
    """Return the stub: each public name, imported from its home under the same name."""
    in_order = sorted(_HOMES.items(), key=_place)
    imports = "".join(_line(name, home) for name, home in in_order)
    return f"{HEAD}{imports}\n__version__: str\n"


def _line(name: str, home: str) -> str:
    """Write one import as the formatter would."""
    line = f"from {home} import {name} as {name}\n"
    if len(line) <= WIDTH + 1:
        return line
    return f"from {home} import (\n    {name} as {name},\n)\n"


def _place(entry: tuple[str, str]) -> tuple[str, int, str]:
    """Say where an import stands: by its home, then constants, classes, functions."""
    name, home = entry
    kind = 0 if name.isupper() else 1 if name[0].isupper() else 2
    return home, kind, name
