"""Find, without importing anything, which file of a folder is a module, and what it asks for."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from msgspec import Struct

from kiket_console.declared import plain
from kiket_console.entry import SIZE_LIMIT_BYTES, candidates, parsed

if TYPE_CHECKING:
    from pathlib import Path

FILE_NAMES = ("main.py", "app.py", "module.py")
_PACKAGE = "pywatt_sdk"
_STARTS = frozenset(
    {
        "pywatt_module",
        "run_module",
        "ModuleApp",
        "bootstrap_module",
        "serve_module_full",
        "serve_module_with_lifecycle",
    }
)
"""What makes a file the one that runs."""
_TEXT = re.compile(rf"^\s*(?:from|import)\s+{_PACKAGE}\b", re.MULTILINE)
_START_TEXT = re.compile(rf"\b(?:{'|'.join(sorted(_STARTS))})\b")
_SECRETS = ("secrets", "secret_keys")
SECRETS_LIMIT = 1000


class ModuleEntry(Struct, frozen=True):
    """Where a module seems to be."""

    spec: str
    """Its file, seen from the folder: `main.py`."""
    file: Path


def guess(folder: Path) -> ModuleEntry | None:
    """Return the likeliest file of *folder* that runs a module."""
    for file, _ in candidates(folder, FILE_NAMES):
        text = _text(file)
        if text and _TEXT.search(text) and _START_TEXT.search(text):
            return ModuleEntry(file.relative_to(folder).as_posix(), file)
    return None


def file_of(folder: Path, entry: str) -> Path | None:
    """Return the file that `main.py` or `main:create_app` names; None when that is neither.

    Whether it is there is for the start to find out: a save may bring it.
    """
    if entry.endswith(".py"):
        file = folder / entry
        is_inside = not entry.startswith("/") and ".." not in file.parts
        return file if plain(entry) and is_inside else None
    module, colon, attribute = entry.partition(":")
    if not colon or not all(map(str.isidentifier, [*module.split("."), *attribute.split(".")])):
        return None
    places = [root.joinpath(*module.split(".")) for root in (folder, folder / "src")]
    files = [file for place in places for file in (place.with_suffix(".py"), place / "__init__.py")]
    return next((file for file in files if file.is_file()), files[0])


def secrets_of(file: Path) -> tuple[str, ...]:
    """Return the names of the secrets that the code of *file* says it wants, in order."""
    try:
        tree = parsed(_text(file))
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # the last: nested too deep
        return ()
    constants = {
        target.id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    found: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _name(node.func) in _STARTS:
            for keyword in node.keywords:
                if keyword.arg in _SECRETS:
                    found.extend(_texts(keyword.value, constants))
    return tuple(dict.fromkeys(found))[:SECRETS_LIMIT]


def _texts(node: ast.expr, constants: dict[str, ast.expr]) -> list[str]:
    """Return the texts of a list that is written out, be it under a name of the file."""
    if isinstance(node, ast.Name):
        node = constants.get(node.id, node)
    if not isinstance(node, ast.List | ast.Tuple | ast.Set):
        return []
    items = [constants.get(getattr(each, "id", ""), each) for each in node.elts]
    values = (each.value for each in items if isinstance(each, ast.Constant))
    return list(filter(None, map(plain, values)))


def _name(called: ast.expr) -> str:
    if isinstance(called, ast.Attribute):
        return called.attr
    return called.id if isinstance(called, ast.Name) else ""


def _text(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            raw_source = opened.read(SIZE_LIMIT_BYTES + 1)
    except OSError:
        return ""
    return raw_source.decode(errors="replace") if len(raw_source) <= SIZE_LIMIT_BYTES else ""
