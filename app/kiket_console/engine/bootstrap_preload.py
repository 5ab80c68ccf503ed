"""What runs inside a worker to import early what its code will: standard library alone.

`bootstrap.py` loads this file by path. A worker that waits for a save has imported everything but
the developer's code; what that code imported last time, of what is installed, is imported in the
same order, and what it had compiled for its classes is compiled. Installed code may read the
environment while it is imported, and the developer's code, or a secret, may set what it read: then
it was imported too early, and this worker is no use.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import types
    from collections.abc import Callable, Iterator, Sequence

NAMES_LIMIT = 5_000
"""Modules that are learned; a program that imports more starts slower, and as well."""
TEXTS_LIMIT = 400_000
"""Characters of text that is learned."""


class Preload:
    """Imports modules early, and calls *on_conflict* with a variable's name if that was wrong."""

    def __init__(self, on_conflict: Callable[[str], None]) -> None:
        self.on_conflict = on_conflict
        self.read: dict[str, str | None] = {}
        """Variables that were read, and what they were."""
        self._early: list[str] = []
        self._before: set[str] = set()
        self._texts = Texts()

    def run(self, names: Sequence[str], texts: Sequence[str]) -> None:
        """Import *names*; one that fails, or is gone, is left to whoever wants it.

        *texts* were compiled by what is about to be imported: see `Texts`.
        """
        with _environment_as(_Reading, self):
            for name in names:
                with contextlib.suppress(BaseException):
                    importlib.import_module(name)
        self._texts.compile_early(texts)
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

    @property
    def texts(self) -> list[str]:
        """Return the text that was compiled while the code was imported."""
        return list(self._texts.seen)

    @contextlib.contextmanager
    def guard(self) -> Iterator[None]:
        """Look, while the block lasts, whether a variable becomes another than was read."""
        with _environment_as(_Writing, self), self._texts.at_hand():
            yield

    def note(self, name: str, value: str | None) -> None:
        """Take note that *name* was read."""
        self.read.setdefault(name, value)

    def check(self, name: str, value: str | None) -> None:
        """Take note that *name* becomes *value*, or is removed."""
        if name in self.read and self.read[name] != value:
            self.on_conflict(name)


class Texts:
    """What `dataclasses` has compiled for the code: it writes the methods of a class as text.

    Compiling it is most of what such a class takes (0.7 of 0.8 ms), and depends on the text alone.
    """

    def __init__(self) -> None:
        self.seen: dict[str, None] = {}
        self._left = TEXTS_LIMIT
        self._compiled: dict[str, types.CodeType] = {}

    def compile_early(self, texts: Sequence[str]) -> None:
        """Compile *texts*, and carry out none of them."""
        for text in texts:
            with contextlib.suppress(Exception):
                self._compiled[text] = _code_of(text)

    @contextlib.contextmanager
    def at_hand(self) -> Iterator[None]:
        """While the block lasts, let `dataclasses` have the code of what is compiled already."""
        places = vars(dataclasses)
        places["exec"] = self._carry_out  # found before Python's own
        try:
            yield
        finally:
            places.pop("exec", None)
            self._compiled.clear()

    def _carry_out(self, text: str, /, *places: Any) -> None:
        if text not in self.seen and len(text) <= self._left:
            self.seen[text] = None
            self._left -= len(text)
        exec(self._compiled.get(text) or _code_of(text), *places)  # noqa: S102 - as it does itself


def _code_of(text: str) -> types.CodeType:
    return compile(text, "<string>", "exec", dont_inherit=True)  # as `exec` has it for a module


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
