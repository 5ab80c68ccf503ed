"""Guess, without importing anything, which object of a folder is its web app."""

from __future__ import annotations

import ast
import re
import threading
from functools import lru_cache
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

FILE_NAMES = ("main.py", "app.py", "extension.py")
SIZE_LIMIT_BYTES = 2 * 1024 * 1024
_SDK_MAKERS = frozenset({"KiketSDK"})
_APP_MAKERS = frozenset({"FastAPI", "Starlette", "Quart", "Litestar", "create_app"})
_parsing = threading.Lock()
_MAKERS = "|".join(sorted(_SDK_MAKERS | _APP_MAKERS))
_APP_TEXT = re.compile(rf"^(\w+)\s*(?::[^=\n]+)?=\s*(?:\w+\.)*(?:{_MAKERS})\(", re.MULTILINE)


class Entry(Struct, frozen=True):
    """Where a web app seems to be."""

    spec: str
    """Module and attribute: `main:sdk`."""
    root: Path
    """The folder that has to be on the import path."""
    file: Path
    is_sdk: bool
    """Whether it is a `KiketSDK`, not just any ASGI app."""


def guess(folder: Path) -> Entry | None:
    """Return the likeliest entry of *folder*: a `KiketSDK` anywhere, else an ASGI app."""
    found = [entry for file, root in candidates(folder) if (entry := _entry_in(file, root))]
    return next((entry for entry in found if entry.is_sdk), found[0] if found else None)


def candidates(folder: Path, names: tuple[str, ...] = FILE_NAMES) -> Iterator[tuple[Path, Path]]:
    """Yield (file, import root) of each file that is looked at, likeliest first."""
    source = folder / "src"
    places = [(folder, folder), (source, source)]
    if source.is_dir():
        places += [(place, source) for place in sorted(source.iterdir()) if _is_package(place)]
    for place, root in places:
        for name in names:
            if (place / name).is_file():
                yield place / name, root


def _is_package(place: Path) -> bool:
    return place.is_dir() and place.name.isidentifier()


def _entry_in(file: Path, root: Path) -> Entry | None:
    try:
        with file.open("rb") as opened:
            raw_source = opened.read(SIZE_LIMIT_BYTES + 1)
    except OSError:
        return None
    if len(raw_source) > SIZE_LIMIT_BYTES:
        return None
    name, is_sdk = _app_in(raw_source)
    if not name:
        return None
    module = ".".join(file.relative_to(root).with_suffix("").parts)
    return Entry(f"{module}:{name}", root, file, is_sdk)


@lru_cache(maxsize=32)  # a save of another file leaves it as it was
def _app_in(raw_source: bytes) -> tuple[str, bool]:
    """Return the name of a file's app, empty when there is none, and whether it is an SDK."""
    try:
        return _app_name(parsed(raw_source))
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # the last: nested too deep
        # It cannot start as it is; name it all the same, so that the person is told where it fails.
        text = raw_source.decode(errors="replace")
        match = _APP_TEXT.search(text)
        is_module = "pywatt_sdk" in text and "kiket_sdk" not in text
        return match[1] if match else "" if is_module else "sdk", True


def parsed(source: str | bytes) -> ast.Module:
    """Return the tree of *source*, one thread after the other; raises as `ast.parse` does.

    Python 3.11 counts how deep all threads' trees are in one place, and fails when two are made at
    a time ("AST constructor recursion depth mismatch", CPython issue 106905).
    """
    with _parsing:
        return ast.parse(source)


def _app_name(tree: ast.Module) -> tuple[str, bool]:
    """Return the name of the module's app, empty when there is none, and whether it is an SDK."""
    renamed = {
        alias.asname or alias.name: alias.name
        for node in _module_level(tree.body)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    app = ""
    for node in _module_level(tree.body):
        if isinstance(node, ast.AsyncFunctionDef | ast.FunctionDef):
            is_asgi = [arg.arg for arg in node.args.args] == ["scope", "receive", "send"]
            app = app or (node.name if is_asgi else "")
            continue
        name, maker = _assigned_call(node)
        maker = renamed.get(maker, maker)
        if name and maker in _SDK_MAKERS:
            return name, True
        if name and (maker in _APP_MAKERS or name == "app"):
            app = app or name
    return app, False


def _module_level(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield statements that run on import, those inside `if`, `try` and `with` too."""
    for node in body:
        yield node
        for part in ("body", "orelse", "finalbody"):
            if isinstance(node, ast.If | ast.Try | ast.With):
                yield from _module_level(getattr(node, part, []))
        for handler in getattr(node, "handlers", []):
            yield from _module_level(handler.body)


def _assigned_call(node: ast.stmt) -> tuple[str, str]:
    """Return (name, called) of `name = called(…)`; `called` is empty for any other value."""
    if isinstance(node, ast.Assign) and len(node.targets) == 1:
        target: ast.expr = node.targets[0]
    elif isinstance(node, ast.AnnAssign):
        target = node.target
    else:
        return "", ""
    if not isinstance(target, ast.Name):
        return "", ""
    called = node.value.func if isinstance(node.value, ast.Call) else None
    if isinstance(called, ast.Attribute):
        return target.id, called.attr
    return target.id, called.id if isinstance(called, ast.Name) else ""
