"""How the parts of the control API's client reach the engine."""

from __future__ import annotations

from typing import Protocol, TypeVar

T = TypeVar("T")

ANSWER_TIMEOUT_S = 15.0


class Ask(Protocol):
    """Send one request of the control API, and read its answer as *kind*; None expects none."""

    async def __call__(
        self,
        method: str,
        path: str,
        kind: type[T] | None,
        document: object = None,
        timeout_s: float = ANSWER_TIMEOUT_S,
    ) -> T:
        """Ask, and wait so long; raises what `Client`'s calls raise."""
        ...
