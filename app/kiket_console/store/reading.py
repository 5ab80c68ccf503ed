"""What each part of a reader stands on: one statement, run to its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


class Reading:
    """A part of the reader, about one kind of thing; `Reader` puts them together."""

    def _rows(
        self,
        sql: str,
        values: Sequence[Any] = (),
        functions: Mapping[str, tuple[int, Callable[..., Any]]] | None = None,
    ) -> list[tuple[Any, ...]]:
        """Run one statement to its end; it may call *functions*."""
        raise NotImplementedError
