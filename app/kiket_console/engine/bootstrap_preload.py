"""What runs inside a worker to import early what its code will: standard library alone.

`bootstrap.py` loads this file by path. A worker that waits for a save has imported everything but
the developer's code; what that code imported last time, of what is installed, is imported in the
same order. Installed code may read the environment while it is imported, and the developer's code,
or a secret, may set what it read: then it was imported too early, and this worker is no use.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

NAMES_LIMIT = 5_000
"""Modules that are learned; a program that imports more starts slower, and as well."""


class Preload:
    """Imports modules early, and calls *on_conflict* with a variable's name if that was wrong."""

    def __init__(self, on_conflict: Callable[[str], None]) -> None:
        self.on_conflict = on_conflict
        self.read: dict[str, str | None] = {}
        """Variables that were read, and what they were."""
        self._early: list[str] = []
        self._before: set[str] = set()

    def run(self, names: Sequence[str]) -> None:
        """Import *names*; one that fails, or is gone, is left to whoever wants it."""
        with _environment_as(_Reading, self):
            for name in names:
                with contextlib.suppress(BaseException):
                    importlib.import_module(name)
        self._early = [name for name in names if name in sys.modules]
        self._before = set(sys.modules)

    def installed(self, is_installed: Callable[[str], bool]) -> list[str]:
        """Return what is imported of what is installed, in order: here, then by the code."""
        found = list(self._early)
        for name in [name for name in list(sys.modules) if name not in self._before]:
            spec = getattr(sys.modules.get(name), "__spec__", None)
            # Another name than its own is an alias that the code made; it makes it again.
            is_own = getattr(spec, "name", None) == name
            if is_own and is_installed(str(getattr(spec, "origin", None) or "")):
                found.append(name)
        return found[:NAMES_LIMIT]

    def guard(self) -> contextlib.AbstractContextManager[None]:
        """Look, while the block lasts, whether a variable becomes another than was read."""
        return _environment_as(_Writing, self)

    def note(self, name: str, value: str | None) -> None:
        """Take note that *name* was read."""
        self.read.setdefault(name, value)

    def check(self, name: str, value: str | None) -> None:
        """Take note that *name* becomes *value*, or is removed."""
        if name in self.read and self.read[name] != value:
            self.on_conflict(name)


_preload: Preload
_Environment: Any = type(os.environ)


class _Reading(_Environment):  # type: ignore[misc]  # a class of `os` that has no public name
    """The environment, which notes what is read."""

    def __getitem__(self, key: str) -> str:
        """Return a variable's value."""
        value = None
        try:
            value = super().__getitem__(key)
            return str(value)
        finally:
            _preload.note(key, value)


class _Writing(_Environment):  # type: ignore[misc]  # as above
    """The environment, which looks at what is written."""

    def __setitem__(self, key: str, value: str) -> None:
        """Set a variable."""
        _preload.check(key, value)
        super().__setitem__(key, value)

    def __delitem__(self, key: str) -> None:
        """Remove a variable."""
        _preload.check(key, None)
        super().__delitem__(key)


@contextlib.contextmanager
def _environment_as(kind: Any, preload: Preload) -> Iterator[None]:
    """Let `os.environ`, which others hold too, behave as *kind* while the block lasts."""
    global _preload  # as there is one environment
    _preload = preload
    usual, os.environ.__class__ = os.environ.__class__, kind
    try:
        yield
    finally:
        os.environ.__class__ = usual
