"""The rows of a table, checked by one test: a test of its own costs more than what a row checks."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterator


class Rows:
    """What fails of a table's rows; to be used as a block, at whose end all of it is told."""

    def __init__(self) -> None:
        self._failed: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None and self._failed:
            raise AssertionError("\n\n".join(self._failed))

    @contextmanager
    def row(self, name: object) -> Iterator[None]:
        """Check one row in the block; *name* is said where it fails."""
        try:
            yield
        except Exception as error:
            self._failed.append(f"{name}: {type(error).__name__}: {error}")
